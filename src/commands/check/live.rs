//! `check --live`: dials what the configuration names, all at once, and tells nobody anything.
//!
//! A service is asked for its health and a login, a database is read as the collectors read it, a receiver is
//! greeted, and the address of the pages is bound for a moment or found to be a memsentry's. Nothing takes longer
//! than [`LONGEST`]; secrets are redacted where the errors are made.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration as StdDuration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::app::Plan;
use crate::evidence;
use crate::memory_api::{Client, FailureReason};
use crate::metrics::Registry;
use crate::model::{Clock, Duration, Place, Stopwatch};
use crate::queue::{Database, Reader};

/// Longest time for one row, whatever its own time-outs say.
const LONGEST: StdDuration = StdDuration::from_secs(30);
/// A conversation that does not exist: 404 shows that the token is good.
const NOBODYS_CHAT: &str = "memsentry-check";

/// How one thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Fine,
    /// It works, but not as well as it could.
    Doubt,
    Failed,
    /// Nobody knows without doing it in earnest.
    Skipped,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Doubt => "doubt",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// One line of the list.
struct Row {
    what: String,
    /// Where it stands in the configuration.
    path: String,
    state: State,
    said: String,
    advice: Option<String>,
    place: Option<Place>,
}

impl Row {
    fn new(what: &str, path: &str, state: State, said: impl Into<String>) -> Self {
        let (what, path) = (what.to_owned(), path.to_owned());
        Self { what, path, state, said: said.into(), advice: None, place: None }
    }

    fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

/// What was found, in the order of the configuration.
pub(super) struct Report {
    file: String,
    rows: Vec<Row>,
}

impl Report {
    pub(super) fn is_fine(&self) -> bool {
        self.rows.iter().all(|row| row.state != State::Failed)
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for row in &self.rows {
            lines.push(format!("{:<8}{}: {}", row.state.as_str(), row.what, row.said));
            if matches!(row.state, State::Failed | State::Doubt) {
                let place = row.place.map_or_else(String::new, |place| format!(":{}:{}", place.line, place.column));
                lines.push(format!("        at {}{place}: {}", self.file, row.path));
            }
            lines.extend(row.advice.iter().map(|advice| format!("        do: {advice}")));
        }
        lines
    }

    pub(super) fn json(&self) -> Value {
        let row = |row: &Row| {
            json!({
                "what": row.what, "state": row.state.as_str(), "said": row.said, "advice": row.advice,
                "file": self.file, "path": row.path,
                "line": row.place.map(|place| place.line), "column": row.place.map(|place| place.column),
            })
        };
        self.rows.iter().map(row).collect()
    }
}

type Looking<'a> = Pin<Box<dyn Future<Output = Vec<Row>> + 'a>>;

/// Dials everything.
pub(super) fn dial(plan: &Plan) -> Report {
    let mut rows = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(all(plan)),
        Err(error) => vec![Row::new("this process", "", State::Failed, format!("cannot start: {error}"))],
    };
    for row in &mut rows {
        row.place = plan.document.locate(&row.path);
    }
    Report { file: plan.file.display().to_string(), rows }
}

async fn all(plan: &Plan) -> Vec<Row> {
    let mut looking: Vec<Looking<'_>> = Vec::new();
    for (index, (target, client)) in plan.config.targets.iter().zip(&plan.clients).enumerate() {
        let at = format!("targets[{index}]");
        let with_token = target.service.token.is_some();
        looking.push(in_time(service(client, format!("{at}.service"), with_token)));
        if let Some(settings) = &target.database {
            let database = Database::new(settings, &plan.config.instance);
            looking.push(in_time(tables(plan, target.name.clone(), database, format!("{at}.database"))));
        }
    }
    looking.push(Box::pin(receivers(plan)));
    looking.push(in_time(pages(plan)));
    futures_util::future::join_all(looking).await.into_iter().flatten().collect()
}

fn in_time<'a>(work: impl Future<Output = Vec<Row>> + 'a) -> Looking<'a> {
    Box::pin(async move {
        tokio::time::timeout(LONGEST, work).await.unwrap_or_else(|_| {
            vec![Row::new("something", "", State::Failed, format!("no answer within {}", Duration::from(LONGEST)))]
        })
    })
}

async fn service(client: &Client, path: String, with_token: bool) -> Vec<Row> {
    let what = format!("service {}", client.name());
    let watch = Stopwatch::start();
    let health = match client.health().await {
        Ok(answer) if answer.value.status == "healthy" => {
            Row::new(&what, &path, State::Fine, format!("healthy, answered in {} ms", watch.elapsed().as_millis()))
        }
        Ok(_) => Row::new(&what, &path, State::Doubt, "answers, and calls itself degraded")
            .advice("look at the services that its /health lists"),
        Err(error) => Row::new(&what, &format!("{path}.url"), State::Failed, error.to_string())
            .advice("check url, ca_file, name resolution and the way through firewalls"),
    };
    if health.state == State::Failed {
        return vec![health];
    }
    let what = format!("user at {}", client.name());
    let login = if with_token {
        match client.memory(NOBODYS_CHAT).await {
            Err(error) if error.reason() == FailureReason::Unauthorized => Err(error.to_string()),
            Err(error) if error.reason() != FailureReason::Http4xx => Err(error.to_string()),
            _ => Ok("the token is taken"),
        }
    } else {
        client.ensure_login().await.map(|_| "logged in").map_err(|error| error.to_string())
    };
    let key = if with_token { "token" } else { "login" };
    let login = match login {
        Ok(said) => Row::new(&what, &path, State::Fine, said),
        Err(error) => Row::new(&what, &format!("{path}.{key}"), State::Failed, error)
            .advice("check user and password; during an outage of its database the service refuses good ones too"),
    };
    vec![health, login]
}

async fn tables(plan: &Plan, target: String, database: Database, path: String) -> Vec<Row> {
    let what = format!("database of {target}");
    let watch = Stopwatch::start();
    // As the daemon reads it, with every column and grant that this needs.
    let mut reader = Reader::new(&target, &database, &Registry::new(), &Clock::system());
    if let Err(error) = reader.read().await {
        let advice = match error.reason() {
            "refused" => "check schema, tables, and the grants in docs/deployment.md",
            "timeout" => "check the load of the database, and that the queue has its index on (status, created_at)",
            _ => "check url, its password, and that this machine may connect",
        };
        return vec![Row::new(&what, &path, State::Failed, error.to_string()).advice(advice)];
    }
    let read = format!("queue read in {} ms", watch.elapsed().as_millis());
    let mut rows = vec![Row::new(&what, &path, State::Fine, read)];
    match database.inspect().await {
        Ok(found) => {
            for (state, found) in [(State::Failed, found.failures), (State::Doubt, found.doubts)] {
                rows.extend(found.into_iter().map(|(said, advice)| Row::new(&what, &path, state, said).advice(advice)));
            }
        }
        Err(error) => rows.push(Row::new(&what, &path, State::Failed, error.to_string())),
    }
    let dir = plan.config.runbooks.dir.as_deref();
    for problem in evidence::check::live(&plan.runbooks, dir, &target, &database).await {
        let place = problem.place.map_or_else(String::new, |place| format!(":{}", place.line));
        let said = format!("{}{place}: {}", problem.file, problem.message);
        rows.push(
            Row::new(&what, &path, State::Doubt, said).advice("grant what it reads, or mend the runbook's block"),
        );
    }
    rows
}

async fn receivers(plan: &Plan) -> Vec<Row> {
    let found = plan.notify.reach().await;
    let index = |name: &str| plan.config.receivers.iter().position(|receiver| receiver.name == name).unwrap_or(0);
    let mut rows: Vec<(usize, Row)> = found
        .into_iter()
        .map(|(receiver, label, answer)| {
            let what = format!("receiver {receiver}, {label}");
            let number = index(&receiver);
            let path = format!("receivers[{number}].{}", label.replacen('[', "_configs[", 1));
            let row = match answer {
                None => Row::new(&what, &path, State::Skipped, "cannot be tried without a message")
                    .advice(format!("memsentry drill {receiver}")),
                Some(Ok(())) => Row::new(&what, &path, State::Fine, "reached; no message was sent"),
                Some(Err(failure)) => Row::new(&what, &path, State::Failed, failure.message)
                    .advice("check address, credentials, tls_config and the way through firewalls"),
            };
            (number, row)
        })
        .collect();
    rows.sort_by_key(|(number, _)| *number);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Whether the address of the pages is free, or a memsentry's already.
async fn pages(plan: &Plan) -> Vec<Row> {
    let (what, path) = (format!("pages at {}", plan.config.web.listen), "web.listen");
    // A bad address was refused when the configuration was loaded.
    let Some(address) = plan.config.web.address() else { return Vec::new() };
    let row = match TcpListener::bind(address).await {
        Ok(_) => Row::new(&what, path, State::Fine, "the address is free"),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let mut peer = address;
            if peer.ip().is_unspecified() {
                peer.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
            }
            match tokio::time::timeout(StdDuration::from_secs(3), is_memsentry(peer)).await {
                Ok(Ok(true)) => Row::new(&what, path, State::Fine, "a memsentry runs there"),
                _ => Row::new(&what, path, State::Failed, "another program has this address")
                    .advice("stop it, or choose another port"),
            }
        }
        Err(error) => Row::new(&what, path, State::Failed, error.to_string())
            .advice("choose an address of this machine, and a port that this user may listen on"),
    };
    vec![row]
}

/// Whether whoever listens there exposes metrics of a memsentry.
async fn is_memsentry(address: std::net::SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).contains("memsentry"))
}
