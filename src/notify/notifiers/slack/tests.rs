//! Against a server that answers as Slack does.

use std::time::Duration as StdDuration;

use super::super::Retry;
use super::super::fixture::{self, TOKEN, bodies, build, deliver, nobody, notification, over, server};
use super::*;

#[tokio::test]
async fn what_fires_is_posted_with_links_and_what_slack_would_read_as_markup_is_escaped() {
    let (url, seen) = server(200, &[], "ok").await;
    let slack: Slack = build(&format!("{{api_url: '{url}', channel: '#oncall', username: memsentry}}"));
    deliver(&slack, &notification()).await.expect("taken");
    let body = &bodies(&seen)[0];
    assert_eq!((&body["channel"], &body["username"]), (&json!("#oncall"), &json!("memsentry")));
    let attachment = &body["attachments"][0];
    assert_eq!(attachment["title"], "[WARNING] main: QueueDepthHigh");
    assert_eq!((&attachment["color"], &attachment["title_link"]), (&json!("danger"), &json!("http://m")));
    assert_eq!(attachment["mrkdwn_in"], json!(["fallback", "pretext", "text"]));
    let text = attachment["text"].as_str().expect("text");
    for part in [
        "*FIRING* since",
        "*OVER* after 6 min: too &lt;much&gt;",
        "too &lt;much&gt; (142)",
        "<http://m/graph|Alert>",
        "|Silence>",
        "<http://m|memsentry>",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    deliver(&slack, &over()).await.expect("taken");
    assert_eq!(bodies(&seen)[1]["attachments"][0]["color"], "good");
}

#[tokio::test]
async fn alertmanagers_own_templates_and_fields_work() {
    let (url, seen) = server(200, &[], "ok").await;
    let slack: Slack = build(&format!(
        "{{api_url: '{url}', title: '{{{{ template \"slack.default.title\" . }}}}', \
         text: '{{{{ range .Alerts.Firing }}}}{{{{ .Labels.SortedPairs.Values | join \" \" }}}} \
         {{{{ .StartsAt | tz \"Europe/Berlin\" | date \"15:04\" }}}}{{{{ end }}}}', \
         fields: [{{title: a, value: '{{{{ .Status | toUpper }}}}', short: true}}], \
         actions: [{{type: button, text: Look, url: '{{{{ .ExternalURL }}}}'}}]}}"
    ));
    deliver(&slack, &notification()).await.expect("taken");
    let attachment = &bodies(&seen)[0]["attachments"][0];
    assert_eq!(attachment["title"], "[FIRING:1] QueueDepthHigh (warning)");
    assert_eq!(attachment["text"], "QueueDepthHigh warning main 03:14");
    assert_eq!(attachment["fields"], json!([{"title": "a", "value": "FIRING", "short": true}]));
    assert_eq!(attachment["actions"], json!([{"type": "button", "text": "Look", "url": "http://m"}]));
}

#[tokio::test]
async fn a_template_that_fails_only_now_loses_nothing_and_is_told() {
    let (url, seen) = server(200, &[], "ok").await;
    let text = "{{ if eq .Receiver \"oncall\" }}{{ .Status.x }}{{ end }}";
    let slack: Slack = build(&format!("{{api_url: '{url}', title: '{text}'}}"));
    deliver(&slack, &notification()).await.expect("taken");
    let attachment = &bodies(&seen)[0]["attachments"][0];
    assert_eq!(attachment["title"], "[WARNING] main: QueueDepthHigh");
    assert!(
        attachment["text"].as_str().is_some_and(|text| text.contains("The template of title failed: ")),
        "{attachment}"
    );
}

#[tokio::test]
async fn only_ok_is_a_success_and_every_other_answer_has_its_meaning() {
    use FailureReason::{AuthError, ClientError, RateLimited, ServerError};
    for (status, headers, body, reason, retry) in [
        (200, &[][..], "<html>sign in to t0psecret</html>", ServerError, Retry::Later),
        (429, &[("retry-after", "30")][..], "", RateLimited, Retry::After(StdDuration::from_secs(30))),
        (
            429,
            &[("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")][..],
            "",
            RateLimited,
            Retry::After(StdDuration::from_secs(30)),
        ),
        (500, &[][..], "rollup_error", ServerError, Retry::Later),
        (400, &[][..], "invalid_payload", ClientError, Retry::Never),
        (403, &[][..], "action_prohibited", AuthError, Retry::Never),
        (404, &[][..], "no_service", ClientError, Retry::Never),
    ] {
        let (url, _) = server(status, headers, body).await;
        let slack: Slack = build(&format!("api_url: '{url}'"));
        let failure = deliver(&slack, &notification()).await.expect_err("not taken");
        assert_eq!((failure.reason, failure.retry), (reason, retry), "{status} {body}");
        assert!(!failure.message.contains(TOKEN), "{failure}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_or_is_away_is_tried_again() {
    let (url, _) = server(0, &[], "").await;
    let slack: Slack = build(&format!("{{api_url: '{url}', timeout: 50ms}}"));
    let failure = deliver(&slack, &notification()).await.expect_err("no answer");
    assert_eq!((failure.reason, failure.retry), (FailureReason::Timeout, Retry::Later));
    let slack: Slack = build(&format!("api_url: '{}'", nobody()));
    let failure = deliver(&slack, &notification()).await.expect_err("nobody");
    assert!(failure.retry == Retry::Later && !failure.message.contains(TOKEN), "{failure}");
}

#[test]
fn titles_and_texts_have_an_end() {
    assert_eq!(cut(&"ä".repeat(2000), LONGEST_TITLE).chars().count(), LONGEST_TITLE);
    assert_eq!(cut("short", LONGEST_TITLE), "short");
}

#[test]
fn mistakes_are_told_and_the_defaults_are_alertmanagers() {
    assert!(fixture::problems::<Slack>("{}")[0].starts_with("api_url: the webhook's address is missing"));
    let problems = fixture::problems::<Slack>("{api_url: 'http://a', fields: [{title: a, value: '{{ .No }}'}]}");
    assert!(problems[0].starts_with("fields[0].value: the template fails"), "{problems:?}");
    let settings: Settings = serde_yaml::from_str("api_url: 'http://a'").expect("valid YAML");
    assert!(!settings.send_resolved && settings.max_alerts == 0 && settings.timeout.to_string() == "10s");
}
