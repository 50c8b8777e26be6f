//! The value with which an alert ended.

use super::tests::{DOWN, UP, World, ZERO, at};

/// The value of the first alert when it was over.
fn ended_with(world: &World) -> Option<f64> {
    assert!(world.last.alerts[0].ends_at.is_some(), "{:?}", world.last.alerts);
    world.last.alerts[0].resolved_value
}

#[test]
fn an_alert_that_is_over_tells_the_value_it_ended_with() {
    let mut world = World::new(DOWN);
    world.at(0, ZERO);
    world.at(30, ZERO);
    assert_eq!(world.alert().resolved_value, None);
    world.at(45, UP);
    assert_eq!((world.alert().value, ended_with(&world)), (0.0, Some(1.0)));
    // It is the value of that moment, also after a restart, and not that of today.
    world.restart(50, DOWN);
    world.at(60, &[("up{job=\"api\"}", 7.0)]);
    assert_eq!(ended_with(&world), Some(1.0));
}

#[test]
fn an_alert_whose_series_is_gone_ends_without_a_value() {
    let mut world = World::new(&DOWN.replace("for: 30s", "for: 0s"));
    world.at(0, ZERO);
    world.at(400, &[]);
    assert_eq!(ended_with(&world), None);
}

#[test]
fn an_alert_of_one_side_of_or_has_that_sides_value_where_it_is_clear_which_it_was() {
    let text = DOWN.replace("for: 30s", "for: 0s").replace("up == 0", "up == 0 or on (queue) depth > 5");
    let mut world = World::new(&text);
    world.at(0, &[("up{job=\"api\"}", 1.0), ("depth{queue=\"q\"}", 9.0)]);
    world.at(15, &[("up{job=\"api\"}", 1.0), ("depth{queue=\"q\"}", 2.0)]);
    assert_eq!(ended_with(&world), Some(2.0));

    let text = DOWN.replace("for: 30s", "for: 0s").replace("up == 0", "up == 0 or lag > 5");
    let mut world = World::new(&text);
    world.at(0, ZERO);
    world.at(15, &[("up{job=\"api\"}", 1.0), ("lag{job=\"api\"}", 2.0)]);
    assert_eq!(ended_with(&world), None);
}

#[test]
fn each_of_several_alerts_ends_with_its_own_value_whatever_labels_the_rule_adds() {
    let text = DOWN.replace("for: 30s", "for: 0s").replace("{severity: page}", "{of: '{{ $labels.job }}!'}");
    let mut world = World::new(&text);
    world.at(0, &[("up{job=\"a\"}", 0.0), ("up{job=\"b\"}", 0.0)]);
    world.at(15, &[("up{job=\"a\"}", 1.0), ("up{job=\"b\"}", 2.0)]);
    let values: Vec<Option<f64>> = world.last.alerts.iter().map(|alert| alert.resolved_value).collect();
    assert_eq!(values, [Some(1.0), Some(2.0)]);
    assert!(world.last.alerts.iter().all(|alert| alert.ends_at == Some(at(15))));
}
