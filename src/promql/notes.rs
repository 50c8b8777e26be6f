//! Warnings and infos that accompany an answer, in the words of Prometheus, with line and column.

use super::place;

/// Most remarks of one kind that an answer carries.
const MOST: usize = 100;

/// What is remarked, each text once, in the order of appearance.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) warnings: Vec<String>,
    pub(crate) infos: Vec<String>,
}

impl Notes {
    /// Adds a warning about the text that starts at byte `at`.
    pub(crate) fn warn(&mut self, query: &str, at: usize, message: &str) {
        add(&mut self.warnings, "warning", query, at, message);
    }

    /// Adds an info about the text that starts at byte `at`.
    pub(crate) fn info(&mut self, query: &str, at: usize, message: &str) {
        add(&mut self.infos, "info", query, at, message);
    }
}

fn add(list: &mut Vec<String>, kind: &str, query: &str, at: usize, message: &str) {
    let (line, column) = place(query, at);
    if list.len() >= MOST {
        return;
    }
    let text = format!("PromQL {kind}: {message} ({line}:{column})");
    if !list.contains(&text) {
        list.push(text);
    }
}

/// ` for metric name "x"`, or nothing without a name.
pub(crate) fn for_metric(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" for metric name {name:?}") }
}
