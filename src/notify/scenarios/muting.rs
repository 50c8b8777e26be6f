//! Stories of what is not told: silences, inhibition, time intervals, and what follows when they end.

use super::{check, check_with};

#[test]
fn a_silenced_alert_is_told_when_the_silence_ends() {
    check(
        "
        0s      silence  s  a=a  10m
        1s      fire     a
        10m     send     first_notification a
        30m     end
        ",
    );
}

#[test]
fn a_silence_that_ends_early_lets_its_alerts_be_told_at_once() {
    check(
        "
        0s      silence  s  a=a  10h
        1s      fire     a
        7m      expire   s
        7m      send     first_notification a
        30m     end
        ",
    );
}

#[test]
fn an_alert_whose_silence_ends_within_the_group_wait_still_waits() {
    check(
        "
        0s      silence  s  a=a  10s
        1s      fire     a
        31s     send     first_notification a
        1m      end
        ",
    );
}

#[test]
fn an_alert_that_resolved_during_a_silence_is_told_as_over_when_the_silence_ends() {
    check(
        "
        0s      fire     a
        30s     send     first_notification a
        1m      silence  s  a=a  20m
        6m      resolve  a
        21m     send     all_resolved a(over)
        1h      end
        ",
    );
}

#[test]
fn an_end_that_a_silence_held_back_survives_restarts_and_its_rule_falling_silent() {
    check(
        "
        0s      fire     a
        30s     send     first_notification a
        1m      silence  s  a=a  40m
        6m      resolve  a
        7m      restart
        30m     restart
        41m     send     all_resolved a(over)
        1h      end
        ",
    );
}

#[test]
fn an_alert_that_came_and_went_during_a_silence_is_not_told() {
    check(
        "
        0s      silence  s  a=a  20m
        1s      fire     a
        6m      resolve  a
        1h      end
        ",
    );
}

#[test]
fn an_alert_that_fires_again_during_a_silence_is_told_anew_when_the_silence_ends() {
    check(
        "
        0s      fire     a
        30s     send     first_notification a
        1m      silence  s  a=a  30m
        6m      resolve  a
        12m     fire     a
        31m     send     first_notification a
        1h      end
        ",
    );
}

#[test]
fn an_alert_that_fires_through_a_silence_is_not_told_again_when_it_ends() {
    check(
        "
        0s      fire     a
        30s     send     first_notification a
        1m      silence  s  a=a  30m
        1h      resolve  a
        1h30s   send     all_resolved a(over)
        2h      end
        ",
    );
}

#[test]
fn a_repeat_that_a_silence_held_back_comes_when_it_ends() {
    check(
        "
        0s      fire     a
        30s     send     first_notification a
        1m      silence  s  a=a  5h
        5h1m    send     repeat a
        6h      end
        ",
    );
}

#[test]
fn a_message_leaves_out_what_is_silenced_and_tells_it_again_afterwards() {
    check(
        "
        0s      fire     a
        30s     send     first_notification a
        1m      silence  s  a=a  12m
        2m      fire     b
        5m30s   send     new_alerts b
        13m     send     new_alerts a b
        1h      end
        ",
    );
}

#[test]
fn two_messages_keep_the_group_interval_between_them_though_a_silence_ends() {
    check(
        "
        0s      silence  s  a=b  40s
        1s      fire     a b
        31s     send     first_notification a
        5m31s   send     new_alerts a b
        10m     end
        ",
    );
}

const INHIBITED: &str = "{route: {receiver: a, group_by: []}, receivers: [{name: a, webhook_configs: [{url: 'http://a'}]}], \
    inhibit_rules: [{source_matchers: ['g=big'], target_matchers: ['g=small']}]}";

#[test]
fn an_inhibited_alert_is_told_at_the_next_look_after_the_last_of_its_inhibitors_is_over() {
    check_with(
        INHIBITED,
        "
        0s      fire     big-1 big-2 small-1
        30s     send     first_notification big-1 big-2
        1m      resolve  big-1
        5m30s   send     some_resolved big-2 big-1(over)
        6m      resolve  big-2
        10m30s  send     new_alerts small-1 big-2(over)
        11m     end
        ",
    );
}

#[test]
fn the_end_of_an_inhibited_alert_is_told_to_whoever_knew_of_it_once_it_is_free() {
    check_with(
        INHIBITED,
        "
        0s      fire     small-1
        30s     send     first_notification small-1
        1m      fire     big-1
        2m      resolve  small-1
        5m30s   send     new_alerts big-1
        6m      resolve  big-1
        10m30s  send     all_resolved big-1(over) small-1(over)
        1h      end
        ",
    );
}

#[test]
fn after_a_restart_nothing_is_told_before_its_inhibitor_is_known() {
    // `z-1` belongs to the rule group that speaks second.
    check_with(
        "{route: {receiver: a, group_by: ['...']}, receivers: [{name: a, webhook_configs: [{url: 'http://a'}]}], \
          inhibit_rules: [{source_matchers: ['g=z'], target_matchers: ['g=small']}]}",
        "
        0s         rules    off
        1s         fire     small-1
        2s         restart
        3s         fire     small-1
        2m         fire     z-1
        2m30s      send     first_notification z-1
        3m         end
        ",
    );
}

const AT_NIGHT: &str = "{route: {receiver: a, routes: [{matchers: ['a=~\"x|y\"'], mute_time_intervals: [morning]}]}, \
    receivers: [{name: a, webhook_configs: [{url: 'http://a'}]}], \
    time_intervals: [{name: morning, time_intervals: [{times: [{start_time: '07:00', end_time: '09:30'}]}]}]}";

#[test]
fn a_mute_interval_holds_back_until_it_ends() {
    check_with(
        AT_NIGHT,
        "
        0s      fire     x w
        30s     send     first_notification w
        1h30m   send     first_notification x
        2h      end
        ",
    );
}

#[test]
fn an_active_interval_holds_back_until_it_begins() {
    check_with(
        "{route: {receiver: a, routes: [{active_time_intervals: [office, weekend]}]}, \
          receivers: [{name: a, webhook_configs: [{url: 'http://a'}]}], time_intervals: [\
          {name: office, time_intervals: [{times: [{start_time: '09:00', end_time: '17:00'}], weekdays: ['monday:friday'], location: Europe/London}]}, \
          {name: weekend, time_intervals: [{weekdays: [saturday, sunday]}]}]}",
        "
        0s      fire     x
        1h      send     first_notification x
        2h      resolve  x
        2h5m    send     all_resolved x(over)
        10h     fire     y
        16h     send     first_notification y
        17h     end
        ",
    );
}

#[test]
fn a_reload_that_unmutes_lets_it_be_told() {
    check_with(
        AT_NIGHT,
        "
        0s      fire     x
        10m     reload   {route: {receiver: a, routes: [{matchers: ['a=~\"x|y\"']}]}, receivers: [{name: a, webhook_configs: [{url: 'http://a'}]}]}
        10m     send     first_notification x
        20m     end
        ",
    );
}
