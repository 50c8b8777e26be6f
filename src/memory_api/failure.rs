//! Why a call failed: a closed set of reasons for metrics and alerts, and a sentence for a person.

use serde::Serialize;

use crate::model::Duration;

use super::ExchangeRecord;

/// The kinds of failure of one request. Label values of `reason`, so the set is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// The host's name has no address, or asking took too long.
    Dns,
    /// No connection, not in time, or it broke before the whole answer was there.
    Connect,
    /// The TLS handshake failed or took too long.
    Tls,
    /// Connected, but no whole answer in time.
    Timeout,
    /// 429, or our own budget is used up. Says nothing about the service's health.
    RateLimited,
    /// 401. During a database outage the service may answer so to a good token.
    Unauthorized,
    /// Any other 4xx.
    #[serde(rename = "http_4xx")]
    Http4xx,
    /// 5xx.
    #[serde(rename = "http_5xx")]
    Http5xx,
    /// An answer that breaks HTTP or the contract.
    Malformed,
}

impl FailureReason {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::Timeout,
        Self::RateLimited,
        Self::Unauthorized,
        Self::Http4xx,
        Self::Http5xx,
        Self::Malformed,
    ];

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::RateLimited => "rate_limited",
            Self::Unauthorized => "unauthorized",
            Self::Http4xx => "http_4xx",
            Self::Http5xx => "http_5xx",
            Self::Malformed => "malformed",
        }
    }
}

/// A call that brought no usable answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// Nothing was sent: our own budget for this minute is used up, or a 429 told us to pause.
    #[error("not sent: memsentry's own budget of requests is used up for another {retry_in}")]
    BudgetExhausted {
        /// When a request will be allowed again, if nobody else takes it.
        retry_in: Duration,
    },
    /// The request failed.
    #[error("{}", .0.message)]
    Failed(Box<CallFailure>),
}

/// A request that failed, with what is known about it.
#[derive(Debug, Clone)]
pub struct CallFailure {
    /// The kind of failure.
    pub reason: FailureReason,
    /// What happened, redacted, for a person.
    pub message: String,
    /// The exchange as far as it went; `None` where a request never began.
    pub record: Option<ExchangeRecord>,
}

impl CallError {
    /// The kind of failure; an exhausted budget is [`FailureReason::RateLimited`].
    #[must_use]
    pub fn reason(&self) -> FailureReason {
        match self {
            Self::BudgetExhausted { .. } => FailureReason::RateLimited,
            Self::Failed(failure) => failure.reason,
        }
    }

    /// The exchange as far as it went.
    #[must_use]
    pub fn record(&self) -> Option<&ExchangeRecord> {
        match self {
            Self::BudgetExhausted { .. } => None,
            Self::Failed(failure) => failure.record.as_ref(),
        }
    }

    /// The HTTP status of the answer, where there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.record().and_then(|record| record.status)
    }
}

impl From<CallFailure> for CallError {
    fn from(failure: CallFailure) -> Self {
        Self::Failed(Box::new(failure))
    }
}
