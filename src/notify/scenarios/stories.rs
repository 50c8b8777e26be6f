//! Stories worth telling one by one.

use super::{StdDuration, USUAL, World, check, check_with};

#[test]
fn an_alert_that_joins_a_group_waits_for_the_group_interval() {
    check(
        "
        0s     fire  a
        30s    send  first_notification a
        40s    fire  b
        5m30s  send  new_alerts a b
        6m     end
        ",
    );
}

#[test]
fn alerts_within_the_group_wait_are_told_together() {
    check(
        "
        0s     fire  a
        20s    fire  b
        30s    send  first_notification a b
        4m     end
        ",
    );
}

#[test]
fn a_resolve_is_told_once_and_a_new_firing_is_a_new_life() {
    check(
        "
        0s     fire     a
        30s    send     first_notification a
        1m     resolve  a
        5m30s  send     all_resolved a(over)
        20m    fire     a
        20m30s send     first_notification a
        21m    end
        ",
    );
}

#[test]
fn what_comes_and_goes_within_the_group_wait_is_not_told() {
    check(
        "
        0s     fire     a
        10s    resolve  a
        20m    end
        ",
    );
}

#[test]
fn one_of_two_is_over() {
    check(
        "
        0s      fire     a b
        30s     send     first_notification a b
        1m      resolve  b
        5m30s   send     some_resolved a b(over)
        6m      resolve  a
        10m30s  send     all_resolved a(over)
        30m     end
        ",
    );
}

#[test]
fn an_alert_that_came_and_went_between_two_looks_is_not_told_as_over() {
    check(
        "
        0s      fire     a
        30s     send     first_notification a
        1m      fire     b
        2m      resolve  b
        20m     end
        ",
    );
}

#[test]
fn an_alert_that_went_and_came_between_two_looks_is_not_told_again() {
    check(
        "
        0s      fire     a
        30s     send     first_notification a
        1m      resolve  a
        2m      fire     a
        20m     end
        ",
    );
}

#[test]
fn a_repeat_comes_when_it_is_due_and_not_at_the_next_look() {
    check_with(
        "{route: {receiver: a, repeat_interval: 12m}, receivers: [{name: a, webhook_configs: [{url: 'http://a'}]}]}",
        "
        0s      fire     a
        30s     send     first_notification a
        12m30s  send     repeat a
        24m30s  send     repeat a
        25m     resolve  a
        29m30s  send     all_resolved a(over)
        1h      end
        ",
    );
}

#[test]
fn a_notifier_that_does_not_want_resolves_still_hears_of_the_next_firing() {
    check_with(
        "{route: {receiver: a}, receivers: [{name: a, webhook_configs: [{url: 'http://a', send_resolved: false}]}]}",
        "
        0s      fire     a b
        30s     send     first_notification a b
        1m      resolve  b
        11m     fire     b
        15m30s  send     new_alerts a b
        16m     resolve  a b
        26m     fire     a
        26m30s  send     first_notification a
        30m     end
        ",
    );
}

#[test]
fn every_notifier_of_a_receiver_has_its_own_memory() {
    check_with(
        "{route: {receiver: a}, receivers: [{name: a, webhook_configs: [{url: 'http://a'}], \
          email_configs: [{to: a@b.c, from: d@e.f, smarthost: 'mx:25', send_resolved: false}]}]}",
        "
        0s      fire     a
        30s     send     first_notification a
        30s     send     email[0] first_notification a
        1m      resolve  a
        5m30s   send     all_resolved a(over)
        6m      end
        ",
    );
}

#[test]
fn groups_are_told_apart() {
    check_with(
        "{route: {receiver: a, group_by: [g]}, receivers: [{name: a, webhook_configs: [{url: 'http://a'}]}]}",
        "
        0s      fire     x-1
        10s     fire     y-1
        20s     fire     x-2
        30s     send     first_notification x-1 x-2
        40s     send     first_notification y-1
        1m      end
        ",
    );
}

#[test]
fn dots_tell_each_alert_alone() {
    check_with(
        "{route: {receiver: a, group_by: ['...'], group_wait: 0s}, \
          receivers: [{name: a, webhook_configs: [{url: 'http://a'}]}]}",
        "
        0s      fire     a b
        0s      send     first_notification a
        0s      send     first_notification b
        1m      end
        ",
    );
}

#[test]
fn a_restart_neither_pages_again_nor_resolves() {
    check(
        "
        0s      fire     a
        30s     send     first_notification a
        2m      restart
        9m      restart
        10m     resolve  a
        10m30s  send     all_resolved a(over)
        30m     end
        ",
    );
}

#[test]
fn a_resolve_during_the_downtime_is_told() {
    check(
        "
        0s      fire     a
        30s     send     first_notification a
        1m      resolve  a
        2m      restart
        5m30s   send     all_resolved a(over)
        30m     end
        ",
    );
}

#[test]
fn a_restart_before_the_first_message_does_not_lose_it() {
    check(
        "
        0s      fire     a
        10s     restart
        30s     send     first_notification a
        1m      end
        ",
    );
}

#[test]
fn nothing_is_told_after_a_restart_before_every_group_of_rules_was_heard() {
    check(
        "
        0s         fire     a
        10s        rules    off
        12s        restart
        2m         rules    on
        2m7s500ms  send     first_notification a
        3m         end
        ",
    );
}

#[test]
fn rules_that_fall_silent_resolve_nothing() {
    check(
        "
        0s      fire     a
        30s     send     first_notification a
        1m      rules    off
        2h      end
        ",
    );
}

#[test]
fn a_reload_keeps_groups_times_and_what_was_told() {
    check(
        "
        0s      fire     a
        30s     send     first_notification a
        1m      fire     b
        2m      reload   {route: {receiver: a, repeat_interval: 1h}, receivers: [{name: a, webhook_configs: [{url: 'http://b'}]}]}
        5m30s   send     new_alerts a b
        6m      end
        ",
    );
}

#[test]
fn alerts_that_were_told_stay_together_when_the_grouping_changes() {
    check(
        "
        0s      fire     x-1
        30s     send     first_notification x-1
        2m      reload   {route: {receiver: a, group_by: [g]}, receivers: [{name: a, webhook_configs: [{url: 'http://a'}]}]}
        3m      fire     y-1
        3m30s   send     first_notification y-1
        4m      resolve  x-1
        5m30s   send     all_resolved x-1(over)
        6m      end
        ",
    );
}

#[test]
fn a_route_that_moves_tells_the_new_receiver_of_what_fires_and_the_old_one_only_of_the_end() {
    check(
        "
        0s      fire     a
        30s     send     first_notification a
        2m      reload   {route: {receiver: b, repeat_interval: 10m}, receivers: [{name: a, webhook_configs: [{url: 'http://a'}]}, {name: b, email_configs: [{to: a@b.c, from: d@e.f, smarthost: 'mx:25'}]}]}
        2m30s   send     b:email[0] first_notification a
        12m30s  send     b:email[0] repeat a
        13m     resolve  a
        13m30s  send     all_resolved a(over)
        17m30s  send     b:email[0] all_resolved a(over)
        30m     end
        ",
    );
}

#[test]
fn a_receiver_that_vanishes_is_told_nothing_more() {
    check(
        "
        0s      fire     a
        10s     reload   {receivers: []}
        1h      end
        ",
    );
}

#[test]
fn a_reload_between_a_decision_and_its_commit_does_not_tell_twice() {
    let mut world = World::new(USUAL);
    let start = world.now;
    world.fire("a");
    world.run_until(start + StdDuration::from_secs(29));
    world.now = start + StdDuration::from_secs(30);
    let decisions = world.decide();
    assert_eq!(decisions.len(), 1);
    world.commit(&decisions[0]);
    world.reload(USUAL);
    world.dispatcher.committed(&[decisions[0].id]);
    world.run_until(start + StdDuration::from_secs(3600));
    assert_eq!(world.sent.len(), 1);
}
