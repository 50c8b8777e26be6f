//! TLS for receivers: own authorities, a certificate of our own, another name, or no check at all.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::model::Problem;

use super::TlsConfig;

/// A problem with one of the files.
fn unusable(at: &str, path: &Path, error: &dyn Display) -> Box<Problem> {
    Box::new(Problem::at(format!("http_config.tls_config.{at}"), format!("{}: {error}", path.display())))
}

/// Trusts Mozilla's list, for machines without one of their own.
pub(super) fn mozilla() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

/// The client's side of TLS where the settings ask for something of their own; nothing if the system's trust will do.
pub(super) fn config(settings: &TlsConfig) -> Result<Option<ClientConfig>, Box<Problem>> {
    let own = settings.ca_file.is_some() || settings.server_name.is_some() || settings.insecure_skip_verify;
    if !own && settings.cert_file.is_none() {
        return Ok(None);
    }
    let roots = match &settings.ca_file {
        Some(path) => authorities(path)?,
        None => mozilla(),
    };
    let builder = ClientConfig::builder();
    let builder = if settings.insecure_skip_verify {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Gullible(provider())))
    } else if let Some(name) = &settings.server_name {
        let wrong = |error: &dyn Display| {
            Box::new(Problem::at("http_config.tls_config.server_name", format!("{name:?}: {error}")))
        };
        let inner = WebPkiServerVerifier::builder(Arc::new(roots)).build().map_err(|error| wrong(&error))?;
        let name = ServerName::try_from(name.clone()).map_err(|error| wrong(&error))?;
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Named { inner, name }))
    } else {
        builder.with_root_certificates(roots)
    };
    let config = match (&settings.cert_file, &settings.key_file) {
        (Some(cert), Some(key)) => {
            let chain = certificates("cert_file", cert)?;
            let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable("key_file", key, &error))?;
            builder.with_client_auth_cert(chain, private).map_err(|error| unusable("cert_file", cert, &error))?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(Some(config))
}

fn provider() -> rustls::crypto::CryptoProvider {
    rustls::crypto::ring::default_provider()
}

fn certificates(at: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Box<Problem>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(|error| unusable(at, path, &error))?;
    if certificates.is_empty() { Err(unusable(at, path, &"no certificate in it")) } else { Ok(certificates) }
}

fn authorities(path: &Path) -> Result<RootCertStore, Box<Problem>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("ca_file", path)? {
        roots.add(certificate).map_err(|error| unusable("ca_file", path, &error))?;
    }
    Ok(roots)
}

/// Checks the certificate against another name than the host's.
#[derive(Debug)]
struct Named {
    inner: Arc<WebPkiServerVerifier>,
    name: ServerName<'static>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _host: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.inner.verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Takes any certificate, because the user said so.
#[derive(Debug)]
struct Gullible(rustls::crypto::CryptoProvider);

impl ServerCertVerifier for Gullible {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _host: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
