//! Runs the reference service as a child and breaks and heals it through its faults endpoint.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration as StdDuration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Longest wait for the start-up line; a database is created meanwhile.
const START: StdDuration = StdDuration::from_secs(60);

/// The reference service's start-up line.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Addresses {
    /// Where the API answers.
    pub(super) api_url: String,
    /// Its database, with a role that may read and clean up.
    pub(super) database_url: String,
    /// Where faults are switched.
    pub(super) faults_url: String,
}

/// A running reference service; it ends with us, because its standard input closes.
pub(super) struct Reference {
    pub(super) addresses: Addresses,
    child: Child,
}

/// A way to break the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Break {
    /// The worker stops: updates are accepted and never processed.
    Worker,
    /// The summariser fails: rows are retried and go nowhere.
    Agent,
    /// The database refuses connections.
    Database,
    /// Reading a memory takes 400 ms.
    Latency,
    /// Half of all requests are answered with 500.
    Errors,
}

impl Break {
    /// What is sent to the faults endpoint.
    fn fault(self) -> serde_json::Value {
        match self {
            Self::Worker => serde_json::json!({"worker": "stopped"}),
            Self::Agent => serde_json::json!({"agent": "fail"}),
            Self::Database => serde_json::json!({"database": "refused"}),
            Self::Latency => serde_json::json!({"latency": {"route": "memory", "ms": 400}}),
            Self::Errors => serde_json::json!({"errors": {"route": "all", "status": 500, "ratio": 0.5}}),
        }
    }

    /// The alert that this must bring.
    pub(super) fn alert(self) -> &'static str {
        match self {
            Self::Worker => "WorkerStalled",
            Self::Agent => "UpdateSuccessLow",
            Self::Database => "DatabaseUnreachable",
            Self::Latency => "RetrievalSlow",
            Self::Errors => "ApiErrorRateHigh",
        }
    }

    /// What was done, for a person.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Worker => "the worker is stopped; updates are accepted and never processed",
            Self::Agent => "the summariser fails; every row is tried again and goes nowhere",
            Self::Database => "the database refuses connections",
            Self::Latency => "reading a memory takes 400 ms",
            Self::Errors => "half of all requests are answered with 500",
        }
    }
}

/// Finds the reference binary: as told, beside our own, or on the path.
fn binary(told: Option<PathBuf>) -> Result<PathBuf> {
    const NAME: &str = "memsentry-reference";
    if let Some(path) = told {
        return Ok(path);
    }
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join(NAME)));
    match beside {
        Some(path) if path.exists() => Ok(path),
        _ => Ok(PathBuf::from(NAME)),
    }
}

impl Reference {
    /// Starts the service with a database of its own and waits until it is ready.
    pub(super) async fn start(told: Option<PathBuf>) -> Result<Self> {
        let binary = binary(told)?;
        let mut child = Command::new(&binary)
            .args(["--faults-listen", "127.0.0.1:0", "--exit-with-stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| {
                format!("cannot start {}: build it with cargo build -p memsentry-reference", binary.display())
            })?;
        let Some(stdout) = child.stdout.take() else { bail!("the reference service has no standard output") };
        let mut line = String::new();
        let read = timeout(START, BufReader::new(stdout).read_line(&mut line)).await;
        if read.context("the reference service was not ready in time")?? == 0 {
            let status = child.wait().await?;
            bail!("the reference service ended at once ({status}); run {} to see why", binary.display());
        }
        let addresses = serde_json::from_str(&line).context("the reference service's start-up line")?;
        Ok(Self { addresses, child })
    }

    /// Breaks the service in one way.
    pub(super) async fn break_by(&self, fault: Break) -> Result<()> {
        let url = format!("{}/faults", self.addresses.faults_url);
        self.call(reqwest::Method::POST, &url, Some(fault.fault())).await
    }

    /// Ends every fault.
    pub(super) async fn heal(&self) -> Result<()> {
        let url = format!("{}/faults", self.addresses.faults_url);
        self.call(reqwest::Method::DELETE, &url, None).await
    }

    async fn call(&self, method: reqwest::Method, url: &str, body: Option<serde_json::Value>) -> Result<()> {
        let client = reqwest::Client::builder().timeout(StdDuration::from_secs(10)).no_proxy().build()?;
        let mut request = client.request(method, url);
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await?.error_for_status().context("the faults endpoint")?;
        Ok(())
    }

    /// Ends the service and waits until it has cleaned up.
    pub(super) async fn stop(mut self) {
        drop(self.child.stdin.take());
        if timeout(StdDuration::from_secs(10), self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}
