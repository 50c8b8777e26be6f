//! `/api/v2/silences` and `/api/v2/silence/{id}`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::model::{Condition, MatchOp, Timestamp};
use crate::notify::{Draft, Silence, SilenceState};

use super::super::Sources;
use super::filter::{boolean, matchers};
use super::{Parameters, Refused, answer, given};

pub(in crate::web) async fn list(
    State(sources): State<Arc<Sources>>,
    Query(parameters): Query<Parameters>,
) -> Result<Response, Refused> {
    let wanted = matchers(&parameters, "filter")?;
    let creators: Vec<&str> =
        parameters.iter().filter(|(name, _)| name == "creator").map(|(_, value)| value.as_str()).collect();
    let mut states = Vec::new();
    for state in SilenceState::ALL {
        if boolean(&parameters, state.as_str())? {
            states.push(state);
        }
    }
    let all = sources.notify.silences();
    let shown = all.iter().filter(|(silence, state)| {
        states.contains(state)
            && wanted.iter().all(|matcher| silence.matchers.contains(matcher))
            && (creators.is_empty() || creators.contains(&silence.created_by.as_str()))
    });
    Ok(answer(&shown.map(|(silence, state)| one(silence, *state)).collect::<Vec<_>>()))
}

pub(in crate::web) async fn get(
    State(sources): State<Arc<Sources>>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    match sources.notify.silence(&id) {
        Some((silence, state)) => Ok(answer(&one(&silence, state))),
        None => Err(Refused(StatusCode::NOT_FOUND, format!("silence {id:?} not found"))),
    }
}

pub(in crate::web) async fn delete(State(sources): State<Arc<Sources>>, Path(id): Path<String>) -> Result<(), Refused> {
    Ok(sources.notify.end_silence(&id).await?)
}

pub(in crate::web) async fn post(State(sources): State<Arc<Sources>>, body: Bytes) -> Result<Response, Refused> {
    let posted: Posted = serde_json::from_slice(&body)
        .map_err(|error| Refused::bad(format!("the body is not a silence as JSON: {error}")))?;
    let draft = posted.draft().map_err(|problems| Refused::bad(problems.join("; ")))?;
    let id = sources.notify.set_silence(&draft).await?;
    Ok(answer(&json!({ "silenceID": id })))
}

/// A silence as clients send it. What they got and send back, such as `status`, is no mistake.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    matchers: Vec<PostedMatcher>,
    #[serde(default)]
    starts_at: Option<String>,
    #[serde(default)]
    ends_at: Option<String>,
    #[serde(default)]
    created_by: Option<String>,
    #[serde(default)]
    comment: Option<String>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostedMatcher {
    name: String,
    value: String,
    #[serde(default)]
    is_regex: bool,
    #[serde(default)]
    is_equal: Option<bool>,
}

impl Posted {
    fn draft(self) -> Result<Draft, Vec<String>> {
        let mut problems = Vec::new();
        let mut time = |name: &str, text: Option<&str>| match given(text) {
            Ok(Some(at)) => at,
            Ok(None) => {
                problems.push(format!("{name} is required"));
                Timestamp::default()
            }
            Err(problem) => {
                problems.push(format!("{name}: {problem}"));
                Timestamp::default()
            }
        };
        let starts_at = time("startsAt", self.starts_at.as_deref());
        let ends_at = time("endsAt", self.ends_at.as_deref());
        for (name, value) in [("createdBy", &self.created_by), ("comment", &self.comment)] {
            if value.is_none() {
                problems.push(format!("{name} is required"));
            }
        }
        if self.matchers.is_empty() {
            problems.push("at least one matcher required".to_owned());
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let condition = |m: PostedMatcher| {
            let op = match (m.is_equal.unwrap_or(true), m.is_regex) {
                (true, false) => MatchOp::Equal,
                (true, true) => MatchOp::Regex,
                (false, false) => MatchOp::NotEqual,
                (false, true) => MatchOp::NotRegex,
            };
            Condition { name: m.name, op, value: m.value }
        };
        Ok(Draft {
            id: self.id.filter(|id| !id.is_empty()),
            matchers: self.matchers.into_iter().map(condition).collect(),
            starts_at,
            ends_at,
            created_by: self.created_by.unwrap_or_default(),
            comment: self.comment.unwrap_or_default(),
            annotations: self.annotations.unwrap_or_default(),
        })
    }
}

fn one(silence: &Silence, state: SilenceState) -> Value {
    let matcher = |m: &crate::model::Matcher| {
        json!({
            "name": m.name(),
            "value": m.value(),
            "isRegex": m.is_regex(),
            "isEqual": matches!(m.op(), MatchOp::Equal | MatchOp::Regex),
        })
    };
    let mut object = json!({
        "id": silence.id,
        "matchers": silence.matchers.iter().map(matcher).collect::<Vec<_>>(),
        "startsAt": silence.starts_at.rfc3339(),
        "endsAt": silence.ends_at.rfc3339(),
        "updatedAt": silence.updated_at.rfc3339(),
        "createdBy": silence.created_by,
        "comment": silence.comment,
        "status": {"state": state.as_str()},
    });
    if !silence.annotations.is_empty() {
        object["annotations"] = json!(silence.annotations);
    }
    object
}
