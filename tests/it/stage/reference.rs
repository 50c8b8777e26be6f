//! The reference service as a process, with its faults.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use super::config::SERVICE_PASSWORD;
use super::{Process, http};

/// A running reference service with its database.
pub struct Reference {
    pub api_url: String,
    pub database_url: String,
    faults_url: String,
    _process: Process,
    /// It ends when this closes, which it does however this process ends.
    _stdin: std::process::ChildStdin,
}

/// The program, which is built beside the daemon.
fn binary() -> PathBuf {
    let path = PathBuf::from(env!("CARGO_BIN_EXE_memsentry")).with_file_name("memsentry-reference");
    assert!(path.exists(), "{} is missing; run: cargo build --workspace --bins", path.display());
    path
}

impl Reference {
    /// The one that all tests share which break nothing in it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Reference> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[]))
    }

    /// Starts one with a throwaway database and waits until it is ready.
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.args(["--faults-listen", "127.0.0.1:0", "--exit-with-stdin", "--log", "off"]);
        // Many daemons share one user here, and a fault should be over within one interval.
        command.args(["--rate-limit", "1000000", "--idle-sleep", "50ms", "--health-cache", "0s"]);
        command.args(["--password", SERVICE_PASSWORD]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = Process::start(&mut command);
        let stdin = process.child.stdin.take().expect("piped");
        let mut line = String::new();
        BufReader::new(process.child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let line: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("start-up line {line:?}: {error}"));
        let text = |name: &str| line[name].as_str().unwrap_or_else(|| panic!("no {name} in {line}")).to_owned();
        Self {
            api_url: text("api_url"),
            database_url: text("database_url"),
            faults_url: text("faults_url"),
            _process: process,
            _stdin: stdin,
        }
    }

    /// Breaks it.
    pub async fn break_by(&self, fault: Value) {
        let request = http().post(format!("{}/faults", self.faults_url)).json(&fault);
        let answer = request.send().await.expect("the faults endpoint answers");
        assert!(answer.status().is_success(), "{fault}: {}", answer.text().await.unwrap_or_default());
    }

    /// Ends every fault.
    pub async fn heal(&self) {
        let answer = http().delete(format!("{}/faults", self.faults_url)).send().await;
        assert!(answer.expect("the faults endpoint answers").status().is_success());
    }
}
