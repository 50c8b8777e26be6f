//! Stories of trees of routes, and of reloads that change them.

use super::check_with;

const TREE: &str = "{route: {receiver: a, routes: [\
    {receiver: b, matchers: ['g=x'], group_wait: 10s, continue: true}, \
    {receiver: c, matchers: ['a=~\"x-.*|y-1\"'], group_by: []}, \
    {matchers: ['g=y'], group_by: ['...'], routes: [{receiver: b, matchers: ['a=y-9']}]}]}, \
    receivers: [{name: a, webhook_configs: [{url: 'http://a'}]}, {name: b, webhook_configs: [{url: 'http://b'}]}, \
    {name: c, webhook_configs: [{url: 'http://c'}]}]}";

#[test]
fn the_first_route_that_matches_takes_an_alert_and_later_ones_only_what_it_lets_through() {
    check_with(
        TREE,
        "
        0s      fire     x-1 y-1 y-2 y-3 y-9 w
        10s     send     b: first_notification x-1
        30s     send     first_notification y-2
        30s     send     first_notification y-3
        30s     send     first_notification w
        30s     send     b: first_notification y-9
        30s     send     c: first_notification x-1 y-1
        1m      end
        ",
    );
}

#[test]
fn a_reload_that_gives_a_route_another_place_keeps_its_groups_and_times() {
    check_with(
        "{route: {receiver: a, routes: [{matchers: ['g=x']}]}, receivers: [{name: a, webhook_configs: [{url: 'http://a'}]}]}",
        "
        0s      fire     x-1
        30s     send     first_notification x-1
        2m      reload   {route: {receiver: a, routes: [{matchers: ['g=~\"x|y\"']}]}, receivers: [{name: a, webhook_configs: [{url: 'http://a'}]}]}
        3m      resolve  x-1
        5m30s   send     all_resolved x-1(over)
        1h      end
        ",
    );
}

#[test]
fn a_reload_before_the_first_message_keeps_the_waiting_time() {
    check_with(
        "{route: {receiver: a, routes: [{matchers: ['g=x']}]}, receivers: [{name: a, webhook_configs: [{url: 'http://a'}]}]}",
        "
        0s      fire     x-1
        20s     reload   {route: {receiver: a}, receivers: [{name: a, webhook_configs: [{url: 'http://a'}]}]}
        30s     send     first_notification x-1
        1m      end
        ",
    );
}

#[test]
fn an_alert_of_a_group_that_is_routed_elsewhere_is_told_there_and_only_its_end_here() {
    check_with(
        "{route: {receiver: a, group_by: []}, receivers: [{name: a, webhook_configs: [{url: 'http://a'}]}]}",
        "
        0s      fire     x-1 y-1
        30s     send     first_notification x-1 y-1
        2m      reload   {route: {receiver: a, group_by: [], repeat_interval: 1h, routes: [{receiver: b, matchers: ['g=y']}]}, receivers: [{name: a, webhook_configs: [{url: 'http://a'}]}, {name: b, webhook_configs: [{url: 'http://b'}]}]}
        2m30s   send     b: first_notification y-1
        10m     resolve  y-1
        10m30s  send     some_resolved x-1 y-1(over)
        12m30s  send     b: all_resolved y-1(over)
        50m     end
        ",
    );
}

#[test]
fn an_alert_that_comes_back_to_its_route_is_not_told_twice() {
    check_with(
        "{route: {receiver: a}, receivers: [{name: a, webhook_configs: [{url: 'http://a'}]}]}",
        "
        0s      fire     x-1
        30s     send     first_notification x-1
        2m      reload   {route: {receiver: b}, receivers: [{name: a, webhook_configs: [{url: 'http://a'}]}, {name: b, webhook_configs: [{url: 'http://b'}]}]}
        2m10s   reload   {route: {receiver: a}, receivers: [{name: a, webhook_configs: [{url: 'http://a'}]}, {name: b, webhook_configs: [{url: 'http://b'}]}]}
        10m     resolve  x-1
        10m30s  send     all_resolved x-1(over)
        50m     end
        ",
    );
}

#[test]
fn a_restart_with_another_tree_still_tells_the_end_where_the_firing_was_told() {
    check_with(
        TREE,
        "
        0s      fire     x-1
        10s     send     b: first_notification x-1
        30s     send     c: first_notification x-1
        1m      reload   {route: {receiver: b, repeat_interval: 2h}, receivers: [{name: b, webhook_configs: [{url: 'http://b'}]}, {name: c, webhook_configs: [{url: 'http://c'}]}]}
        2m      restart
        3m      resolve  x-1
        4m      send     c: all_resolved x-1(over)
        5m30s   send     b: all_resolved x-1(over)
        1h      end
        ",
    );
}
