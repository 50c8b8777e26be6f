//! Dials every notifier of a configuration and tells none of them anything, for whoever sets one up.

use super::notifiers::Failure;
use super::service::Prepared;

/// What came of dialling one notifier: whose it is, its label, and why it cannot be reached; `None` where that
/// cannot be known without sending.
pub type Reached = (String, String, Option<Result<(), Failure>>);

impl Prepared {
    /// Dials every notifier, all at once, and tells none of them anything.
    pub async fn reach(&self) -> Vec<Reached> {
        let all = self.notifiers.all.iter().map(|((receiver, label), wired)| async move {
            let answer = match wired.notifier.reach() {
                Some(answer) => Some(answer.await),
                None => None,
            };
            (receiver.clone(), label.clone(), answer)
        });
        futures_util::future::join_all(all).await
    }
}
