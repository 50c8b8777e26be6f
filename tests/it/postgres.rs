//! Private Postgres clusters on loopback ports, removed when the test process ends, however it ends.
//!
//! `initdb` refuses root, so that root drops to the user `postgres` (or `nobody`). Finds the programs on the PATH
//! or where Debian puts them.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};
use tokio::sync::OnceCell;

/// The service's tables, as its contract describes them, and just those rights that `docs/deployment.md` asks for.
pub const SCHEMA: &str = "
    create table conversations (id text primary key, user_id text, metadata jsonb, created_at timestamptz default now());
    create table chat_metadata (
        chat_id text primary key references conversations(id) on delete cascade,
        user_confirmed jsonb not null default '{}', llm_inferred jsonb not null default '{}',
        general_summary text not null default '', token_count integer, last_updated timestamptz,
        created_at timestamptz default now());
    create table chat_context_queue (
        id uuid primary key default gen_random_uuid(),
        chat_id text references conversations(id) on delete cascade,
        new_context_snippet text, status varchar(50) default 'pending_summarization',
        created_at timestamptz default now(), processed_at timestamptz, retry_count integer default 0,
        error_message text);
    create index on chat_context_queue (status, created_at);
    create index on chat_context_queue (chat_id);
    grant select (id, chat_id, status, created_at, processed_at, retry_count, error_message) on chat_context_queue to watcher;
    grant select (id, user_id, metadata, created_at) on conversations to watcher;";

/// What remains when this process ends, however it ends: it waits for the end of its standard input, then stops the
/// server and removes its files.
const KEEPER: &str = r#"read -r _; [ -s "$2/postmaster.pid" ] && kill -CONT $(head -1 "$2/postmaster.pid")
"$1" stop -m immediate -D "$2"; rm -rf "$3""#;

pub struct Cluster {
    directory: PathBuf,
    programs: PathBuf,
    user: Option<&'static str>,
    pub port: u16,
    keeper: Child,
}

/// A database of its own in a cluster.
pub struct Database<'a> {
    pub cluster: &'a Cluster,
    pub name: String,
}

/// The cluster that tests share which do nothing to the server.
pub async fn shared() -> &'static Cluster {
    static SHARED: OnceCell<Cluster> = OnceCell::const_new();
    SHARED.get_or_init(Cluster::start).await
}

/// A database with the service's tables in the shared cluster.
pub async fn database() -> Database<'static> {
    let database = empty_database().await;
    database.sql(SCHEMA).await;
    database
}

/// A database with nothing in it in the shared cluster.
pub async fn empty_database() -> Database<'static> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let cluster = shared().await;
    let name = format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed));
    cluster.postgres().sql(&format!("create database {name}")).await;
    Database { cluster, name }
}

impl Cluster {
    /// Starts a cluster with the database `postgres`, the superuser `postgres`, and two roles that may log in:
    /// `watcher`, and `observer`, who sees other sessions.
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory").keep();
        std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o755)).expect("chmod");
        let user = std::fs::metadata("/proc/self").ok().and_then(|me| {
            use std::os::unix::fs::MetadataExt;
            (me.uid() == 0).then(|| if account("postgres") { "postgres" } else { "nobody" })
        });
        if let Some(user) = user {
            run(Command::new("chown").arg(format!("{user}:")).arg(&directory));
        }
        let programs = programs();
        let mut keeper = as_user(user, Path::new("sh"));
        keeper.args(["-c", KEEPER, "keeper"]).arg(programs.join("pg_ctl")).arg(directory.join("data")).arg(&directory);
        let keeper = keeper.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().expect("keeper");
        let cluster = Self { directory, programs, user, port: free_port(), keeper };
        std::fs::write(cluster.directory.join("password"), "admin-password").expect("write");
        run(cluster
            .command(&cluster.programs.join("initdb"))
            .args(["-U", "postgres", "-A", "scram-sha-256", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"])
            .arg("--pwfile")
            .arg(cluster.directory.join("password"))
            .arg("-D")
            .arg(cluster.data()));
        cluster.resume();
        cluster
            .postgres()
            .sql(
                "create role watcher login password 'watcher-password';
                 create role cleaner login password 'watcher-password';
                 create role observer login password 'watcher-password' in role pg_read_all_stats, pg_read_all_data",
            )
            .await;
        cluster
    }

    /// A cluster of its own, for a test that does something to the server; its tables are in `postgres`.
    pub async fn with_tables() -> Self {
        let cluster = Self::start().await;
        cluster.postgres().sql(SCHEMA).await;
        cluster
    }

    /// The database `postgres`.
    pub fn postgres(&self) -> Database<'_> {
        Database { cluster: self, name: "postgres".to_owned() }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// A command as the cluster's user, with a working directory that this user may enter.
    pub fn command(&self, program: &Path) -> Command {
        as_user(self.user, program)
    }

    /// Starts the server, also after [`Self::stop`].
    pub fn resume(&self) {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c fsync=off -c autovacuum=off",
            self.port,
            self.directory.display()
        );
        run(self
            .command(&self.programs.join("pg_ctl"))
            .args(["start", "-w", "-t", "30", "-D"])
            .arg(self.data())
            .args(["-o", &options, "-l"])
            .arg(self.directory.join("log")));
    }

    /// The server's main process.
    pub fn postmaster(&self) -> String {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).expect("postmaster.pid");
        file.lines().next().expect("a pid").to_owned()
    }

    /// Stops the server as an operator in a hurry does.
    pub fn stop(&self) {
        run(self.command(&self.programs.join("pg_ctl")).args(["stop", "-m", "immediate", "-D"]).arg(self.data()));
    }
}

impl Database<'_> {
    pub fn url(&self, user: &str) -> String {
        let password = if user == "postgres" { "admin-password" } else { "watcher-password" };
        format!("postgres://{user}:{password}@127.0.0.1:{}/{}?sslmode=disable", self.cluster.port, self.name)
    }

    pub async fn connect(&self) -> PgConnection {
        let options: PgConnectOptions = self.url("postgres").parse().expect("url");
        options.connect().await.expect("connect")
    }

    /// Runs statements as superuser.
    pub async fn sql(&self, sql: &str) {
        let mut conn = self.connect().await;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut conn).await.expect(sql);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

fn as_user(user: Option<&str>, program: &Path) -> Command {
    let mut command = match user {
        Some(user) => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", user, "--regid", user, "--clear-groups", "--"]).arg(program);
            command
        }
        None => Command::new(program),
    };
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

pub fn run(command: &mut Command) {
    let status = command.status().expect("the program starts");
    assert!(status.success(), "{command:?} failed: {status}");
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

fn account(name: &str) -> bool {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    passwd.lines().any(|line| line.split(':').next() == Some(name))
}

fn programs() -> PathBuf {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&paths).collect();
    let mut debian: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect())
        .unwrap_or_default();
    debian.sort();
    places.extend(debian.into_iter().rev());
    places
        .into_iter()
        .find(|place| place.join("initdb").exists())
        .expect("these tests need PostgreSQL: apt-get install postgresql")
}
