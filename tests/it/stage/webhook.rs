//! A receiver of webhooks that answers as the test wants, and keeps what it was sent.

use std::future::pending;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;

use super::config::WEBHOOK_TOKEN;
use super::until;

/// How a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// 200.
    Ok,
    /// With this status.
    Status(u16),
    /// With 429 and so many seconds in `Retry-After`.
    RetryAfter(u32),
    /// Never.
    Hang,
    /// The first with a key never, the next with that key with 200.
    HangFirst,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Page {
    /// Its `Idempotency-Key`.
    pub key: String,
    /// Its `Authorization`.
    pub authorization: String,
    pub body: Value,
    /// Whether it was answered with 200.
    pub taken: bool,
}

impl Page {
    /// `firing` or `resolved`.
    pub fn status(&self) -> &str {
        self.body["status"].as_str().unwrap_or_default()
    }

    /// The name that its alerts share.
    pub fn alert(&self) -> &str {
        self.body["commonLabels"]["alertname"].as_str().unwrap_or_default()
    }

    pub fn is(&self, alert: &str, status: &str) -> bool {
        self.alert() == alert && self.status() == status
    }
}

struct Shared {
    manner: Manner,
    pages: Vec<Page>,
}

/// A listening receiver; ends with the test's runtime.
pub struct Webhook {
    shared: Arc<Mutex<Shared>>,
    pub url: String,
}

impl Webhook {
    pub async fn start() -> Self {
        let shared = Arc::new(Mutex::new(Shared { manner: Manner::Ok, pages: Vec::new() }));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/{WEBHOOK_TOKEN}", listener.local_addr().expect("bound"));
        let router = Router::new()
            .route("/{token}", post(receive))
            .layer(DefaultBodyLimit::max(8 << 20))
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { shared, url }
    }

    /// From now on requests are answered like this.
    pub fn answers(&self, manner: Manner) {
        self.shared.lock().expect("unharmed").manner = manner;
    }

    /// All requests so far.
    pub fn pages(&self) -> Vec<Page> {
        self.shared.lock().expect("unharmed").pages.clone()
    }

    /// Those that were answered with 200.
    pub fn taken(&self) -> Vec<Page> {
        self.pages().into_iter().filter(|page| page.taken).collect()
    }

    /// Waits for a request.
    pub async fn wait(&self, what: &str, is: impl Fn(&Page) -> bool) -> Page {
        until(what, || async { self.pages().into_iter().find(&is) }).await
    }

    /// Waits until an alert was told with this status, and taken.
    pub async fn told(&self, alert: &str, status: &str) -> Page {
        self.wait(&format!("a webhook about {alert}, {status}"), |page| page.taken && page.is(alert, status)).await
    }
}

async fn receive(
    State(shared): State<Arc<Mutex<Shared>>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    if token != WEBHOOK_TOKEN {
        return StatusCode::NOT_FOUND.into_response();
    }
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let Ok(body) = serde_json::from_str(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    let key = header("idempotency-key");
    let manner = {
        let mut shared = shared.lock().expect("unharmed");
        let known = shared.pages.iter().any(|page| page.key == key);
        let manner = match shared.manner {
            Manner::HangFirst if known => Manner::Ok,
            manner => manner,
        };
        let taken = manner == Manner::Ok;
        shared.pages.push(Page { key, authorization: header("authorization"), body, taken });
        manner
    };
    match manner {
        Manner::Ok => StatusCode::OK.into_response(),
        Manner::Status(code) => StatusCode::from_u16(code).expect("a status").into_response(),
        Manner::RetryAfter(seconds) => {
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", seconds.to_string())]).into_response()
        }
        Manner::Hang | Manner::HangFirst => pending().await,
    }
}
