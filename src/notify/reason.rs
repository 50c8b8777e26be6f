//! Why a group of alerts is told.

use serde::{Deserialize, Serialize};

/// What made a notification necessary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The receiver knows of no firing alert of this group.
    FirstNotification,
    /// An alert fires that the receiver does not know as firing.
    NewAlerts,
    /// An alert that the receiver knows as firing is over, others fire on.
    SomeResolved,
    /// The receiver knows of firing alerts, and none fires any more.
    AllResolved,
    /// Nothing changed for the route's `repeat_interval`.
    Repeat,
}

impl Reason {
    /// As Alertmanager writes it in `notification_reason`.
    #[must_use]
    pub fn alertmanager(self) -> &'static str {
        match self {
            Self::FirstNotification => "first notification",
            Self::NewAlerts => "new alerts added",
            Self::SomeResolved => "some alerts resolved",
            Self::AllResolved => "all alerts resolved",
            Self::Repeat => "repeat interval elapsed",
        }
    }

    /// One word with underscores, as in our tests and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FirstNotification => "first_notification",
            Self::NewAlerts => "new_alerts",
            Self::SomeResolved => "some_resolved",
            Self::AllResolved => "all_resolved",
            Self::Repeat => "repeat",
        }
    }
}
