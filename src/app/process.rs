//! What the daemon knows of itself: version, start, memory, processor time, open files.

use std::fs;

use crate::metrics::{Definition, Registry, Snapshot};
use crate::model::Timestamp;

/// Clock ticks a second in `/proc`; fixed at 100 in every Linux that Rust runs on.
const TICKS: f64 = 100.0;
const PAGE: f64 = 4096.0;

static BUILD_INFO: Definition =
    Definition::gauge("memsentry_build_info", "1, with memsentry's version as label.", &["version"]);
static START: Definition =
    Definition::gauge("memsentry_start_timestamp_seconds", "When memsentry started, in seconds since the epoch.", &[]);
static MEMORY: Definition = Definition::gauge("memsentry_resident_memory_bytes", "Memory that memsentry holds.", &[]);
static PROCESSOR: Definition =
    Definition::counter("memsentry_cpu_seconds_total", "Processor time that memsentry used.", &[]);
static FILES: Definition = Definition::gauge("memsentry_open_fds", "Files and sockets that memsentry has open.", &[]);

/// The metrics of this file.
pub static DEFINITIONS: &[&Definition] = &[&BUILD_INFO, &START, &MEMORY, &PROCESSOR, &FILES];

/// Publishes the process's own figures; what `/proc` does not tell is left out.
pub struct Process {
    snapshot: Snapshot,
    started_at: Timestamp,
}

impl Process {
    /// Prepares; `started_at` is when the daemon started.
    #[must_use]
    pub fn new(registry: &Registry, started_at: Timestamp) -> Self {
        Self { snapshot: registry.snapshot("process"), started_at }
    }

    /// Reads `/proc/self` and publishes.
    pub fn publish(&self) {
        let version = vec![env!("CARGO_PKG_VERSION").to_owned()];
        let mut values = vec![(&BUILD_INFO, version, 1.0), (&START, Vec::new(), self.started_at.seconds())];
        let statm = fs::read_to_string("/proc/self/statm").ok();
        if let Some(pages) = statm.and_then(|text| text.split_whitespace().nth(1)?.parse::<f64>().ok()) {
            values.push((&MEMORY, Vec::new(), pages * PAGE));
        }
        if let Some(seconds) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(processor_seconds) {
            values.push((&PROCESSOR, Vec::new(), seconds));
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            #[allow(clippy::cast_precision_loss)]
            values.push((&FILES, Vec::new(), files.count() as f64));
        }
        self.snapshot.publish(values);
    }
}

/// User and system time of a `/proc/<pid>/stat` line. The command's name may hold blanks and parentheses.
fn processor_seconds(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_behind_a_difficult_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 9 0 1 2 3";
        assert_eq!(processor_seconds(stat), Some(2.0));
    }

    #[test]
    fn this_process_has_memory_and_open_files() {
        let registry = Registry::new();
        let process = Process::new(&registry, Timestamp::from_millis(0));
        process.publish();
        let names: Vec<String> = registry.gather().into_iter().map(|family| family.name).collect();
        for definition in DEFINITIONS {
            assert!(names.iter().any(|name| name == definition.name), "{}", definition.name);
        }
    }
}
