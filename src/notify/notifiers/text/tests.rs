//! Alertmanager's template language as receivers use it.

use super::super::super::evidence::Evidence;
use super::super::fixture::{at, notification};
use super::*;

fn say(text: &str) -> String {
    let (notification, runbooks, evidence) = (notification(), Runbooks::default(), Evidence::default());
    let at = at("2026-11-23T02:21:00Z");
    let attempt = Attempt { key: "k", notification: &notification, evidence: &evidence, runbooks: &runbooks, at };
    let text = Text::parse(text).expect("a good template");
    text.render(&Words::new(&attempt, 0)).unwrap_or_else(|error| format!("error: {error}"))
}

#[test]
fn alertmanagers_data_and_functions_are_there() {
    for (text, said) in [
        (
            "{{ .Receiver }} {{ .Status }} {{ .Alerts | len }} {{ .Alerts.Firing | len }} {{ len .Alerts.Resolved }}",
            "oncall firing 2 1 1",
        ),
        (
            "{{ .CommonLabels.alertname }}|{{ .CommonLabels.none }}|{{ .GroupLabels }}",
            "QueueDepthHigh||map[alertname:QueueDepthHigh]",
        ),
        (
            "{{ range .CommonLabels.SortedPairs }}{{ .Name }}={{ .Value }},{{ end }}",
            "alertname=QueueDepthHigh,severity=warning,",
        ),
        (
            "{{ .CommonLabels.Names | join \" \" }}/{{ (.CommonLabels.Remove .GroupLabels.Names).Values | join \" \" }}",
            "alertname severity/warning",
        ),
        ("{{ (.CommonLabels.Remove (stringSlice \"severity\")).SortedPairs.Names }}", "[alertname]"),
        ("{{ (index .Alerts 0).Labels.target }} {{ (index .Alerts 0).Annotations.summary }}", "main too <much>"),
        ("{{ (index .Alerts 0).StartsAt.Format \"2006-01-02 15:04:05\" }}", "2026-11-23 02:14:00"),
        ("{{ (index .Alerts 0).EndsAt.Year }} {{ (index .Alerts 1).EndsAt.Minute }}", "1 20"),
        ("{{ (index .Alerts 0).StartsAt | tz \"Europe/Berlin\" | date \"15:04 MST\" }}", "03:14 CET"),
        (
            "{{ since (index .Alerts 0).StartsAt }} {{ since (index .Alerts 0).StartsAt | humanizeDuration }}",
            "7m0s 7m 0s",
        ),
        ("{{ (now).Unix }}", "1795400460"),
        (
            "{{ toDate \"2006-01-02\" \"2026-11-23\" | date \"02.01.06\" }} {{ (toDate \"2006\" \"x\").Year }}",
            "23.11.26 1",
        ),
        (
            "{{ \"FIRING now\" | title }} {{ \"a\" | toUpper }}{{ \"B\" | toLower }}{{ \" c \" | trimSpace }}",
            "Firing Now Abc",
        ),
        (
            "{{ match \"Que.*\" .CommonLabels.alertname }} {{ reReplaceAll \"(Q)ueue\" \"$1-\" .CommonLabels.alertname }}",
            "true Q-DepthHigh",
        ),
        (
            "{{ .CommonLabels | toJson }} {{ list 1 \"a\" | toJson }}",
            "{\"alertname\":\"QueueDepthHigh\",\"severity\":\"warning\"} [1,\"a\"]",
        ),
        (
            "{{ (dict \"a\" 1).a }} {{ append (list 1) 2 3 }} {{ base64encode \"a\" }} {{ base64decode \"YQ==\" }}",
            "1 [1 2 3] YQ== a",
        ),
        (
            "{{ urlUnescape \"a%20b+c\" }} {{ safeUrl \"x\" }}{{ safeHtml \"y\" }} {{ .ExternalURL | urlquery }}",
            "a b c xy http%3A%2F%2Fm",
        ),
    ] {
        assert_eq!(say(text), said, "{text}");
    }
}

#[test]
fn alertmanagers_named_templates_and_our_own_data_are_there() {
    for (text, said) in [
        ("{{ template \"__subject\" . }}", "[FIRING:1] QueueDepthHigh (warning)"),
        ("{{ define \"__subject\" }}mine{{ end }}{{ template \"__subject\" . }}", "mine"),
        (
            "{{ template \"email.default.subject\" . }}|{{ .NotificationReason }}|{{ .TruncatedAlerts }}",
            "[FIRING:1] QueueDepthHigh (warning)|some alerts resolved|0",
        ),
        ("{{ (index .Alerts 0).Value }} {{ .Key }}", "142 k"),
    ] {
        assert_eq!(say(text), said, "{text}");
    }
}

#[test]
fn an_alert_as_json_has_the_names_of_the_webhook() {
    let alert: serde_json::Value = serde_json::from_str(&say("{{ index .Alerts 0 | toJson }}")).expect("JSON");
    assert_eq!(
        (&alert["status"], &alert["startsAt"], &alert["generatorURL"], &alert["labels"]["target"]),
        (&"firing".into(), &"2026-11-23T02:14:00Z".into(), &"http://m/graph".into(), &"main".into())
    );
}

#[test]
fn what_cannot_work_is_refused_with_its_place() {
    let wrong = Text::parse("a\n{{ query \"up\" }}").expect_err("refused");
    assert!(wrong.starts_with("the template has a mistake at 2:") && wrong.contains("query"), "{wrong}");
    assert!(Text::parse("{{ if }}").is_err() && Text::parse("{{ $labels.x }}").is_err());
    for text in [
        "{{ .Labels.x }}",
        "{{ template \"none\" . }}",
        "{{ .CommonLabels.Remove 1 }}",
        "{{ mustToDate \"2006\" \"x\" }}",
    ] {
        let text = Text::parse(text).expect("parsed");
        assert_eq!(problems([("title".to_owned(), &text)]).len(), 1);
    }
}
