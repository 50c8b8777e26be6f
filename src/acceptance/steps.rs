//! Steps that functional criteria share: a snippet on its way to the memory, raw requests with their controls, several
//! chats at the same time.
//!
//! A 5xx alone says nothing about the request that it answers: the service may be in trouble anyway. So [`Scene::tried`]
//! asks again, with well-formed requests in between, and only a request that fails while those succeed is at fault.

use std::fmt::Write as _;
use std::future::Future;
use std::time::Duration as StdDuration;

use futures_util::future::join_all;
use serde_json::Value;

use crate::memory_api::{RawAnswer, RawRequest, Route, User};
use crate::model::Stopwatch;
use crate::queue::RowState;

use super::{Chat, Evidence, Obstacle, Scene};

/// Pause between two looks at a memory where there is no database to ask.
const LOOK_AT_MEMORY: StdDuration = StdDuration::from_millis(250);
/// Well-formed requests between two attempts. Errors that are spread evenly, at whatever rate, come at distances that
/// differ by one at most, so that they cannot hit all attempts and none of these.
const CONTROLS: [usize; 3] = [2, 4, 3];

impl Scene {
    /// One of the users, in turns, so that work is spread over their budgets.
    pub(super) fn user(&self, turn: usize) -> &User {
        let users = self.users.all();
        users.get(turn % users.len().max(1)).unwrap_or_else(|| self.users.first())
    }

    /// How long so many requests of `users` users take: as their budgets have it, and each at most as long as a retrieval
    /// is promised to.
    pub(super) fn paced(&self, requests: u32, users: usize) -> StdDuration {
        let limit = self.promises.settings.rate_limit;
        let sending = self.promises.retrieval.0 * requests;
        if limit.requests == 0 {
            return sending;
        }
        let many = u32::try_from(users.clamp(1, self.users.all().len().max(1))).unwrap_or(1);
        sending.max(limit.per.std() * requests / (limit.requests * many))
    }

    /// How long so many updates take, one after the other, as promised.
    pub(super) fn updates(&self, count: u32) -> StdDuration {
        self.promises.update_visible.0 * count
    }

    /// Queues a snippet and waits until it is processed: its row is complete, or without a database the memory is
    /// another than before.
    ///
    /// # Errors
    /// It was not accepted, or not processed within `within`.
    pub(super) async fn processed(
        &self,
        chat: &Chat,
        snippet: &str,
        within: StdDuration,
        evidence: &mut Evidence,
    ) -> Result<(), Obstacle> {
        let late = |what: &str| Err(Obstacle::new(format!("{what} after {:.1} s", within.as_secs_f64())));
        if self.database.is_none() {
            let before = self.memory(chat, evidence).await?;
            self.update(chat, snippet, evidence).await?;
            let watch = Stopwatch::start();
            while self.memory(chat, evidence).await?.same_content(&before) {
                if watch.elapsed() >= within {
                    return late("an update had changed nothing in the memory");
                }
                tokio::time::sleep(LOOK_AT_MEMORY).await;
            }
            return Ok(());
        }
        let accepted = self.update(chat, snippet, evidence).await?;
        let row = self.settled(&accepted.value.queue_id, within).await?;
        evidence.row(&row);
        if row.row.state() == RowState::Complete {
            return Ok(());
        }
        late(&format!("an update was {:?}", row.row.status))
    }

    /// Sends a raw request in the user's turn and notes it. A 429 and a 401 to our own token are obstacles: what was
    /// asked was not looked at.
    ///
    /// # Errors
    /// As said, or there was no answer.
    pub(super) async fn raw(
        &self,
        user: &User,
        request: &RawRequest,
        evidence: &mut Evidence,
    ) -> Result<RawAnswer, Obstacle> {
        let own = matches!(request.authorization, crate::memory_api::Authorization::Own);
        for last in [false, true] {
            let answer = match user.turn().await.raw(request).await {
                Ok(answer) => answer,
                Err(error) => {
                    error.record().into_iter().for_each(|record| evidence.exchange(record));
                    return Err(error.into());
                }
            };
            evidence.exchange(&answer.record);
            match answer.status {
                429 if !last => user.pause(None),
                429 => break,
                401 if own && request.route != Route::Login => {
                    return Err(Obstacle::new(format!("{} answered 401 to a good token", answer.record.path)));
                }
                _ => return Ok(answer),
            }
        }
        Err(Obstacle::new("answered with 429 within the user's budget: somebody else sends as this user"))
    }

    /// As [`Self::raw`], but a 5xx is believed only if it comes every time, while well-formed requests of the same kind
    /// for `control` succeed.
    ///
    /// # Errors
    /// As there, or a well-formed request failed as well.
    pub(super) async fn tried(
        &self,
        request: &RawRequest,
        control: &Chat,
        evidence: &mut Evidence,
    ) -> Result<RawAnswer, Obstacle> {
        let mut answer = self.raw(&control.user, request, evidence).await?;
        for controls in CONTROLS {
            if answer.status < 500 {
                return Ok(answer);
            }
            for _ in 0..controls {
                self.control(request.route, control, evidence).await.map_err(|obstacle| {
                    Obstacle::new(format!("{}, and a well-formed request fared no better: {obstacle}", answer.status))
                })?;
            }
            answer = self.raw(&control.user, request, evidence).await?;
        }
        Ok(answer)
    }

    async fn control(&self, route: Route, chat: &Chat, evidence: &mut Evidence) -> Result<(), Obstacle> {
        match route {
            Route::Health => drop(super::scene::noted(chat.user.client().health().await, evidence)?),
            Route::Login => chat.user.turn().await.renew_login().await?,
            Route::Conversations => drop(self.chat(&chat.user, evidence).await?),
            Route::MemoryUpdate => drop(self.update(chat, "This is a well-formed update.", evidence).await?),
            Route::Memory => drop(self.memory(chat, evidence).await?),
        }
        Ok(())
    }
}

/// Does several things at the same time, each with evidence of its own, which comes together in their order.
pub(super) async fn together<'a, T, F>(
    evidence: &mut Evidence,
    work: impl IntoIterator<Item = F>,
) -> Vec<Result<T, Obstacle>>
where
    F: Future<Output = (Result<T, Obstacle>, Evidence)> + 'a,
{
    let mut results = Vec::new();
    for (result, own) in join_all(work).await {
        evidence.absorb(own);
        results.push(result);
    }
    results
}

/// A word that stands nowhere else, of the kind that people write down: letters and digits, no case.
pub(super) fn nonce() -> String {
    const LETTERS: &[u8] = b"bcdfghjkmnpqrstvwxz";
    let mut word = String::new();
    for at in 0..9 {
        if at % 3 == 2 {
            let _ = write!(word, "{}", rand::random::<u8>() % 10);
        } else {
            word.push(char::from(LETTERS[usize::from(rand::random::<u8>()) % LETTERS.len()]));
        }
    }
    word
}

/// What is wrong with an answer that should hold the three fields in their types; `None` if nothing is.
pub(super) fn fields_problem(body: &Value) -> Option<String> {
    let Value::Object(body) = body else { return Some("the answer is no JSON object".to_owned()) };
    for (name, kind, is) in [
        ("user_confirmed", "an object", Value::is_object as fn(&Value) -> bool),
        ("llm_inferred", "an object", Value::is_object),
        ("general_summary", "a text", Value::is_string),
    ] {
        match body.get(name) {
            None => return Some(format!("{name} is missing")),
            Some(value) if !is(value) => return Some(format!("{name} is not {kind}")),
            Some(_) => {}
        }
    }
    None
}

/// Whether `text` stands anywhere in `value`, names of fields included.
pub(super) fn holds(value: &Value, text: &str) -> bool {
    match value {
        Value::String(string) => string.contains(text),
        Value::Array(values) => values.iter().any(|value| holds(value, text)),
        Value::Object(map) => map.iter().any(|(key, value)| key.contains(text) || holds(value, text)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_nonce_is_no_word_and_no_two_are_alike() {
        let words: std::collections::BTreeSet<String> = (0..1000).map(|_| nonce()).collect();
        assert_eq!(words.len(), 1000);
        assert!(words.iter().all(|word| word.len() == 9 && word.contains(|c: char| c.is_ascii_digit())));
    }

    #[test]
    fn three_fields_are_asked_for_in_their_types() {
        let good = json!({"user_confirmed": {}, "llm_inferred": {}, "general_summary": "", "more": 1});
        assert_eq!(fields_problem(&good), None);
        for (body, problem) in [
            (json!([]), "the answer is no JSON object"),
            (json!({"user_confirmed": {}, "general_summary": ""}), "llm_inferred is missing"),
            (json!({"user_confirmed": {}, "llm_inferred": [], "general_summary": ""}), "llm_inferred is not an object"),
        ] {
            assert_eq!(fields_problem(&body).as_deref(), Some(problem));
        }
    }

    fn scene(url: &str) -> Scene {
        use crate::memory_api::{Pace, Settings, Users};
        use crate::model::{Clock, Duration, Secret};
        let service = Settings { token: Some(Secret::new("t".into())), ..Settings::new(url) };
        let (pace, clock) = (Pace { requests: 0, per: Duration::from_secs(60) }, Clock::system());
        Scene {
            target: "main".into(),
            run_id: "validate-1".into(),
            users: Users::new("main", &service, &[], pace, &crate::metrics::Registry::new(), &clock).unwrap(),
            database: None,
            promises: super::super::Promises {
                update_visible: (StdDuration::from_secs(2), 0.95),
                retrieval: (StdDuration::from_millis(100), 0.99),
                success: 0.995,
                settings: super::super::Settings::default(),
            },
            chaos_allowed: false,
            healing: super::super::Healing::unguarded(),
            clock,
            cancel: tokio_util::sync::CancellationToken::new(),
        }
    }

    /// What [`Scene::tried`] makes of a bad request to a service that fails this share of all requests, spread evenly,
    /// and bad ones always if `chokes`.
    async fn tried(percent: usize, chokes: bool) -> Result<u16, Obstacle> {
        use crate::memory_api::tests::fixture::{Fixture, Reply, Seen};
        use std::sync::atomic::{AtomicUsize, Ordering};
        let number = AtomicUsize::new(1);
        let fixture = Fixture::start(move |seen: &Seen| {
            let (bad, number) = (seen.body == "bad", number.fetch_add(1, Ordering::SeqCst));
            if number * percent / 100 > (number - 1) * percent / 100 || (bad && chokes) {
                return Reply::Status(503, String::new());
            }
            if bad { Reply::Status(422, String::new()) } else { Reply::ok(r#"{"queue_id": "1", "status": "pending"}"#) }
        })
        .await;
        let scene = scene(&fixture.url);
        let chat = Chat { id: "c1".into(), user: scene.users.first().clone() };
        let request = RawRequest::post(Route::MemoryUpdate, "bad");
        // From several places in the pattern.
        for _ in 0..12 {
            if let Ok(answer) = scene.tried(&request, &chat, &mut Evidence::default()).await
                && answer.status == 503
            {
                return Ok(503);
            }
            let _ = scene.memory(&chat, &mut Evidence::default()).await;
        }
        scene.tried(&request, &chat, &mut Evidence::default()).await.map(|answer| answer.status)
    }

    #[tokio::test]
    async fn a_5xx_is_the_requests_fault_only_if_well_formed_requests_succeed_meanwhile() {
        assert_eq!(tried(0, true).await, Ok(503));
        for percent in [5, 10, 20, 25, 28, 30, 33, 40, 45, 50, 60, 75] {
            let answer = tried(percent, false).await;
            assert!(answer != Ok(503), "{percent} %: {answer:?}");
        }
        assert!(tried(100, true).await.is_err_and(|obstacle| obstacle.0.contains("fared no better")));
    }
}
