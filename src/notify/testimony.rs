//! Asks the witness about each message once, under a limit, and remembers the answer until the message is told.
//!
//! A message goes out with or without evidence: what comes late, fails or panics is named in it instead. Answers for
//! messages that wait for a retry are kept, so many at most; beyond, a retry asks again.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use futures_util::FutureExt;

use crate::model::Timestamp;

use super::evidence::{Evidence, LIMIT, Witness};
use super::message::Notification;

/// Most messages whose evidence is kept for their retries.
const MOST_KEPT: usize = 256;

/// What was testified about messages that are not told yet.
#[derive(Debug, Default)]
pub(super) struct Testimony {
    witness: OnceLock<Witness>,
    /// By the message's key, the oldest first.
    kept: Mutex<VecDeque<(String, Arc<Evidence>)>>,
}

impl Testimony {
    /// Whom to ask from now on; the first to be named stays.
    pub fn call(&self, witness: Witness) {
        let _ = self.witness.set(witness);
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<(String, Arc<Evidence>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The evidence for a message, gathered now or at an earlier attempt.
    pub async fn about(&self, key: &str, notification: &Arc<Notification>, now: Timestamp) -> Arc<Evidence> {
        let Some(witness) = self.witness.get() else {
            return Arc::new(Evidence { gathered_at: now, ..Evidence::default() });
        };
        if let Some((_, evidence)) = self.kept().iter().find(|(kept, _)| kept == key) {
            return Arc::clone(evidence);
        }
        let asked = AssertUnwindSafe(async { witness.ask(Arc::clone(notification)).await }).catch_unwind();
        let evidence = match tokio::time::timeout(LIMIT, asked).await {
            Ok(Ok(evidence)) => evidence,
            Ok(Err(_)) => without(notification, now, "gathering it failed, which is a bug of memsentry".to_owned()),
            Err(_) => without(notification, now, format!("gathering it took longer than {} s", LIMIT.as_secs())),
        };
        let evidence = Arc::new(evidence);
        let mut kept = self.kept();
        kept.push_back((key.to_owned(), Arc::clone(&evidence)));
        if kept.len() > MOST_KEPT {
            kept.pop_front();
        }
        evidence
    }

    /// The message was told or given up.
    pub fn forget(&self, key: &str) {
        self.kept().retain(|(kept, _)| kept != key);
    }
}

fn without(notification: &Notification, now: Timestamp, why: String) -> Evidence {
    tracing::warn!(group = notification.group_key, why, "a notification goes out without evidence");
    Evidence::missing(now, why)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration as StdDuration;

    use super::super::reason::Reason;
    use super::*;
    use crate::model::Labels;

    fn notification() -> Arc<Notification> {
        Arc::new(Notification {
            receiver: "oncall".into(),
            group_key: "{}:{}".into(),
            thread: String::new(),
            reason: Reason::FirstNotification,
            decided_at: Timestamp::default(),
            group_labels: Labels::empty(),
            common_labels: Labels::empty(),
            common_annotations: std::collections::BTreeMap::new(),
            external_url: String::new(),
            runbook: None,
            alerts: Vec::new(),
            truncated_alerts: 0,
            collapsed: None,
        })
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[tokio::test(start_paused = true)]
    async fn a_witness_that_hangs_or_panics_holds_up_no_message_for_longer_than_the_limit() {
        for (witness, why) in [
            (Witness::new(|_| Box::pin(std::future::pending())), "gathering it took longer than 2 s"),
            (
                Witness::new(|_| Box::pin(async { panic!("as the test wants") })),
                "gathering it failed, which is a bug of memsentry",
            ),
            (Witness::new(|_| panic!("as the test wants")), "gathering it failed, which is a bug of memsentry"),
        ] {
            let testimony = Testimony::default();
            testimony.call(witness);
            let watch = crate::model::Stopwatch::start();
            let evidence = testimony.about("a", &notification(), at(7)).await;
            assert_eq!(*evidence, Evidence::missing(at(7), why));
            assert!(watch.elapsed() <= LIMIT + StdDuration::from_millis(10), "{:?}", watch.elapsed());
        }
    }

    #[tokio::test]
    async fn a_retry_does_not_ask_again_and_what_is_kept_is_bounded() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let testimony = Testimony::default();
        assert!(testimony.about("early", &notification(), at(1)).await.missing.is_empty(), "nobody to ask yet");
        testimony.call(Witness::new(move |_| {
            let nth = count.fetch_add(1, Ordering::SeqCst) as i64;
            Box::pin(async move { Evidence { gathered_at: at(nth), ..Evidence::default() } })
        }));
        for _ in 0..3 {
            assert_eq!(testimony.about("a", &notification(), at(9)).await.gathered_at, at(0));
        }
        testimony.forget("a");
        assert_eq!(testimony.about("a", &notification(), at(9)).await.gathered_at, at(1));
        for key in 0..2 * MOST_KEPT {
            testimony.about(&key.to_string(), &notification(), at(9)).await;
        }
        assert_eq!(testimony.kept().len(), MOST_KEPT);
        assert_eq!(asked.load(Ordering::SeqCst), 2 + 2 * MOST_KEPT);
    }
}
