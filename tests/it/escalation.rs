//! Whoever takes care stops the escalation; nobody does, and somebody further is told. Also across `kill -9`.

use std::time::Duration;

use serde_json::Value;

use crate::stage::{Config, Daemon, Door, Webhook, http_without_redirects, memsentry, shared_reference, until};

/// How long the second receiver waits, in seconds.
const AFTER: u64 = 3;

struct Scene {
    door: Door,
    oncall: Webhook,
    boss: Webhook,
    daemon: Daemon,
}

impl Scene {
    /// The service does not answer, and the first receiver was told.
    async fn paged() -> Self {
        let door = Door::before(&shared_reference().api_url);
        door.close().await;
        let (oncall, boss) = (Webhook::start().await, Webhook::start().await);
        let mut config = Config::new(&door.url()).with_webhook(&oncall);
        config.route = format!(
            "{{receiver: oncall, group_wait: 50ms, group_interval: 100ms, escalate: [{{after: {AFTER}s, receiver: boss}}]}}"
        );
        config.rest = format!("  - name: boss\n    webhook_configs: [{{url: '{}'}}]\n", boss.url);
        let daemon = Daemon::start(&config).await;
        oncall.told("ServiceDown", "firing").await;
        Self { door, oncall, boss, daemon }
    }

    async fn alert(&self) -> Value {
        let answer: Value = serde_json::from_str(&self.daemon.get("/api/v1/memsentry/alerts").await).expect("JSON");
        let alerts = answer["data"]["alerts"].as_array().expect("a list").clone();
        alerts.into_iter().find(|alert| alert["name"] == "ServiceDown").unwrap_or_default()
    }

    /// Sends the form of the page, as a browser does that shows a page of `origin`.
    async fn acknowledge(&self, origin: &str) -> u16 {
        let alert = self.alert().await;
        let id = alert["fingerprint"].as_str().expect("a fingerprint");
        let form = format!("alert={id}&by=ann&comment=on+it&expires_in=&action=acknowledge");
        let request = http_without_redirects().post(format!("{}/acknowledge", self.daemon.url()));
        let request = request.header("content-type", "application/x-www-form-urlencoded").header("origin", origin);
        request.body(form).send().await.expect("an answer").status().as_u16()
    }

    async fn longer_than_the_escalation(&self) {
        tokio::time::sleep(Duration::from_millis(AFTER * 1000 + 1_500)).await;
    }

    /// What the command line says, with its exit code.
    fn command(&self, arguments: &[&str]) -> (i32, String) {
        let mut all = arguments.to_vec();
        all.extend(["--url", self.daemon.url()]);
        let done = memsentry(&all);
        let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        (done.status.code().unwrap_or(-1), said)
    }
}

#[tokio::test]
async fn what_nobody_acknowledges_is_told_further_and_so_is_its_end() {
    let scene = Scene::paged().await;
    assert!(scene.boss.pages().is_empty(), "too early");
    let page = scene.boss.told("ServiceDown", "firing").await;
    assert_eq!(page.body["receiver"], "boss");
    let annotations = &page.body["alerts"][0]["annotations"];
    assert_eq!(annotations["escalation"], format!("nobody acknowledged it within {AFTER}s"));
    scene.daemon.becomes("memsentry_escalations_total{receiver=\"boss\"}", 1.0).await;
    scene.door.open();
    scene.oncall.told("ServiceDown", "resolved").await;
    scene.boss.told("ServiceDown", "resolved").await;
    let (code, said) = scene.command(&["alerts", "history", "--alert", "ServiceDown"]);
    assert_eq!(code, 0, "{said}");
    for word in ["firing", "delivered", "escalated", "resolved", "boss/webhook[0]"] {
        assert!(said.contains(word), "{word} in\n{said}");
    }
}

#[tokio::test]
async fn a_link_only_asks_the_form_acknowledges_and_no_other_site_may() {
    let scene = Scene::paged().await;
    let page = scene.daemon.get("/acknowledge?alert=ServiceDown").await;
    assert!(page.contains("I take care of it"), "{page}");
    assert!(scene.alert().await["acknowledged"].is_null(), "a GET changed something");
    assert_eq!(scene.acknowledge("https://evil.example").await, 403);
    assert!(scene.alert().await["acknowledged"].is_null());
    assert_eq!(scene.acknowledge(scene.daemon.url()).await, 303);
    assert_eq!(scene.alert().await["acknowledged"]["by"], "ann");
    let (_, listed) = scene.command(&["alerts"]);
    assert!(listed.contains("[acknowledged by ann]"), "{listed}");
    scene.longer_than_the_escalation().await;
    assert!(scene.boss.pages().is_empty(), "{:?}", scene.boss.pages());
    scene.door.open();
    scene.oncall.told("ServiceDown", "resolved").await;
    until("the acknowledgement to end with the alert", || async {
        let text = scene.daemon.get("/api/v1/memsentry/acknowledgements").await;
        text.contains("\"acknowledgements\":[]").then_some(())
    })
    .await;
    scene.daemon.becomes("memsentry_alerts_acknowledged", 0.0).await;
}

#[tokio::test]
async fn an_acknowledgement_survives_kill_9() {
    let mut scene = Scene::paged().await;
    let (code, said) = scene.command(&["alerts", "acknowledge", "ServiceDown", "--by", "ann", "--comment", "on it"]);
    assert_eq!(code, 0, "{said}");
    // It was promised, so it is on disk.
    scene.daemon.kill();
    scene.daemon.start_again().await;
    until("the alert to be known again", || async {
        (scene.alert().await["acknowledged"]["by"] == "ann").then_some(())
    })
    .await;
    scene.longer_than_the_escalation().await;
    assert!(scene.boss.pages().is_empty(), "{:?}", scene.boss.pages());
    assert_eq!(scene.oncall.taken().len(), 1, "{:?}", scene.oncall.taken());
    let (code, said) = scene.command(&["alerts", "acknowledge", "ServiceDown", "--withdraw"]);
    assert_eq!(code, 0, "{said}");
    scene.boss.told("ServiceDown", "firing").await;
}

#[tokio::test]
async fn commands_answer_by_their_exit_code() {
    let scene = Scene::paged().await;
    for (arguments, wanted) in [
        (vec!["alerts"], 0),
        (vec!["alerts", "--firing"], 1),
        (vec!["alerts", "--json"], 0),
        (vec!["alerts", "history", "--since", "1h"], 0),
        (vec!["alerts", "history", "--since", "yesterday"], 2),
        (vec!["alerts", "history", "--event", "exploded"], 2),
        (vec!["alerts", "acknowledge", "NoSuchAlert", "--by", "ann"], 1),
        (vec!["alerts", "acknowledge", "ServiceDown", "--by", " "], 2),
        (vec!["alerts", "acknowledge", "ServiceDown", "--by", "ann", "--expires", "soon"], 2),
        (vec!["alerts", "acknowledge", "ServiceDown", "--withdraw"], 1),
        (vec!["alerts", "acknowledge"], 2),
    ] {
        let (code, said) = scene.command(&arguments);
        assert_eq!(code, wanted, "{arguments:?}: {said}");
    }
    let nobody = memsentry(&["alerts", "--url", "http://127.0.0.1:1"]);
    assert_eq!(nobody.status.code(), Some(2));
}
