//! The daemon as a process, and what can be read of it.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Config, Process, http, until};

/// `memsentry` with these arguments, to its end.
pub fn memsentry(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_memsentry")).args(arguments).stdin(Stdio::null()).output().expect("memsentry runs")
}

/// A daemon and its folder. It may be stopped and started again.
pub struct Daemon {
    folder: tempfile::TempDir,
    path: PathBuf,
    url: String,
    /// What starts it, given its command line; nothing unless a test asks for it.
    launcher: Vec<String>,
    process: Option<Process>,
}

impl Daemon {
    /// Writes the configuration and starts; returns when it listens.
    pub async fn start(config: &Config) -> Self {
        Self::start_by(&[], config).await
    }

    /// The same, by a program that ends as the daemon (`exec`). It runs in the daemon's folder.
    pub async fn start_by(launcher: &[&str], config: &Config) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = config.write(folder.path());
        let url = format!("http://127.0.0.1:{}", config.listen);
        let launcher = launcher.iter().map(|word| (*word).to_owned()).collect();
        let mut daemon = Self { folder, path, url, launcher, process: None };
        daemon.start_again().await;
        daemon
    }

    /// Starts it, over the files that an earlier one left.
    pub async fn start_again(&mut self) {
        let log = File::options().append(true).create(true).open(self.log_path()).expect("a log");
        let program = env!("CARGO_BIN_EXE_memsentry").to_owned();
        let mut words = self.launcher.iter().chain([&program]);
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).args(["run", "--config"]).arg(&self.path).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a handle")).stderr(log);
        self.process = Some(Process::start(&mut command));
        let began = Instant::now();
        while self.try_get("/-/healthy").await.is_none() {
            let ended = self.process.as_mut().and_then(Process::ended);
            assert!(ended.is_none(), "the daemon ended with {ended:?}:\n{}", self.log());
            assert!(began.elapsed() < super::PATIENCE, "the daemon does not listen:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The file of its store.
    pub fn store_path(&self) -> PathBuf {
        self.folder.path().join("memsentry.db")
    }

    /// Where its files are, as it sees them: it may have file systems of its own.
    pub fn inner_folder(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.process().id()));
        root.join(self.folder.path().strip_prefix("/").expect("an absolute path"))
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Everything it has written to standard output and standard error, over all its lives.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("a running daemon")
    }

    /// Writes another configuration over its own.
    pub fn rewrite(&self, config: &Config) {
        config.write(self.folder.path());
    }

    /// Asks it to read its configuration again.
    pub fn hang_up(&self) {
        self.process().signal("HUP");
    }

    /// Ends it without a warning.
    pub fn kill(&mut self) {
        self.process().signal("KILL");
        self.process = None;
    }

    /// Asks it to end; answers with its exit code and how long it took.
    pub async fn terminate(&mut self) -> (i32, Duration) {
        let began = Instant::now();
        self.process().signal("TERM");
        let mut process = self.process.take().expect("a running daemon");
        loop {
            if let Some(code) = process.ended() {
                return (code, began.elapsed());
            }
            assert!(began.elapsed() < super::PATIENCE, "it does not end:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A page's text; `None` if there is no answer or not 200.
    pub async fn try_get(&self, path: &str) -> Option<String> {
        let answer = http().get(format!("{}{path}", self.url)).send().await.ok()?;
        if answer.status().is_success() { answer.text().await.ok() } else { None }
    }

    pub async fn get(&self, path: &str) -> String {
        self.try_get(path).await.unwrap_or_else(|| panic!("{path} is not served:\n{}", self.log()))
    }

    /// The value of the one series that `query` finds, if there is one.
    pub async fn number(&self, query: &str) -> Option<f64> {
        let url = reqwest::Url::parse_with_params(&format!("{}/api/v1/query", self.url), [("query", query)]);
        let answer: Value = http().get(url.expect("a URL")).send().await.ok()?.json().await.ok()?;
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        let data = &answer["data"];
        let value = if data["resultType"] == "scalar" { &data["result"] } else { &data["result"][0]["value"] };
        value[1].as_str()?.parse().ok()
    }

    /// Waits until `query` has this value.
    pub async fn becomes(&self, query: &str, wanted: f64) {
        until(&format!("{query} to become {wanted}"), || async {
            let value = self.number(query).await;
            value.filter(|value| (value - wanted).abs() < 1e-9)
        })
        .await;
    }

    /// Waits until the rules have been evaluated so many times more.
    pub async fn evaluations(&self, more: u32) {
        const COUNT: &str = "max(memsentry_rule_evaluations_total)";
        let before = until("the rules to be evaluated", || self.number(COUNT)).await;
        until("rules to be evaluated again", || async {
            let now = self.number(COUNT).await?;
            (now >= before + f64::from(more)).then_some(())
        })
        .await;
    }
}
