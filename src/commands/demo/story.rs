//! The demo's course: all is well, it breaks, the page arrives, it heals, the resolve arrives.

use std::io::IsTerminal;
use std::time::Duration as StdDuration;

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::app::Daemon;
use crate::app::tasks::Scope;
use crate::metrics::Registry;
use crate::model::{AlertStatus, Stopwatch};

use super::reference::{Break, Reference};
use super::smtp_sink::Mail;
use super::tally::{Tally, total};
use super::webhook_sink::Page;
use super::{Arguments, Exit, config, mail_text, output, smtp_sink, webhook_sink};

/// How long all must have been well before a fault is caused by `--break`.
const CALM: StdDuration = StdDuration::from_secs(6);
/// Lines of a page that are shown.
const SHOWN: usize = 40;

/// Runs the demo from start to clean end.
pub(super) async fn tell(arguments: Arguments) -> Result<Exit> {
    let clock = Stopwatch::start();
    output::talk("starting the reference service with a Postgres of its own ...");
    let reference = Reference::start(arguments.reference.clone()).await?;
    let folder = tempfile::tempdir().context("a temporary folder")?;

    let registry = Registry::new();
    let scope = Scope::new(&registry);
    let (mail_sender, mails) = mpsc::channel(256);
    let (page_sender, pages) = mpsc::channel(256);
    let (smtp, smtp_address) = smtp_sink::bind().await?;
    let (webhook, webhook_url) = webhook_sink::bind().await?;
    let spawn = scope.spawner();
    spawn("smtp sink", Box::pin(smtp_sink::serve(smtp, mail_sender, scope.spawner())));
    spawn("webhook sink", Box::pin(webhook_sink::serve(webhook, page_sender)));

    let path = config::write(folder.path(), &reference.addresses, smtp_address, &webhook_url, arguments.speed)?;
    let daemon = Daemon::start_from(&path, registry.clone()).await?;
    let lines = [
        ("memory service", reference.addresses.api_url.clone()),
        ("its faults", reference.addresses.faults_url.clone()),
        ("memsentry", format!("http://{}/", daemon.local_addr())),
        ("its metrics", format!("http://{}/metrics", daemon.local_addr())),
        ("mail sink", format!("smtp://{smtp_address}")),
        ("webhook sink", webhook_url.clone()),
        ("configuration", path.display().to_string()),
    ];
    for (what, place) in lines {
        output::talk(&format!("  {what:<15} {place}"));
    }
    output::talk(&format!("every time in the shipped rules is {} times shorter here\n", arguments.speed));

    let mut show = Show {
        registry,
        reference: &reference,
        tally: Tally::default(),
        act: if arguments.fault.is_some() { Act::Calm } else { Act::Free },
        broken: None,
        chosen: arguments.fault,
        since: Stopwatch::start(),
        clock,
    };
    let result = show.run(mails, pages, arguments.length.map(|length| clock.started() + length.std())).await;
    let exit = show.verdict(&result, arguments.json);
    output::talk("stopping ...");
    daemon.shut_down().await;
    scope.end(StdDuration::from_millis(100)).await;
    reference.stop().await;
    result?;
    Ok(exit)
}

/// Where the story stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// Nothing is planned; a person may break things.
    Free,
    /// Waiting until all has been well for a while, then the fault comes.
    Calm,
    /// Broken; waiting for the page.
    Broken,
    /// Healed; waiting for the resolve.
    Healed,
    /// The whole story was told.
    Told,
}

struct Show<'a> {
    registry: Registry,
    reference: &'a Reference,
    tally: Tally,
    act: Act,
    /// The fault that is on.
    broken: Option<Break>,
    /// The fault that `--break` asked for.
    chosen: Option<Break>,
    since: Stopwatch,
    clock: Stopwatch,
}

impl Show<'_> {
    async fn run(
        &mut self,
        mut mails: mpsc::Receiver<Mail>,
        mut pages: mpsc::Receiver<Page>,
        end: Option<Instant>,
    ) -> Result<()> {
        let mut seconds = tokio::time::interval(StdDuration::from_secs(1));
        let interactive = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        let mut keys = BufReader::new(tokio::io::stdin()).lines();
        if interactive {
            output::talk(
                "break it: w worker, a agent, d database, l latency, e errors; h heals, q ends (then Enter)\n",
            );
        }
        // `--for` is a bound far away where it was not given.
        let end = end.unwrap_or_else(|| self.clock.started() + StdDuration::from_secs(365 * 86_400));
        loop {
            tokio::select! {
                _ = seconds.tick() => self.tick().await?,
                Some(mail) = mails.recv() => self.received_mail(mail),
                Some(page) = pages.recv() => self.received_page(page),
                line = keys.next_line(), if interactive => match line.ok().flatten().as_deref().map(str::trim) {
                    Some("q") | None => return Ok(()),
                    Some(key) => self.key(key).await?,
                },
                _ = tokio::signal::ctrl_c() => return Ok(()),
                () = sleep_until(end) => return Ok(()),
            }
        }
    }

    async fn tick(&mut self) -> Result<()> {
        self.status();
        match (self.act, self.chosen) {
            (Act::Calm, Some(fault)) if self.calm() && self.since.elapsed() >= CALM => {
                self.cause(fault).await?;
                self.turn(Act::Broken);
            }
            (Act::Calm, _) if !self.calm() => self.since = Stopwatch::start(),
            (Act::Broken, Some(fault)) if self.tally.told(fault.alert(), AlertStatus::Firing) => {
                self.heal().await?;
                self.turn(Act::Healed);
            }
            (Act::Healed, Some(fault)) if self.tally.told(fault.alert(), AlertStatus::Resolved) => {
                output::talk("the whole story was told: broken, paged, healed, resolved");
                self.turn(Act::Told);
            }
            _ => {}
        }
        Ok(())
    }

    fn turn(&mut self, act: Act) {
        self.act = act;
        self.since = Stopwatch::start();
    }

    /// Probes run, and the last of each succeeded.
    fn calm(&self) -> bool {
        let gathered = self.registry.gather();
        let successes = gathered.iter().find(|family| family.name == "chat_memory_probe_success");
        let points = successes.map(|family| family.points.as_slice()).unwrap_or_default();
        points.len() >= 3
            && points.iter().all(|point| matches!(point.value, crate::metrics::Value::Number(v) if v > 0.5))
    }

    fn status(&self) {
        let count = |name| total(&self.registry, name);
        let summary = self.tally.summary(&self.registry);
        output::talk(&format!(
            "{:>4}s  probe runs {:>4}, failed {:>3} | updates {:>3}, failed {:>3} | queue {:>2} open | webhooks {:>2}, mails {:>2}{}",
            self.clock.elapsed().as_secs(),
            summary.probe_runs,
            summary.probe_failures,
            count("chat_memory_updates_total"),
            count("chat_memory_update_failures_total"),
            count("chat_memory_queue_depth"),
            summary.webhooks,
            summary.mails,
            self.broken.map_or_else(String::new, |fault| format!(" | broken: {fault:?}").to_lowercase()),
        ));
    }

    async fn key(&mut self, key: &str) -> Result<()> {
        match key {
            "w" => self.cause(Break::Worker).await,
            "a" => self.cause(Break::Agent).await,
            "d" => self.cause(Break::Database).await,
            "l" => self.cause(Break::Latency).await,
            "e" => self.cause(Break::Errors).await,
            "h" => self.heal().await,
            _ => {
                output::talk("w, a, d, l, e break it; h heals; q ends");
                Ok(())
            }
        }
    }

    async fn cause(&mut self, fault: Break) -> Result<()> {
        output::talk(&format!("\n--- breaking it: {} (expect {})\n", fault.describe(), fault.alert()));
        self.broken = Some(fault);
        self.reference.break_by(fault).await
    }

    async fn heal(&mut self) -> Result<()> {
        output::talk("\n--- healing it\n");
        self.broken = None;
        self.reference.heal().await
    }

    fn received_mail(&mut self, mail: Mail) {
        output::talk(&format!("\n=== mail: {}", mail.header("Subject").unwrap_or_default()));
        let chosen = self.chosen.or(self.broken).map(Break::alert);
        let ours = chosen.is_some_and(|alert| mail.header("Subject").is_some_and(|subject| subject.contains(alert)));
        if ours {
            for line in mail_text::plain_text(&mail).lines().take(SHOWN) {
                output::talk(&format!("    {line}"));
            }
        }
        output::talk("");
        self.tally.mail(mail);
    }

    fn received_page(&mut self, page: Page) {
        output::talk(&format!("=== webhook: {} {}", page.status.as_str(), page.group_key));
        self.tally.page(page);
    }

    /// Prints the summary and judges: with `--break`, whether the story was told; without, whether all was well.
    fn verdict(&self, result: &Result<()>, json: bool) -> Exit {
        let summary = self.tally.summary(&self.registry);
        output::talk(&format!(
            "\n{} probe runs, {} failed; fired: {}; resolved: {}; {} webhooks, {} mails",
            summary.probe_runs,
            summary.probe_failures,
            names(&summary.fired),
            names(&summary.resolved),
            summary.webhooks,
            summary.mails,
        ));
        if json {
            output::data(&serde_json::to_string(&summary).unwrap_or_default());
        }
        let well = match self.chosen {
            Some(_) => self.act == Act::Told,
            None => summary.probe_runs > 0,
        };
        if result.is_ok() && well { Exit::Fine } else { Exit::No }
    }
}

fn names(set: &std::collections::BTreeSet<String>) -> String {
    if set.is_empty() { "none".to_owned() } else { set.iter().cloned().collect::<Vec<_>>().join(", ") }
}
