//! Keeps pages of other sites from changing anything through the browser of somebody who may.
//!
//! A browser says where a request comes from, in `Sec-Fetch-Site` or, over plain HTTP, in `Origin`. Programs send
//! neither and are not concerned. Reading needs no such check, because nothing changes by it: GET never changes
//! anything, since mail scanners and previews follow every link.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};

/// Prometheus's API takes queries by POST too; they change nothing.
const READING: &str = "/api/v1/";
/// But this part of it is ours and changes something.
const OURS: &str = "/api/v1/memsentry/";

/// Refuses what would change something and comes from a page of another site.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let reads = request.method().is_safe() || (path.starts_with(READING) && !path.starts_with(OURS));
    if !reads && comes_from_another_site(request.headers()) {
        return (StatusCode::FORBIDDEN, "a page of another site may not ask for this\n").into_response();
    }
    next.run(request).await
}

/// Whether a browser says that a page from elsewhere sent the request.
fn comes_from_another_site(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // A page cannot set this header. It also holds behind a proxy that changes `Host`.
    if let Some(site) = text("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    text("origin").is_some_and(|origin| {
        let host = origin.split_once("://").map(|(_, host)| host);
        host.is_none() || host != text("host")
    })
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
        assert!(!judge(&[("host", "inside:1"), ("origin", "https://m"), ("sec-fetch-site", "same-origin")]));
        assert!(!judge(&[("host", "m:1"), ("origin", "http://m:1")]));
        assert!(judge(&[("host", "m:1"), ("origin", "http://evil.example")]));
        assert!(judge(&[("host", "m:1"), ("origin", "null")]));
        assert!(judge(&[("host", "m:1"), ("sec-fetch-site", "cross-site")]));
        assert!(judge(&[("host", "m:1"), ("origin", "http://m:1"), ("sec-fetch-site", "same-site")]));
    }
}
