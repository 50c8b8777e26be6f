//! The shipped rules with shorter times.

use std::path::Path;

use regex::{Captures, Regex};

/// `alerts.yaml` as it ships.
pub fn shipped() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("alerts.yaml")).expect("alerts.yaml")
}

/// `rules` with every time divided: `for`, intervals, ranges and offsets; thresholds stay.
pub fn faster(rules: &str, divisor: u32) -> String {
    let time = Regex::new(r"(?m)(?<before>^\s*(?:for|interval): |\[|offset )(?<time>[0-9]+[smhd])(?<after>\s*$|\]|\))");
    let shorter = |found: &Captures<'_>| {
        let time: memsentry::model::Duration = found["time"].parse().expect("a duration");
        let time = memsentry::model::Duration::from(time.std() / divisor);
        format!("{}{time}{}", &found["before"], &found["after"])
    };
    time.expect("an expression").replace_all(rules, shorter).into_owned()
}

#[test]
fn every_time_in_the_shipped_rules_is_shortened() {
    let rules = faster(&shipped(), 60);
    for (short, long) in [("for: 5s", "for: 5m"), ("[15s]", "[15m]"), ("offset 10s)", "offset 10m")] {
        assert!(rules.contains(short) && !rules.contains(long), "{short} {long}");
    }
    assert!(rules.contains("chat_memory_queue_depth > 100"));
}
