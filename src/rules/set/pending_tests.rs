//! What history hears of alerts that wait for their `for`.

use super::tests::{DOWN, UP, World, ZERO};

/// Of each change: since when, when, with which value, and whether it is over.
fn changes(world: &World) -> Vec<(i64, i64, Option<f64>, bool)> {
    let second = |at: crate::model::Timestamp| at.millis() / 1000;
    world.last.pending.iter().map(|c| (second(c.since), second(c.at), c.value, c.over)).collect()
}

#[test]
fn an_alert_that_waits_is_told_once_with_the_labels_under_which_it_would_fire() {
    let mut world = World::new(DOWN);
    world.at(0, ZERO);
    assert_eq!(changes(&world), [(0, 0, Some(0.0), false)]);
    let told = &world.last.pending[0];
    assert_eq!((told.labels.get("cluster"), told.labels.get("severity")), (Some("one"), Some("page")));
    assert_eq!(told.summary.as_deref(), Some("api is 0"));
    world.at(15, ZERO);
    assert_eq!(changes(&world), [], "it still waits");
    world.at(30, ZERO);
    assert_eq!(changes(&world), [], "that it fires is told by what it fires");
}

#[test]
fn an_alert_that_never_fired_is_told_to_be_gone_and_one_that_fired_is_not() {
    let mut world = World::new(DOWN);
    world.at(0, ZERO);
    world.at(15, UP);
    assert_eq!(changes(&world), [(0, 15, None, true)]);
    world.at(30, ZERO);
    world.at(60, ZERO);
    world.at(75, UP);
    assert_eq!(changes(&world), []);
    world.at(90, ZERO);
    assert_eq!(changes(&world), [(90, 90, Some(0.0), false)], "after its end it waits anew");
}
