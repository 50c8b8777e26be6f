//! Kept connections: one request after the other, driven by whoever uses them, bounded in number.
//!
//! Nothing runs in the background. A connection is polled beside the request that uses it; an idle one is polled
//! once before it is used again, which is when a close by the service is noticed.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration as StdDuration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use crate::model::Stopwatch;

use super::arrival::Arrival;
use super::connect::{Dialled, Io};

/// Idle connections older than this are not trusted: something between us and the service may have forgotten them.
const LONGEST_IDLE: StdDuration = StdDuration::from_secs(60);

/// Why an exchange on a connection failed.
#[derive(Debug)]
pub(super) enum Broken {
    /// The request never left; it may be sent again whatever it is.
    NotSent(hyper::Error),
    /// It may have left.
    Lost(hyper::Error),
    /// The body is longer than allowed.
    TooLong,
}

/// One connection with HTTP/1.1 on it.
pub(super) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: Driver,
    /// Whether it has carried a request before.
    pub(super) used: bool,
    /// When it received what was last read, if it notes that.
    pub(super) arrival: Option<Arrival>,
    idle: Stopwatch,
}

struct Driver {
    connection: http1::Connection<TokioIo<Box<dyn Io>>, Full<Bytes>>,
    done: bool,
}

impl Driver {
    fn poll(&mut self, context: &mut Context<'_>) {
        // Its error also reaches the request, which is where it is reported.
        if !self.done && Pin::new(&mut self.connection).poll(context).is_ready() {
            self.done = true;
        }
    }

    /// Waits for `work` while the connection is kept moving.
    async fn beside<F: Future + Unpin>(&mut self, mut work: F) -> F::Output {
        poll_fn(|context| {
            // Much of an answer comes in one piece, so that what follows its head is mostly there already.
            let ready = Pin::new(&mut work).poll(context);
            if ready.is_ready() {
                return ready;
            }
            self.poll(context);
            Pin::new(&mut work).poll(context)
        })
        .await
    }
}

impl Connection {
    /// Prepares HTTP/1.1 on a fresh connection; sends nothing yet.
    pub(super) async fn new(Dialled { io, arrival }: Dialled) -> Result<Self, hyper::Error> {
        // Requests are small: to copy one into a single piece is less work than to hand over two.
        let mut builder = http1::Builder::new();
        builder.max_buf_size(64 * 1024).writev(false);
        let (sender, connection) = builder.handshake(TokioIo::new(io)).await?;
        Ok(Self { sender, driver: Driver { connection, done: false }, used: false, arrival, idle: Stopwatch::start() })
    }

    /// Sends a request and waits for the head of the answer.
    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Broken> {
        let answer = pin!(self.sender.try_send_request(request));
        self.driver.beside(answer).await.map_err(|mut failed| {
            let unsent = failed.take_message().is_some();
            let error = failed.into_error();
            if unsent { Broken::NotSent(error) } else { Broken::Lost(error) }
        })
    }

    /// Reads the whole body, but no more than `longest` bytes.
    pub(super) async fn read(&mut self, mut body: Incoming, longest: usize) -> Result<Bytes, Broken> {
        let mut whole = BytesMut::new();
        let mut first = Bytes::new();
        while let Some(frame) = self.driver.beside(body.frame()).await {
            let Ok(data) = frame.map_err(Broken::Lost)?.into_data() else { continue };
            if first.len() + whole.len() + data.len() > longest {
                return Err(Broken::TooLong);
            }
            // Most answers come in one piece and are passed on as they are.
            if first.is_empty() && whole.is_empty() {
                first = data;
            } else {
                whole.extend_from_slice(&std::mem::take(&mut first));
                whole.extend_from_slice(&data);
            }
        }
        Ok(if whole.is_empty() { first } else { whole.freeze() })
    }

    /// Whether it can carry another request right after an answer; it is polled only if hyper has not said so already.
    pub(super) async fn still_usable(&mut self) -> bool {
        (self.sender.is_ready() && !self.driver.done) || self.usable().await
    }

    /// Looks once whether it can carry another request.
    pub(super) async fn usable(&mut self) -> bool {
        poll_fn(|context| {
            self.driver.poll(context);
            Poll::Ready(matches!(self.sender.poll_ready(context), Poll::Ready(Ok(()))) && !self.driver.done)
        })
        .await
    }
}

/// Idle connections, the last used first.
pub(super) struct Pool {
    idle: Mutex<Vec<Connection>>,
    most: usize,
}

impl Pool {
    pub(super) fn new(most: usize) -> Self {
        Self { idle: Mutex::default(), most }
    }

    fn pop(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// An idle connection that still looks alive.
    pub(super) async fn take(&self) -> Option<Connection> {
        while let Some(mut connection) = self.pop() {
            if connection.idle.elapsed() < LONGEST_IDLE && connection.usable().await {
                return Some(connection);
            }
        }
        None
    }

    /// Takes a connection back after a whole answer, if it can carry another one.
    pub(super) async fn put(&self, mut connection: Connection) {
        if !connection.still_usable().await {
            return;
        }
        connection.used = true;
        connection.idle = Stopwatch::start();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.most {
            idle.push(connection);
        }
    }
}
