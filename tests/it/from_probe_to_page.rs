//! The main job, end to end: what breaks in the service arrives as mail and webhook with the runbook in it, and so
//! does its end.

use serde_json::json;

use crate::reference::Reference;
use crate::stage::{
    Config, Daemon, Mail, MailSink, Page, SERVICE_PASSWORD, WEBHOOK_PASSWORD, WEBHOOK_TOKEN, Webhook,
    check_alertmanager_v4, faster, shipped, start_reference,
};

/// The shipped rules, a minute in a second.
const SPEED: u32 = 60;

#[tokio::test]
async fn a_worker_that_stops_is_paged_with_the_runbook_and_its_return_is_told() {
    let reference = start_reference(&[]);
    let (webhook, sink) = (Webhook::start().await, MailSink::start().await);
    let config = Config::of(&reference).with_webhook(&webhook).with_mail(&sink).with_rules(&faster(&shipped(), SPEED));
    let daemon = Daemon::start(&config).await;
    for probe in ["health", "retrieval", "roundtrip"] {
        daemon.becomes(&format!("chat_memory_probe_success{{probe=\"{probe}\"}}"), 1.0).await;
    }

    reference.fault(&json!({"worker": "stopped"}));
    let fired = webhook.told("WorkerStalled", "firing").await;
    let mail = sink.told("WorkerStalled", "FIRING").await;
    check_page(&fired, &config);
    check_mail(&mail);
    check_evidence(&mail, &fired);

    reference.heal();
    let resolved = webhook.told("WorkerStalled", "resolved").await;
    let over = sink.told("WorkerStalled", "RESOLVED").await;
    check_alertmanager_v4(&resolved.body);
    assert_eq!(resolved.body["groupKey"], fired.body["groupKey"]);
    assert_ne!(resolved.key, fired.key);
    assert_eq!(resolved.body["alerts"][0]["fingerprint"], fired.body["alerts"][0]["fingerprint"]);

    let thread = mail.header("Message-ID").expect("an id");
    assert_eq!(over.header("In-Reply-To").as_ref(), Some(&thread));
    assert_eq!(over.header("References").as_ref(), Some(&thread));
    assert_ne!(over.header("Message-ID").as_ref(), Some(&thread));

    webhook.pages().iter().for_each(|page| check_alertmanager_v4(&page.body));
    for text in [mail.text(), over.text(), fired.body.to_string()] {
        every_link_leads_somewhere(&daemon, &text).await;
    }
    no_secret_is_anywhere(&daemon, &reference, &webhook, &sink).await;
}

fn runbook() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/WorkerStalled.md")).expect("a runbook")
}

fn check_page(page: &Page, config: &Config) {
    check_alertmanager_v4(&page.body);
    assert!(page.authorization.starts_with("Basic "), "{}", page.authorization);
    let body = &page.body;
    assert_eq!(body["groupKey"], "{}:{alertname=\"WorkerStalled\"}");
    assert_eq!(body["receiver"], "oncall");
    assert_eq!(body["notification_reason"], "first notification");
    assert_eq!(body["alerts"][0]["labels"]["target"], "main");
    assert_eq!(body["runbook"]["markdown"], runbook());
    let url = format!("http://127.0.0.1:{}", config.listen);
    assert_eq!(body["externalURL"], url);
    assert_eq!(body["commonAnnotations"]["runbook_url"], format!("{url}/runbooks/WorkerStalled"));
}

/// Both forms of the mail begin with what is wrong and hold the runbook with its first steps.
fn check_mail(mail: &Mail) {
    let (text, html) = (mail.text(), mail.html());
    assert_eq!(mail.header("Subject").as_deref(), Some("[CRITICAL] main: WorkerStalled"));
    assert!(text.starts_with("main: the worker completes nothing"), "{text}");
    let runbook = runbook();
    let step = "Is the worker process running? Look at its uptime and the last lines of its log.";
    assert!(runbook.contains(step));
    for (form, content) in [("text", text), ("html", html)] {
        let words = content.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        for part in ["WorkerStalled", "What to do first", step, "Escalation", "chat_context_queue"] {
            assert!(words.contains(&part.to_lowercase()), "{part} is not in the {form}:\n{content}");
        }
    }
}

/// What stands behind the alert is in both forms of the mail and in the webhook's body: numbers, the last hour, the
/// probe's failed run, what the runbook asks the database.
fn check_evidence(mail: &Mail, page: &Page) {
    assert_eq!(mail.picture()[..8], *b"\x89PNG\r\n\x1a\n");
    assert!(mail.html().contains("src=\"cid:chart."), "{}", mail.html());
    for (form, content) in [("text", mail.text()), ("html", mail.html())] {
        let words = content.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        for part in ["the last hour", "chat_memory_queue_depth", "what the worker complains about", "(never tried)"] {
            assert!(words.contains(part), "{part} is not in the {form}:\n{content}");
        }
        assert!(!words.contains("could not be gathered") && !words.contains("no answer:"), "{content}");
    }
    let evidence = &page.body["evidence"];
    assert_eq!(evidence["alerts"][0]["measured"]["expression"], "chat_memory_queue_depth", "{evidence}");
    assert_eq!(evidence["alerts"][0]["fingerprint"], page.body["alerts"][0]["fingerprint"]);
    assert!(evidence["chart"]["lines"][0]["points"].as_array().is_some_and(|points| !points.is_empty()), "{evidence}");
    assert_eq!(evidence["diagnostics"][0]["title"], "What the worker complains about", "{evidence}");
}

/// The links to memsentry in a message.
async fn every_link_leads_somewhere(daemon: &Daemon, message: &str) {
    let links: Vec<&str> = message.split(daemon.url()).skip(1).collect();
    assert!(links.len() >= 2, "{message}");
    for rest in links {
        let path = rest.split([' ', '\n', '"', '\\']).next().unwrap_or_default();
        daemon.get(path).await;
    }
}

/// Passwords, the webhook's address and tokens stay inside, whatever is looked at, at the most talkative log level.
async fn no_secret_is_anywhere(daemon: &Daemon, reference: &Reference, webhook: &Webhook, sink: &MailSink) {
    let mut seen = vec![("the log".to_owned(), daemon.log())];
    let pages = ["/", "/alerts", "/metrics", "/runbooks/WorkerStalled", "/api/v1/rules", "/api/v1/alerts"];
    let probes = ["/probes/main/health", "/probes/main/retrieval", "/probes/main/roundtrip"];
    for path in pages.into_iter().chain(probes) {
        seen.push((path.to_owned(), daemon.get(path).await));
    }
    seen.extend(webhook.pages().iter().map(|page| ("a webhook".to_owned(), page.body.to_string())));
    for mail in sink.mails() {
        seen.push(("a mail".to_owned(), format!("{}\n{}\n{}", mail.raw, mail.text(), mail.html())));
    }
    let database = reference.database_url.split([':', '@']).nth(2).expect("a password in the URL");
    assert!(database.len() > 8, "{}", reference.database_url);
    // Every token of the service begins with `{"`, in base64.
    let secrets = [SERVICE_PASSWORD, WEBHOOK_PASSWORD, WEBHOOK_TOKEN, database, "eyJ"];
    for (place, text) in &seen {
        assert!(!text.is_empty(), "{place} is empty");
        for secret in secrets {
            let around = text.find(secret).map(|at| &text[at.saturating_sub(80)..(at + 20).min(text.len())]);
            assert!(around.is_none(), "{secret} is in {place}: {around:?}");
        }
    }
}
