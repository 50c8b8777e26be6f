//! An agent that fails, hangs or talks nonsense while the faults say so, and otherwise is the one inside.

use super::{Agent as Fault, Faults};
use crate::agent::{Agent, AgentError, Answer};
use crate::memory::Memory;

/// What a model says that was not told to answer in JSON.
const GARBAGE: &str = "I'm sorry, but I can't help with summarising this conversation.";

/// `inner`, as broken as the faults want it.
pub struct Sabotage {
    inner: Box<dyn Agent>,
    faults: Faults,
}

impl Sabotage {
    /// Wraps `inner`.
    pub fn new(inner: Box<dyn Agent>, faults: Faults) -> Self {
        Self { inner, faults }
    }
}

impl Agent for Sabotage {
    fn summarise<'a>(&'a self, prior: &'a Memory, snippet: &'a str) -> Answer<'a> {
        Box::pin(async move {
            self.faults.changed_to(|state| state.agent != Fault::Hang).await;
            match self.faults.state().agent {
                Fault::Fail => Err(AgentError::Unreachable("injected fault".to_owned())),
                Fault::Garbage => Ok(GARBAGE.to_owned()),
                Fault::Ok | Fault::Hang => self.inner.summarise(prior, snippet).await,
            }
        })
    }
}
