//! Several users of one service, each with a budget of requests that it keeps to: what validation and load send with.
//!
//! The service limits each user by itself, so that a load beyond one user's limit is spread over many. The clients
//! inside have no budget of their own; pacing happens here, with the window that the service was promised to have. A
//! conversation belongs to the user who made it, so that whoever makes one remembers the [`User`] with it.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration as StdDuration;

use crate::metrics::Registry;
use crate::model::{Clock, Duration, Problem};

use super::budget::{Budget, Spent};
use super::{Client, Login, Settings};

/// How many requests a user may send in any time of a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Requests; 0 is no limit.
    pub requests: u32,
    /// The length of the window.
    pub per: Duration,
}

/// One user. Cheap to clone.
#[derive(Clone)]
pub struct User(Arc<Inner>);

/// One request that a user may send, through the client that it stands for. To be dropped when it is answered: the
/// service may count it as late as then.
#[must_use]
pub struct Turn {
    user: Arc<Inner>,
    _spent: Spent,
}

impl Deref for Turn {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.user.client
    }
}

struct Inner {
    client: Client,
    budget: Budget,
    number: usize,
}

impl User {
    /// The client, for a request that needs no turn: it was taken already, or the point is to exceed the limit.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// Waits until this user may send another request, and takes that turn. Whoever keeps as many turns as a window
    /// holds waits for ever.
    pub async fn turn(&self) -> Turn {
        loop {
            match self.try_turn() {
                Ok(turn) => return turn,
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// Takes a turn if there is one now; otherwise the time until there may be one.
    ///
    /// # Errors
    /// How long to wait, if nobody else takes the turn meanwhile.
    pub fn try_turn(&self) -> Result<Turn, StdDuration> {
        self.0.budget.take().map(|spent| Turn { user: Arc::clone(&self.0), _spent: spent })
    }

    /// How many requests this user may send within a window; no limit is the largest number.
    #[must_use]
    pub fn most(&self) -> usize {
        self.0.budget.most()
    }

    /// How many requests this user may send right now.
    #[must_use]
    pub fn room(&self) -> usize {
        self.0.budget.room()
    }

    /// Sends nothing for a window, or for as long as the service said: it refused a request as one too many.
    pub fn pause(&self, told: Option<StdDuration>) {
        self.0.budget.pause(told);
    }

    /// Its place among the users, from 0.
    #[must_use]
    pub fn number(&self) -> usize {
        self.0.number
    }
}

/// The users; at least one. Cheap to clone.
#[derive(Clone)]
pub struct Users(Arc<[User]>);

impl Users {
    /// The user of `settings` and then those of `further`, each at this pace. Dials nothing yet.
    ///
    /// # Errors
    /// What is wrong with `settings` that its own checks could not see without reading files.
    pub fn new(
        name: &str,
        settings: &Settings,
        further: &[Login],
        pace: Pace,
        registry: &Registry,
        clock: &Clock,
    ) -> Result<Self, Box<Problem>> {
        let own = Settings { requests_per_minute: 0, ..settings.clone() };
        let others = further.iter().map(|login| Settings { login: Some(login.clone()), token: None, ..own.clone() });
        let users = std::iter::once(own.clone()).chain(others).enumerate().map(|(number, settings)| {
            let client = Client::new(name, &settings, registry, clock.clone())?;
            Ok(User(Arc::new(Inner { client, budget: Budget::within(pace.requests, pace.per.std()), number })))
        });
        Ok(Self(users.collect::<Result<Vec<_>, Box<Problem>>>()?.into()))
    }

    /// Leaves so many requests of each window to somebody else who sends as the first user. To be said before anything
    /// is sent.
    #[must_use]
    pub fn sharing(self, taken: u32, pace: Pace) -> Self {
        if pace.requests == 0 {
            return self;
        }
        let rest = pace.requests.saturating_sub(taken).max(1);
        let users = self.0.iter().map(|user| {
            let most = if user.number() == 0 { rest } else { pace.requests };
            let budget = Budget::within(most, pace.per.std());
            User(Arc::new(Inner { client: user.client().clone(), budget, number: user.number() }))
        });
        Self(users.collect())
    }

    /// The user of the target's `service` section.
    #[must_use]
    #[allow(clippy::missing_panics_doc)] // there always is one
    pub fn first(&self) -> &User {
        &self.0[0]
    }

    /// Another user than the first, where the configuration names one.
    #[must_use]
    pub fn second(&self) -> Option<&User> {
        self.0.get(1)
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[User] {
        &self.0
    }

    /// The user with the most room.
    #[must_use]
    pub fn freest(&self) -> &User {
        self.0.iter().max_by_key(|user| user.room()).unwrap_or_else(|| self.first())
    }

    /// Requests that all of them together may send right now.
    #[must_use]
    pub fn room(&self) -> usize {
        self.0.iter().map(User::room).fold(0, usize::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Secret;

    fn users(requests: u32, further: usize) -> Users {
        let settings = Settings { token: Some(Secret::new("t".into())), ..Settings::new("http://127.0.0.1:1") };
        let login = |n| Login { email: format!("u{n}@example.com"), password: Secret::new("p".into()) };
        let further: Vec<Login> = (0..further).map(login).collect();
        let pace = Pace { requests, per: Duration::from_secs(10) };
        Users::new("main", &settings, &further, pace, &Registry::new(), &Clock::system()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn each_user_has_a_window_of_its_own_and_the_freest_is_the_one_to_ask() {
        let users = users(2, 1);
        let (first, second) = (users.first(), users.second().unwrap());
        drop(first.turn().await);
        assert_eq!((first.room(), second.room(), users.room(), users.freest().number()), (1, 2, 3, 1));
        drop(first.turn().await);
        assert!(first.try_turn().is_err_and(|wait| wait == StdDuration::from_secs(10)));
        let watch = crate::model::Stopwatch::start();
        drop(first.turn().await);
        assert_eq!(watch.elapsed().as_secs(), 10, "the third request waits for the window to slide");
        assert_eq!((first.room(), users.all().len()), (1, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_pauses_its_user_alone_and_no_limit_is_no_pause() {
        let limited = users(5, 1);
        limited.first().pause(None);
        assert_eq!((limited.first().room(), limited.room()), (0, 5));
        let free = users(0, 0);
        free.first().pause(None);
        assert_eq!(free.first().room(), usize::MAX);
    }
}
