//! `/api/v1/memsentry/drills`: begins the test of a receiver, and tells how it goes.

use std::sync::Arc;

use axum::extract::{Path, State};

use crate::notify::drill::Request;

use super::super::Sources;
use super::super::api::{ApiError, Data};

pub(in crate::web) async fn post(State(sources): State<Arc<Sources>>, body: String) -> Result<Data, ApiError> {
    let request: Request = super::read(&body)?;
    Data::of(&sources.notify.drill(&request).map_err(ApiError::BadData)?)
}

pub(in crate::web) async fn list(State(sources): State<Arc<Sources>>) -> Result<Data, ApiError> {
    Data::of(&sources.notify.drill_reports())
}

pub(in crate::web) async fn get(State(sources): State<Arc<Sources>>, Path(id): Path<String>) -> Result<Data, ApiError> {
    let report = sources.notify.drill_report(&id);
    Data::of(&report.ok_or_else(|| ApiError::NotFound(format!("there is no drill {id:?}, or it was long ago")))?)
}
