//! Listens and accepts. Nothing a client does, or leaves undone, holds a connection for long or stops the others.
//!
//! A client has a limited time for its request head (which is also how long a connection may idle), for the whole
//! exchange, and for taking each part of the answer. Connections are bounded; one more is told so and closed. On
//! shutdown no new ones are taken, and those that are busy may finish what they do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration as StdDuration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use prometheus::Gauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::model::task::{Spawner, Task};

use super::stall::StallGuard;
use super::{Settings, Sources, metrics, routes};

/// What a client may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// For the request head, and between two requests. Longer than the 30 s of usual scrapers and proxies.
    pub(super) head: StdDuration,
    /// For an answer, from the head of the request on.
    pub(super) exchange: StdDuration,
    /// For a part of the answer to be taken.
    pub(super) stall: StdDuration,
    /// Connections at once.
    pub(super) connections: u32,
    /// For busy connections to finish at shutdown.
    pub(super) drain: StdDuration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            head: StdDuration::from_secs(40),
            exchange: StdDuration::from_secs(60),
            stall: StdDuration::from_secs(30),
            connections: 128,
            drain: StdDuration::from_secs(3),
        }
    }
}

/// Said to a client that is one too many.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\n\
    retry-after: 5\r\ncontent-length: 21\r\nconnection: close\r\n\r\ntoo many connections\n";

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// It is not an address.
    #[error("web.listen: {0:?} is not an address with a port")]
    Address(String),
    /// The system refused it.
    #[error("web.listen: cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// A bound listener that is not served yet. Clones share it.
#[derive(Clone)]
pub struct Web {
    listener: Arc<TcpListener>,
    local: SocketAddr,
    bounds: Bounds,
}

impl Web {
    /// Takes the port, so that a start-up error shows before anything runs.
    ///
    /// # Errors
    /// The address is none, or is in use, or not allowed.
    pub async fn bind(settings: &Settings) -> Result<Self, BindError> {
        Self::bind_within(settings, Bounds::default()).await
    }

    pub(super) async fn bind_within(settings: &Settings, bounds: Bounds) -> Result<Self, BindError> {
        let address = settings.address().ok_or_else(|| BindError::Address(settings.listen.clone()))?;
        let refused = |source| BindError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let local = listener.local_addr().map_err(refused)?;
        Ok(Self { listener: Arc::new(listener), local, bounds })
    }

    /// The address that was bound, with the port that the system gave.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// [`Web::serve`] as a lasting task.
    #[must_use]
    pub fn task(self, sources: Sources, spawner: Spawner, cancel: CancellationToken) -> Task {
        Task::new("web", move || self.clone().serve(sources.clone(), Arc::clone(&spawner), cancel.clone()))
    }

    /// Answers until `cancel`, then lets busy connections finish. Each connection is work for `spawner`.
    pub async fn serve(self, sources: Sources, spawner: Spawner, cancel: CancellationToken) {
        let none: &[&str] = &[];
        let open = sources.registry.gauge(&metrics::CONNECTIONS).with_label_values(none);
        let router = routes::router(sources, self.bounds.exchange);
        let slots = Arc::new(Semaphore::new(self.bounds.connections as usize));
        loop {
            let accepted = tokio::select! {
                () = cancel.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, mostly. Trying again at once would only burn the processor.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(StdDuration::from_millis(100)).await;
                    continue;
                }
            };
            let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
                // A fresh socket's buffer takes this at once; if not, closing says it as well.
                let _ = stream.try_write(TOO_MANY);
                continue;
            };
            let held = Held { _slot: slot, open: open.clone() };
            held.open.inc();
            let work = connection(stream, router.clone(), self.bounds, cancel.clone(), held);
            spawner("web connection", Box::pin(work));
        }
        let _ = tokio::time::timeout(self.bounds.drain, slots.acquire_many(self.bounds.connections)).await;
    }
}

/// A connection's place, given back also if the connection's task panics.
struct Held {
    _slot: OwnedSemaphorePermit,
    open: Gauge,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.open.dec();
    }
}

async fn connection(stream: TcpStream, router: Router, bounds: Bounds, cancel: CancellationToken, held: Held) {
    // Only a delay is lost if this fails.
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(StallGuard::new(stream, bounds.stall));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .max_buf_size(64 * 1024)
        .serve_connection(io, TowerToHyperService::new(router));
    let mut serving = std::pin::pin!(serving);
    // What a client does wrong is no news to anybody; errors of handlers have become answers.
    tokio::select! {
        _ = serving.as_mut() => {}
        () = cancel.cancelled() => {
            serving.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(bounds.drain, serving).await;
        }
    }
    drop(held);
}
