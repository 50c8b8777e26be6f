//! `/metrics`, the health endpoints, and the reload.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

use crate::metrics::{CONTENT_TYPE, write_text};

use super::Sources;

pub(super) async fn metrics(State(sources): State<Arc<Sources>>) -> Response {
    let text = write_text(&sources.registry.gather());
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
}

pub(super) async fn healthy() -> &'static str {
    "memsentry is healthy.\n"
}

pub(super) async fn ready(State(sources): State<Arc<Sources>>) -> Response {
    let waiting = sources.view.not_ready();
    if waiting.is_empty() {
        return "memsentry is ready.\n".into_response();
    }
    let text = waiting.iter().fold("memsentry is not ready.\n".to_owned(), |text, line| text + "- " + line + "\n");
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

pub(super) async fn reload(State(sources): State<Arc<Sources>>) -> Response {
    match sources.view.reload().await {
        Ok(()) => "reloaded\n".into_response(),
        Err(problems) => {
            let text = format!("the configuration was refused, the old one goes on:\n{}\n", problems.join("\n"));
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}
