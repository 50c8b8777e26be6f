//! `/api/v1/metadata` and `/api/v1/status/buildinfo`.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Map, json};

use super::super::Sources;
use super::{ApiError, Data, Params};

/// Clients choose what they ask by Prometheus's version, so this names the one whose API is spoken here; what it
/// really is stands behind the plus sign, where versions of no meaning go.
const VERSION: &str = concat!("3.0.0+memsentry.", env!("CARGO_PKG_VERSION"));

pub(in crate::web) async fn metadata(State(sources): State<Arc<Sources>>, params: Params) -> Result<Data, ApiError> {
    let limit = params.number("limit")?;
    // Each metric has one meaning here, so there is nothing to leave out; a mistake is told all the same.
    params.number("limit_per_metric")?;
    let wanted = params.get("metric");
    let mut all = Map::new();
    for family in sources.registry.gather() {
        if limit.is_some_and(|limit| all.len() >= limit) {
            break;
        }
        if wanted.is_none_or(|wanted| wanted == family.name) {
            let entry = json!([{"type": family.kind.as_str(), "help": family.help, "unit": ""}]);
            all.insert(family.name, entry);
        }
    }
    Data::of(&all)
}

pub(in crate::web) async fn buildinfo() -> Result<Data, ApiError> {
    Data::of(&json!({
        "version": VERSION,
        "revision": "",
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    }))
}
