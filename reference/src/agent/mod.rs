//! Who turns a snippet and the prior memory into the new memory.
//!
//! An [`Agent`] answers with text, as a model does; [`reply`] reads it strictly, whoever wrote it. Implementations:
//! [`deterministic`] sorts sentences by rules, [`anthropic`] asks a model over the Messages API.

pub mod anthropic;
pub mod deterministic;
pub mod reply;

use std::future::Future;
use std::pin::Pin;

use crate::memory::Memory;

/// What an agent answers, some time.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<String, AgentError>> + Send + 'a>>;

/// Summarises; shared by all workers.
pub trait Agent: Send + Sync {
    /// The new memory as text: JSON with exactly the three fields, if all goes well.
    fn summarise<'a>(&'a self, prior: &'a Memory, snippet: &'a str) -> Answer<'a>;
}

/// Why there is no new memory. The text goes into `error_message`, so it holds nothing that is secret.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error("agent did not answer within {0:?}")]
    Timeout(std::time::Duration),
    #[error("agent cannot be reached: {0}")]
    Unreachable(String),
    #[error("agent refused: {0}")]
    Refused(String),
    #[error("agent answered with something else than the three fields: {0}")]
    Malformed(String),
}
