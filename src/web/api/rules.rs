//! `/api/v1/rules` and `/api/v1/alerts`.

use std::sync::Arc;
use std::time::Duration as StdDuration;

use axum::extract::State;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::model::{Labels, Matcher, Timestamp, number};
use crate::rules::{AlertView, GroupView, RuleKind, RuleView};

use super::super::Sources;
use super::{ApiError, Data, Params, series};

pub(in crate::web) async fn alerts(State(sources): State<Arc<Sources>>) -> Result<Data, ApiError> {
    let groups = sources.view.rule_groups();
    let rules = groups.iter().flat_map(|group| &group.rules);
    let alerts = rules.flat_map(|rule| match &rule.kind {
        RuleKind::Alerting { alerts, .. } => alerts.as_slice(),
        RuleKind::Recording => &[],
    });
    let alerts: Vec<Value> = alerts.map(alert).collect();
    Data::of(&json!({ "alerts": alerts }))
}

/// Which rules are asked for; what is empty asks for all.
struct Filter<'a> {
    kind: Option<&'a str>,
    names: Vec<&'a str>,
    groups: Vec<&'a str>,
    files: Vec<&'a str>,
    matchers: Vec<Vec<Matcher>>,
    with_alerts: bool,
}

impl<'a> Filter<'a> {
    fn read(params: &'a Params) -> Result<Self, ApiError> {
        let kind = params.get("type");
        if let Some(kind) = kind.filter(|kind| !matches!(*kind, "alert" | "record")) {
            return Err(ApiError::parameter("type", format!("not supported value {kind:?}")));
        }
        let with_alerts = match params.get("exclude_alerts").unwrap_or("false") {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => false,
            "0" | "f" | "F" | "false" | "FALSE" | "False" => true,
            other => return Err(ApiError::parameter("exclude_alerts", format!("{other:?} is neither true nor false"))),
        };
        Ok(Self {
            kind,
            names: params.all("rule_name[]").collect(),
            groups: params.all("rule_group[]").collect(),
            files: params.all("file[]").collect(),
            matchers: series::selectors(params)?,
            with_alerts,
        })
    }

    fn takes_group(&self, group: &GroupView) -> bool {
        let among = |list: &[&str], name: &str| list.is_empty() || list.contains(&name);
        among(&self.groups, &group.name) && among(&self.files, &group.file)
    }

    fn takes(&self, rule: &RuleView) -> bool {
        let kind = match rule.kind {
            RuleKind::Recording => "record",
            RuleKind::Alerting { .. } => "alert",
        };
        let labels = Labels::from_pairs(rule.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let all = |matchers: &Vec<Matcher>| matchers.iter().all(|matcher| matcher.matches_labels(&labels));
        self.kind.is_none_or(|wanted| wanted == kind)
            && (self.names.is_empty() || self.names.contains(&rule.name.as_str()))
            && (self.matchers.is_empty() || self.matchers.iter().any(all))
    }
}

pub(in crate::web) async fn rules(State(sources): State<Arc<Sources>>, params: Params) -> Result<Data, ApiError> {
    let filter = Filter::read(&params)?;
    let most = params.limit("group_limit")?;
    let token = params.get("group_next_token");
    if token.is_some() && most == 0 {
        return Err(ApiError::parameter(
            "group_limit",
            "group_limit needs to be present in order to paginate over the groups",
        ));
    }
    let groups = sources.view.rule_groups();
    let begin = match token {
        None => 0,
        Some(token) => groups.iter().position(|group| next_token(group) == token).ok_or_else(|| {
            ApiError::parameter(
                "group_next_token",
                "invalid group_next_token. group_next_token should point to a valid group",
            )
        })?,
    };
    let narrowed = !(filter.names.is_empty() && filter.matchers.is_empty() && filter.kind.is_none());
    let mut shown = Vec::new();
    let mut next = None;
    for group in groups.iter().skip(begin).filter(|group| filter.takes_group(group)) {
        let rules: Vec<Value> =
            group.rules.iter().filter(|rule| filter.takes(rule)).map(|r| rule(r, filter.with_alerts)).collect();
        if narrowed && rules.is_empty() {
            continue;
        }
        if most > 0 && shown.len() == most {
            next = Some(next_token(group));
            break;
        }
        shown.push(json!({
            "name": group.name,
            "file": group.file,
            "rules": rules,
            "interval": group.interval.std().as_secs_f64(),
            "limit": group.limit,
            "evaluationTime": seconds(group.evaluation_time),
            "lastEvaluation": time(group.last_evaluation),
        }));
    }
    match next {
        Some(token) => Data::of(&json!({ "groups": shown, "groupNextToken": token })),
        None => Data::of(&json!({ "groups": shown })),
    }
}

/// Names the group from which the next page goes on.
fn next_token(group: &GroupView) -> String {
    let hash = Sha256::digest(format!("{};{}", group.file, group.name));
    hash.iter().take(20).map(|byte| format!("{byte:02x}")).collect()
}

fn rule(rule: &RuleView, with_alerts: bool) -> Value {
    let mut object = match &rule.kind {
        RuleKind::Recording => json!({"name": rule.name, "query": rule.query, "labels": rule.labels}),
        RuleKind::Alerting { state, duration, keep_firing_for, annotations, alerts } => {
            let state = match rule.last_evaluation {
                None => "unknown",
                Some(_) => state.as_str(),
            };
            let alerts: Vec<Value> = alerts.iter().filter(|_| with_alerts).map(alert).collect();
            json!({
                "state": state,
                "name": rule.name,
                "query": rule.query,
                "duration": duration.std().as_secs_f64(),
                "keepFiringFor": keep_firing_for.std().as_secs_f64(),
                "labels": rule.labels,
                "annotations": annotations,
                "alerts": alerts,
            })
        }
    };
    object["health"] = rule.health.as_str().into();
    if let Some(error) = &rule.last_error {
        object["lastError"] = error.as_str().into();
    }
    object["evaluationTime"] = seconds(rule.evaluation_time).into();
    object["lastEvaluation"] = time(rule.last_evaluation).into();
    object["type"] = if matches!(rule.kind, RuleKind::Recording) { "recording" } else { "alerting" }.into();
    object
}

fn alert(alert: &AlertView) -> Value {
    let mut object = json!({
        "labels": alert.labels,
        "annotations": alert.annotations,
        "state": alert.state.as_str(),
        "activeAt": alert.active_at.rfc3339(),
    });
    if let Some(since) = alert.keep_firing_since {
        object["keepFiringSince"] = since.rfc3339().into();
    }
    object["value"] = number::with_exponent(alert.value).into();
    object
}

fn seconds(duration: StdDuration) -> f64 {
    duration.as_secs_f64()
}

/// RFC 3339; Go's zero time for what never happened.
fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "0001-01-01T00:00:00Z".into(), Timestamp::rfc3339)
}
