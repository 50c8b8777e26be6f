//! A scripted HTTP server for tests: answers by a closure, counts connections, can stall, cut off and speak TLS.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration as StdDuration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) route: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
    /// Which request on its connection it is, from 0.
    pub(crate) on_connection: usize,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// What to answer.
pub(crate) enum Reply {
    Status(u16, String),
    With(u16, Vec<(&'static str, String)>, String),
    /// Closes the connection without an answer.
    Hang,
    /// Never answers.
    Stall,
}

impl Reply {
    pub(crate) fn ok(body: impl ToString) -> Self {
        Self::Status(200, body.to_string())
    }
}

type Script = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

/// The running server; ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Fixture {
    pub(crate) url: String,
    pub(crate) connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Fixture {
    pub(crate) async fn start(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(Arc::new(script), None).await
    }

    /// Speaks TLS with a fresh certificate for `localhost`, which it answers as PEM.
    pub(crate) async fn start_tls(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> (Self, String) {
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        (Self::serve(Arc::new(script), Some(acceptor)).await, certified.cert.pem())
    }

    #[allow(clippy::disallowed_methods)] // a test's server may live in a task of its own
    async fn serve(script: Script, tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = if tls.is_some() { format!("https://localhost:{port}") } else { format!("http://127.0.0.1:{port}") };
        let fixture = Self { url, connections: Arc::default(), seen: Arc::default() };
        let shared = fixture.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let (script, seen, tls) = (Arc::clone(&script), Arc::clone(&shared.seen), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                connection(stream, script, seen).await;
                            }
                        }
                        None => connection(stream, script, seen).await,
                    }
                });
            }
        });
        fixture
    }

    /// Everything that was asked so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// How often `route` was asked.
    pub(crate) fn count(&self, route: &str) -> usize {
        self.seen().iter().filter(|seen| seen.route.starts_with(route)).count()
    }
}

async fn connection<T>(stream: T, script: Script, seen: Arc<Mutex<Vec<Seen>>>)
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let number = Arc::new(AtomicUsize::new(0));
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let (script, seen) = (Arc::clone(&script), Arc::clone(&seen));
        let on_connection = number.fetch_add(1, Ordering::SeqCst);
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            let asked = Seen {
                route: format!("{} {}", head.method, head.uri.path()),
                headers: head.headers,
                body: String::from_utf8_lossy(&body).into_owned(),
                on_connection,
            };
            seen.lock().unwrap().push(asked.clone());
            let (status, headers, body) = match script(&asked) {
                Reply::Status(status, body) => (status, Vec::new(), body),
                Reply::With(status, headers, body) => (status, headers, body),
                Reply::Hang => return Err(std::io::Error::other("cut off")),
                Reply::Stall => std::future::pending().await,
            };
            let mut answer = http::Response::builder().status(status);
            for (name, value) in headers {
                answer = answer.header(name, value);
            }
            Ok(answer.body(Full::new(Bytes::from(body))).unwrap())
        }
    });
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// A server that writes `bytes` to whoever connects and then holds the connection.
#[allow(clippy::disallowed_methods)] // as above
pub(crate) async fn raw(bytes: &'static [u8]) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = [0; 4096];
                let _ = stream.read(&mut asked).await;
                let _ = stream.write_all(bytes).await;
                tokio::time::sleep(StdDuration::from_secs(60)).await;
            });
        }
    });
    url
}
