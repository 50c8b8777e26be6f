//! What every route has around it: request id, time taken, the faults that were asked for.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::error::ApiError;
use super::{Route, Service};
use crate::clock;
use crate::quirks::Quirk;

const REQUEST_ID: &str = "x-request-id";
const PROCESS_TIME: &str = "x-process-time";
/// A longer id is replaced, so that nobody fills logs by it.
const LONGEST_ID: usize = 128;

/// Passes `request` on, delayed or refused if a fault says so, and adds the headers that every answer carries.
pub async fn wrap(State((service, route)): State<(Arc<Service>, Route)>, request: Request, next: Next) -> Response {
    let started = clock::instant();
    let given = request.headers().get(REQUEST_ID).filter(|id| (1..=LONGEST_ID).contains(&id.len())).cloned();
    let method = request.method().clone();

    let turn = if service.quirks.on(Quirk::BlockingCalls) { Some(service.turn.lock().await) } else { None };
    let (delay, error) = service.faults.suffer(route);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let mut response = match error {
        Some(status) => ApiError::Injected(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
            .into_response(),
        None => next.run(request).await,
    };
    drop(turn);

    let taken = started.elapsed().as_secs_f64();
    tracing::debug!(%method, ?route, status = response.status().as_u16(), taken, "request answered");
    let id = given.or_else(|| HeaderValue::from_str(&uuid::Uuid::new_v4().to_string()).ok());
    let headers = response.headers_mut();
    if let Some(id) = id {
        headers.insert(REQUEST_ID, id);
    }
    if let Ok(taken) = HeaderValue::from_str(&format!("{taken:.6}")) {
        headers.insert(PROCESS_TIME, taken);
    }
    response
}
