//! What a file's sections mean, and which mistakes are told.

use super::*;

fn settings(yaml: &str) -> Settings {
    serde_yaml::from_str(yaml).expect("valid YAML")
}

fn told(yaml: &str) -> Vec<String> {
    settings(yaml).problems().iter().map(ToString::to_string).collect()
}

#[test]
fn every_mistake_is_told_with_its_path() {
    let told = told(
        "route: {receiver: oncal, group_by: ['...', 'a b', x, x], group_interval: 0s}\n\
         receivers: [{name: oncall}, {name: oncall}, {name: ''}]",
    );
    assert_eq!(
        told,
        [
            "route.receiver: unknown receiver \"oncal\"\n  known receivers: oncall, oncall, \nhint: did you mean \"oncall\"?",
            "route.group_by[0]: \"...\" means every label and stands alone",
            "route.group_by[1]: \"a b\" is not a label name",
            "route.group_by[3]: label \"x\" is named twice",
            "route.group_interval: group_interval must be more than 0s",
            "receivers[1].name: there is already a receiver named \"oncall\"",
            "receivers[2].name: a receiver needs a name",
        ]
    );
}

#[test]
fn mistakes_below_the_root_are_told_too() {
    let told = told(
        "route: {receiver: a, routes: [{matchers: ['a='], routes: [{receiver: b, matchers: ['a'], match_re: {b: '['}, \
         mute_time_intervals: [nigth], active_time_intervals: [night]}]}]}\n\
         receivers: [{name: a}]\n\
         time_intervals: [{name: night}, {name: night}, {name: ''}]\n\
         mute_time_intervals: [{name: night, time_intervals: [{years: [x]}]}]\n\
         inhibit_rules: [{equal: [severity]}, {source_matchers: ['=']}]",
    );
    assert_eq!(
        told,
        [
            "route.routes[0].routes[0].receiver: unknown receiver \"b\"\n  known receivers: a\nhint: did you mean \"a\"?",
            "route.routes[0].routes[0].matchers[0]: one of =, !=, =~, !~ is expected, at byte 1 of \"a\"; write for \
             example severity=\"critical\" or target=~\"a|b\"",
            "route.routes[0].routes[0].match_re.b: no regular expression: unclosed character class",
            "route.routes[0].routes[0].mute_time_intervals[0]: unknown time interval \"nigth\"\n  known time intervals: \
             night, night, , night\nhint: did you mean \"night\"?",
            "inhibit_rules[1].source_matchers[0]: a label name is expected, at byte 0 of \"=\"; write for example \
             severity=\"critical\" or target=~\"a|b\"",
            "time_intervals[1].name: there is already a time interval named \"night\"",
            "time_intervals[2].name: a time interval needs a name",
            "mute_time_intervals[0].name: there is already a time interval named \"night\"",
            "mute_time_intervals[0].time_intervals[0].years[0]: \"x\" is no year",
        ]
    );
}

#[test]
fn the_root_takes_everything_always() {
    let paths: Vec<String> = settings(
        "route: {matchers: [a=b], match: {a: b}, match_re: {a: b}, mute_time_intervals: [x], active_time_intervals: [x]}\n\
         time_intervals: [{name: x}]",
    )
    .problems()
    .into_iter()
    .map(|problem| problem.path)
    .collect();
    let keys = ["receiver", "matchers", "match", "match_re", "mute_time_intervals", "active_time_intervals"];
    assert_eq!(paths, keys.map(|key| format!("route.{key}")));
}

#[test]
fn a_receiver_without_a_notifier_is_allowed() {
    assert!(settings("route: {receiver: nobody}\nreceivers: [{name: nobody}]").problems().is_empty());
}
