//! Who sends and about what: users with their budgets, their conversations, and the kept connections.
//!
//! Lives in the one thread that sends, so that nothing here is locked. Turns go round, so that each user's requests
//! are spread evenly over time; a conversation that is in the middle of a roundtrip is nobody else's until that ends.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration as StdDuration;

use crate::memory_api::{self, User, Users, Wire};
use crate::model::Stopwatch;

use super::scenario::Step;

/// How soon a conversation that is in use by a roundtrip is looked for again.
const BUSY: StdDuration = StdDuration::from_millis(5);

/// A conversation and the place of the user whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chat {
    /// The user's place among the users.
    pub user: usize,
    /// The conversation's id.
    pub id: String,
}

struct Member {
    user: User,
    /// Conversations that are free, the one that rested longest first.
    free: RefCell<VecDeque<Rc<str>>>,
}

/// The users with their conversations.
pub(super) struct Crowd {
    members: Vec<Member>,
    next: Cell<usize>,
    idle: RefCell<Vec<Wire>>,
    wire: Wire,
}

/// Leave to send one request as a user about a conversation. One that a roundtrip has taken for itself is free again
/// when this is dropped.
pub(super) struct Turn<'a> {
    member: &'a Member,
    chat: Option<Rc<str>>,
    taken: bool,
    /// What the user's budget holds for the request that is under way.
    request: RefCell<Option<memory_api::Turn>>,
}

impl Member {
    /// The conversation that rested longest; only a roundtrip needs one for itself.
    fn turn(&self, step: Step, request: memory_api::Turn) -> Turn<'_> {
        let mut free = self.free.borrow_mut();
        let (chat, taken) = (free.pop_front(), step == Step::Roundtrip);
        if let Some(chat) = chat.as_ref().filter(|_| !taken) {
            free.push_back(Rc::clone(chat));
        }
        Turn { member: self, chat, taken, request: RefCell::new(Some(request)) }
    }
}

impl Turn<'_> {
    pub(super) fn user(&self) -> &User {
        &self.member.user
    }

    /// The request that it was for was answered.
    pub(super) fn answered(&self) {
        self.request.take();
    }

    /// Waits until its user may send another request.
    pub(super) async fn renew(&self) {
        let request = self.member.user.turn().await;
        self.request.replace(Some(request));
    }

    /// The conversation; empty for a step that needs none.
    pub(super) fn chat(&self) -> &str {
        self.chat.as_deref().unwrap_or("")
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(chat) = self.chat.take().filter(|_| self.taken) {
            self.member.free.borrow_mut().push_back(chat);
        }
    }
}

impl Crowd {
    /// `wire` is the pattern of all connections.
    pub(super) fn new(users: &Users, chats: Vec<Chat>, wire: Wire) -> Self {
        let members = users.all().iter().map(|user| Member { user: user.clone(), free: RefCell::default() });
        let members: Vec<Member> = members.collect();
        for chat in chats {
            if let Some(member) = members.get(chat.user) {
                member.free.borrow_mut().push_back(chat.id.into());
            }
        }
        Self { members, next: Cell::new(0), idle: RefCell::default(), wire }
    }

    /// A connection, an idle one if there is one.
    pub(super) fn wire(&self) -> Wire {
        self.idle.borrow_mut().pop().unwrap_or_else(|| self.wire.another())
    }

    /// Takes a connection back.
    pub(super) fn put(&self, wire: Wire) {
        self.idle.borrow_mut().push(wire);
    }

    /// A turn for this step, and whether it had to be waited for; nothing if there is none within `patience`.
    pub(super) async fn turn(&self, step: Step, patience: StdDuration) -> Option<(Turn<'_>, bool)> {
        let mut wait = match self.try_turn(step) {
            Ok(turn) => return Some((turn, false)),
            Err(wait) => wait,
        };
        let watch = Stopwatch::start();
        loop {
            let left = patience.checked_sub(watch.elapsed()).filter(|left| !left.is_zero())?;
            tokio::time::sleep(wait.min(left)).await;
            match self.try_turn(step) {
                Ok(turn) => return Some((turn, true)),
                Err(longer) => wait = longer,
            }
        }
    }

    fn try_turn(&self, step: Step) -> Result<Turn<'_>, StdDuration> {
        let count = self.members.len();
        let mut wait = BUSY;
        for offset in 0..count {
            let at = (self.next.get() + offset) % count;
            let Some(member) = self.members.get(at) else { continue };
            if step == Step::Health {
                // The service counts it for nobody.
                self.next.set(at + 1);
                return Ok(Turn { member, chat: None, taken: false, request: RefCell::new(None) });
            }
            if member.free.borrow().is_empty() {
                continue;
            }
            match member.user.try_turn() {
                Ok(request) => {
                    self.next.set(at + 1);
                    return Ok(member.turn(step, request));
                }
                Err(until) => wait = if offset == 0 { until } else { wait.min(until) },
            }
        }
        Err(wait.max(StdDuration::from_millis(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_api::{Login, Pace, Settings};
    use crate::metrics::Registry;
    use crate::model::{Clock, Duration, Secret};

    fn crowd(requests: u32, chats: &[(usize, &str)]) -> Crowd {
        let settings = Settings { token: Some(Secret::new("t".into())), ..Settings::new("http://127.0.0.1:1") };
        let further = [Login { email: "b@example.com".into(), password: Secret::new("p".into()) }];
        let pace = Pace { requests, per: Duration::from_secs(10) };
        let users = Users::new("main", &settings, &further, pace, &Registry::new(), &Clock::system()).unwrap();
        let wire = Wire::new(users.first().client(), false).unwrap();
        let chats = chats.iter().map(|(user, id)| Chat { user: *user, id: (*id).to_owned() }).collect();
        Crowd::new(&users, chats, wire)
    }

    const PATIENCE: StdDuration = StdDuration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn turns_go_round_users_and_conversations_and_nobody_exceeds_a_budget() {
        let crowd = crowd(2, &[(0, "a1"), (0, "a2"), (1, "b1")]);
        let mut seen = Vec::new();
        for _ in 0..4 {
            let (turn, waited) = crowd.turn(Step::Update, PATIENCE).await.unwrap();
            assert!(!waited);
            seen.push((turn.user().number(), turn.chat().to_owned()));
        }
        let expected = [(0, "a1"), (1, "b1"), (0, "a2"), (1, "b1")];
        assert!(seen.iter().zip(expected).all(|(seen, (user, chat))| seen.0 == user && seen.1 == chat), "{seen:?}");
        let watch = Stopwatch::start();
        assert!(crowd.turn(Step::Update, StdDuration::from_secs(3)).await.is_none(), "both budgets are used up");
        assert_eq!(watch.elapsed().as_secs(), 3);
        assert!(crowd.turn(Step::Update, PATIENCE).await.unwrap().1);
        assert_eq!(watch.elapsed().as_secs(), 10);
        assert!(!crowd.turn(Step::Health, PATIENCE).await.unwrap().1, "health is counted for nobody");
    }

    #[tokio::test(start_paused = true)]
    async fn a_conversation_in_use_is_nobody_elses() {
        let crowd = crowd(0, &[(0, "a1"), (1, "b1")]);
        let (first, _) = crowd.turn(Step::Roundtrip, PATIENCE).await.unwrap();
        let (second, _) = crowd.turn(Step::Roundtrip, PATIENCE).await.unwrap();
        assert_ne!(first.chat(), second.chat());
        assert!(crowd.try_turn(Step::Roundtrip).is_err() && crowd.try_turn(Step::Retrieval).is_err());
        drop(first);
        // Reads keep nobody from it.
        let reads = [crowd.try_turn(Step::Retrieval), crowd.try_turn(Step::Retrieval)];
        assert!(reads.iter().all(|read| read.as_ref().is_ok_and(|turn| turn.chat() == "a1")));
        assert_eq!(crowd.turn(Step::Roundtrip, PATIENCE).await.unwrap().0.chat(), "a1");
    }
}
