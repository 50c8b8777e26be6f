//! Mails a notification, as text and HTML, with the runbook in it.
//!
//! One connection for each message, so that a cut-off conversation can never be taken up in the middle of
//! another. The server's 4xx is tried again and 5xx is not, but for refused credentials, which say nothing
//! about the message. If a server refuses one of several recipients, the others still get theirs.

use std::future::Future;
use std::path::Path;

use lettre::address::Envelope;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Identity, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use crate::model::secret::redact;
use crate::model::{Duration, Problem, Secret};

use super::super::settings::Receiver;
use super::http::TlsConfig;
use super::text::Text;
use super::{Answer, Attempt, Failure, FailureReason, Notifier, NotifierKind};

mod compose;
mod html;
mod settings;
mod text;

pub use settings::{Encryption, Settings};

/// One list of mail boxes at one server.
pub struct Email {
    from: Mailbox,
    to: Vec<Mailbox>,
    subject: Option<Text>,
    text: Option<Text>,
    html: Option<Text>,
    headers: Vec<(String, Text)>,
    host: String,
    port: u16,
    encryption: Encryption,
    tls: Option<TlsParameters>,
    credentials: Option<(String, Secret)>,
    hello: Option<String>,
    timeout: Duration,
}

impl NotifierKind for Email {
    const NAME: &'static str = "email";
    const KEY: &'static str = "email_configs";
    type Settings = Settings;

    fn settings(receiver: &Receiver) -> &[Settings] {
        &receiver.email_configs
    }

    fn send_resolved(settings: &Settings) -> bool {
        settings.send_resolved
    }

    fn problems(settings: &Settings) -> Vec<Problem> {
        settings.problems()
    }

    fn build(settings: &Settings) -> Result<Self, Box<Problem>> {
        let (host, port) = settings.server()?;
        let encryption = settings.encryption();
        Ok(Self {
            from: settings.from()?,
            to: settings.to()?,
            subject: settings.subject().cloned(),
            text: settings.text.clone(),
            html: settings.html.clone(),
            headers: settings.further_headers().map(|(name, value)| (name.clone(), value.clone())).collect(),
            tls: if encryption == Encryption::None { None } else { Some(trust(settings, &host)?) },
            host,
            port,
            encryption,
            credentials: settings.auth_username.clone().zip(settings.auth_password.clone()),
            hello: settings.hello.clone(),
            timeout: settings.timeout,
        })
    }
}

fn trust(settings: &Settings, host: &str) -> Result<TlsParameters, Box<Problem>> {
    let TlsConfig { ca_file, cert_file, key_file, server_name, insecure_skip_verify } = &settings.tls_config;
    let read = |at: &str, path: &Path| {
        let wrong = |error| Box::new(Problem::at(format!("tls_config.{at}"), format!("{}: {error}", path.display())));
        std::fs::read(path).map_err(|error| wrong(error.to_string()))
    };
    let wrong = |at: &str, error: &dyn std::fmt::Display| {
        Box::new(Problem::at(format!("tls_config.{at}"), format!("cannot be used: {error}")))
    };
    let mut parameters = TlsParameters::builder(server_name.as_deref().unwrap_or(host).to_owned());
    if let Some(path) = ca_file {
        let root = Certificate::from_pem(&read("ca_file", path)?).map_err(|error| wrong("ca_file", &error))?;
        parameters = parameters.certificate_store(CertificateStore::None).add_root_certificate(root);
    }
    if let (Some(cert), Some(key)) = (cert_file, key_file) {
        let identity = Identity::from_pem(&read("cert_file", cert)?, &read("key_file", key)?);
        parameters = parameters.identify_with(identity.map_err(|error| wrong("cert_file", &error))?);
    }
    parameters = parameters.dangerous_accept_invalid_certs(*insecure_skip_verify);
    parameters
        .build_rustls()
        .map_err(|error| Box::new(Problem::at("tls_config", format!("TLS cannot be set up: {error}"))))
}

impl Notifier for Email {
    /// Greets the server, logs in, and says NOOP.
    fn reach(&self) -> Option<Answer<'_>> {
        Some(Box::pin(async move {
            let transport = self.transport();
            let tested = self.in_time(transport.test_connection()).await;
            let _ = self.in_time(transport.shutdown()).await;
            match tested {
                Some(Ok(true)) => Ok(()),
                Some(Ok(false)) => Err(Failure::later(
                    FailureReason::ServerError,
                    "the server ended the conversation after the greeting",
                )),
                Some(Err(error)) => match self.failure(&error) {
                    Answered::Refused(failure) | Answered::Failed(failure) => Err(failure),
                },
                None => {
                    let message = format!("no answer from the mail server within {}", self.timeout);
                    Err(Failure::later(FailureReason::Timeout, message))
                }
            }
        }))
    }

    fn for_people(&self) -> bool {
        true
    }

    fn deliver<'a>(&'a self, attempt: &'a Attempt<'a>) -> Answer<'a> {
        Box::pin(async move {
            let message = compose::message(self, attempt).map_err(|error| {
                Failure::never(FailureReason::Other, format!("the mail cannot be written: {error}"))
            })?;
            let raw = message.formatted();
            let all: Vec<Address> = self.to.iter().map(|mailbox| mailbox.email.clone()).collect();
            match self.send(&all, &raw).await {
                Err(Answered::Refused(_)) if all.len() > 1 => self.send_apart(&all, &raw).await,
                Ok(()) => Ok(()),
                Err(Answered::Refused(failure) | Answered::Failed(failure)) => Err(failure),
            }
        })
    }
}

/// How a conversation with the server ended.
enum Answered {
    /// The server refused the message or a recipient for good.
    Refused(Failure),
    Failed(Failure),
}

impl Email {
    async fn send(&self, to: &[Address], raw: &[u8]) -> Result<(), Answered> {
        let own = |error: &dyn std::fmt::Display| {
            Answered::Failed(Failure::never(FailureReason::Other, format!("no envelope: {error}")))
        };
        let envelope = Envelope::new(Some(self.from.email.clone()), to.to_vec()).map_err(|error| own(&error))?;
        let transport = self.transport();
        let sent = self.in_time(transport.send_raw(&envelope, raw)).await;
        // The message's fate is decided; how the conversation ends is not.
        let _ = self.in_time(transport.shutdown()).await;
        match sent {
            None => {
                let message = format!("no answer from the mail server within {}", self.timeout);
                Err(Answered::Failed(Failure::later(FailureReason::Timeout, message)))
            }
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(self.failure(&error)),
        }
    }

    /// One message for each recipient; delivered if any server took one.
    async fn send_apart(&self, to: &[Address], raw: &[u8]) -> Result<(), Failure> {
        let mut taken = 0;
        let mut last = None;
        for address in to {
            match self.send(std::slice::from_ref(address), raw).await {
                Ok(()) => taken += 1,
                Err(Answered::Refused(failure)) => {
                    tracing::warn!(recipient = %address, error = failure.message, "recipient refused for good");
                    last = Some(failure);
                }
                // Trouble that may pass concerns all; those who got it will drop the repeat by its Message-ID.
                Err(Answered::Failed(failure)) => return Err(failure),
            }
        }
        match last {
            Some(failure) if taken == 0 => Err(failure),
            _ => Ok(()),
        }
    }

    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(self.timeout.std(), work).await.ok()
    }

    fn transport(&self) -> AsyncSmtpTransport<Tokio1Executor> {
        let tls = match (&self.tls, self.encryption) {
            (Some(tls), Encryption::Starttls) => Tls::Required(tls.clone()),
            (Some(tls), Encryption::Implicit) => Tls::Wrapper(tls.clone()),
            _ => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host)
            .port(self.port)
            .tls(tls)
            .timeout(Some(self.timeout.std()));
        if let Some(hello) = &self.hello {
            builder = builder.hello_name(ClientId::Domain(hello.clone()));
        }
        if let Some((name, password)) = &self.credentials {
            builder = builder.credentials(Credentials::new(name.clone(), password.expose().to_owned()));
        }
        builder.build()
    }

    fn failure(&self, error: &lettre::transport::smtp::Error) -> Answered {
        let secrets: Vec<Secret> = self.credentials.iter().map(|(_, password)| password.clone()).collect();
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            let next = error.to_string();
            if !message.contains(&next) {
                message = format!("{message}: {next}");
            }
            cause = error.source();
        }
        let message = redact(message.trim_end(), &secrets);
        let code = error.status().map_or(0, u16::from);
        match code {
            530 | 534 | 535 | 538 => Answered::Failed(Failure::later(FailureReason::AuthError, message)),
            500..=599 => Answered::Refused(Failure::never(FailureReason::ClientError, message)),
            400..=499 => Answered::Failed(Failure::later(FailureReason::ServerError, message)),
            _ if error.is_timeout() => Answered::Failed(Failure::later(FailureReason::Timeout, message)),
            _ => Answered::Failed(Failure::later(FailureReason::Other, message)),
        }
    }
}

#[cfg(test)]
mod tests;
