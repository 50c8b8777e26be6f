//! Real servers on loopback for the tests of notifiers, and a message to send to them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Response, Uri};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::evidence::Evidence;
use super::super::message::{Notification, Told, common_annotations, common_labels};
use super::super::reason::Reason;
use super::{Attempt, Failure, Notifier, NotifierKind};
use crate::model::{Labels, Timestamp};
use crate::runbooks::Runbooks;

/// What a server saw: headers and body.
pub(super) type Seen = Arc<Mutex<Vec<(HeaderMap, String)>>>;

/// A part of every URL that must never be shown.
pub(super) const TOKEN: &str = "t0psecret";

/// A server that answers every request like this; status 0 never answers.
pub(super) async fn server(
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
) -> (String, Seen) {
    let seen = Seen::default();
    let handler = move |State(seen): State<Seen>, _uri: Uri, request_headers: HeaderMap, text: String| async move {
        seen.lock().expect("unpoisoned").push((request_headers, text));
        if status == 0 {
            std::future::pending::<()>().await;
        }
        let response = Response::builder().status(status);
        let response = headers.iter().fold(response, |response, (name, value)| response.header(*name, *value));
        response.body(axum::body::Body::from(body)).expect("a response")
    };
    let app = Router::new()
        .fallback(handler)
        .layer(axum::extract::DefaultBodyLimit::max(8 << 20))
        .with_state(Arc::clone(&seen));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    #[allow(clippy::disallowed_methods)]
    tokio::spawn(async move { axum::serve(listener, app).await });
    (format!("http://{address}/hook?token={TOKEN}"), seen)
}

/// A port on which nobody listens.
pub(super) fn nobody() -> String {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    format!("http://{free}/hook?token={TOKEN}")
}

/// The bodies that a server saw, as JSON.
pub(super) fn bodies(seen: &Seen) -> Vec<serde_json::Value> {
    let seen = seen.lock().expect("unpoisoned");
    seen.iter().map(|(_, body)| serde_json::from_str(body).expect("JSON")).collect()
}

pub(super) fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect("a time")
}

pub(super) fn told(target: &str, ended: Option<&str>) -> Told {
    let labels = [("alertname", "QueueDepthHigh"), ("severity", "warning"), ("target", target)];
    let labels = Labels::from_pairs(labels);
    let mut told = Told {
        fingerprint: labels.fingerprint().to_string(),
        labels,
        annotations: BTreeMap::from([("summary".into(), "too <much>".into()), ("for".into(), target.into())]),
        starts_at: at("2026-11-23T02:14:00Z"),
        generator_url: "http://m/graph".into(),
        value: Some(142.0),
        ..Told::default()
    };
    if let Some(end) = ended {
        told.end(at(end));
    }
    told
}

/// About these alerts.
pub(super) fn about(alerts: Vec<Told>) -> Notification {
    Notification {
        receiver: "oncall".into(),
        group_key: "{}:{alertname=\"QueueDepthHigh\"}".into(),
        reason: Reason::SomeResolved,
        decided_at: at("2026-11-23T02:21:00Z"),
        group_labels: Labels::from_pairs([("alertname", "QueueDepthHigh")]),
        common_labels: common_labels(&alerts),
        common_annotations: common_annotations(&alerts),
        external_url: "http://m".into(),
        runbook: Some("QueueDepthHigh".into()),
        alerts,
        ..Notification::sample(at("2026-11-23T02:21:00Z"))
    }
}

/// One alert fires, one is over.
pub(super) fn notification() -> Notification {
    about(vec![told("main", None), told("spare", Some("2026-11-23T02:20:00Z"))])
}

/// Everything is over.
pub(super) fn over() -> Notification {
    about(vec![told("main", Some("2026-11-23T02:20:00Z"))])
}

/// What a user wrote, set up; with every problem that it has told.
pub(super) fn build<N: NotifierKind>(yaml: &str) -> N
where
    N::Settings: serde::de::DeserializeOwned,
{
    let settings: N::Settings = serde_yaml::from_str(yaml).expect("valid YAML");
    let problems = N::problems(&settings);
    assert!(problems.is_empty(), "{problems:?}");
    N::build(&settings).unwrap_or_else(|problem| panic!("{problem}"))
}

/// The problems of what a user wrote.
pub(super) fn problems<N: NotifierKind>(yaml: &str) -> Vec<String>
where
    N::Settings: serde::de::DeserializeOwned,
{
    let settings: N::Settings = serde_yaml::from_str(yaml).expect("valid YAML");
    N::problems(&settings).iter().map(ToString::to_string).collect()
}

/// One attempt, at half past seven on the day of the HTTP date in the RFC.
pub(super) async fn deliver(notifier: &dyn Notifier, notification: &Notification) -> Result<(), Failure> {
    let runbooks = Runbooks::from_iter([("QueueDepthHigh", "# QueueDepthHigh\n\nX.\n")]);
    let (evidence, at) = (Evidence::default(), at("2015-10-21T07:27:30Z"));
    notifier.deliver(&Attempt { key: "k1", notification, evidence: &evidence, runbooks: &runbooks, at }).await
}

/// Certificates in files: an authority, a server named `localhost`, another named `elsewhere`, a client.
pub(super) struct Certificates {
    dir: tempfile::TempDir,
}

impl Certificates {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut authority = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority_key = rcgen::KeyPair::generate().expect("a key");
        std::fs::write(dir.path().join("ca.pem"), authority.self_signed(&authority_key).expect("signed").pem())
            .expect("written");
        let issuer = rcgen::Issuer::new(authority, authority_key);
        for name in ["localhost", "elsewhere", "client"] {
            let key = rcgen::KeyPair::generate().expect("a key");
            let parameters = rcgen::CertificateParams::new(vec![name.to_owned()]).expect("parameters");
            let leaf = parameters.signed_by(&key, &issuer).expect("signed");
            std::fs::write(dir.path().join(format!("{name}.pem")), leaf.pem()).expect("written");
            std::fs::write(dir.path().join(format!("{name}.key")), key.serialize_pem()).expect("written");
        }
        Self { dir }
    }

    pub fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// A TLS server with the certificate of `name` that answers 200 and `ok`; with `clients` only to whom the
    /// authority knows.
    pub async fn server(&self, name: &str, clients: bool) -> String {
        use rustls::pki_types::pem::PemObject;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        let chain = |path: &str| {
            let read = CertificateDer::pem_file_iter(Path::new(path)).expect("a file");
            read.collect::<Result<Vec<_>, _>>().expect("certificates")
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = if clients {
            let mut roots = rustls::RootCertStore::empty();
            chain(&self.path("ca.pem")).into_iter().for_each(|root| roots.add(root).expect("a root"));
            let verifier = rustls::server::WebPkiClientVerifier::builder(Arc::new(roots)).build().expect("a verifier");
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::from_pem_file(self.path(&format!("{name}.key"))).expect("a key");
        let config = builder.with_single_cert(chain(&self.path(&format!("{name}.pem"))), key).expect("a certificate");
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        #[allow(clippy::disallowed_methods)]
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let _ = stream.read(&mut [0; 16384]).await;
                    let _ =
                        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await;
                    let _ = stream.shutdown().await;
                }
            }
        });
        format!("https://localhost:{port}/")
    }
}

/// A proxy: tunnels what asks for a tunnel, answers the rest itself. Remembers the heads of requests.
pub(super) async fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let kept = Arc::clone(&heads);
    #[allow(clippy::disallowed_methods)]
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let kept = Arc::clone(&kept);
            tokio::spawn(async move { proxied(client, &kept).await });
        }
    });
    (address.to_string(), heads)
}

async fn proxied(mut client: TcpStream, heads: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let tunnel = head.starts_with("CONNECT ");
    heads.lock().expect("unpoisoned").push(head);
    if !tunnel {
        return client.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await;
    }
    let port = target.rsplit(':').next().unwrap_or_default();
    let mut server = TcpStream::connect(format!("127.0.0.1:{port}")).await?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await.map(|_| ())
}
