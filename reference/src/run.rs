//! The life of the service: start everything, say where it is, wait, end everything in reverse.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::Router;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::agent::{Agent, anthropic::Anthropic, deterministic::Deterministic};
use crate::database::{Database, rerouted};
use crate::faults::sabotage::Sabotage;
use crate::faults::{Faults, endpoint};
use crate::quirks::Quirk;
use crate::secret::Secret;
use crate::settings::{AgentKind, Settings};
use crate::sql::Layout;
use crate::stop::{self, Signals};
use crate::tasks::{self, Tasks};
use crate::{api, pooler, worker};

/// How long requests and rows in hand may take to finish.
const PATIENCE: Duration = Duration::from_secs(2);

/// Runs until told to stop. An error means that something could not start or ended by itself.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let mut tasks = Tasks::new(stop.clone());
    listen_for_the_end(&settings, &mut tasks, &stop)?;
    let agent = agent(&settings)?;
    let layout = Layout::new(&settings.schema, &settings.quirks());
    let database = tokio::select! {
        database = Database::open(&settings, &layout) => database?,
        // What was started so far hangs on the keeper's pipe and goes with it.
        () = stop.cancelled() => return Ok(()),
    };
    let faults = Faults::none();
    let endpoint = endpoint::Endpoint::new(faults.clone(), database.gate.clone());
    let ended = match start(&settings, &layout, &database, agent, &endpoint, &mut tasks, &stop).await {
        Ok(()) => tasks.supervise().await.map_err(anyhow::Error::msg),
        Err(error) => Err(error),
    };
    tasks.finish(PATIENCE).await;
    if endpoint.heal().await.is_err() {
        tracing::error!("the database could not be opened again");
    }
    database.close().await;
    tracing::info!("ended");
    ended
}

fn listen_for_the_end(settings: &Settings, tasks: &mut Tasks, stop: &CancellationToken) -> anyhow::Result<()> {
    let signals = Signals::catch().context("cannot catch signals")?;
    tasks.spawn("signal watch", signals.watch(stop.clone()));
    if settings.exit_with_stdin {
        tasks::stop_at_end_of_input(stop.clone());
    }
    if let Some(pid) = settings.parent_pid {
        tasks.spawn("parent watch", stop::watch_parent(pid, stop.clone()));
    }
    Ok(())
}

async fn start(
    settings: &Settings,
    layout: &Layout,
    database: &Database,
    agent: Box<dyn Agent>,
    endpoint: &endpoint::Endpoint,
    tasks: &mut Tasks,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let faults = endpoint.faults();
    let service = Arc::new(api::Service::new(settings, layout, database.pool.clone(), faults.clone()));
    let api_url = serve("API", settings.listen, api::router(service), tasks, stop).await?;
    let faults_url = match settings.faults_listen {
        Some(listen) => Some(serve("faults endpoint", listen, endpoint.router(), tasks, stop).await?),
        None => None,
    };
    let agent = Box::new(Sabotage::new(agent, faults.clone()));
    let shared = Arc::new(worker::Shared::new(settings, layout, database.worker.clone(), agent, faults));
    for _ in 0..settings.workers {
        tasks.spawn("worker", worker::run(shared.clone(), stop.clone()));
    }
    let database_url = guest_url(settings, database, tasks, stop).await?;
    tracing::info!(%api_url, quirks = ?settings.quirks().names(), "ready");
    announce(&json!({
        "api_url": api_url,
        "database_url": database_url.expose(),
        "chaos_database_url": database.chaos_url.expose(),
        "faults_url": faults_url,
    }))
}

/// What a guest connects to: the database itself, or the pooler that a quirk puts in front of it.
async fn guest_url(
    settings: &Settings,
    database: &Database,
    tasks: &mut Tasks,
    stop: &CancellationToken,
) -> anyhow::Result<Secret> {
    if !settings.quirks().on(Quirk::TransactionPooler) {
        return Ok(database.guest_url.clone());
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = rerouted(&database.guest_url, &listener.local_addr()?.to_string()).context("--database-url is no URL")?;
    let upstream = (database.worker.get_host().to_owned(), database.worker.get_port());
    tasks.spawn("pooler", pooler::run(listener, upstream, stop.clone()));
    Ok(url)
}

fn agent(settings: &Settings) -> anyhow::Result<Box<dyn Agent>> {
    Ok(match settings.agent {
        AgentKind::Deterministic => Box::new(Deterministic::new(settings.agent_delay)),
        AgentKind::Anthropic => {
            Box::new(Anthropic::new(&settings.anthropic_url, &settings.anthropic_model, settings.anthropic_key()?)?)
        }
    })
}

/// Listens on `address` and answers with the URL; connections that are idle at the end are cut.
async fn serve(
    name: &'static str,
    address: SocketAddr,
    router: Router,
    tasks: &mut Tasks,
    stop: &CancellationToken,
) -> anyhow::Result<String> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let url = format!("http://{}", listener.local_addr()?);
    let stopped = stop.clone().cancelled_owned();
    tasks.spawn(name, async move {
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
            tracing::error!(%error, "cannot serve");
        }
    });
    Ok(url)
}

/// The one line on standard output.
fn announce(line: &serde_json::Value) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    if writeln!(stdout, "{line}").and_then(|()| stdout.flush()).is_err() {
        bail!("standard output is closed");
    }
    Ok(())
}
