//! Who we are at the service: the present token, and when to log in for another one.
//!
//! One login at a time, and everybody who waited for it shares its result. A database outage makes the service
//! answer 401 to good tokens; logging in again on each of them would add to the trouble, so a fresh token that is
//! refused as well starts a back-off, during which the token at hand is kept and tried.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration as StdDuration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::HeaderValue;
use tokio::sync::Semaphore;

use crate::model::{Secret, Stopwatch};

use super::{CallFailure, FailureReason};

const FIRST_PAUSE: StdDuration = StdDuration::from_secs(10);
const LONGEST_PAUSE: StdDuration = StdDuration::from_secs(60);

/// A bearer token and which login it came from.
pub(super) struct Token {
    pub(super) header: HeaderValue,
    pub(super) generation: u64,
}

/// The login of one client.
pub(super) struct Session {
    /// The body for `POST /auth/login`; `None` where a fixed token is used.
    body: Option<Secret>,
    token: ArcSwapOption<Token>,
    flight: Semaphore,
    suspicious: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Logins so far, successful or not.
    logins: u64,
    refused_in_a_row: u32,
    /// Since when and for how long no login is tried.
    pause: Option<(Stopwatch, StdDuration)>,
    last_failure: Option<CallFailure>,
}

/// What a caller that wants a token is to do.
enum Turn {
    /// Log in, then tell the session what came of it.
    LogIn(Bytes),
    /// Somebody else just did.
    Token(Arc<Token>),
    /// No login for now.
    Refused,
}

impl Session {
    pub(super) fn new(settings: &super::Settings) -> Result<Self, http::header::InvalidHeaderValue> {
        let session = Self {
            body: settings.login.as_ref().map(|login| {
                let body = serde_json::json!({"email": login.email, "password": login.password.expose()});
                Secret::new(body.to_string())
            }),
            token: ArcSwapOption::empty(),
            flight: Semaphore::new(1),
            suspicious: AtomicBool::new(false),
            state: Mutex::default(),
        };
        if let Some(token) = &settings.token {
            session.token.store(Some(Arc::new(Token { header: bearer(token.expose())?, generation: 0 })));
        }
        Ok(session)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token at hand.
    pub(super) fn current(&self) -> Option<Arc<Token>> {
        self.token.load_full()
    }

    /// Whether another token can be had at all.
    pub(super) fn can_log_in(&self) -> bool {
        self.body.is_some()
    }

    /// Asks for a token newer than `than`. `log_in` is run by one caller at a time and answers with the token
    /// as the service gave it.
    pub(super) async fn newer<F>(&self, than: Option<u64>, log_in: impl FnOnce(Bytes) -> F) -> Turned
    where
        F: Future<Output = Result<Secret, super::CallError>>,
    {
        let logins_before = self.state().logins;
        // A closed semaphore does not happen; going on without the permit would only mean a second login.
        let _flight = self.flight.acquire().await;
        match self.turn(than, logins_before) {
            Turn::Token(token) => Turned::Token(token),
            Turn::Refused => Turned::Refused(self.held_back()),
            Turn::LogIn(body) => match log_in(body).await {
                Ok(secret) => self.accepted_login(&secret),
                Err(error) => {
                    self.failed_login(&error);
                    Turned::Failed(error)
                }
            },
        }
    }

    fn turn(&self, than: Option<u64>, logins_before: u64) -> Turn {
        if let Some(token) = self.current().filter(|token| than.is_none_or(|than| token.generation > than)) {
            return Turn::Token(token);
        }
        let state = self.state();
        let somebody_failed_meanwhile = state.logins > logins_before;
        let pausing = state.pause.as_ref().is_some_and(|(since, pause)| since.elapsed() < *pause);
        match &self.body {
            Some(body) if !pausing && !somebody_failed_meanwhile => {
                Turn::LogIn(Bytes::copy_from_slice(body.expose().as_bytes()))
            }
            _ => Turn::Refused,
        }
    }

    /// There is no login for now.
    fn held_back(&self) -> super::CallError {
        let failure = self.state().last_failure.clone();
        let (reason, why) = failure.map_or((FailureReason::Unauthorized, String::new()), |failure| {
            (failure.reason, format!(": {}", failure.message))
        });
        CallFailure { reason, message: format!("not logged in, and not trying again yet{why}"), record: None }.into()
    }

    fn accepted_login(&self, secret: &Secret) -> Turned {
        let mut state = self.state();
        state.logins += 1;
        state.last_failure = None;
        match bearer(secret.expose()) {
            Ok(header) => {
                let token = Arc::new(Token { header, generation: state.logins });
                self.token.store(Some(Arc::clone(&token)));
                Turned::Token(token)
            }
            Err(_) => {
                let message = "POST /auth/login: the token holds characters that no HTTP header can carry".to_owned();
                let failure = CallFailure { reason: FailureReason::Malformed, message, record: None };
                state.last_failure = Some(failure.clone());
                Turned::Failed(failure.into())
            }
        }
    }

    fn failed_login(&self, error: &super::CallError) {
        let mut state = self.state();
        let super::CallError::Failed(failure) = error else { return };
        state.logins += 1;
        state.last_failure = Some(CallFailure { record: None, ..CallFailure::clone(failure) });
        // Refused credentials may lock the account if they are tried again and again. A service that cannot be
        // reached is tried at the callers' own pace, so that its return is seen at once.
        if matches!(failure.reason, FailureReason::Unauthorized | FailureReason::Http4xx) {
            self.suspicious.store(true, Ordering::Relaxed);
            state.back_off();
        }
    }

    /// A fresh token was refused as well.
    pub(super) fn fresh_token_refused(&self) {
        self.suspicious.store(true, Ordering::Relaxed);
        self.state().back_off();
    }

    /// An authenticated request was accepted.
    pub(super) fn token_accepted(&self) {
        if self.suspicious.swap(false, Ordering::Relaxed) {
            let mut state = self.state();
            state.refused_in_a_row = 0;
            state.pause = None;
        }
    }
}

impl State {
    fn back_off(&mut self) {
        let pause = FIRST_PAUSE.saturating_mul(1 << self.refused_in_a_row.min(8)).min(LONGEST_PAUSE);
        self.refused_in_a_row = self.refused_in_a_row.saturating_add(1);
        self.pause = Some((Stopwatch::start(), pause));
    }
}

/// What came of asking for a token.
pub(super) enum Turned {
    /// A token newer than the one at hand.
    Token(Arc<Token>),
    /// No login for now, and why the last one failed.
    Refused(super::CallError),
    /// The login failed just now.
    Failed(super::CallError),
}

fn bearer(token: &str) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let mut header = HeaderValue::from_str(&format!("Bearer {token}"))?;
    header.set_sensitive(true);
    Ok(header)
}
