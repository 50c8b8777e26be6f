//! Alertmanager's webhook body, version 4, as a receiver must be able to rely on it.

use serde_json::Value;

/// Fields that every release since version 4 began sends, and what they are.
const BODY: &[(&str, &str)] = &[
    ("version", "string"),
    ("groupKey", "string"),
    ("truncatedAlerts", "count"),
    ("status", "status"),
    ("receiver", "string"),
    ("groupLabels", "strings"),
    ("commonLabels", "strings"),
    ("commonAnnotations", "strings"),
    ("externalURL", "string"),
    ("alerts", "alerts"),
];
/// Since 0.33 and 0.34, and memsentry's own.
const LATER: &[(&str, &str)] = &[
    ("notification_reason", "reason"),
    ("routeLabels", "strings"),
    ("runbook", "strings"),
    ("evidence", "object"),
    ("collapsed", "object"),
];
const ALERT: &[(&str, &str)] = &[
    ("status", "status"),
    ("labels", "strings"),
    ("annotations", "strings"),
    ("startsAt", "time"),
    ("endsAt", "time"),
    ("generatorURL", "string"),
    ("fingerprint", "fingerprint"),
];
const REASONS: &[&str] = &[
    "none",
    "first notification",
    "new alerts added",
    "some alerts resolved",
    "all alerts resolved",
    "repeat interval elapsed",
    "unknown",
];
const NEVER: &str = "0001-01-01T00:00:00Z";

/// Fails unless `body` is what Alertmanager could have sent.
pub fn check_alertmanager_v4(body: &Value) {
    let mut wrong = fields("", body, BODY, LATER);
    if body["version"] != "4" {
        wrong.push("version is not \"4\"".to_owned());
    }
    if !body["groupKey"].as_str().is_some_and(|key| key.starts_with("{}") && key.contains(":{") && key.ends_with('}')) {
        wrong.push(format!("groupKey {} is not <route>:<labels>", body["groupKey"]));
    }
    let alerts = body["alerts"].as_array().map(Vec::as_slice).unwrap_or_default();
    for alert in alerts {
        wrong.extend(fields("alerts.", alert, ALERT, &[]));
        if (alert["status"] == "firing") != (alert["endsAt"] == NEVER) {
            wrong.push(format!("{} ends at {}", alert["status"], alert["endsAt"]));
        }
        for (name, common) in [("labels", "commonLabels"), ("annotations", "commonAnnotations")] {
            let shared = body[common].as_object().into_iter().flatten();
            wrong.extend(
                shared
                    .filter(|(key, value)| alert[name][key.as_str()] != **value)
                    .map(|(key, _)| format!("{common}.{key} is not shared by all")),
            );
        }
    }
    let fires = alerts.iter().any(|alert| alert["status"] == "firing");
    if alerts.is_empty() || (body["status"] == "firing") != fires {
        wrong.push(format!("status {} does not follow from the {} alerts", body["status"], alerts.len()));
    }
    assert!(wrong.is_empty(), "{}\nin {body:#}", wrong.join("\n"));
}

fn fields(at: &str, object: &Value, needed: &[(&str, &str)], allowed: &[(&str, &str)]) -> Vec<String> {
    let Some(object) = object.as_object() else { return vec![format!("{at}: not an object")] };
    let mut wrong = Vec::new();
    for (name, _) in needed.iter().filter(|(name, _)| !object.contains_key(*name)) {
        wrong.push(format!("{at}{name} is missing"));
    }
    for (name, value) in object {
        match needed.iter().chain(allowed).find(|(known, _)| known == name) {
            None => wrong.push(format!("{at}{name} is not a field")),
            Some((_, kind)) if !is(kind, value) => wrong.push(format!("{at}{name} is not a {kind}: {value}")),
            Some(_) => {}
        }
    }
    wrong
}

fn is(kind: &str, value: &Value) -> bool {
    let text = value.as_str();
    match kind {
        "string" => text.is_some(),
        "count" => value.is_u64(),
        "status" => matches!(text, Some("firing" | "resolved")),
        "reason" => text.is_some_and(|text| REASONS.contains(&text)),
        "strings" => value.as_object().is_some_and(|map| map.values().all(Value::is_string)),
        "alerts" => value.is_array(),
        "object" => value.is_object(),
        "time" => text.is_some_and(|text| text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok()),
        "fingerprint" => text.is_some_and(|text| {
            text.len() == 16 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        }),
        _ => false,
    }
}

#[test]
fn a_body_that_lacks_a_field_or_has_a_wrong_one_is_refused() {
    let alert = serde_json::json!({"status": "firing", "labels": {}, "annotations": {}, "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": NEVER, "generatorURL": "", "fingerprint": "3fff2c2d7595e046"});
    let body = serde_json::json!({"version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "firing",
        "receiver": "r", "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "",
        "alerts": [alert]});
    check_alertmanager_v4(&body);
    for (at, value) in [
        ("/version", "5".into()),
        ("/truncatedAlerts", (-1).into()),
        ("/status", "resolved".into()),
        ("/alerts/0/endsAt", "2026-01-01T00:00:00Z".into()),
        ("/alerts/0/fingerprint", "x".into()),
        ("/commonLabels", serde_json::json!({"a": "b"})),
    ] {
        let mut body = body.clone();
        *body.pointer_mut(at).expect("there") = value;
        assert!(std::panic::catch_unwind(|| check_alertmanager_v4(&body)).is_err(), "{at}");
    }
}

/// A page without what is gathered anew after a restart.
pub fn without_evidence(mut page: serde_json::Value) -> serde_json::Value {
    page.as_object_mut().map(|page| page.remove("evidence"));
    page
}
