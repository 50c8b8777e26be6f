//! A named destination: its notifiers by kind, under Alertmanager's keys where it has the kind.

use std::path::Path;

use serde::Deserialize;

use super::super::notifiers::{KINDS, email, webhook};

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
}

impl Receiver {
    /// Whether it tells anybody.
    #[must_use]
    pub fn has_notifier(&self) -> bool {
        KINDS.iter().any(|kind| !kind.send_resolved(self).is_empty())
    }

    /// Puts relative paths below `folder`, that of the configuration.
    pub fn resolve_paths(&mut self, folder: &Path) {
        let webhooks = self.webhook_configs.iter_mut().filter_map(|webhook| webhook.http_config.tls_config.as_mut());
        let mails = self.email_configs.iter_mut().map(|mail| &mut mail.tls_config);
        for file in webhooks.chain(mails).filter_map(|tls| tls.ca_file.as_mut()) {
            *file = folder.join(&file);
        }
    }
}
