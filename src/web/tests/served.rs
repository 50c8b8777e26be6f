//! A server for one test, and a client that speaks plain HTTP/1.1.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration as StdDuration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::super::server::Bounds;
use super::super::{Settings, Sources, Web, metrics};
use super::sample::{self, Sample};
use crate::model::task::Spawner;

/// A running server.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) sources: Sources,
    pub(crate) view: Arc<Sample>,
    cancel: CancellationToken,
    serving: JoinHandle<()>,
    working: Vec<JoinHandle<()>>,
}

impl Served {
    pub(crate) async fn start(view: Sample) -> Self {
        Self::start_within(view, Bounds::default()).await
    }

    #[allow(clippy::disallowed_methods)] // a test supervises its own tasks
    pub(crate) async fn start_within(view: Sample, bounds: Bounds) -> Self {
        let settings = Settings { listen: "127.0.0.1:0".into(), ..Settings::default() };
        let web = Web::bind_within(&settings, bounds).await.expect("a free port");
        let (sources, view, tasks) = sample::sources(view).await;
        let working = tasks.into_iter().map(|task| tokio::spawn((task.start)())).collect();
        let address = web.local_addr();
        let cancel = CancellationToken::new();
        let spawner: Spawner = Arc::new(|_, work| {
            tokio::spawn(work);
        });
        let serving = tokio::spawn(web.serve(sources.clone(), spawner, cancel.clone()));
        Self { address, sources, view, cancel, serving, working }
    }

    pub(crate) async fn end(self) {
        self.cancel.cancel();
        self.serving.await.expect("it ends well");
        self.working.iter().for_each(JoinHandle::abort);
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("it listens")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        Answer::over(&mut self.connect().await, method, path, headers, body).await
    }

    /// How often `route` was answered with `code`.
    pub(crate) fn requests(&self, route: &str, code: &str) -> f64 {
        self.sources.registry.counter(&metrics::REQUESTS).with_label_values(&[route, code]).get()
    }

    /// Waits until so many connections are open.
    pub(crate) async fn wait_for_connections(&self, count: f64) {
        let none: &[&str] = &[];
        let open = self.sources.registry.gauge(&metrics::CONNECTIONS).with_label_values(none);
        for _ in 0..1000 {
            if (open.get() - count).abs() < f64::EPSILON {
                return;
            }
            tokio::time::sleep(StdDuration::from_millis(5)).await;
        }
        panic!("{} connections are open, not {count}", open.get());
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) async fn over(
        stream: &mut TcpStream,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Self {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: memsentry.test\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        stream.write_all(request.as_bytes()).await.expect("the head is taken");
        // A server may answer before it has read a body that it does not want.
        let _ = stream.write_all(body.as_bytes()).await;
        let mut received = Vec::new();
        loop {
            if let Some(answer) = Self::parse(&received) {
                return answer;
            }
            let mut part = [0; 16 * 1024];
            let length = stream.read(&mut part).await.expect("an answer");
            assert!(length > 0, "the answer ends early: {}", String::from_utf8_lossy(&received));
            received.extend_from_slice(&part[..length]);
        }
    }

    fn parse(received: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(received).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let code = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, v)| v.parse().ok());
        (body.len() == length.unwrap_or(0)).then(|| Self { code, headers: headers.clone(), body: body.to_owned() })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}
