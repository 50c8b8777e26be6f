//! The reference service as a child process: started with switches, broken and healed over its faults endpoint.
//!
//! It ends with its standard input, so that it goes whenever the test goes, in whatever way.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use memsentry::memory_api::{self, Login};
use memsentry::model::Secret;
use memsentry::queue;

/// One running reference service.
pub struct Reference {
    child: Child,
    pub api_url: String,
    pub database_url: String,
    pub chaos_database_url: String,
    faults: String,
}

/// The program, which is built beside the daemon.
fn binary() -> &'static PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let path = PathBuf::from(env!("CARGO_BIN_EXE_memsentry")).with_file_name("memsentry-reference");
        assert!(path.exists(), "{} is missing; run: cargo build --workspace --bins", path.display());
        path
    })
}

/// The names of all quirks, from the program itself.
pub fn quirks() -> Vec<String> {
    let help = Command::new(binary()).arg("--help").output().expect("the reference service runs");
    let help = String::from_utf8(help.stdout).expect("text");
    let list = help.split_once("Quirks:\n").expect("a list of quirks").1;
    // A long description goes on in the next line; only a name is followed by more than one blank.
    list.lines().filter_map(|line| Some(line.trim_start().split_once("  ")?.0.to_owned())).collect()
}

impl Reference {
    /// Starts it with these arguments and waits until it is ready.
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(binary())
            .args(["--exit-with-stdin", "--faults-listen", "127.0.0.1:0", "--idle-sleep", "50ms", "--log", "error"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the reference service starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let ready: serde_json::Value = serde_json::from_str(&line).expect("its first line is JSON");
        let text = |name: &str| ready[name].as_str().expect(name).to_owned();
        let faults = text("faults_url").trim_start_matches("http://").to_owned();
        let (api_url, database_url) = (text("api_url"), text("database_url"));
        Self { child, api_url, database_url, chaos_database_url: text("chaos_database_url"), faults }
    }

    /// Starts it with these quirks.
    pub fn with_quirks(quirks: &[String]) -> Self {
        let arguments: Vec<&str> = quirks.iter().flat_map(|quirk| ["--quirk", quirk]).collect();
        Self::start(&arguments)
    }

    /// Breaks something, such as `{"worker": "stopped"}`.
    pub fn fault(&self, change: &serde_json::Value) {
        self.call("POST", &change.to_string());
    }

    /// Where it is broken.
    pub fn faults_url(&self) -> String {
        format!("http://{}", self.faults)
    }

    /// Ends every fault.
    pub fn heal(&self) {
        self.call("DELETE", "");
    }

    /// What is broken, as JSON.
    pub fn broken(&self) -> serde_json::Value {
        let answer = self.call("GET", "");
        serde_json::from_str(answer.split_once("\r\n\r\n").expect("a body").1).expect("JSON")
    }

    fn call(&self, method: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.faults).expect("the faults endpoint listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
        let request = format!(
            "{method} /faults HTTP/1.1\r\nHost: faults\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer
    }

    /// How to reach it as the user for probes.
    pub fn service(&self) -> memory_api::Settings {
        let password = Secret::new("memsentry-demo".into());
        memory_api::Settings {
            login: Some(Login { email: "probe@example.com".into(), password }),
            ..memory_api::Settings::new(&self.api_url)
        }
    }

    /// How to reach its database.
    pub fn database(&self) -> queue::Settings {
        queue::Settings::new(Secret::new(self.database_url.clone()))
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
