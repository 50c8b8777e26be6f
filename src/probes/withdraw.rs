//! Ends the series of what is no longer configured, so that nothing that vanished goes on to fire.
//!
//! The registry outlives a reload, and so would the last word about a target that is gone.

use prometheus::core::Collector;

use crate::metrics::Registry;

use super::metrics::{
    DEPENDENCY_UP, DURATION, FAILURES, LAST_RUN, LEFTOVERS, RUNS, STEP_DURATION, SUCCESS, UP, UPDATE_DURATION,
    UPDATE_FAILURES, UPDATES,
};
use super::outcome::Reason;
use super::{Health, KINDS, Probe, Roundtrip, Settings};

/// Ends all series of probes that are not among `entries` for any of `targets`. To be called when the tasks of
/// the earlier configuration have ended.
pub fn withdraw(registry: &Registry, entries: &[Settings], targets: &[&str]) {
    let runs = |target: &str, wanted: &dyn Fn(&Settings) -> bool| {
        targets.contains(&target) && entries.iter().any(|entry| entry.applies_to(target) && wanted(entry))
    };
    for labels in labels(&registry.counter(&RUNS), ["target", "probe"]) {
        if !runs(&labels[0], &|entry| entry.name() == labels[1]) {
            withdraw_probe(registry, &labels[0], &labels[1]);
        }
    }
    for [target] in labels(&registry.counter(&UPDATES), ["target"]) {
        if !runs(&target, &|entry| entry.kind == Roundtrip::NAME) {
            withdraw_updates(registry, &target);
        }
    }
    let healthy = |target: &str| runs(target, &|entry| entry.kind == Health::NAME);
    for [target] in labels(&registry.gauge(&UP), ["target"]) {
        if !healthy(&target) {
            let _ = registry.gauge(&UP).remove_label_values(&[&target]);
        }
    }
    for labels in labels(&registry.gauge(&DEPENDENCY_UP), ["target", "dependency"]) {
        if !healthy(&labels[0]) {
            let _ = registry.gauge(&DEPENDENCY_UP).remove_label_values(&labels);
        }
    }
}

// Removing a series that does not exist is an error that means what we want.
fn withdraw_probe(registry: &Registry, target: &str, probe: &str) {
    let _ = registry.gauge(&SUCCESS).remove_label_values(&[target, probe]);
    let _ = registry.gauge(&LAST_RUN).remove_label_values(&[target, probe]);
    let _ = registry.counter(&RUNS).remove_label_values(&[target, probe]);
    let _ = registry.histogram(&DURATION).remove_label_values(&[target, probe]);
    for reason in Reason::ALL {
        let _ = registry.counter(&FAILURES).remove_label_values(&[target, probe, reason.as_str()]);
    }
    for step in KINDS.iter().flat_map(|kind| kind.steps) {
        let _ = registry.histogram(&STEP_DURATION).remove_label_values(&[target, probe, step]);
    }
}

fn withdraw_updates(registry: &Registry, target: &str) {
    let _ = registry.gauge(&LEFTOVERS).remove_label_values(&[target]);
    let _ = registry.counter(&UPDATES).remove_label_values(&[target]);
    let _ = registry.histogram(&UPDATE_DURATION).remove_label_values(&[target]);
    for reason in Reason::ALL {
        let _ = registry.counter(&UPDATE_FAILURES).remove_label_values(&[target, reason.as_str()]);
    }
}

/// The values of these labels on every series of a family.
fn labels<const N: usize>(family: &impl Collector, names: [&str; N]) -> Vec<[String; N]> {
    let families = family.collect();
    let series = families.iter().flat_map(|family| family.get_metric());
    series
        .map(|metric| {
            names.map(|name| {
                let pair = metric.get_label().iter().find(|pair| pair.name() == name);
                pair.map_or_else(String::new, |pair| pair.value().to_owned())
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::metrics::Series;
    use super::*;
    use crate::metrics::write_text;

    #[test]
    fn what_is_no_longer_configured_ends_and_the_rest_stays() {
        let registry = Registry::new();
        for target in ["old", "kept"] {
            for kind in ["health", "retrieval"] {
                Series::new(&registry, Kind::find(kind).unwrap(), target, kind);
            }
            registry.gauge(&UP).with_label_values(&[target]).set(0.0);
            registry.gauge(&DEPENDENCY_UP).with_label_values(&[target, "openai"]).set(0.0);
            registry.counter(&UPDATES).with_label_values(&[target]).inc();
        }
        withdraw(&registry, &[Settings::new("health")], &["kept"]);
        let text = write_text(&registry.gather());
        assert!(!text.contains("old") && !text.contains("retrieval") && !text.contains("updates_total"), "{text}");
        assert!(text.contains("chat_memory_up{target=\"kept\"} 0"), "{text}");
        assert!(text.contains("chat_memory_dependency_up{dependency=\"openai\",target=\"kept\"} 0"), "{text}");
        withdraw(&registry, &[Settings::new("retrieval")], &["kept"]);
        assert_eq!(write_text(&registry.gather()), "");
    }
}
