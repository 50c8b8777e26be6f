//! A lean way to send the service's calls, for load: one connection, one request after the other, nothing kept of them.
//!
//! Paths, bodies and tokens are those of `calls` and `login`. What costs time at a hundred thousand requests a second is
//! left out: request ids, records, metrics, budgets; texts are made of failures only. A connection that turns out to be
//! dead is replaced, and the request sent again only if it never left or may be sent twice.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration as StdDuration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use serde::Serialize;
use tokio::net::TcpStream;

use crate::model::{Duration, Problem, Stopwatch};

use super::arrival::{Arrival, Noting};
use super::calls::{HEALTH_PATH, UPDATE_PATH, memory_path};
use super::connection::{Broken, Connection};
use super::login::Token;
use super::patience::Patience;
use super::request::{LONGEST_BODY, broken, too_long};
use super::{CallError, CallFailure, Client, FailureReason, Timings, Trigger};

/// A connection whose last call began longer ago is looked at before it is used.
const FRESH: StdDuration = StdDuration::from_secs(1);

/// One request.
#[derive(Debug, Clone, Copy)]
pub enum WireCall<'a> {
    /// `GET /health`, without a token.
    Health,
    /// Queues a snippet.
    Update {
        /// The conversation.
        chat_id: &'a str,
        /// The snippet.
        snippet: &'a str,
    },
    /// Reads a memory.
    Memory {
        /// The conversation.
        chat_id: &'a str,
    },
}

#[derive(Serialize)]
struct UpdateBody<'a> {
    chat_id: &'a str,
    context_snippet: &'a str,
    trigger_source: Trigger,
}

/// What all requests to one service have in common, made once.
struct Heads {
    prefix: String,
    health: Uri,
    update: Uri,
    reading: HeaderMap,
    writing: HeaderMap,
    timeout: StdDuration,
    socket: fn(TcpStream) -> Noting,
}

/// One kept connection to a service, for requests of any of its users.
pub struct Wire {
    heads: Arc<Heads>,
    /// The connection, in a box because it is large and moves with every request, and when it was last used.
    connection: Option<(Box<Connection>, Stopwatch)>,
    answered: Option<Stopwatch>,
    patience: Patience,
}

type Failed = (FailureReason, String);

impl Wire {
    /// For the service of this client. Dials nothing yet. With `notes_arrivals` it tells when answers were there
    /// ([`Wire::answered`]).
    ///
    /// # Errors
    /// The service's address cannot be put into a request.
    pub fn new(client: &Client, notes_arrivals: bool) -> Result<Self, Box<Problem>> {
        let transport = client.transport();
        let endpoint = &transport.connector.endpoint;
        let uri = |path: &str| {
            format!("{}{path}", endpoint.prefix)
                .parse::<Uri>()
                .map_err(|error| Box::new(Problem::at("url", format!("its path cannot be sent: {error}"))))
        };
        let mut reading = HeaderMap::with_capacity(6);
        reading.insert(HOST, endpoint.authority.clone());
        reading.insert(http::header::USER_AGENT, transport.user_agent.clone());
        reading.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let mut writing = reading.clone();
        writing.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let heads = Heads {
            prefix: endpoint.prefix.clone(),
            health: uri(HEALTH_PATH)?,
            update: uri(UPDATE_PATH)?,
            reading,
            writing,
            timeout: transport.timeout,
            socket: if notes_arrivals { Noting::arrivals } else { Noting::nothing },
        };
        Ok(Self { heads: Arc::new(heads), connection: None, answered: None, patience: Patience::default() })
    }

    /// Another connection to the same service. Dials nothing yet.
    #[must_use]
    pub fn another(&self) -> Self {
        Self { heads: Arc::clone(&self.heads), connection: None, answered: None, patience: Patience::default() }
    }

    /// When the answer to the last call was there, as the kernel noted it, whenever this process read it. Nothing if
    /// there was no answer, or if nobody notes it.
    #[must_use]
    pub fn answered(&self) -> Option<Stopwatch> {
        self.answered
    }

    /// Sends a call as this user, and answers with the body of a 2xx. A 401 is tried once more with a newer token.
    ///
    /// # Errors
    /// Why there is no such answer, without a record.
    pub async fn send(&mut self, user: &Client, call: WireCall<'_>) -> Result<Bytes, CallFailure> {
        let began = Stopwatch::start();
        self.answered = None;
        if matches!(call, WireCall::Health) {
            return self.once(user, None, call, began).await;
        }
        let token = user.newest_token(None).await.map_err(unsent)?;
        match self.once(user, Some(&token), call, began).await {
            Err(failure) if failure.reason == FailureReason::Unauthorized => {
                let Ok(fresh) = user.newest_token(Some(token.generation)).await else { return Err(failure) };
                // Getting it may have taken seconds, in which the service may have closed the connection.
                if began.elapsed() >= FRESH {
                    self.connection = None;
                }
                let again = self.once(user, Some(&fresh), call, began).await;
                if matches!(&again, Err(failure) if failure.reason == FailureReason::Unauthorized) {
                    user.fresh_token_refused();
                }
                again
            }
            other => other,
        }
    }

    async fn once(
        &mut self,
        user: &Client,
        token: Option<&Token>,
        call: WireCall<'_>,
        began: Stopwatch,
    ) -> Result<Bytes, CallFailure> {
        self.answered = None;
        let timeout = self.heads.timeout;
        // The exchange borrows all of this wire. A call that is given up loses no more than the timer.
        let mut patience = std::mem::take(&mut self.patience);
        let ended = {
            // Whatever is still under way when time is up goes away with its connection. It is large, and better not moved.
            let exchange = pin!(self.exchange(user, token, call, began));
            patience.before(began.started() + timeout, exchange).await
        };
        self.patience = patience;
        let (reason, message) = match ended {
            Some(Ok((200..300, body))) => return Ok(body),
            Some(Ok((status, body))) => (judged(status), format!("answered {status}: {}", said(user, &body))),
            Some(Err((reason, message))) => (reason, user.redactor().clean(&message)),
            None => (FailureReason::Timeout, format!("no whole answer within {}", Duration::from(timeout))),
        };
        Err(CallFailure { reason, message, record: None })
    }

    async fn exchange(
        &mut self,
        user: &Client,
        token: Option<&Token>,
        call: WireCall<'_>,
        began: Stopwatch,
    ) -> Result<(u16, Bytes), Failed> {
        let mut kept = self.fresh(began).await;
        loop {
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => self.dial(user).await?,
            };
            let head = match connection.send(self.request(token, call)?).await {
                Ok(head) => head,
                Err(Broken::NotSent(_)) if connection.used => continue,
                Err(Broken::Lost(error)) if connection.used && may_repeat(call) && !error.is_parse() => continue,
                Err(Broken::NotSent(error) | Broken::Lost(error)) => return Err(broken(&error)),
                Err(Broken::TooLong) => return Err(too_long()),
            };
            let (head, body) = head.into_parts();
            let body = match connection.read(body, LONGEST_BODY).await {
                Ok(body) => body,
                Err(Broken::NotSent(error) | Broken::Lost(error)) => return Err(broken(&error)),
                Err(Broken::TooLong) => return Err(too_long()),
            };
            self.answered = connection.arrival.as_ref().map(Arrival::last);
            if connection.still_usable().await {
                connection.used = true;
                self.connection = Some((connection, began));
            }
            return Ok((head.status.as_u16(), body));
        }
    }

    /// The kept connection, if it still looks alive.
    async fn fresh(&mut self, now: Stopwatch) -> Option<Box<Connection>> {
        let (mut connection, used) = self.connection.take()?;
        (now.since(used) < FRESH || connection.usable().await).then_some(connection)
    }

    async fn dial(&self, user: &Client) -> Result<Box<Connection>, Failed> {
        let deadline = Stopwatch::start().started() + self.heads.timeout;
        let dialled = user.transport().connector.connect(deadline, &mut Timings::default(), self.heads.socket).await?;
        Connection::new(dialled).await.map(Box::new).map_err(|error| broken(&error))
    }

    fn request(&self, token: Option<&Token>, call: WireCall<'_>) -> Result<Request<Full<Bytes>>, Failed> {
        let heads = &*self.heads;
        let unsendable = |why: String| (FailureReason::Malformed, format!("not a request that HTTP allows: {why}"));
        let (method, uri, headers, body) = match call {
            WireCall::Health => (Method::GET, heads.health.clone(), &heads.reading, Bytes::new()),
            WireCall::Update { chat_id, snippet } => {
                let body = UpdateBody { chat_id, context_snippet: snippet, trigger_source: Trigger::Test };
                let body = serde_json::to_vec(&body).map_err(|error| unsendable(error.to_string()))?;
                (Method::POST, heads.update.clone(), &heads.writing, Bytes::from(body))
            }
            WireCall::Memory { chat_id } => {
                let path = format!("{}{}", heads.prefix, memory_path(chat_id));
                let uri = path.parse().map_err(|error: http::uri::InvalidUri| unsendable(error.to_string()))?;
                (Method::GET, uri, &heads.reading, Bytes::new())
            }
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        headers.clone_into(request.headers_mut());
        if let Some(token) = token {
            request.headers_mut().insert(AUTHORIZATION, token.header.clone());
        }
        Ok(request)
    }
}

fn may_repeat(call: WireCall<'_>) -> bool {
    !matches!(call, WireCall::Update { .. })
}

fn judged(status: u16) -> FailureReason {
    match status {
        429 => FailureReason::RateLimited,
        401 => FailureReason::Unauthorized,
        400..500 => FailureReason::Http4xx,
        500..600 => FailureReason::Http5xx,
        _ => FailureReason::Malformed,
    }
}

/// The start of an error's body.
fn said(user: &Client, body: &[u8]) -> String {
    let text = user.redactor().clean_bytes(body);
    text[..text.floor_char_boundary(200)].replace('\n', " ")
}

/// There is no token, so that nothing was sent.
fn unsent(error: CallError) -> CallFailure {
    match error {
        CallError::Failed(failure) => *failure,
        CallError::BudgetExhausted { .. } => {
            CallFailure { reason: error.reason(), message: error.to_string(), record: None }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::fixture::{Fixture, Reply};
    use super::*;
    use crate::memory_api::{Login, Settings};
    use crate::metrics::Registry;
    use crate::model::{Clock, Secret};

    fn client(fixture: &Fixture) -> Client {
        let token = Some(Secret::new("t0ken".into()));
        let settings = Settings { token, requests_per_minute: 0, ..Settings::new(format!("{}/v", fixture.url)) };
        Client::new("main", &settings, &Registry::new(), Clock::system()).unwrap()
    }

    #[tokio::test]
    async fn calls_are_those_of_the_contract_over_one_connection() {
        let fixture = Fixture::start(|_| Reply::ok("{}")).await;
        let user = client(&fixture);
        let mut wire = Wire::new(&user, true).unwrap();
        for call in [
            WireCall::Health,
            WireCall::Update { chat_id: "a", snippet: "Tea \"x\"" },
            WireCall::Memory { chat_id: "a/b" },
        ] {
            let sent = Stopwatch::start();
            assert_eq!(wire.send(&user, call).await.unwrap(), "{}");
            let answered = wire.answered();
            assert_eq!(answered.is_some(), cfg!(target_os = "linux"));
            assert!(answered.is_none_or(|at| at.since(sent) > StdDuration::ZERO && at.since(sent) < sent.elapsed()));
        }
        let seen = fixture.seen();
        let routes: Vec<&str> = seen.iter().map(|seen| seen.route.as_str()).collect();
        assert_eq!(routes, ["GET /v/health", "POST /v/api/v1/memory/update", "GET /v/api/v1/memory/a%2Fb"]);
        assert_eq!(seen[1].body, r#"{"chat_id":"a","context_snippet":"Tea \"x\"","trigger_source":"test"}"#);
        assert_eq!((seen[0].header("authorization"), seen[2].header("authorization")), ("", "Bearer t0ken"));
        assert_eq!(fixture.connections.load(std::sync::atomic::Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn failures_keep_their_reasons_and_a_connection_that_died_is_replaced() {
        let fixture = Fixture::start(|seen| match seen.on_connection {
            0 => Reply::Status(429, "slow down".into()),
            1 => Reply::Status(503, "token t0ken".into()),
            _ => Reply::Hang,
        })
        .await;
        let user = client(&fixture);
        let mut wire = Wire::new(&user, true).unwrap();
        let mut reason = async |call| {
            let failed = wire.send(&user, call).await.unwrap_err();
            assert_eq!(wire.answered().is_some(), cfg!(target_os = "linux") && failed.reason != FailureReason::Connect);
            failed
        };
        let memory = WireCall::Memory { chat_id: "a" };
        assert_eq!(reason(memory).await.reason, FailureReason::RateLimited);
        let failed = reason(memory).await;
        assert_eq!(failed.reason, FailureReason::Http5xx);
        assert!(failed.message.contains("503") && !failed.message.contains("t0ken"), "{}", failed.message);
        // A snippet that may have arrived is not sent again; a read is, over a new connection.
        let update = WireCall::Update { chat_id: "a", snippet: "x" };
        assert_eq!(reason(update).await.reason, FailureReason::Connect);
        assert_eq!(reason(memory).await.reason, FailureReason::RateLimited);
        assert_eq!(fixture.count("POST"), 1);
    }

    #[tokio::test]
    async fn an_answer_that_does_not_come_has_no_time_though_the_one_before_had() {
        let fixture = Fixture::start(|seen| match (seen.route.as_str(), seen.header("authorization")) {
            ("POST /v/auth/login", _) => Reply::ok(r#"{"access_token": "new", "token_type": "bearer", "user": {}}"#),
            (_, "Bearer old") => Reply::Status(401, "{}".into()),
            _ => Reply::Stall,
        })
        .await;
        let settings = Settings {
            token: Some(Secret::new("old".into())),
            login: Some(Login { email: "me@example.org".into(), password: Secret::new("p".into()) }),
            timeout: Duration::from_millis(300),
            ..Settings::new(format!("{}/v", fixture.url))
        };
        let user = Client::new("main", &settings, &Registry::new(), Clock::system()).unwrap();
        let mut wire = Wire::new(&user, true).unwrap();
        let failed = wire.send(&user, WireCall::Memory { chat_id: "a" }).await.unwrap_err();
        assert_eq!((failed.reason, fixture.count("GET")), (FailureReason::Timeout, 2), "{}", failed.message);
        assert!(wire.answered().is_none());
    }
}
