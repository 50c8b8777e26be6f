//! A named destination: its notifiers by kind, under Alertmanager's keys where it has the kind.

use std::path::Path;

use serde::Deserialize;

use super::super::notifiers::{KINDS, alertmanager, command, email, pagerduty, slack, webhook};

/// A named destination.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receiver {
    /// Unique; shown in messages and metrics.
    pub name: String,
    /// HTTP endpoints that take Alertmanager's webhook body.
    #[serde(default)]
    pub webhook_configs: Vec<webhook::Settings>,
    /// Mail boxes.
    #[serde(default)]
    pub email_configs: Vec<email::Settings>,
    /// Slack's incoming webhooks.
    #[serde(default)]
    pub slack_configs: Vec<slack::Settings>,
    /// Services of PagerDuty.
    #[serde(default)]
    pub pagerduty_configs: Vec<pagerduty::Settings>,
    /// Alertmanager clusters.
    #[serde(default)]
    pub alertmanager_configs: Vec<alertmanager::Settings>,
    /// Programs on this machine; refused unless `allow_commands` is set at the top of the configuration.
    #[serde(default)]
    pub command_configs: Vec<command::Settings>,
}

impl Receiver {
    /// Whether it tells anybody.
    #[must_use]
    pub fn has_notifier(&self) -> bool {
        KINDS.iter().any(|kind| !kind.send_resolved(self).is_empty())
    }

    /// Puts relative paths below `folder`, that of the configuration.
    pub fn resolve_paths(&mut self, folder: &Path) {
        let http = self.webhook_configs.iter_mut().map(|webhook| &mut webhook.http_config);
        let http = http.chain(self.slack_configs.iter_mut().map(|slack| &mut slack.http_config));
        let http = http.chain(self.pagerduty_configs.iter_mut().map(|duty| &mut duty.http_config));
        let http = http.chain(self.alertmanager_configs.iter_mut().map(|cluster| &mut cluster.http_config));
        http.for_each(|http| http.resolve_paths(folder));
        self.email_configs.iter_mut().for_each(|mail| mail.tls_config.resolve_paths(folder));
        self.command_configs.iter_mut().for_each(|command| command.resolve_paths(folder));
    }
}
