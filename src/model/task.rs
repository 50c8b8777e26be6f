//! How a module asks for a task of its own without starting one: only `app/tasks.rs` spawns.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A boxed piece of asynchronous work.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// Starts short-lived work, such as one connection, under supervision: a panic in it is logged and counted.
/// The name is constant, for the log and the metric.
pub type Spawner = Arc<dyn Fn(&'static str, BoxFuture<()>) + Send + Sync>;

/// Work that lasts as long as the process or the generation: supervised, and started again after a panic.
pub struct Task {
    /// Its constant name, for the log and the metric.
    pub name: &'static str,
    /// Makes the work; called again after a panic.
    pub start: Box<dyn Fn() -> BoxFuture<()> + Send + Sync>,
}

impl Task {
    /// Names a piece of lasting work.
    pub fn new<F>(name: &'static str, start: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self { name, start: Box::new(move || Box::pin(start())) }
    }
}
