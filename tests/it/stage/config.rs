//! Writes a configuration as a user would, with short times, its secrets in files beside it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::reference::Reference;

use super::{MailSink, Webhook};

/// The password of memsentry's user at the service. No output may hold it.
pub const SERVICE_PASSWORD: &str = "service-Passw0rd-hunter2";
/// The password of memsentry at its webhook. No output may hold it.
pub const WEBHOOK_PASSWORD: &str = "webhook-Passw0rd-hunter3";
/// The path of the webhook's URL, which is a secret too.
pub const WEBHOOK_TOKEN: &str = "T0KEN-in-the-url-hunter4";

/// The sections of a configuration as text. Times are short, pages go out at once; a test changes what it is about.
#[derive(Debug, Clone)]
pub struct Config {
    pub instance: String,
    pub service: String,
    pub database: Option<String>,
    pub probes: String,
    pub log: String,
    pub route: String,
    /// Whether the receiver has a webhook; its URL is in a file.
    pub webhook: bool,
    /// The address of the receiver's mail server.
    pub smarthost: Option<String>,
    /// The text of the rule file.
    pub rules: String,
    pub listen: u16,
    /// Lines at the end of the file: further receivers, then other sections.
    pub rest: String,
    /// The path of the store's file.
    pub store: String,
    /// The contents of the files beside it, by name.
    pub files: Vec<(&'static str, String)>,
}

/// A probe that is cheap and often.
pub const HEALTH: &str = "[{kind: health, interval: 1s, timeout: 900ms}]";

/// Fires at once when the health probe had no answer.
pub const DOWN: &str = "
groups:
  - name: fast
    rules:
      - alert: ServiceDown
        expr: chat_memory_up == 0
        labels: {severity: critical}
        annotations: {summary: '{{ $labels.target }} does not answer'}
";

impl Config {
    /// One target at `api_url`, watched by the health probe alone; the receiver has no notifier yet.
    pub fn new(api_url: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self {
            instance: format!("it-{}-{number}", std::process::id()),
            service: format!(
                "{{url: '{api_url}', requests_per_minute: 100000, timeout: 2s, \
                 login: {{email: probe@example.com, password_file: service-password}}}}"
            ),
            database: None,
            probes: HEALTH.to_owned(),
            log: "{format: json, level: debug}".to_owned(),
            route: "{receiver: oncall, group_by: [alertname], group_wait: 50ms, group_interval: 100ms}".to_owned(),
            webhook: false,
            smarthost: None,
            rules: DOWN.to_owned(),
            listen: super::closed_port(),
            rest: String::new(),
            store: "memsentry.db".to_owned(),
            files: vec![
                ("service-password", SERVICE_PASSWORD.to_owned()),
                ("webhook-password", WEBHOOK_PASSWORD.to_owned()),
            ],
        }
    }

    /// All of the reference: API and database, all probes.
    pub fn of(reference: &Reference) -> Self {
        let mut config = Self::new(&reference.api_url).with_database(&reference.database_url);
        config.probes =
            "[{kind: health, interval: 1s, timeout: 900ms}, {kind: retrieval, interval: 1s, timeout: 900ms}, \
             {kind: roundtrip, interval: 1s, timeout: 900ms}]"
                .to_owned();
        config
    }

    pub fn with_database(mut self, url: &str) -> Self {
        self.files.push(("database-url", url.to_owned()));
        self.database = Some("{url_file: database-url, interval: 1s, timeout: 800ms, cleanup: true}".to_owned());
        self
    }

    /// Pages go to this webhook.
    pub fn with_webhook(mut self, webhook: &Webhook) -> Self {
        self.files.push(("webhook-url", webhook.url.clone()));
        self.webhook = true;
        self
    }

    /// Pages go to this mail server.
    pub fn with_mail(mut self, sink: &MailSink) -> Self {
        self.smarthost = Some(sink.address.to_string());
        self
    }

    pub fn with_rules(mut self, rules: &str) -> Self {
        rules.clone_into(&mut self.rules);
        self
    }

    /// The text of the configuration file.
    pub fn text(&self) -> String {
        let database = self.database.as_ref().map_or_else(String::new, |text| format!("    database: {text}\n"));
        let mut text = format!(
            "instance: {}\ntargets:\n  - name: main\n    service: {}\n{database}probes: {}\nlog: {}\n\
             scrape: {{interval: 100ms}}\nrules: {{files: [alerts.yaml], evaluation_interval: 100ms}}\nslos: []\n\
             store: {{path: {}}}\nweb: {{listen: '127.0.0.1:{}'}}\nroute: {}\nreceivers:\n  - name: oncall\n",
            self.instance, self.service, self.probes, self.log, self.store, self.listen, self.route
        );
        if self.webhook {
            text.push_str(
                "    webhook_configs:\n      - url_file: webhook-url\n        \
                 http_config: {basic_auth: {username: memsentry, password_file: webhook-password}}\n",
            );
        }
        if let Some(smarthost) = &self.smarthost {
            let addresses = "to: oncall@example.com, from: memsentry@example.com";
            text.push_str(&format!(
                "    email_configs:\n      - {{{addresses}, smarthost: '{smarthost}', tls: none}}\n"
            ));
        }
        text.push_str(&self.rest);
        text
    }

    /// Writes it and all its files into `folder`; answers with its path.
    pub fn write(&self, folder: &Path) -> PathBuf {
        for (name, content) in self.files.iter().chain([&("alerts.yaml", self.rules.clone())]) {
            std::fs::write(folder.join(name), content).expect("written");
        }
        let path = folder.join("memsentry.yaml");
        std::fs::write(&path, self.text()).expect("written");
        path
    }
}
