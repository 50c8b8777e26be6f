//! A whole deployment for one test: the real daemon, a real service, receivers for its pages, a folder for its files.
//!
//! Everything listens on loopback. What is started here ends with the value that holds it, by process id, also when
//! the test process is killed. Nothing sleeps for a fixed time where [`until`] can wait for what is meant.

mod bodies;
mod config;
mod daemon;
mod door;
mod mail;
mod mail_sink;
mod moody;
mod reference;
mod rules;
mod webhook;

use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};

pub use bodies::{check_alertmanager_v4, without_evidence};
pub use config::{Config, SERVICE_PASSWORD, WEBHOOK_PASSWORD, WEBHOOK_TOKEN};
pub use daemon::{Daemon, memsentry};
pub use door::{Door, Silence};
pub use mail::Mail;
pub use mail_sink::MailSink;
pub use moody::{Mood, Moody};
pub use reference::{shared_reference, start_reference};
pub use rules::{faster, shipped};
pub use webhook::{Manner, Page, Webhook};

/// Longest wait for what should take a second, on a machine that runs everything at once.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A port that nobody listens on, below those that the system gives to outgoing connections: it stays closed until
/// the test opens it.
pub fn closed_port() -> u16 {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let spread = u16::try_from(std::process::id() % 11_000).unwrap_or(0);
    for _ in 0..1000 {
        let port = 20_000 + (spread + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between 20000 and 32000");
}

/// Asks again and again until the answer is there; fails with `what` after [`PATIENCE`].
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A client for loopback.
pub fn http() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    client(reqwest::redirect::Policy::default())
}

/// The same, but a redirect is an answer.
pub fn http_without_redirects() -> reqwest::Client {
    let _ = http();
    client(reqwest::redirect::Policy::none())
}

fn client(redirects: reqwest::redirect::Policy) -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy().redirect(redirects).timeout(Duration::from_secs(20));
    client.build().expect("a client")
}

/// Kills `child` when this process ends in whatever way: it waits for the end of its standard input.
struct Keeper(Child);

impl Keeper {
    fn of(child: &Child) -> Self {
        let keeper = Command::new("sh")
            .args(["-c", r#"read -r _; kill -9 "$1""#, "keeper", &child.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(keeper.expect("sh"))
    }

    /// The child has ended or is about to be ended by us; the keeper must not outlive it.
    fn dismiss(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A child process that ends with this value.
pub struct Process {
    child: Child,
    keeper: Keeper,
}

impl Process {
    pub fn start(command: &mut Command) -> Self {
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let keeper = Keeper::of(&child);
        Self { child, keeper }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal such as `TERM`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(status.expect("kill").success(), "kill -{name} {}", self.child.id());
    }

    /// The exit code if it has ended; -1 if a signal ended it.
    pub fn ended(&mut self) -> Option<i32> {
        self.child.try_wait().expect("our child").map(|status| status.code().unwrap_or(-1))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.keeper.dismiss();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
