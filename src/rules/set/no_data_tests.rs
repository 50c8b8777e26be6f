//! Missing data is no recovery where a rule says so.

use std::collections::BTreeMap;

use super::tests::{DOWN, UP, World, ZERO};

fn with(policy: &str) -> String {
    DOWN.replace("annotations: {", &format!("annotations: {{memsentry_no_data: {policy}, "))
}

/// The series ends, as when a probe stops.
const STALE: &[(&str, f64)] = &[("up{job=\"api\"}", crate::model::STALE_MARKER)];

#[test]
fn without_a_policy_an_alert_whose_data_are_gone_is_over_as_in_prometheus() {
    for text in [DOWN.to_owned(), with("ok")] {
        let mut world = World::new(&text);
        world.at(0, ZERO);
        world.at(30, ZERO);
        assert_eq!(world.at(45, STALE), "Down resolved@30");
    }
}

#[test]
fn what_is_kept_fires_until_its_data_say_otherwise() {
    let mut world = World::new(&with("keep"));
    world.at(0, ZERO);
    assert_eq!(world.at(30, ZERO), "Down firing@30");
    assert_eq!(world.at(45, STALE), "Down firing@30");
    assert_eq!(world.last.data_changes.len(), 1);
    let alert = world.alert();
    assert_eq!(alert.annotations["no_data"], "no data since 1970-01-01T00:00:45.000Z, held as it was");
    assert!(!alert.annotations.contains_key("memsentry_no_data"), "{:?}", alert.annotations);
    assert_eq!(alert.annotations["summary"], "api is 0");
    for second in [60, 600, 80_000] {
        assert_eq!(world.at(second, &[]), "Down firing@30");
    }
    assert!(world.last.data_changes.is_empty());
    assert_eq!(world.at(80_015, UP), "Down resolved@30");
    assert!(!world.alert().annotations.contains_key("no_data"));
    assert_eq!((world.alert().resolved_value, world.last.data_changes[0].missing), (Some(1.0), false));
}

#[test]
fn a_series_that_just_stops_is_missing_after_the_look_back() {
    let mut world = World::new(&with("keep"));
    world.at(0, ZERO);
    world.at(30, ZERO);
    assert_eq!(world.at(500, &[]), "Down firing@30");
    assert_eq!(world.at(515, UP), "Down resolved@30");
}

#[test]
fn a_pending_alert_waits_for_its_data_and_that_time_does_not_count() {
    let mut world = World::new(&with("keep"));
    world.at(0, ZERO);
    world.at(15, STALE);
    assert_eq!(world.at(300, &[]), "");
    assert_eq!(world.at(315, ZERO), "");
    assert_eq!(world.at(330, ZERO), "Down firing@330");
}

#[test]
fn each_alert_is_held_for_its_own_data() {
    let mut world = World::new(&with("keep"));
    let both = [("up{job=\"a\"}", 0.0), ("up{job=\"b\"}", 0.0)];
    world.at(0, &both);
    world.at(30, &both);
    let (gone, well) = (crate::model::STALE_MARKER, 1.0);
    assert_eq!(world.at(45, &[("up{job=\"a\"}", gone), ("up{job=\"b\"}", well)]), "Down firing@30 Down resolved@30");
}

#[test]
fn a_restart_and_a_reload_go_on_holding() {
    let text = with("keep");
    let mut world = World::new(&text);
    world.at(0, ZERO);
    world.at(30, ZERO);
    world.at(45, STALE);
    world.restart(50, &text);
    for second in [60, 400, 4000] {
        assert_eq!(world.at(second, &[]), "Down firing@30");
    }
    world.reload(4010, &text.replace("for: 30s", "for: 1m"));
    assert_eq!(world.at(4020, &[]), "Down firing@30");
    assert_eq!(world.at(4035, UP), "Down resolved@30");

    // Data that went missing only with the restart.
    let mut world = World::new(&text);
    world.at(0, ZERO);
    world.at(30, ZERO);
    world.restart(50, &text);
    assert_eq!(world.at(4000, &[]), "Down firing@30");
}

#[test]
fn what_is_held_ends_after_the_longest_time_and_with_what_it_is_about() {
    let mut world = World::new(&with("keep"));
    world.at(0, ZERO);
    world.at(30, ZERO);
    world.at(45, STALE);
    assert_eq!(world.at(45 + 86_385, &[]), "Down firing@30");
    assert_eq!(world.at(45 + 86_415, &[]), "Down resolved@30");
    assert_eq!(world.alert().resolved_value, None);

    let mut world = World::new(&with("keep"));
    world.at(0, ZERO);
    world.at(30, ZERO);
    world.at(45, STALE);
    world.rules.know_values(BTreeMap::from([("job".to_owned(), ["web".to_owned()].into())]));
    assert_eq!(world.at(60, &[]), "Down resolved@30");
}

#[test]
fn a_value_that_cannot_be_computed_any_more_is_missing_data_too() {
    let text = "
groups:
  - name: g
    rules:
      - alert: Failing
        expr: (increase(failed[1m]) / (increase(all[1m]) > 0)) > 0.5 and increase(failed[1m]) > 1
        annotations: {memsentry_no_data: keep}
";
    let mut world = World::new(text);
    for second in (0..=60).step_by(15) {
        world.at(second, &[("failed", second as f64), ("all", second as f64)]);
    }
    assert_eq!(world.alert().name(), "Failing");
    // The probe stands still: its counters are there and do not move.
    for second in (75..=600).step_by(15) {
        let told = world.at(second, &[("failed", 60.0), ("all", 60.0)]);
        assert!(told.contains("firing"), "at {second}: {told}");
    }
    for second in (615..=630).step_by(15) {
        world.at(second, &[("failed", 60.0), ("all", second as f64)]);
    }
    assert!(world.alert().ends_at.is_some());
}

#[test]
fn absence_that_ends_is_a_recovery_and_no_lack_of_data() {
    let text = with("keep").replace("up == 0", "absent(up)").replace("for: 30s", "for: 0s");
    let mut world = World::new(&text);
    assert_eq!(world.at(0, &[]), "Down firing@0");
    assert_eq!(world.at(15, UP), "Down resolved@0");
}

#[test]
fn missing_data_is_told_where_a_rule_wants_that_also_when_nothing_fired() {
    let text = with("alert");
    let mut world = World::new(&text);
    assert_eq!(world.at(0, UP), "");
    assert_eq!(world.at(15, STALE), "");
    assert_eq!(world.at(45, &[]), "Down firing@45");
    let alert = world.alert().clone();
    assert_eq!(
        alert.labels.to_string(),
        r#"{alertname="Down", cluster="one", job="api", no_data="true", severity="page"}"#
    );
    assert_eq!((alert.annotations["summary"].as_str(), alert.value.is_nan()), ("Down: no data", true));
    world.restart(50, &text);
    assert_eq!(world.at(1000, &[]), "Down firing@45");
    assert_eq!(world.at(1015, UP), "Down resolved@45");
}

#[test]
fn an_alert_that_fired_stays_beside_the_one_that_tells_of_missing_data() {
    let text = with("alert").replace("for: 30s", "for: 0s");
    let mut world = World::new(&text);
    assert_eq!(world.at(0, ZERO), "Down firing@0");
    assert_eq!(world.at(15, STALE), "Down firing@15 Down firing@0");
    assert_eq!(world.at(30, ZERO), "Down resolved@15 Down firing@0");
    assert_eq!(world.at(45, UP), "Down resolved@15 Down resolved@0");
}

#[test]
fn a_rule_may_override_the_configured_policy() {
    for (policy, expected) in [("ok", "Down resolved@30"), ("keep", "Down firing@30")] {
        let mut world = World::new(&with(policy));
        let default = crate::rules::NoData::Keep;
        world.rules.share(super::Shared { default, ..super::Shared::default() });
        world.at(0, ZERO);
        world.at(30, ZERO);
        assert_eq!(world.at(45, STALE), expected);
    }
}
