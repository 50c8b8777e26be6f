//! `/api/v1/memsentry/load`: what a load run in another process says of itself, once a second.

use std::sync::Arc;

use axum::extract::State;
use serde_json::json;

use super::super::Sources;
use super::super::api::{ApiError, Data};
use super::super::load::Word;

/// Longest body; a word is some hundred bytes.
pub(in crate::web) const MOST_BYTES: usize = 8 * 1024;
/// Longest name of a run or scenario.
const LONGEST_NAME: usize = 100;

pub(in crate::web) async fn list(State(sources): State<Arc<Sources>>) -> Result<Data, ApiError> {
    Data::of(&json!({ "loads": sources.loads.all() }))
}

pub(in crate::web) async fn post(State(sources): State<Arc<Sources>>, body: String) -> Result<Data, ApiError> {
    let word: Word = super::read(&body)?;
    if !sources.view.targets().iter().any(|target| target.name == word.target) {
        return Err(ApiError::NotFound(format!("there is no target {:?}", word.target)));
    }
    if word.run.len() > LONGEST_NAME || word.scenario.len() > LONGEST_NAME {
        return Err(ApiError::BadData(format!("run and scenario have at most {LONGEST_NAME} bytes")));
    }
    sources.loads.hear(word);
    list(State(sources)).await
}
