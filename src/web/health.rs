//! `/metrics`, the health endpoints, and the reload.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};

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

pub(super) async fn reload(State(sources): State<Arc<Sources>>, headers: HeaderMap) -> Response {
    if comes_from_another_site(&headers) {
        return (StatusCode::FORBIDDEN, "a page of another site may not ask for a reload\n").into_response();
    }
    match sources.view.reload().await {
        Ok(()) => "reloaded\n".into_response(),
        Err(problems) => {
            let text = format!("the configuration was refused, the old one goes on:\n{}\n", problems.join("\n"));
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}

/// Whether a browser says that a page from elsewhere sent the request. Other clients send neither header.
fn comes_from_another_site(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let cross_site = text("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    let foreign = text("origin").is_some_and(|origin| {
        let host = origin.split_once("://").map(|(_, host)| host);
        host.is_none() || host != text("host")
    });
    cross_site || foreign
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_browser_on_another_site_is_refused() {
        let judge = |pairs: &[(&'static str, &str)]| {
            let headers = pairs.iter().map(|(name, value)| {
                (http::HeaderName::from_static(name), value.parse::<http::HeaderValue>().expect("a header"))
            });
            comes_from_another_site(&headers.collect())
        };
        assert!(!judge(&[("host", "127.0.0.1:9464")]));
        assert!(!judge(&[("host", "m:1"), ("origin", "http://m:1"), ("sec-fetch-site", "same-origin")]));
        assert!(judge(&[("host", "m:1"), ("origin", "http://evil.example")]));
        assert!(judge(&[("host", "m:1"), ("origin", "null")]));
        assert!(judge(&[("host", "m:1"), ("sec-fetch-site", "cross-site")]));
    }
}
