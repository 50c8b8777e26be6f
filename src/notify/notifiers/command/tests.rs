//! With real programs.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration as StdDuration;

use super::super::Retry;
use super::super::fixture::{build, deliver, notification};
use super::*;

/// A script of its own in a folder of its own.
struct Script(tempfile::TempDir);

impl Script {
    fn new(text: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("script");
        std::fs::write(&path, format!("#!/bin/sh\ncd {}\n{text}\n", dir.path().display())).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
        Self(dir)
    }

    fn command(&self, more: &str) -> Command {
        build(&format!("{{command: ['{}', 'first arg', '$HOME;x']{more}}}", self.0.path().join("script").display()))
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).unwrap_or_default()
    }
}

#[tokio::test]
async fn the_message_comes_on_standard_input_and_no_shell_or_environment_with_it() {
    let script = Script::new("cat > body; printf '%s|%s' \"$1\" \"$2\" > arguments; env > environment; echo fine");
    deliver(&script.command(""), &notification()).await.expect("done");
    let body: serde_json::Value = serde_json::from_str(&script.file("body")).expect("JSON");
    assert_eq!((&body["version"], &body["status"]), (&"4".into(), &"firing".into()));
    assert_eq!(script.file("arguments"), "first arg|$HOME;x");
    let environment = script.file("environment");
    for line in ["MEMSENTRY_KEY=k1", "MEMSENTRY_RECEIVER=oncall", "MEMSENTRY_STATUS=firing"] {
        assert!(environment.lines().any(|known| known == line), "{environment}");
    }
    assert!(!environment.contains("CARGO"), "{environment}");
}

#[tokio::test]
async fn the_exit_code_decides_whether_to_try_again() {
    for (text, reason, retry, message) in [
        ("echo no >&2; exit 65", FailureReason::ClientError, Retry::Never, "exit code 65: no"),
        ("echo later; exit 75", FailureReason::ServerError, Retry::Later, "exit code 75: later"),
        ("kill -9 $$", FailureReason::Other, Retry::Later, "ended by a signal or not at all"),
    ] {
        let failure = deliver(&Script::new(text).command(""), &notification()).await.expect_err("failed");
        assert_eq!((failure.reason, failure.retry, failure.message.as_str()), (reason, retry, message));
    }
}

#[tokio::test]
async fn past_its_time_it_is_killed_with_all_that_it_started() {
    let script = Script::new("sleep 600 & echo $! > child; echo $$ > own; wait");
    let failure = deliver(&script.command(", timeout: 1s"), &notification()).await.expect_err("too slow");
    assert_eq!((failure.reason, failure.retry), (FailureReason::Timeout, Retry::Later));
    for name in ["child", "own"] {
        let pid = script.file(name).trim().to_owned();
        assert!(!pid.is_empty(), "{name}");
        let stat = || std::fs::read_to_string(Path::new("/proc").join(&pid).join("stat")).unwrap_or_default();
        let alive = || !stat().is_empty() && !stat().contains(") Z ");
        for _ in 0..200 {
            if !alive() {
                break;
            }
            tokio::time::sleep(StdDuration::from_millis(10)).await;
        }
        assert!(!alive(), "{name} {pid} lives on: {}", stat());
    }
}

#[tokio::test]
async fn who_prints_without_end_or_reads_nothing_is_no_harm() {
    let script = Script::new("head -c 3000000 /dev/zero | tr '\\0' x; exit 1");
    let failure = deliver(&script.command(""), &notification()).await.expect_err("failed");
    assert!(failure.message.len() < 300 && failure.message.contains("xxx"), "{failure}");
    deliver(&Script::new("exec <&-; exit 0").command(""), &notification()).await.expect("done");
}

#[test]
fn a_program_that_is_not_there_is_a_mistake() {
    let settings: Settings = serde_yaml::from_str("command: [/no/such/program]").expect("valid YAML");
    let problem = Command::build(&settings).err().expect("a problem");
    assert_eq!(problem.to_string(), "command[0]: /no/such/program is not a file");
    let settings: Settings = serde_yaml::from_str("command: []").expect("valid YAML");
    assert_eq!(settings.problems()[0].path, "command");
}
