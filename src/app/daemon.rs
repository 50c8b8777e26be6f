//! The daemon from start to clean end, with reloads in between.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration as StdDuration;

use anyhow::{Context, Result};
use arc_swap::ArcSwap;

use crate::evidence;
use crate::metrics::Registry;
use crate::model::{Clock, Duration, Problem};
use crate::notify::Notify;
use crate::probes::History;
use crate::scrape::Scraper;
use crate::store::{Store, Table};
use crate::tsdb::Tsdb;
use crate::web::{self, Web};

use super::evidence::Seen;
use super::generation::Generation;
use super::judge::{Judge, RULE_LIMITS};
use super::plan::Plan;
use super::process::Process;
use super::reload::Reloads;
use super::signals;
use super::tasks::Scope;
use super::view::Shown;
use super::vitals::Heart;

/// What one query over HTTP may use: 64 MB of samples, and as much for its answer.
const QUERY_LIMITS: crate::promql::Limits =
    crate::promql::Limits { max_samples: 4_000_000, timeout: Duration::from_secs(30), lookback: RULE_LIMITS.lookback };

/// For notifications under way to be answered at the end.
const LAST_DELIVERIES: StdDuration = StdDuration::from_millis(1_500);

/// For the store to write what was handed to it.
const LAST_WRITES: StdDuration = StdDuration::from_secs(1);

/// A running daemon.
pub struct Daemon {
    core: Arc<Core>,
    address: SocketAddr,
    store: Store,
    /// Beat, dispatcher and deliveries; they end before the store.
    work: Scope,
    /// The store's writer and the web server; they end last.
    base: Scope,
}

/// What a reload needs; pages ask for one too.
pub(super) struct Core {
    pub(super) file: PathBuf,
    pub(super) registry: Registry,
    pub(super) clock: Clock,
    pub(super) tsdb: Tsdb,
    pub(super) store: Store,
    pub(super) history: History,
    pub(super) reloads: Reloads,
    pub(super) notify: Notify,
    pub(super) judge: Arc<Judge>,
    pub(super) generation: ArcSwap<Generation>,
    heart: Heart,
    reloading: tokio::sync::Mutex<()>,
}

impl Daemon {
    /// Loads the configuration at `path` and starts.
    ///
    /// # Errors
    /// Every mistake of the files as one text, or what the system refused.
    pub async fn start_from(path: &Path, registry: Registry) -> Result<Self> {
        let plan = Plan::load(path, &registry, &Clock::system()).map_err(|problems| {
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            anyhow::anyhow!("{}", told.join("\n"))
        })?;
        Self::start(plan, registry).await
    }

    /// Puts a plan into force. The plan's metrics are in `registry`.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(plan: Plan, registry: Registry) -> Result<Self> {
        let clock = Clock::system();
        let started_at = clock.now();
        let Plan { config, file, mut rules, runbooks, notify, heartbeat, clients, .. } = plan;
        let web = Web::bind(&config.web).await?;
        let address = web.local_addr();
        let (base, work) = (Scope::new(&registry), Scope::new(&registry));

        let (store, writer) = Store::open(config.store.path.as_deref(), &registry).await;
        base.run(writer);
        let tsdb = Tsdb::new(&config.tsdb, &registry);
        tsdb.reach_back(rules.reach(RULE_LIMITS.lookback));
        work.run(tsdb.keep_history(store.clone(), &registry, started_at, work.token()).await);
        let history = History::new();
        let documents = store.documents(Table::RuleAlerts).await.unwrap_or_default();
        rules.restore(&documents, started_at, RULE_LIMITS.lookback);
        let (notify, telling) = Notify::new(notify, store.clone(), clock.clone(), &registry);
        telling.into_iter().for_each(|task| work.run(task));

        let scraper = Scraper::new(registry.clone(), tsdb.clone());
        let process = Process::new(&registry, started_at);
        let parts = (clock.clone(), tsdb.clone(), store.clone(), notify.clone());
        let judge = Judge::new(parts, (process, work.spawner()), scraper, rules, config.scrape.interval);
        let reloads = Reloads::new(&registry);
        reloads.accepted(started_at);
        let generation = Generation::start(config, runbooks, clients, (&registry, &history, &clock));
        let core = Arc::new(Core {
            file,
            registry: registry.clone(),
            clock: clock.clone(),
            tsdb: tsdb.clone(),
            store: store.clone(),
            history,
            reloads,
            notify,
            judge: Arc::new(judge),
            generation: ArcSwap::from_pointee(generation),
            heart: Heart::default(),
            reloading: tokio::sync::Mutex::default(),
        });
        let sources = evidence::Sources { history: core.history.clone(), tsdb: tsdb.clone(), clock: clock.clone() };
        core.notify.call(evidence::Gatherer::witness(sources, Seen::new(&core), &registry));
        work.run(beat(&core, &work));
        core.heart.replace(heartbeat, &core);
        let view = Arc::new(Shown::new(Arc::clone(&core)));
        let history = core.history.clone();
        let notify = core.notify.clone();
        let loads = web::Loads::new(&registry);
        base.run(loads.task(base.token()));
        let limits = QUERY_LIMITS;
        let sources = web::Sources { clock, registry, tsdb, limits, history, notify, loads, started_at, view };
        base.run(web.task(sources, base.spawner(), base.token()));
        tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "memsentry started");
        Ok(Self { core, address, store, work, base })
    }

    /// Where pages and metrics are served.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Loads the configuration again and puts it into force, or refuses it whole.
    ///
    /// # Errors
    /// Every mistake; the running configuration stays.
    pub async fn reload(&self) -> Result<(), Vec<Problem>> {
        self.core.reload().await
    }

    /// Runs until SIGTERM or SIGINT; SIGHUP reloads. Tells systemd how it goes.
    ///
    /// # Errors
    /// Signals cannot be received.
    pub async fn run_until_asked_to_end(self) -> Result<()> {
        signals::serve(&self.core).await.context("signals cannot be received")?;
        self.shut_down().await;
        Ok(())
    }

    /// Ends everything within 5 s; what waits for delivery stays in the store.
    pub async fn shut_down(self) {
        tracing::info!("stopping");
        self.core.heart.end();
        self.core.generation.load().end().await;
        self.core.notify.close(LAST_DELIVERIES).await;
        self.work.end(StdDuration::from_millis(500)).await;
        let last_writes = async {
            self.core.tsdb.persist().await;
            self.store.close().await
        };
        match tokio::time::timeout(LAST_WRITES, last_writes).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the store could not be closed tidily"),
            Err(_) => tracing::error!("the store does not answer and was left; what it had written is safe"),
        }
        self.base.end(StdDuration::from_millis(500)).await;
        tracing::info!("stopped");
    }
}

fn beat(core: &Arc<Core>, scope: &Scope) -> crate::model::task::Task {
    let (core, cancel) = (Arc::clone(core), scope.token());
    crate::model::task::Task::new("judge", move || {
        let (core, cancel) = (Arc::clone(&core), cancel.clone());
        async move { core.judge.run(cancel).await }
    })
}

impl Core {
    /// See [`Daemon::reload`]. One at a time.
    pub(super) async fn reload(self: &Arc<Self>) -> Result<(), Vec<Problem>> {
        let _one_at_a_time = self.reloading.lock().await;
        let plan = match Plan::load(&self.file, &self.registry, &self.clock) {
            Ok(plan) => plan,
            Err(problems) => {
                for problem in &problems {
                    tracing::error!(%problem, "configuration refused, the one before stays in force");
                }
                self.reloads.refused(self.clock.now(), problems.clone());
                return Err(problems);
            }
        };
        let Plan { config, rules, runbooks, notify, heartbeat, clients, .. } = plan;
        let old = self.generation.load_full();
        if config.web.listen != old.config.web.listen || config.store.path != old.config.store.path {
            tracing::warn!("web.listen and store.path take effect at the next start only");
        }
        old.end().await;
        self.tsdb.reconfigure(&config.tsdb);
        self.notify.reload(notify);
        self.judge.reload(rules, config.scrape.interval).await;
        let parts = (&self.registry, &self.history, &self.clock);
        self.generation.store(Arc::new(Generation::start(config, runbooks, clients, parts)));
        self.heart.replace(heartbeat, self);
        self.reloads.accepted(self.clock.now());
        tracing::info!(file = %self.file.display(), "configuration reloaded");
        Ok(())
    }
}
