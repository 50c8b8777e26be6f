//! A storm of alerts over receivers in changing moods, and `kill -9` at random moments: nothing is lost, and each kill
//! repeats at most one message of each receiver. `MEMSENTRY_CRASH_ROUNDS=200 cargo test --test it -- storm --nocapture`
//! for the proof.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use memsentry::metrics::Registry;
use memsentry::store::Store;
use rand::Rng as _;
use serde_json::Value;

use crate::stage::{Config, Daemon, Door, Mood, Moody, WEBHOOK_TOKEN, shared_reference, until};

/// Alerts of the storm; each fires and is over again by a clock of its own. So many that receivers are always busy, and
/// not so many that a machine with other work falls behind for good.
const ALERTS: u32 = 8;
/// Longest wait for the calm after the storm: what failed often waits long for its next attempt.
const CALM: Duration = Duration::from_secs(600);

fn rounds() -> usize {
    std::env::var("MEMSENTRY_CRASH_ROUNDS").map_or(6, |text| text.parse().expect("a number of rounds"))
}

/// Alerts that come and go while the service is up, and one that fires when it is down.
fn rules() -> String {
    let mut rules = String::from(
        "groups:\n  - name: storm\n    rules:\n      - alert: ServiceDown\n        expr: chat_memory_up == 0\n",
    );
    for number in 0..ALERTS {
        let period = 1.7 + 0.23 * f64::from(number);
        rules.push_str(&format!(
            "      - alert: Storm{number}\n        expr: (vector(time()) % {period:.2} < {:.2}) and on () (max(chat_memory_up) == 1)\n",
            period / 2.0
        ));
    }
    rules
}

/// What the daemon says of itself in its log and its file.
struct Books {
    /// Keys of messages that it said it had decided.
    decided: BTreeSet<String>,
    /// Notifier and result of every message that came to its end.
    results: BTreeMap<String, (String, String)>,
    waiting: usize,
}

impl Books {
    async fn of(daemon: &Daemon) -> Self {
        let said = |line: &str| {
            let line: Value = serde_json::from_str(line).ok()?;
            let fields = line.get("fields").unwrap_or(&line);
            (fields["message"] == "notification decided").then(|| fields["key"].as_str().unwrap_or_default().to_owned())
        };
        let decided = daemon.log().lines().filter_map(said).collect();
        let (store, _writer) = Store::open(Some(&daemon.store_path()), &Registry::new()).await;
        let rows = store.deliveries(u32::MAX).await.expect("readable");
        let results = rows.into_iter().map(|row| (row.id, (row.notifier, row.result))).collect();
        Self { decided, results, waiting: store.outbox().await.expect("readable").len() }
    }

    /// The message by which this one was told in the end.
    fn told_by<'a>(&'a self, key: &'a str) -> Result<&'a str, String> {
        let (_, result) = self.results.get(key).ok_or_else(|| format!("{key} has no end"))?;
        match (result.as_str(), result.strip_prefix("told as one: ")) {
            ("delivered", _) => Ok(key),
            (_, Some(other)) => self.told_by(other),
            (other, None) => Err(format!("{key}: {other}")),
        }
    }
}

/// How many messages each kill left in doubt, so that the receiver heard them again; that may be some kills later, if others
/// waited before them. `kills` are the numbers of messages that it had accepted.
fn repeats(accepted: &[(String, String)], kills: &[usize]) -> Vec<usize> {
    let mut counts = vec![0; kills.len()];
    let mut last: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, (key, body)) in accepted.iter().enumerate() {
        if let Some(before) = last.insert(key, at) {
            let kill = kills.iter().position(|kill| before < *kill).filter(|kill| kills[*kill] <= at);
            let kill = kill.unwrap_or_else(|| panic!("{key} was accepted twice without a kill between:\n{body}"));
            counts[kill] += 1;
            assert_eq!(gist(&accepted[before].1), gist(body), "{key} is not the same message");
        }
    }
    counts
}

/// What is told, without the evidence, which is gathered anew after a restart.
fn gist(message: &str) -> String {
    match serde_json::from_str::<Value>(message) {
        Ok(body) => body["alerts"].to_string(),
        Err(_) => message.lines().find(|line| line.starts_with("Subject: ")).unwrap_or_default().to_owned(),
    }
}

/// What the webhook knows of each alert.
fn known(accepted: &[(String, String)]) -> BTreeMap<String, String> {
    let mut known = BTreeMap::new();
    for (_, body) in accepted {
        let body: Value = serde_json::from_str(body).expect("JSON");
        for alert in body["alerts"].as_array().into_iter().flatten() {
            let name = alert["labels"]["alertname"].as_str().unwrap_or_default().to_owned();
            known.insert(name, alert["status"].as_str().unwrap_or_default().to_owned());
        }
    }
    known
}

/// Closes the service's door, lets the receivers recover, and waits until everybody knows how things stand.
async fn calm(door: &Door, daemon: &Daemon, webhook: &Moody, mail: &Moody) {
    webhook.feels(Mood::Fine);
    mail.feels(Mood::Fine);
    door.close().await;
    let began = Instant::now();
    loop {
        let waiting = daemon.number("memsentry_outbox_entries").await;
        let known = known(&webhook.accepted());
        let over = known.iter().all(|(name, status)| (name == "ServiceDown") == (status == "firing"));
        if waiting == Some(0.0) && over && known.contains_key("ServiceDown") {
            return;
        }
        assert!(began.elapsed() < CALM, "{waiting:?} messages wait, the webhook knows {known:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// How many messages each receiver had accepted at each kill.
#[derive(Default)]
struct Kills {
    webhook: Vec<usize>,
    mail: Vec<usize>,
}

/// Kills the daemon at random moments while the receivers' moods change. On a busy machine a daemon may be killed before it
/// has decided anything, so the kills begin when the storm is heard of, and go on until more was heard than could come without.
async fn storm(daemon: &mut Daemon, webhook: &Moody, mail: &Moody) -> Kills {
    let mut kills = Kills::default();
    let heard = || {
        let keys = webhook.accepted().into_iter().chain(mail.accepted()).map(|(key, _)| key);
        keys.collect::<BTreeSet<_>>().len()
    };
    let storm = async {
        until("the storm", || async { (heard() > 0).then_some(()) }).await;
        while kills.mail.len() < rounds() || heard() <= 2 * rounds() {
            assert!(kills.mail.len() < 20 * rounds(), "{} messages in {} lives", heard(), kills.mail.len());
            let wait = rand::rng().random_range(50..1_500);
            tokio::time::sleep(Duration::from_millis(wait)).await;
            daemon.kill();
            // What was written before the kill is read by now; the moment of the kill is that of its signal.
            tokio::time::sleep(Duration::from_millis(20)).await;
            kills.webhook.push(webhook.accepted().len());
            kills.mail.push(mail.accepted().len());
            daemon.start_again().await;
        }
    };
    tokio::select! {
        () = storm => {}
        () = webhook.swings() => {}
        () = mail.swings() => {}
    }
    kills
}

#[tokio::test]
async fn a_storm_with_flapping_receivers_and_kills_loses_nothing_and_repeats_at_most_one_message_a_kill() {
    let door = Door::before(&shared_reference().api_url);
    let (webhook, mail) = (Moody::http().await, Moody::smtp().await);
    let mut config = Config::new(&door.url()).with_rules(&rules());
    config.files.push(("webhook-url", format!("http://{}/{WEBHOOK_TOKEN}", webhook.address)));
    (config.webhook, config.smarthost) = (true, Some(mail.address.to_string()));
    let mut daemon = Daemon::start(&config).await;
    let began = Instant::now();
    let kills = storm(&mut daemon, &webhook, &mail).await;
    let stormed = began.elapsed();
    calm(&door, &daemon, &webhook, &mail).await;
    daemon.terminate().await;

    let (pages, mails) = (webhook.accepted(), mail.accepted());
    let keys: BTreeSet<&str> = pages.iter().chain(&mails).map(|(key, _)| key.as_str()).collect();
    let books = Books::of(&daemon).await;
    assert_eq!(books.waiting, 0);
    for key in books.decided.iter().chain(books.results.keys()) {
        let told_by = books.told_by(key).unwrap_or_else(|lost| panic!("lost: {lost}"));
        assert!(keys.contains(told_by), "{key} counts as delivered by {told_by}, which nobody received");
    }
    let collapsed = books.results.values().filter(|(_, result)| result != "delivered").count();
    let (by_webhook, by_mail) = (repeats(&pages, &kills.webhook), repeats(&mails, &kills.mail));
    let count = |repeats: &[usize]| repeats.iter().filter(|count| **count > 0).count();
    let both = by_webhook.iter().zip(&by_mail).filter(|(page, mail)| **page > 0 && **mail > 0).count();
    println!(
        "{} kills in {:.0} s, calm after {:.0} s: {} messages decided, {} ended, {collapsed} of them told as one with \
         others; {} pages and {} mails accepted; kills that repeated a page {}, a mail {}, both {both}; lost 0",
        kills.mail.len(),
        stormed.as_secs_f64(),
        (began.elapsed() - stormed).as_secs_f64(),
        books.decided.len(),
        books.results.len(),
        pages.len(),
        mails.len(),
        count(&by_webhook),
        count(&by_mail),
    );
    assert!(by_webhook.iter().chain(&by_mail).all(|count| *count <= 1), "{by_webhook:?} {by_mail:?}");
    assert!(books.decided.len() > rounds(), "a storm in a teacup: {} messages", books.decided.len());
}
