//! The disk is full: the daemon goes on in memory, says so, and writes what the file lacks once there is room again.
//!
//! The disk is a real one of 4 MiB, in a mount namespace of the daemon's own. Where the kernel gives none to this user,
//! the test says that it was skipped.

use std::io::Write;
use std::process::Command;

use crate::stage::{Config, Daemon, closed_port, until};

/// Mounts the disk, then becomes the daemon.
const LAUNCH: &str = "mkdir -p disk && mount -t tmpfs -o size=4m none disk && exec \"$@\"";
const NAMESPACE: &[&str] = &["unshare", "--user", "--map-root-user", "--mount"];

fn has_namespaces() -> bool {
    let mut words = NAMESPACE.iter().chain(&["mount", "-t", "tmpfs", "none", "/mnt"]);
    Command::new(words.next().expect("unshare")).args(words).status().is_ok_and(|status| status.success())
}

/// No service: the daemon's own metrics are enough.
fn config() -> Config {
    let mut config = Config::new("http://127.0.0.1:9");
    config.store = "disk/memsentry.db".to_owned();
    config
}

#[tokio::test]
async fn a_full_disk_is_gone_through_in_memory_and_caught_up_with_later() {
    if !has_namespaces() {
        println!("SKIPPED: no mount namespaces for this user, no disk was filled");
        return;
    }
    let config = config();
    let launcher: Vec<&str> = NAMESPACE.iter().copied().chain(["sh", "-c", LAUNCH, "sh"]).collect();
    let daemon = Daemon::start_by(&launcher, &config).await;
    let disk = daemon.inner_folder().join("disk");
    daemon.becomes("memsentry_tsdb_history_up", 1.0).await;

    let filler = disk.join("filler");
    let mut file = std::fs::File::create(&filler).expect("a file on the disk");
    while file.write_all(&[1; 4096]).is_ok() {}
    daemon.becomes("memsentry_tsdb_history_up", 0.0).await;
    daemon.becomes("memsentry_store_up", 0.0).await;
    let full_at = daemon.number("time()").await.expect("the time");
    // Rules and queries go on over what comes in now.
    daemon.evaluations(10).await;
    let log = daemon.log();
    assert!(log.contains("the sample history cannot be written, going on in memory"), "{log}");

    let until_now = daemon.number("time()").await.expect("the time");
    let window = format!("[{}ms]", ((until_now - full_at) * 1e3).round());
    let during = |what: &str| format!("{what}(memsentry_tsdb_history_up{window} @ {until_now})");
    let taken = daemon.number(&during("count_over_time")).await.expect("samples");
    assert!(taken >= 5.0, "{taken} samples");

    std::fs::remove_file(&filler).expect("room again");
    drop(file);
    daemon.becomes("memsentry_tsdb_history_up", 1.0).await;
    daemon.becomes("memsentry_store_up", 1.0).await;
    daemon.evaluations(3).await;
    let log = daemon.log();
    let (_, after) = log.split_once("going on in memory").expect("trouble");
    assert!(after.contains("the sample history is written"), "{log}");

    // What came in while the disk was full is on it.
    let mut other = config.clone();
    (other.store, other.listen) = ("memsentry.db".to_owned(), closed_port());
    let copies = ["memsentry.db", "memsentry.db-wal"].map(|name| std::fs::read(disk.join(name)).expect("a copy"));
    drop(daemon);
    let [main, log] = copies;
    let heir = heir_of(&other, &main, &log).await;
    let count = during("count_over_time");
    let there = until("the samples of that time", || heir.number(&count)).await;
    assert!((there - taken).abs() < 0.5, "{there} samples, {taken} were taken");
    assert_eq!(heir.number(&during("max_over_time")).await, Some(0.0), "none of them says that the disk was well");
}

/// A daemon that begins with these files.
async fn heir_of(config: &Config, main: &[u8], log: &[u8]) -> Daemon {
    let copied = tempfile::tempdir().expect("a folder");
    std::fs::write(copied.path().join("memsentry.db"), main).expect("written");
    std::fs::write(copied.path().join("memsentry.db-wal"), log).expect("written");
    let script = format!("cp '{}'/memsentry.db* . && exec \"$@\"", copied.path().display());
    Daemon::start_by(&["sh", "-c", &script, "sh"], config).await
}
