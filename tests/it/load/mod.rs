//! `memsentry load` as a person runs it: against the reference, and against servers that are slow, stall or refuse.

mod against_the_reference;
mod fixture;

use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A configuration in a folder of its own.
pub struct Config {
    folder: TempDir,
}

impl Config {
    /// With one target called `main` at this address, and what else belongs to it, in YAML's flow style.
    pub fn new(url: &str, further: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("password"), "memsentry-demo").expect("written");
        let login = "login: {email: probe@example.com, password_file: password}";
        // Nobody listens there, so that a run tells no daemon.
        let web = "web: {listen: '127.0.0.1:1'}";
        let text =
            format!("targets:\n  - {{name: main, service: {{url: '{url}', timeout: 5s, {login}}}{further}}}\n{web}\n");
        std::fs::write(folder.path().join("memsentry.yaml"), text).expect("written");
        Self { folder }
    }

    /// The command, to be started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_memsentry"));
        command.arg("load").args(arguments).current_dir(self.folder.path());
        command
    }

    /// Runs it to its end.
    pub fn load(&self, arguments: &[&str]) -> Ended {
        Ended(self.command(arguments).output().expect("it runs"))
    }
}

/// How it ended.
pub struct Ended(Output);

impl Ended {
    /// The exit code.
    pub fn code(&self) -> Option<i32> {
        self.0.status.code()
    }

    /// What it said on standard error.
    pub fn talk(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    /// The report; `--json` was given.
    pub fn report(&self) -> Value {
        serde_json::from_slice(&self.0.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.talk()))
    }
}

/// A percentile of a distribution, in seconds.
pub fn quantile(times: &Value, q: f64) -> f64 {
    let quantiles = times["quantiles"].as_array().expect("quantiles").iter();
    let found = quantiles.into_iter().find(|kept| kept["q"] == q).expect("a kept quantile");
    found["value"].as_f64().expect("a number")
}

#[test]
fn what_is_no_target_of_the_configuration_is_refused_and_so_is_what_nobody_allowed() {
    let config = Config::new("http://127.0.0.1:1", "");
    for (arguments, said) in [
        (&["--target", "prod", "--yes"][..], "known targets: main"),
        (&["--scenario", "updat", "--yes"], "did you mean \"update\"?"),
        (&["--profile", "smok", "--yes"], "did you mean \"smoke\"?"),
        (&["--rate", "-1", "--leave-data", "--yes"], "is not above 0"),
        (&["--rate", "500", "--ignore-rate-limit", "--leave-data", "--yes"], "above the cap of 200"),
        (&["--rate", "100", "--leave-data", "--yes"], "100.0 a second need 64 users"),
        (&["--yes"], "could not be removed"),
        (&["--rate", "1.5", "--leave-data"], "there is no terminal to ask at"),
        (&["--clean-up", "memsentry"], "is not the id of a run"),
    ] {
        let ended = config.load(arguments);
        assert_eq!(ended.code(), Some(2), "{arguments:?}: {}", ended.talk());
        assert!(ended.talk().contains(said), "{arguments:?}: {said} in {}", ended.talk());
    }
}
