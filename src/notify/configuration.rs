//! The routes as a configuration file of Alertmanager, for tools that ask a running one for it: `amtool config`.
//!
//! What is inherited is written out. Receivers stand there by name alone, so that no secret can be in it; an interval's
//! times and the rules of inhibition are left out, because those tools follow routes only.

use std::fmt::Write;
use std::time::Duration as StdDuration;

use super::route::{GroupBy, Plan, PlannedRoute};
use super::settings::route::ALL_LABELS;

impl Plan {
    /// YAML that Alertmanager's tools read.
    pub(super) fn configuration(&self) -> String {
        let mut text = String::new();
        if let Some(root) = self.routes().first() {
            text.push_str("route:\n");
            self.write(root, "  ", &mut text);
        }
        text.push_str("receivers:\n");
        for name in self.receiver_names() {
            let _ = writeln!(text, "  - name: {}", quoted(&name));
        }
        if !self.intervals.0.is_empty() {
            text.push_str("time_intervals:\n");
        }
        for name in self.intervals.0.keys() {
            let _ = writeln!(text, "  - name: {}\n    time_intervals: []", quoted(name));
        }
        text
    }

    fn write(&self, route: &PlannedRoute, indent: &str, text: &mut String) {
        let list = |items: &[String]| format!("[{}]", items.iter().map(|i| quoted(i)).collect::<Vec<_>>().join(", "));
        let time = |duration: StdDuration| crate::model::Duration::from(duration).to_string();
        let group_by = match &route.group_by {
            GroupBy::All => list(&[ALL_LABELS.to_owned()]),
            GroupBy::Names(names) => list(names),
        };
        let mut line = |key: &str, value: String| {
            let _ = writeln!(text, "{indent}{key}: {value}");
        };
        line("receiver", quoted(&route.receiver));
        if !route.matchers.is_empty() {
            line("matchers", list(&route.matchers.iter().map(ToString::to_string).collect::<Vec<_>>()));
        }
        line("group_by", group_by);
        line("group_wait", time(route.group_wait));
        line("group_interval", time(route.group_interval));
        line("repeat_interval", time(route.repeat_interval));
        if route.goes_on {
            line("continue", "true".to_owned());
        }
        for (key, names) in [
            ("mute_time_intervals", &route.mute_time_intervals),
            ("active_time_intervals", &route.active_time_intervals),
        ] {
            if !names.is_empty() {
                line(key, list(names));
            }
        }
        let children: Vec<&PlannedRoute> = route.children.iter().filter_map(|child| self.route(*child)).collect();
        if !children.is_empty() {
            line("routes", String::new());
        }
        for child in children {
            let _ = writeln!(text, "{indent}  -");
            self.write(child, &format!("{indent}    "), text);
        }
    }
}

/// Text in double quotes; JSON's are YAML's too.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}
