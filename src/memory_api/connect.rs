//! From a URL to a connection, phase by phase: addresses, TCP, TLS, each under the request's deadline.
//!
//! A phase that runs out of time fails with its own reason (`dns`, `connect`, `tls`), because that is what has
//! to be looked at; `timeout` is kept for a service that was reached and does not answer.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration as StdDuration;

use http::HeaderValue;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use crate::model::{Problem, Stopwatch};

use super::arrival::{Arrival, Noting};
use super::{FailureReason, Timings};

/// Where requests go: the parsed `url` setting.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) tls: bool,
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
    /// The `Host` header.
    pub(super) authority: HeaderValue,
    /// Path prefix without trailing slash, mostly empty.
    pub(super) prefix: String,
}

impl Endpoint {
    pub(super) fn parse(url: &str) -> Result<Self, Box<Problem>> {
        let refuse = |why: &str| Problem::at("url", format!("{:?} {why}", crate::model::secret::redact_url(url)));
        let uri: http::Uri = url.parse().map_err(|_| refuse("is not a URL"))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(refuse("does not begin with http:// or https://").into()),
        };
        let authority = uri.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or_else(|| refuse("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("holds a user").hint("credentials belong in login or token").into());
        }
        if uri.query().is_some() {
            return Err(refuse("has a query").into());
        }
        Ok(Self {
            tls,
            host: authority.host().trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            authority: HeaderValue::from_str(authority.as_str()).map_err(|_| refuse("is not a URL"))?,
            prefix: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

/// What a connection is made of: TCP, with or without TLS.
pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// A connection, and when it received what was last read from it, if it notes that.
pub(super) struct Dialled {
    pub(super) io: Box<dyn Io>,
    pub(super) arrival: Option<Arrival>,
}

/// Why no connection came about.
pub(super) type Refusal = (FailureReason, String);

/// Makes connections to one endpoint.
pub(super) struct Connector {
    pub(super) endpoint: Endpoint,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Connector {
    /// Reads `ca_file`, where TLS is used.
    pub(super) fn new(endpoint: Endpoint, ca_file: Option<&Path>) -> Result<Self, Box<Problem>> {
        let tls = if endpoint.tls {
            let name = ServerName::try_from(endpoint.host.clone()).map_err(|_| {
                Problem::at("url", format!("{:?} is no name that a certificate can have", endpoint.host))
            })?;
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|error| Problem::at("url", format!("no usable TLS version: {error}")))?
                .with_root_certificates(roots(ca_file)?)
                .with_no_client_auth();
            Some((TlsConnector::from(Arc::new(config)), name))
        } else {
            None
        };
        Ok(Self { endpoint, tls })
    }

    /// Connects before `deadline` and notes how long each phase took. `socket` wraps the TCP connection: it notes
    /// arrivals, or not.
    pub(super) async fn connect(
        &self,
        deadline: Instant,
        timings: &mut Timings,
        socket: fn(TcpStream) -> Noting,
    ) -> Result<Dialled, Refusal> {
        let addresses = self.addresses(deadline, timings).await?;
        let clock = Stopwatch::start();
        let tcp = self.tcp(&addresses, deadline).await;
        timings.connect = Some(clock.elapsed());
        let tcp = socket(tcp?);
        let arrival = tcp.arrival();
        let Some((connector, name)) = &self.tls else { return Ok(Dialled { io: Box::new(tcp), arrival }) };
        let clock = Stopwatch::start();
        let tls = timeout_at(deadline, connector.connect(name.clone(), tcp)).await;
        timings.tls = Some(clock.elapsed());
        match tls {
            Ok(Ok(stream)) => Ok(Dialled { io: Box::new(stream), arrival }),
            Ok(Err(error)) => Err((FailureReason::Tls, format!("TLS handshake failed: {error}"))),
            Err(_) => Err((FailureReason::Tls, "TLS handshake did not end in time".to_owned())),
        }
    }

    async fn addresses(&self, deadline: Instant, timings: &mut Timings) -> Result<Vec<SocketAddr>, Refusal> {
        let Endpoint { host, port, .. } = &self.endpoint;
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, *port)]);
        }
        let clock = Stopwatch::start();
        let found = timeout_at(deadline, lookup_host((host.as_str(), *port))).await;
        timings.dns = Some(clock.elapsed());
        let fail = |why: String| Err((FailureReason::Dns, format!("no address for {host}: {why}")));
        match found {
            Ok(Ok(addresses)) => {
                let addresses: Vec<_> = addresses.take(8).collect();
                if addresses.is_empty() { fail("the name has none".to_owned()) } else { Ok(addresses) }
            }
            Ok(Err(error)) => fail(error.to_string()),
            Err(_) => fail("no answer in time".to_owned()),
        }
    }

    /// Tries the addresses in order; each gets an equal share of what is left of the time.
    async fn tcp(&self, addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, Refusal> {
        let mut last = String::new();
        for (at, address) in addresses.iter().enumerate() {
            let tries_left = u32::try_from(addresses.len() - at).unwrap_or(1);
            let now = Stopwatch::start().started();
            let share = deadline.saturating_duration_since(now) / tries_left;
            match timeout_at(now + share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Requests are written in one piece, so waiting for more only costs time.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => last = format!("cannot connect to {address}: {error}"),
                Err(_) => last = format!("cannot connect to {address}: no answer within {}", shown(share)),
            }
        }
        Err((FailureReason::Connect, last))
    }
}

fn shown(duration: StdDuration) -> crate::model::Duration {
    crate::model::Duration::from(duration)
}

fn roots(ca_file: Option<&Path>) -> Result<rustls::RootCertStore, Box<Problem>> {
    let mut roots = rustls::RootCertStore::empty();
    let Some(path) = ca_file else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok(roots);
    };
    let refuse = |why: String| Problem::at("ca_file", format!("{}: {why}", path.display()));
    let text = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| refuse(format!("not a PEM file: {error}")))?;
        roots.add(certificate).map_err(|error| refuse(format!("not a usable certificate: {error}")))?;
    }
    if roots.is_empty() { Err(refuse("holds no certificate".to_owned()).into()) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gives_host_port_and_prefix() {
        let endpoint = Endpoint::parse("https://[::1]/memory/").unwrap();
        assert_eq!((endpoint.host.as_str(), endpoint.port, endpoint.prefix.as_str()), ("::1", 443, "/memory"));
        let endpoint = Endpoint::parse("http://api.example:8080").unwrap();
        assert_eq!((endpoint.host.as_str(), endpoint.port, endpoint.prefix.as_str()), ("api.example", 8080, ""));
    }

    #[test]
    fn a_url_with_a_password_is_refused_without_showing_it() {
        let message = Endpoint::parse("http://me:hunter2@host/").unwrap_err().to_string();
        assert!(message.contains("holds a user") && !message.contains("hunter2"), "{message}");
        for url in ["host:80", "/x", "http://", "http://h/?a=b", "http://h h/"] {
            assert!(Endpoint::parse(url).is_err(), "{url}");
        }
    }
}
