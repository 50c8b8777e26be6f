//! `/api/v2/status` and `/api/v2/receivers`.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::super::Sources;
use super::filter::Filter;
use super::{Parameters, Refused, answer};

/// Clients choose what they ask by Alertmanager's version, so this names the one whose API is spoken here; what it
/// really is stands behind the plus sign, where versions of no meaning go.
pub(in crate::web) const VERSION: &str = concat!("0.28.0+memsentry.", env!("CARGO_PKG_VERSION"));

pub(in crate::web) async fn status(State(sources): State<Arc<Sources>>) -> Response {
    answer(&json!({
        "cluster": {"status": "disabled", "peers": []},
        "config": {"original": sources.notify.configuration()},
        "uptime": sources.started_at.rfc3339(),
        "versionInfo": {
            "version": VERSION,
            "revision": "",
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        },
    }))
}

pub(in crate::web) async fn receivers(
    State(sources): State<Arc<Sources>>,
    Query(parameters): Query<Parameters>,
) -> Result<Response, Refused> {
    let filter = Filter::read(&parameters)?;
    let names = sources.notify.receivers();
    let wanted = names.iter().filter(|name| filter.wants_receiver(name));
    Ok(answer(&wanted.map(|name| json!({ "name": name })).collect::<Vec<Value>>()))
}
