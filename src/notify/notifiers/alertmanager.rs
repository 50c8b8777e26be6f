//! Hands alerts to an Alertmanager cluster, by its API v2, as Prometheus does.
//!
//! Alertmanagers do not pass alerts on to each other, so every member is told. A message is delivered when one member
//! took it; a member that missed it gets it with the next refresh, which also keeps firing alerts from lapsing there and
//! tells ends again for 15 minutes.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration as StdDuration;

use futures_util::future::join_all;
use serde::Serialize;

use crate::model::{AlertStatus, Labels, Problem, Timestamp};

use super::super::message::Told;
use super::super::settings::Receiver;
use super::http::{Endpoint, Post};
use super::{Answer, Attempt, Failure, Notifier, NotifierKind, Retry};

mod settings;

pub use settings::Settings;

/// How long an end is told again.
const ENDS_TOLD: StdDuration = StdDuration::from_secs(15 * 60);
/// How many refreshes may fail before an alert lapses there.
const MISSES: u32 = 4;
/// Most alerts in one request.
const BATCH: usize = 256;
/// Most ends that are told again.
const MOST_ENDS: usize = 10_000;

/// A cluster.
pub struct Alertmanager {
    members: Vec<Endpoint>,
    refresh: StdDuration,
    external: Labels,
    /// Ends that are told again, by fingerprint: the alert and until when.
    ended: Mutex<BTreeMap<String, (Told, Timestamp)>>,
}

impl NotifierKind for Alertmanager {
    const NAME: &'static str = "alertmanager";
    const KEY: &'static str = "alertmanager_configs";
    type Settings = Settings;

    fn settings(receiver: &Receiver) -> &[Settings] {
        &receiver.alertmanager_configs
    }

    fn send_resolved(settings: &Settings) -> bool {
        settings.send_resolved
    }

    fn problems(settings: &Settings) -> Vec<Problem> {
        settings.problems()
    }

    fn build(settings: &Settings) -> Result<Self, Box<Problem>> {
        let member = |url| Endpoint::new(url, &settings.http_config, settings.timeout, Vec::new());
        Ok(Self {
            members: settings.urls()?.into_iter().map(member).collect::<Result<_, _>>()?,
            refresh: settings.refresh_interval.std(),
            external: Labels::from_pairs(settings.external_labels.iter().map(|(n, v)| (n.as_str(), v.as_str()))),
            ended: Mutex::default(),
        })
    }
}

impl Notifier for Alertmanager {
    /// Every member; one that is down is told, though the others would take the alerts.
    fn reach(&self) -> Option<Answer<'_>> {
        Some(Box::pin(async move {
            let answers = join_all(self.members.iter().map(Endpoint::reach)).await;
            for (member, answer) in self.members.iter().zip(answers) {
                answer.map_err(|mut failure| {
                    failure.message = format!("{}: {}", member.name(), failure.message);
                    failure
                })?;
            }
            Ok(())
        }))
    }

    fn deliver<'a>(&'a self, attempt: &'a Attempt<'a>) -> Answer<'a> {
        Box::pin(async move {
            let alerts = &attempt.notification.alerts;
            self.note(alerts, attempt.at);
            self.tell(alerts.iter(), attempt.at).await
        })
    }

    fn refresh_every(&self) -> Option<StdDuration> {
        Some(self.refresh)
    }

    fn refresh<'a>(&'a self, firing: &'a [Told], at: Timestamp) -> Answer<'a> {
        Box::pin(async move {
            self.note(firing, at);
            let ended: Vec<Told> = {
                let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
                ended.retain(|_, (_, until)| at < *until);
                ended.values().map(|(told, _)| told.clone()).collect()
            };
            self.tell(firing.iter().chain(&ended), at).await
        })
    }
}

impl Alertmanager {
    /// Remembers which ends are to be told again.
    fn note(&self, alerts: &[Told], at: Timestamp) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        for alert in alerts {
            match alert.status {
                AlertStatus::Firing => {
                    ended.remove(&alert.fingerprint);
                }
                AlertStatus::Resolved if ended.len() < MOST_ENDS => {
                    ended.insert(alert.fingerprint.clone(), (alert.clone(), at + ENDS_TOLD));
                }
                AlertStatus::Resolved => {}
            }
        }
    }

    /// Tells every member; a success if one took everything.
    async fn tell<'a>(&self, alerts: impl Iterator<Item = &'a Told>, at: Timestamp) -> Result<(), Failure> {
        let posted: Vec<Posted> = alerts.map(|alert| self.posted(alert, at)).collect();
        let bodies: Vec<Vec<u8>> =
            posted.chunks(BATCH).map(|chunk| serde_json::to_vec(chunk).unwrap_or_default()).collect();
        let answers = join_all(self.members.iter().map(|member| tell_member(member, &bodies, at))).await;
        let taken = answers.iter().any(Result::is_ok);
        let mut failures: Vec<Failure> = Vec::new();
        for (member, answer) in self.members.iter().zip(answers) {
            if let Err(mut failure) = answer {
                failure.message = format!("{}: {}", member.name(), failure.message);
                if taken {
                    tracing::warn!(member = member.name(), error = failure.message, "Alertmanager missed alerts");
                }
                failures.push(failure);
            }
        }
        if taken || failures.is_empty() {
            return Ok(());
        }
        // What may pass at one member is worth another attempt.
        let passing = failures.iter().position(|failure| failure.retry != Retry::Never).unwrap_or(0);
        let message = failures.iter().map(|failure| failure.message.as_str()).collect::<Vec<_>>().join("; ");
        Err(Failure { message, ..failures.swap_remove(passing) })
    }

    fn posted(&self, alert: &Told, at: Timestamp) -> Posted {
        let own = alert.labels.iter().filter(|(_, value)| !value.is_empty());
        let external = self.external.iter().filter(|(name, _)| alert.labels.get(name).is_none_or(str::is_empty));
        Posted {
            labels: external.chain(own).map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            annotations: alert.annotations.clone(),
            starts_at: alert.starts_at.rfc3339(),
            ends_at: alert.ends_at.unwrap_or(at + self.refresh * MISSES).rfc3339(),
            generator_url: alert.generator_url.clone(),
        }
    }
}

async fn tell_member(member: &Endpoint, bodies: &[Vec<u8>], at: Timestamp) -> Result<(), Failure> {
    for body in bodies {
        let post = Post { body: body.clone(), content_type: "application/json", key: None, listens: false, at };
        member.post(post).await?;
    }
    Ok(())
}

/// An alert as `POST /api/v2/alerts` takes it.
#[derive(Serialize)]
struct Posted {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    #[serde(rename = "startsAt")]
    starts_at: String,
    #[serde(rename = "endsAt")]
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
}

#[cfg(test)]
mod tests;
