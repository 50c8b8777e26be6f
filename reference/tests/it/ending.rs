//! However the service ends, neither a process nor a directory of its cluster stays.
//!
//! Each test gives the service a temporary directory of its own; what lies in it, and who has it on the command
//! line, is what was left behind.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use crate::service::{PATIENCE, Service, command, ended};

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        // Postgres runs as another user where we are root; this is what /tmp allows it.
        std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o1777)).unwrap();
        Self(home)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn entries(&self) -> usize {
        std::fs::read_dir(self.path()).unwrap().count()
    }

    /// Processes that have this directory on their command line; a zombie has none.
    fn processes(&self) -> usize {
        let mark = self.path().to_str().unwrap();
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        all.filter(|entry| {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(mark)
        })
        .count()
    }

    async fn is_left_clean(&self) {
        let clean = async {
            while self.entries() + self.processes() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let cleared = tokio::time::timeout(PATIENCE, clean).await;
        assert!(cleared.is_ok(), "left: {} entries, {} processes", self.entries(), self.processes());
    }

    async fn start(&self, arguments: &[&str]) -> Service {
        let mut command = command(arguments);
        command.env("TMPDIR", self.path());
        let service = Service::from_command(command, None).await;
        assert!(self.entries() > 0 && self.processes() > 0);
        service
    }
}

async fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").arg(name).arg(pid.to_string()).status().await.unwrap().success());
}

#[tokio::test]
async fn ctrl_c_and_termination_end_it_cleanly_with_exit_code_0() {
    for name in ["-INT", "-TERM"] {
        let home = Home::new();
        let mut service = home.start(&[]).await;
        signal(name, service.child.id().unwrap()).await;
        let status = tokio::time::timeout(PATIENCE, service.child.wait()).await.unwrap().unwrap();
        assert_eq!(status.code(), Some(0), "{name}");
        // It has waited for the cluster, so nothing is left at this very moment.
        assert_eq!((home.entries(), home.processes()), (0, 0), "{name}");
    }
}

#[tokio::test]
async fn the_end_of_standard_input_ends_it_as_when_the_parent_crashes() {
    let home = Home::new();
    let mut service = home.start(&[]).await;
    drop(service.stdin.take());
    assert_eq!(service.child.wait().await.unwrap().code(), Some(0));
    home.is_left_clean().await;
}

#[tokio::test]
async fn the_end_of_the_parent_ends_it() {
    let home = Home::new();
    let mut parent = Command::new("sleep").arg("1000").kill_on_drop(true).spawn().unwrap();
    let mut service = home.start(&["--parent-pid", &parent.id().unwrap().to_string()]).await;
    parent.kill().await.unwrap();
    assert_eq!(tokio::time::timeout(PATIENCE, service.child.wait()).await.unwrap().unwrap().code(), Some(0));
    home.is_left_clean().await;
}

#[tokio::test]
async fn a_kill_of_the_service_and_its_process_group_leaves_no_postgres_running() {
    let home = Home::new();
    let mut command = command(&[]);
    command.env("TMPDIR", home.path()).process_group(0);
    let mut service = Service::from_command(command, None).await;
    let group = format!("-{}", service.child.id().unwrap());
    assert!(Command::new("kill").args(["-KILL", "--", &group]).status().await.unwrap().success());
    service.child.wait().await.unwrap();
    home.is_left_clean().await;
}

#[tokio::test]
async fn an_end_during_the_start_leaves_nothing_either() {
    for (name, wait) in [("-KILL", 20), ("-KILL", 200), ("-TERM", 400)] {
        let home = Home::new();
        let mut child = command(&[]).env("TMPDIR", home.path()).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(wait)).await;
        signal(name, child.id().unwrap()).await;
        tokio::time::timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
        home.is_left_clean().await;
    }
}

#[tokio::test]
async fn a_server_that_dies_is_cleared_away_and_the_failed_start_explained() {
    let home = Home::new();
    let bin = tempfile::tempdir().unwrap();
    std::fs::set_permissions(bin.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    for (program, script) in
        [("initdb", "#!/bin/sh\nexit 0\n"), ("postgres", "#!/bin/sh\necho no memory left\nexit 7\n")]
    {
        let path = bin.path().join(program);
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = command(&["--pg-bin", bin.path().to_str().unwrap()]);
    command.env("TMPDIR", home.path());
    let (code, said) = ended(command).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("no memory left"), "{said}");
    home.is_left_clean().await;
}

#[tokio::test]
async fn without_postgres_the_package_to_install_is_named() {
    let empty = tempfile::tempdir().unwrap();
    let (code, said) = ended(command(&["--pg-bin", empty.path().to_str().unwrap()])).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("postgresql"), "{said}");
}
