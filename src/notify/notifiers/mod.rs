//! Kinds of destinations: one file each, one row in [`KINDS`].
//!
//! A notifier makes one attempt at one message and says how it ended; when to try again is the outbox's
//! business.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration as StdDuration;

use crate::model::{Problem, Timestamp};
use crate::runbooks::Runbooks;

use super::evidence::Evidence;
use super::message::{Notification, Told};
use super::settings::Receiver;

pub mod alertmanager;
pub mod command;
mod data;
pub mod email;
#[cfg(test)]
#[path = "tests/fixture.rs"]
mod fixture;
pub mod http;
pub mod pagerduty;
pub mod payload;
pub mod slack;
mod story;
pub mod text;
pub mod webhook;

pub use story::OVER;

/// Every kind of notifier.
pub const KINDS: &[Kind] = &[
    kind::<webhook::Webhook>(),
    kind::<email::Email>(),
    kind::<slack::Slack>(),
    kind::<pagerduty::PagerDuty>(),
    kind::<alertmanager::Alertmanager>(),
    kind::<command::Command>(),
];

/// One attempt.
pub struct Attempt<'a> {
    /// Stable over all attempts at this message; receivers drop repeats by it.
    pub key: &'a str,
    /// What to tell.
    pub notification: &'a Notification,
    /// What stands behind it, as the first attempt found it.
    pub evidence: &'a Evidence,
    /// The runbooks of this generation.
    pub runbooks: &'a Runbooks,
    /// The time of the attempt.
    pub at: Timestamp,
}

/// The future of one attempt.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// Code for one kind of destination, set up for one.
pub trait Notifier: Send + Sync {
    /// Makes one attempt; ends by itself within its time-out.
    fn deliver<'a>(&'a self, attempt: &'a Attempt<'a>) -> Answer<'a>;

    /// Whether it can be reached and lets us in, without telling it anything; ends by itself within its time-out.
    /// `None` where nobody knows without sending.
    fn reach(&self) -> Option<Answer<'_>> {
        None
    }

    /// Whether people read it: they are told a backlog as one message. Programs tie messages together by their
    /// group's key, so they are told one for each group.
    fn for_people(&self) -> bool {
        false
    }

    /// How often it wants to hear again what fires, beside the messages; never, for most.
    fn refresh_every(&self) -> Option<StdDuration> {
        None
    }

    /// Tells again what fires; ends by itself within its time-out.
    fn refresh<'a>(&'a self, _firing: &'a [Told], _at: Timestamp) -> Answer<'a> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A kind of notifier and its settings.
pub trait NotifierKind: Notifier + Sized + 'static {
    /// In metrics and logs, `webhook`.
    const NAME: &'static str;
    /// The receiver's key in the configuration, `webhook_configs`.
    const KEY: &'static str;
    /// What the user sets.
    type Settings;
    /// Those of a receiver.
    fn settings(receiver: &Receiver) -> &[Self::Settings];
    /// Whether it is told when alerts are over.
    fn send_resolved(settings: &Self::Settings) -> bool;
    /// What is wrong with the settings.
    fn problems(settings: &Self::Settings) -> Vec<Problem>;
    /// Sets it up, reading the files that the settings name.
    ///
    /// # Errors
    /// A file cannot be used.
    fn build(settings: &Self::Settings) -> Result<Self, Box<Problem>>;
}

/// A notifier that was set up, or why not.
type Built = Result<Arc<dyn Notifier>, Box<Problem>>;

/// Notifiers with their labels.
pub type Labelled = Vec<(String, Arc<dyn Notifier>)>;

/// One row of [`KINDS`].
pub struct Kind {
    /// In metrics and logs.
    pub name: &'static str,
    key: &'static str,
    send_resolved: fn(&Receiver) -> Vec<bool>,
    problems: fn(&Receiver) -> Vec<Problem>,
    build: fn(&Receiver) -> Vec<Built>,
}

const fn kind<N: NotifierKind>() -> Kind {
    Kind {
        name: N::NAME,
        key: N::KEY,
        send_resolved: |receiver| N::settings(receiver).iter().map(N::send_resolved).collect(),
        problems: |receiver| {
            let below = |(index, settings)| {
                let at = format!("{}[{index}]", N::KEY);
                N::problems(settings).into_iter().map(move |problem| problem.below(&at))
            };
            N::settings(receiver).iter().enumerate().flat_map(below).collect()
        },
        build: |receiver| {
            let build = |settings| N::build(settings).map(|notifier| Arc::new(notifier) as Arc<dyn Notifier>);
            N::settings(receiver).iter().map(build).collect()
        },
    }
}

impl Kind {
    /// What stands for the `index`-th notifier of this kind in metrics, logs and the store: `webhook[0]`.
    #[must_use]
    pub fn label(&self, index: usize) -> String {
        format!("{}[{index}]", self.name)
    }

    /// For each notifier of this kind, whether it is told when alerts are over.
    #[must_use]
    pub fn send_resolved(&self, receiver: &Receiver) -> Vec<bool> {
        (self.send_resolved)(receiver)
    }

    /// What is wrong with the notifiers of this kind.
    #[must_use]
    pub fn problems(&self, receiver: &Receiver) -> Vec<Problem> {
        (self.problems)(receiver)
    }

    /// Sets up all notifiers of this kind.
    ///
    /// # Errors
    /// All that cannot be set up.
    pub fn build(&self, receiver: &Receiver) -> Result<Labelled, Vec<Problem>> {
        let mut built = Vec::new();
        let mut problems = Vec::new();
        for (index, result) in (self.build)(receiver).into_iter().enumerate() {
            match result {
                Ok(notifier) => built.push((self.label(index), notifier)),
                Err(problem) => problems.push(problem.below(&format!("{}[{index}]", self.key))),
            }
        }
        if problems.is_empty() { Ok(built) } else { Err(problems) }
    }
}

/// Why an attempt failed, for the metric; Alertmanager's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureReason {
    /// The network, TLS, or a fault of ours.
    Other,
    /// The receiver refuses the message.
    ClientError,
    /// The receiver is in trouble.
    ServerError,
    /// No answer in time.
    Timeout,
    /// The receiver does not know us.
    AuthError,
    /// The receiver has had enough for now.
    RateLimited,
}

impl FailureReason {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Other, Self::ClientError, Self::ServerError, Self::Timeout, Self::AuthError, Self::RateLimited];

    /// The metric's label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::ClientError => "client_error",
            Self::ServerError => "server_error",
            Self::Timeout => "timeout",
            Self::AuthError => "auth_error",
            Self::RateLimited => "rate_limited",
        }
    }
}

/// Whether another attempt makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Yes, when we see fit.
    Later,
    /// Yes, but the receiver asked for so much time.
    After(StdDuration),
    /// No: it would be refused again.
    Never,
}

/// A failed attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// For the metric.
    pub reason: FailureReason,
    /// What to do next.
    pub retry: Retry,
    /// For people; redacted.
    pub message: String,
}

impl Failure {
    /// One that may pass.
    pub fn later(reason: FailureReason, message: impl Into<String>) -> Self {
        Self { reason, retry: Retry::Later, message: message.into() }
    }

    /// One that will not.
    pub fn never(reason: FailureReason, message: impl Into<String>) -> Self {
        Self { reason, retry: Retry::Never, message: message.into() }
    }
}
