//! Starts the binary and talks to it.
//!
//! Most tests share one throwaway cluster, made here, with a schema for each, because that is faster than a cluster
//! or a database each. The service ends when its standard input does, so none outlives a test, nor the test process.

use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use memsentry_reference::postgres::{Cluster, Programs};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

pub const BINARY: &str = env!("CARGO_BIN_EXE_memsentry-reference");
pub const PASSWORD: &str = "memsentry-demo";
/// Far longer than anything takes here; a busy machine must not fail a test.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A running service.
pub struct Service {
    pub child: Child,
    pub stdin: Option<ChildStdin>,
    pub api: String,
    pub faults: Option<String>,
    pub database_url: String,
    /// With all rights, not through a pooler.
    pub sql: PgPool,
    pub http: reqwest::Client,
    log: Arc<Mutex<String>>,
    /// Reads standard error all the time: a full pipe would stop the service.
    _reader: JoinSet<()>,
}

/// A logged-in user.
#[derive(Clone)]
pub struct User<'a> {
    pub service: &'a Service,
    pub token: String,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

async fn cluster() -> &'static Cluster {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    CLUSTER.get_or_init(|| async { Cluster::start(&Programs::find(None).unwrap()).await.unwrap() }).await
}

/// The URL of a new database in the shared cluster, for tests that shut it or look at its locks.
pub async fn database() -> String {
    let cluster = cluster().await;
    let name = format!("test{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut admin = PgConnection::connect_with(&cluster.superuser().database("postgres")).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut admin).await.unwrap();
    admin.close().await.unwrap();
    cluster.superuser().database(&name).to_url_lossy().to_string()
}

/// A command of the binary, quiet and bound to our life.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(arguments).args(["--exit-with-stdin", "--log", "warn,sqlx=error"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs `command`, which is expected to end by itself, and answers with exit code and standard error.
pub async fn ended(mut command: Command) -> (Option<i32>, String) {
    let mut child = command.spawn().unwrap();
    // Held, so that it is not the end of standard input that ends the service.
    let stdin = child.stdin.take();
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
    drop(stdin);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

impl Service {
    /// Starts one on a schema of its own, with short waits and no rate limit to speak of.
    pub async fn start(arguments: &[&str]) -> Self {
        let url = cluster().await.superuser().database("postgres").to_url_lossy().to_string();
        let schema = format!("test{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut all = vec!["--schema", &schema];
        all.extend(arguments);
        Self::launch(&url, &schema, &all).await
    }

    /// Starts one on the database at `url`.
    pub async fn start_on(url: &str, arguments: &[&str]) -> Self {
        Self::launch(url, "public", arguments).await
    }

    async fn launch(url: &str, schema: &str, arguments: &[&str]) -> Self {
        let mut all = vec!["--database-url", url, "--faults-listen", "127.0.0.1:0"];
        for (name, value) in [
            ("--idle-sleep", "10ms"),
            ("--rate-limit", "100000"),
            ("--retry-backoff", "10ms"),
            ("--health-cache", "0s"),
        ] {
            if !arguments.contains(&name) {
                all.extend([name, value]);
            }
        }
        all.extend(arguments);
        Self::from_command(command(&all), Some((url, schema))).await
    }

    /// Waits for the line that the service prints when it is ready.
    pub async fn from_command(mut command: Command, owner: Option<(&str, &str)>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take();
        let (log, mut reader) = (Arc::new(Mutex::new(String::new())), JoinSet::new());
        let (kept, stderr) = (log.clone(), child.stderr.take().unwrap());
        reader.spawn(async move {
            let mut lines = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let mut kept = kept.lock().unwrap();
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        let mut line = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        tokio::time::timeout(PATIENCE, BufReader::new(stdout).read_line(&mut line)).await.unwrap().unwrap();
        if line.is_empty() {
            reader.join_next().await;
            panic!("not started: {}", log.lock().unwrap());
        }
        let ready: Value = serde_json::from_str(&line).unwrap();
        let keys: Vec<_> = ready.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["api_url", "database_url", "chaos_database_url", "faults_url"]);
        let database_url = ready["database_url"].as_str().unwrap().to_owned();
        let (url, schema) = owner.unwrap_or((&database_url, "public"));
        let options = url.parse::<PgConnectOptions>().unwrap().options([("search_path", schema)]);
        Self {
            child,
            stdin,
            api: ready["api_url"].as_str().unwrap().to_owned(),
            faults: ready["faults_url"].as_str().map(str::to_owned),
            sql: PgPoolOptions::new().max_connections(2).connect_lazy_with(options),
            database_url,
            http: reqwest::Client::new(),
            log,
            _reader: reader,
        }
    }

    /// What it has said on standard error so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The user whom probes use.
    pub async fn probe(&self) -> User<'_> {
        self.login("probe@example.com").await
    }

    /// The other user.
    pub async fn other(&self) -> User<'_> {
        self.login("other@example.com").await
    }

    async fn login(&self, email: &str) -> User<'_> {
        let body = json!({"email": email, "password": PASSWORD});
        let answer = self.http.post(format!("{}/auth/login", self.api)).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let answer: Value = answer.json().await.unwrap();
        User { service: self, token: answer["access_token"].as_str().unwrap().to_owned() }
    }

    /// Changes faults; the answer is their state.
    pub async fn break_it(&self, change: Value) -> Value {
        let url = format!("{}/faults", self.faults.as_ref().unwrap());
        let answer = self.http.post(url).json(&change).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.unwrap()
    }

    /// Heals all faults.
    pub async fn heal(&self) {
        let url = format!("{}/faults", self.faults.as_ref().unwrap());
        assert_eq!(self.http.delete(url).send().await.unwrap().status(), StatusCode::OK);
    }

    /// The first column of the first row of `sql`.
    pub async fn value<T>(&self, sql: &'static str) -> T
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
        (T,): for<'r> sqlx::FromRow<'r, PgRow>,
    {
        sqlx::query_scalar(sql).fetch_one(&self.sql).await.unwrap()
    }

    /// Waits until `sql` answers true.
    pub async fn until(&self, sql: &'static str) {
        let waiting = async {
            while !self.value::<bool>(sql).await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never: {sql}"));
    }

    /// Waits until no row is open.
    pub async fn settled(&self) {
        self.until("SELECT NOT EXISTS (SELECT FROM chat_context_queue WHERE status NOT IN ('complete', 'failed'))")
            .await;
    }
}

impl User<'_> {
    /// A request with this user's token.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.service.http.request(method, format!("{}{path}", self.service.api)).bearer_auth(&self.token)
    }

    /// A new conversation's id.
    pub async fn conversation(&self) -> String {
        let request = self.request(Method::POST, "/conversations").json(&json!({"metadata": {"synthetic": true}}));
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["conversation_id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// Sends a snippet, whatever the answer.
    pub async fn send(&self, chat: &str, snippet: &str) -> Response {
        let body = json!({"chat_id": chat, "context_snippet": snippet, "trigger_source": "test"});
        self.request(Method::POST, "/api/v1/memory/update").json(&body).send().await.unwrap()
    }

    /// Sends a snippet that is accepted; the id of its row.
    pub async fn update(&self, chat: &str, snippet: &str) -> String {
        let answer = self.send(chat, snippet).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        let answer: Value = answer.json().await.unwrap();
        answer["queue_id"].as_str().unwrap().to_owned()
    }

    /// Asks for the memory, whatever the answer.
    pub async fn read(&self, chat: &str) -> Response {
        self.request(Method::GET, &format!("/api/v1/memory/{chat}")).send().await.unwrap()
    }

    /// The memory of a chat that exists.
    pub async fn memory(&self, chat: &str) -> Value {
        let answer = self.read(chat).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.unwrap()
    }
}
