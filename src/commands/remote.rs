//! How a command talks to a running daemon: where that is, and one JSON exchange at a time.
//!
//! The address is `--url`, or what the configuration's section `web` says, or that of a daemon with no configuration.
//! Every exchange is bounded in time and size. A [`Failure`] says what happened and what to do, and which exit code
//! that is; passwords in an address never show.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration as StdDuration;

use clap::Args;
use http::{Method, StatusCode};
use reqwest::{Client, Url, redirect};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

use crate::config;
use crate::model::Problem;
use crate::model::secret::redact_url;
use crate::web;

use super::{Exit, output};

/// Where a daemon listens that was told nothing else.
const DEFAULT: &str = "http://127.0.0.1:9464";
/// The configuration that is looked at unless another is named.
const CONFIGURATION: &str = "memsentry.yaml";
const CONNECT: StdDuration = StdDuration::from_secs(3);
const EXCHANGE: StdDuration = StdDuration::from_secs(30);
/// Longest answer.
const MOST_READ: usize = 64 << 20;

/// Which daemon is meant. A command flattens this into its arguments.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Where {
    /// The daemon's address, such as http://127.0.0.1:9464; taken from the configuration unless given
    #[arg(long, value_name = "URL", global = true)]
    url: Option<String>,
    /// The configuration whose section web says where the daemon is; memsentry.yaml unless given
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

/// A daemon that can be asked.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    client: Client,
    base: Url,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// Nobody answered.
    #[error(
        "no memsentry answers at {at}: {why}\nhint: is it running? name its address with --url, or its configuration with --config"
    )]
    Unreachable {
        /// The address, without user and password.
        at: String,
        /// What went wrong.
        why: String,
    },
    /// It answered with a refusal.
    #[error("memsentry answered {status}: {said}")]
    Refused {
        /// The status code.
        status: StatusCode,
        /// What it said, as text; of a JSON string the text in it.
        said: String,
    },
    /// Whoever answered is not a memsentry that we understand.
    #[error("what {at} answered cannot be read: {why}\nhint: is this a memsentry, of the same version?")]
    Unreadable {
        /// The address, without user and password.
        at: String,
        /// What was wrong with it.
        why: String,
    },
}

impl Failure {
    /// The exit code: 1 where the daemon understood and said no, 2 where the user has to give something else.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Refused { status, .. } if *status != StatusCode::BAD_REQUEST => Exit::No,
            _ => Exit::Input,
        }
    }

    /// Says so on standard error, and which exit code it is.
    pub fn tell(&self) -> Exit {
        output::talk(&format!("error: {self}"));
        self.exit()
    }
}

impl Where {
    /// What a command knows that has the two as arguments of its own.
    pub fn of(url: Option<&str>, config: &Path) -> Self {
        Self { url: url.map(str::to_owned), config: Some(config.to_owned()) }
    }

    /// The daemon that is meant; says on standard error what is wrong with how it was named.
    ///
    /// # Errors
    /// The exit code.
    pub fn remote(&self) -> Result<Remote, Exit> {
        let found = self.base().and_then(|base| {
            let client = client().map_err(|error| vec![Problem::at("", format!("no HTTP client: {error}"))])?;
            Ok(Remote { client, base })
        });
        found.map_err(|problems| {
            output::problems(&problems);
            Exit::Input
        })
    }

    /// The configuration, for what can be done without a daemon.
    pub fn configuration(&self) -> PathBuf {
        self.config.clone().unwrap_or_else(|| PathBuf::from(CONFIGURATION))
    }

    fn base(&self) -> Result<Url, Vec<Problem>> {
        let text = match (&self.url, &self.config) {
            (Some(url), _) => url.clone(),
            (None, Some(file)) => told_by(file)?,
            (None, None) if Path::new(CONFIGURATION).exists() => told_by(Path::new(CONFIGURATION))?,
            (None, None) => DEFAULT.to_owned(),
        };
        address(&text).map_err(|problem| vec![*problem])
    }
}

/// Whether a daemon runs where this configuration says, and watches the target.
pub(super) async fn watches(config: &Path, target: &str) -> bool {
    let place = Where { url: None, config: Some(config.to_owned()) };
    let (Ok(base), Ok(client)) = (place.base(), client()) else { return false };
    let asked = Remote { client, base };
    match asked.get("/api/v1/label/target/values", &[]).await {
        Ok(answer) => answer["data"].as_array().is_some_and(|names| names.iter().any(|name| name == target)),
        // One that wants a password first is there, too.
        Err(Failure::Refused { status, .. }) => status == StatusCode::UNAUTHORIZED,
        Err(_) => false,
    }
}

/// Where a daemon with this configuration is reached from its own machine.
fn told_by(file: &Path) -> Result<String, Vec<Problem>> {
    let settings: web::Settings = config::web_section(file)?;
    match settings.address() {
        Some(address) if address.port() != 0 => Ok(local(address)),
        _ => settings.external_url.ok_or_else(|| {
            let message = format!("{}: web.listen does not tell a port", file.display());
            vec![Problem::at("", message).hint("name the daemon's address with --url")]
        }),
    }
}

/// A listening address as one to connect to: who listens everywhere listens here too.
fn local(listen: SocketAddr) -> String {
    match listen {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => format!("http://127.0.0.1:{}", v4.port()),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => format!("http://[::1]:{}", v6.port()),
        _ => format!("http://{listen}"),
    }
}

fn address(text: &str) -> Result<Url, Box<Problem>> {
    let wrong = |why: String| {
        let message = format!("--url: {:?} is not an http or https address{why}", redact_url(text));
        Box::new(Problem::at("", message).hint(format!("write for example {DEFAULT}")))
    };
    let mut url = Url::parse(text).map_err(|error| wrong(format!(": {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(wrong(String::new()));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong(" without query and fragment".to_owned()));
    }
    // Paths are joined to it, behind a prefix too.
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

impl Remote {
    /// Asks for a path such as `/api/v2/silences`. Names in `query` may repeat.
    ///
    /// # Errors
    /// Nobody answers, or the answer is a refusal or no JSON.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Failure> {
        self.exchange(Method::GET, path, query, None).await
    }

    /// Posts JSON; `Value::Null` stands for an empty answer.
    ///
    /// # Errors
    /// Nobody answers, or the answer is a refusal or no JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.exchange(Method::POST, path, &[], Some(body)).await
    }

    /// Deletes; `Value::Null` stands for an empty answer.
    ///
    /// # Errors
    /// Nobody answers, or the answer is a refusal or no JSON.
    pub async fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.exchange(Method::DELETE, path, &[], None).await
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let at = redact_url(self.base.as_str());
        let unreachable = |why: String| Failure::Unreachable { at: at.clone(), why };
        let mut url = self.base.join(path.trim_start_matches('/')).map_err(|error| unreachable(error.to_string()))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.client.request(method, url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let mut response = request.send().await.map_err(|error| unreachable(chain(&error.without_url())))?;
        let status = response.status();
        let mut read = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(chain(&error.without_url())))? {
            if read.len() + chunk.len() > MOST_READ {
                return Err(Failure::Unreadable { at, why: format!("more than {MOST_READ} bytes") });
            }
            read.extend_from_slice(&chunk);
        }
        if !status.is_success() {
            return Err(Failure::Refused { status, said: said(&read) });
        }
        if read.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&read).map_err(|error| Failure::Unreadable { at, why: error.to_string() })
    }
}

fn client() -> reqwest::Result<Client> {
    let builder = || {
        Client::builder()
            .user_agent(concat!("memsentry/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(EXCHANGE)
    };
    // A machine without authorities of its own, such as a bare container.
    let mozilla = || {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        ClientConfig::builder().with_root_certificates(Arc::new(roots)).with_no_client_auth()
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    builder().build().or_else(|_| builder().tls_backend_preconfigured(mozilla()).build())
}

/// A refusal's text: that of a JSON string, of Prometheus's error envelope, or the body itself; on one line, cut.
fn said(body: &[u8]) -> String {
    let text = match serde_json::from_slice::<Value>(body) {
        Ok(Value::String(text)) => text,
        Ok(Value::Object(object)) if object.get("error").is_some_and(Value::is_string) => {
            object["error"].as_str().unwrap_or_default().to_owned()
        }
        _ => String::from_utf8_lossy(body).into_owned(),
    };
    text.trim().chars().take(2000).collect()
}

/// An error with its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(url: Option<&str>, web: Option<&str>) -> Result<String, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let config = web.map(|web| {
            let file = folder.path().join("m.yaml");
            // What else stands there, also what is wrong or secret, does not matter.
            let rest = "targets: [{name: a, service: {url: nowhere, login: {email: a@b, password_file: gone}}}]";
            std::fs::write(&file, format!("{rest}\nweb: {web}\n")).expect("written");
            file
        });
        let place = Where { url: url.map(str::to_owned), config };
        place.base().map(|url| url.to_string()).map_err(|problems| problems[0].to_string())
    }

    #[test]
    fn the_address_is_the_given_one_or_the_configurations() {
        assert_eq!(base(None, None).as_deref(), Ok("http://127.0.0.1:9464/"));
        assert_eq!(base(Some("https://m.example/sentry"), None).as_deref(), Ok("https://m.example/sentry/"));
        assert_eq!(base(Some("http://a:1"), Some("{listen: '127.0.0.1:2'}")).as_deref(), Ok("http://a:1/"));
        assert_eq!(base(None, Some("{listen: '127.0.0.1:2'}")).as_deref(), Ok("http://127.0.0.1:2/"));
        assert_eq!(base(None, Some("{listen: '0.0.0.0:2'}")).as_deref(), Ok("http://127.0.0.1:2/"));
        assert_eq!(base(None, Some("{listen: '[::]:2'}")).as_deref(), Ok("http://[::1]:2/"));
        let elsewhere = "{listen: '127.0.0.1:0', external_url: 'https://m.example/x'}";
        assert_eq!(base(None, Some(elsewhere)).as_deref(), Ok("https://m.example/x/"));
    }

    #[test]
    fn an_address_that_is_none_says_what_to_write_and_shows_no_password() {
        for wrong in ["localhost:9464", "ftp://me:hunter2@host", "http://", "http://a/?me=hunter2"] {
            let told = base(Some(wrong), None).expect_err(wrong);
            assert!(told.contains("--url") && told.contains("write for example http://127.0.0.1:9464"), "{told}");
            assert!(!told.contains("hunter2"), "{told}");
        }
        let told = base(None, Some("{listen: '127.0.0.1:0'}")).expect_err("no port");
        assert!(told.contains("name the daemon's address with --url"), "{told}");
    }

    #[test]
    fn a_refusal_is_told_in_its_own_words() {
        assert_eq!(said(br#""bad matcher""#), "bad matcher");
        assert_eq!(said(br#"{"status":"error","errorType":"bad_data","error":"no such"}"#), "no such");
        assert_eq!(said(b"plain\n"), "plain");
    }

    #[tokio::test]
    async fn nobody_there_is_an_error_that_says_where_and_what_to_do() {
        // Bound and dropped, so that nobody listens.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        drop(listener);
        let place = Where { url: Some(format!("http://me:hunter2@{address}")), config: None };
        let remote = place.remote().expect("an address");
        let failure = remote.get("/api/v2/status", &[]).await.expect_err("nobody");
        let told = failure.to_string();
        assert!(told.contains(&address.to_string()) && told.contains("is it running?"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
        assert_eq!(failure.exit(), Exit::Input);
    }
}
