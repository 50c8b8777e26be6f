//! The `store` section: where the one file is.

use std::path::PathBuf;

use serde::Deserialize;

/// Where alert state, the notification log, undelivered notifications and samples are kept.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The SQLite file, relative to the configuration's folder. `memsentry.db` in systemd's state directory, or
    /// else beside the configuration, unless set. Delete it while memsentry is stopped to start clean.
    #[serde(default)]
    pub path: Option<PathBuf>,
}
