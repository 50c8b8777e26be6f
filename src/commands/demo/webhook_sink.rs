//! A webhook receiver for the demo: keeps every notification that reads as an Alertmanager v4 body.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::model::AlertStatus;

/// What the demo reads of a notification.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    /// Firing or resolved, of the whole group.
    pub(super) status: AlertStatus,
    /// Which group.
    pub(super) group_key: String,
    /// Its alerts.
    pub(super) alerts: Vec<PageAlert>,
}

/// One alert of a notification.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct PageAlert {
    /// Firing or resolved.
    pub(super) status: AlertStatus,
    /// Its labels.
    pub(super) labels: crate::model::Labels,
}

/// A listener on a free loopback port, and the URL to send to.
pub(super) async fn bind() -> io::Result<(TcpListener, String)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address: SocketAddr = listener.local_addr()?;
    Ok((listener, format!("http://{address}/notify")))
}

/// Serves for ever; every body that can be read goes to `pages`, anything else is answered with 400.
pub(super) async fn serve(listener: TcpListener, pages: mpsc::Sender<Page>) {
    let router =
        Router::new().route("/notify", post(receive)).layer(DefaultBodyLimit::max(4 * 1024 * 1024)).with_state(pages);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "webhook sink ended");
    }
}

async fn receive(State(pages): State<mpsc::Sender<Page>>, body: String) -> StatusCode {
    match serde_json::from_str::<Page>(&body) {
        Ok(page) => {
            let _ = pages.send(page).await;
            StatusCode::OK
        }
        Err(_) => StatusCode::BAD_REQUEST,
    }
}
