//! What is stored survives what happens to processes, files and disks.

use std::io::BufRead;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use memsentry::metrics::{Registry, Value};
use memsentry::model::Timestamp;
use memsentry::store::{Document, NotificationLogRow, OutboxRow, Store, StoreError, Table};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tempfile::TempDir;
use tokio::task::JoinHandle;

struct Open {
    store: Store,
    registry: Registry,
    writer: JoinHandle<()>,
}

impl Open {
    async fn at(path: Option<&Path>) -> Self {
        let registry = Registry::new();
        let (store, task) = Store::open(path, &registry).await;
        Self { store, registry, writer: tokio::spawn((task.start)()) }
    }

    /// As `kill -9` leaves it: nothing is closed, the lock is gone with the process.
    async fn vanish(self) {
        self.writer.abort();
        let _ = self.writer.await;
        drop(self.store);
    }

    fn number(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name == name).expect(name);
        match family.points[0].value {
            Value::Number(value) => value,
            Value::Histogram { count, .. } => f64::from(u32::try_from(count).expect("few")),
        }
    }

    fn is_up(&self) -> bool {
        self.number("memsentry_store_up") > 0.5
    }

    async fn until_up(&self) {
        for _ in 0..400 {
            if self.is_up() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the store did not come back to its file");
    }
}

fn delivery(id: &str) -> OutboxRow {
    OutboxRow {
        id: id.to_owned(),
        receiver: "oncall".to_owned(),
        notifier: "webhook[0]".to_owned(),
        group_key: "{}:{alertname=\"QueueStalled\"}".to_owned(),
        body: r#"{"text":"quote \" and ünïcode"}"#.to_owned(),
        created_at: Timestamp::from_millis(1_000),
        next_attempt_at: Timestamp::from_millis(1_000),
        attempts: 0,
        last_error: None,
    }
}

fn log(key: &str) -> NotificationLogRow {
    NotificationLogRow {
        key: key.to_owned(),
        firing: vec![u64::MAX, 7],
        owed: vec![],
        sent_at: Timestamp::from_millis(1_000),
        expires_at: Timestamp::from_millis(5_000),
    }
}

fn document(key: &str) -> Document {
    Document { key: key.to_owned(), body: format!("{{\"key\":\"{key}\"}}") }
}

fn file(dir: &TempDir) -> PathBuf {
    dir.path().join("memsentry.db")
}

async fn raw(path: &Path) -> SqliteConnection {
    sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.expect("open")
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .expect("dir")
        .map(|entry| entry.expect("entry").file_name().into_string().expect("utf-8"))
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_was_written_is_there_after_the_process_vanished() {
    let dir = tempfile::tempdir().expect("dir");
    let open = Open::at(Some(&file(&dir))).await;
    open.store.commit_notification(vec![log("a")], vec![delivery("1"), delivery("2")]).await.expect("commit");
    open.store.put(Table::RuleAlerts, vec![document("x"), document("y")], vec![]).await.expect("put");
    open.store.put(Table::RuleAlerts, vec![], vec!["x".into()]).await.expect("put");
    open.store.put(Table::NotifyAlerts, vec![document("x")], vec![]).await.expect("put");
    open.store.postpone("2", 3, Timestamp::from_millis(9_000), "503", vec![]).await.expect("postpone");
    open.store.finish("1", Timestamp::from_millis(2_000), "delivered", vec![]).await.expect("finish");
    open.vanish().await;

    let open = Open::at(Some(&file(&dir))).await;
    assert!(open.is_up());
    let postponed = OutboxRow {
        attempts: 3,
        next_attempt_at: Timestamp::from_millis(9_000),
        last_error: Some("503".into()),
        ..delivery("2")
    };
    assert_eq!(open.store.outbox().await.expect("outbox"), [postponed]);
    assert_eq!(open.store.notification_log().await.expect("log"), [log("a")]);
    assert_eq!(open.store.documents(Table::RuleAlerts).await.expect("documents"), [document("y")]);
    assert_eq!(open.store.documents(Table::NotifyAlerts).await.expect("documents"), [document("x")]);
    let history = open.store.deliveries(10).await.expect("deliveries");
    assert_eq!((history.len(), history[0].id.as_str(), history[0].result.as_str()), (1, "1", "delivered"));
}

#[tokio::test]
async fn a_notification_is_committed_whole_or_not_at_all() {
    let dir = tempfile::tempdir().expect("dir");
    let open = Open::at(Some(&file(&dir))).await;
    // A trigger stands in for whatever makes the second of two deliveries fail.
    let mut other = raw(&file(&dir)).await;
    sqlx::raw_sql(
        "create trigger refuse before insert on outbox when new.id = 'bad' begin select raise(abort, 'refused'); end",
    )
    .execute(&mut other)
    .await
    .expect("trigger");
    let refused = open.store.commit_notification(vec![log("a")], vec![delivery("good"), delivery("bad")]);
    let neighbour = open.store.commit_notification(vec![log("b")], vec![delivery("fine")]);
    let (refused, neighbour) = tokio::join!(refused, neighbour);
    assert!(refused.expect_err("refused").to_string().contains("refused"));
    neighbour.expect("a job that shared the transaction is not lost");
    let kept: Vec<String> = open.store.outbox().await.expect("outbox").into_iter().map(|row| row.id).collect();
    assert_eq!(kept, ["fine"]);
    assert_eq!(open.store.notification_log().await.expect("log"), [log("b")]);
    assert!(open.is_up(), "a refused statement is no trouble with the file");
}

#[tokio::test]
async fn the_notification_log_forgets_what_expired() {
    let open = Open::at(None).await;
    let late = NotificationLogRow { expires_at: Timestamp::from_millis(9_000), ..log("late") };
    open.store.commit_notification(vec![log("early"), late.clone()], vec![]).await.expect("commit");
    open.store.expire_notification_log(Timestamp::from_millis(6_000)).await.expect("expire");
    assert_eq!(open.store.notification_log().await.expect("log"), [late]);
}

#[tokio::test]
async fn the_file_is_private_and_a_wide_one_is_narrowed() {
    let dir = tempfile::tempdir().expect("dir");
    std::fs::write(file(&dir), "").expect("write");
    std::fs::set_permissions(file(&dir), std::fs::Permissions::from_mode(0o644)).expect("chmod");
    let open = Open::at(Some(&file(&dir))).await;
    open.store.put(Table::RuleAlerts, vec![document("x")], vec![]).await.expect("put");
    for name in names(dir.path()) {
        let mode = std::fs::metadata(dir.path().join(&name)).expect("metadata").mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_closed_store_leaves_one_tidy_file_and_refuses_writes() {
    let dir = tempfile::tempdir().expect("dir");
    let open = Open::at(Some(&file(&dir))).await;
    open.store.put(Table::RuleAlerts, vec![document("x")], vec![]).await.expect("put");
    open.store.close().await.expect("close");
    assert_eq!(names(dir.path()), ["memsentry.db", "memsentry.db.lock"]);
    let refused: Result<(), StoreError> = open.store.put(Table::RuleAlerts, vec![document("y")], vec![]).await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn a_file_that_is_no_database_is_set_aside() {
    let dir = tempfile::tempdir().expect("dir");
    std::fs::write(file(&dir), "this was a poem, once\n".repeat(500)).expect("write");
    let open = Open::at(Some(&file(&dir))).await;
    assert!(open.is_up());
    open.store.put(Table::RuleAlerts, vec![document("x")], vec![]).await.expect("put");
    let aside = names(dir.path()).into_iter().find(|name| name.starts_with("memsentry.db.corrupt-")).expect("aside");
    assert!(std::fs::read_to_string(dir.path().join(aside)).expect("read").starts_with("this was a poem"));
}

#[tokio::test]
async fn a_file_with_damaged_pages_is_set_aside() {
    let dir = tempfile::tempdir().expect("dir");
    let open = Open::at(Some(&file(&dir))).await;
    let many = (0..500).map(|n| document(&format!("{n}"))).collect();
    open.store.put(Table::RuleAlerts, many, vec![]).await.expect("put");
    open.store.close().await.expect("close");
    damage(&file(&dir));
    let open = Open::at(Some(&file(&dir))).await;
    assert!(open.is_up());
    assert_eq!(open.store.documents(Table::RuleAlerts).await.expect("documents"), []);
    assert!(names(dir.path()).iter().any(|name| name.contains(".corrupt-")));
}

/// Overwrites every page but the first.
fn damage(path: &Path) {
    let mut bytes = std::fs::read(path).expect("read");
    bytes[4096..].fill(0xa5);
    std::fs::write(path, bytes).expect("write");
}

#[tokio::test]
async fn a_file_of_a_newer_version_or_another_program_is_left_untouched() {
    for (setup, told) in [
        ("pragma application_id = 1835363699; pragma user_version = 99; create table t (x)", "newer"),
        ("create table dashboards (x)", "another program"),
    ] {
        let dir = tempfile::tempdir().expect("dir");
        let mut conn = raw(&file(&dir)).await;
        sqlx::raw_sql(setup).execute(&mut conn).await.expect(told);
        conn.close().await.expect("close");
        let before = std::fs::read(file(&dir)).expect("read");
        let open = Open::at(Some(&file(&dir))).await;
        assert!(!open.is_up(), "{told}");
        open.store.put(Table::RuleAlerts, vec![document("x")], vec![]).await.expect("in memory");
        assert_eq!(open.store.documents(Table::RuleAlerts).await.expect("documents"), [document("x")]);
        open.vanish().await;
        assert_eq!(std::fs::read(file(&dir)).expect("read"), before, "{told}");
        assert_eq!(names(dir.path()), ["memsentry.db", "memsentry.db.lock"], "{told}");
    }
}

#[tokio::test]
async fn an_unusable_path_means_memory_until_it_becomes_usable() {
    let dir = tempfile::tempdir().expect("dir");
    let blocked = dir.path().join("state");
    std::fs::write(&blocked, "a file where a directory should be").expect("write");
    let path = blocked.join("memsentry.db");
    let open = Open::at(Some(&path)).await;
    assert!(!open.is_up());
    assert!(open.number("memsentry_store_write_failures_total") > 0.0);
    open.store.commit_notification(vec![log("a")], vec![delivery("1")]).await.expect("in memory");
    assert_eq!(open.store.outbox().await.expect("outbox"), [delivery("1")]);

    std::fs::remove_file(&blocked).expect("remove");
    open.until_up().await;
    open.store.commit_notification(vec![], vec![delivery("2")]).await.expect("on disk");
    open.vanish().await;
    let open = Open::at(Some(&path)).await;
    assert_eq!(open.store.outbox().await.expect("outbox"), [delivery("1"), delivery("2")]);
    assert_eq!(open.store.notification_log().await.expect("log"), [log("a")]);
}

#[tokio::test]
async fn a_file_that_somebody_locks_means_memory_and_then_holds_everything() {
    let dir = tempfile::tempdir().expect("dir");
    let open = Open::at(Some(&file(&dir))).await;
    open.store.commit_notification(vec![log("before")], vec![delivery("1")]).await.expect("on disk");
    let mut other = raw(&file(&dir)).await;
    sqlx::raw_sql("begin immediate").execute(&mut other).await.expect("lock");

    open.store.finish("1", Timestamp::from_millis(2_000), "delivered", vec![]).await.expect("in memory");
    open.store.commit_notification(vec![log("during")], vec![delivery("2")]).await.expect("in memory");
    assert!(!open.is_up());
    assert_eq!(open.store.outbox().await.expect("outbox"), [delivery("2")]);
    assert_eq!(open.store.notification_log().await.expect("log"), [log("before"), log("during")]);

    sqlx::raw_sql("rollback").execute(&mut other).await.expect("unlock");
    open.until_up().await;
    assert_eq!(open.store.outbox().await.expect("outbox"), [delivery("2")]);
    open.vanish().await;
    let open = Open::at(Some(&file(&dir))).await;
    assert_eq!(open.store.outbox().await.expect("outbox"), [delivery("2")], "what ended in memory stays ended");
    assert_eq!(open.store.deliveries(10).await.expect("deliveries").len(), 1);
}

#[tokio::test]
async fn a_second_process_on_the_same_file_stays_in_memory() {
    let dir = tempfile::tempdir().expect("dir");
    let first = Open::at(Some(&file(&dir))).await;
    let second = Open::at(Some(&file(&dir))).await;
    assert!(first.is_up() && !second.is_up());
    second.store.put(Table::RuleAlerts, vec![document("second")], vec![]).await.expect("in memory");
    assert_eq!(first.store.documents(Table::RuleAlerts).await.expect("documents"), []);
}

#[tokio::test]
async fn a_file_that_is_removed_while_in_use_is_made_again_with_all_it_held() {
    let dir = tempfile::tempdir().expect("dir");
    let open = Open::at(Some(&file(&dir))).await;
    open.store.put(Table::RuleAlerts, vec![document("x")], vec![]).await.expect("put");
    for name in names(dir.path()) {
        std::fs::remove_file(dir.path().join(name)).expect("remove");
    }
    for _ in 0..400 {
        if file(&dir).exists() && open.is_up() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    open.vanish().await;
    let open = Open::at(Some(&file(&dir))).await;
    assert_eq!(open.store.documents(Table::RuleAlerts).await.expect("documents"), [document("x")]);
}

#[tokio::test]
async fn the_writer_starts_again_after_it_was_stopped() {
    let registry = Registry::new();
    let (store, task) = Store::open(None, &registry).await;
    let first = tokio::spawn((task.start)());
    store.put(Table::RuleAlerts, vec![document("x")], vec![]).await.expect("put");
    first.abort();
    let _ = first.await;
    tokio::spawn((task.start)());
    store.put(Table::RuleAlerts, vec![document("y")], vec![]).await.expect("put");
    assert_eq!(store.documents(Table::RuleAlerts).await.expect("documents"), [document("x"), document("y")]);
}

#[tokio::test]
async fn damage_that_shows_in_use_is_set_aside_too() {
    let dir = tempfile::tempdir().expect("dir");
    let open = Open::at(Some(&file(&dir))).await;
    let many = (0..5_000).map(|n| document(&format!("{n}"))).collect();
    open.store.put(Table::RuleAlerts, many, vec![]).await.expect("put");
    let mut other = raw(&file(&dir)).await;
    sqlx::raw_sql("pragma wal_checkpoint(truncate)").execute(&mut other).await.expect("checkpoint");
    damage(&file(&dir));
    let error = open.store.documents(Table::RuleAlerts).await.expect_err("damaged");
    assert!(error.to_string().contains("malformed"), "{error}");
    for _ in 0..400 {
        if names(dir.path()).iter().any(|name| name.contains(".corrupt-")) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    open.until_up().await;
    open.store.put(Table::RuleAlerts, vec![document("new")], vec![]).await.expect("put");
    assert!(open.store.documents(Table::RuleAlerts).await.expect("documents").contains(&document("new")));
}

/// Not a test of its own: the victim of the next one, when started by it.
#[tokio::test]
async fn a_writer_that_is_there_to_be_killed() {
    let Ok(path) = std::env::var(VICTIM) else { return };
    let open = Open::at(Some(Path::new(&path))).await;
    for n in 0_u64.. {
        let id = format!("{}-{n}", std::process::id());
        open.store.commit_notification(vec![log(&id)], vec![delivery(&id)]).await.expect("commit");
        println!("\ncommitted {id}");
    }
}

/// Names the file to the victim.
const VICTIM: &str = "MEMSENTRY_TEST_VICTIM";

#[tokio::test]
async fn what_a_killed_process_was_told_is_stored_is_stored() {
    let dir = tempfile::tempdir().expect("dir");
    let mut committed = Vec::new();
    for round in 0..10 {
        let mut victim = std::process::Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "store::a_writer_that_is_there_to_be_killed", "--nocapture"])
            .env(VICTIM, file(&dir))
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("victim");
        let lines = std::io::BufReader::new(victim.stdout.take().expect("stdout")).lines();
        let mut told = lines.filter_map(|line| line.ok()?.strip_prefix("committed ").map(str::to_owned));
        committed.extend(told.by_ref().take(5 + round * 7));
        victim.kill().expect("kill -9");
        victim.wait().expect("gone");
        // What was said before the kill and is still in the pipe counts too.
        committed.extend(told);
    }
    let open = Open::at(Some(&file(&dir))).await;
    assert!(open.is_up());
    let outbox: Vec<String> = open.store.outbox().await.expect("outbox").into_iter().map(|row| row.id).collect();
    let log: Vec<String> = open.store.notification_log().await.expect("log").into_iter().map(|row| row.key).collect();
    assert!(committed.len() >= 300, "{}", committed.len());
    for id in &committed {
        assert!(outbox.contains(id), "{id} was lost");
    }
    // Both or neither, also for the one that was under way.
    assert_eq!(outbox.len(), log.len());
    assert!(outbox.iter().all(|id| log.contains(id)));
}
