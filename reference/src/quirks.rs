//! The ways in which this service can depart from its contract, each a switch.
//!
//! One row per quirk in [`TABLE`]: its name on the command line and what the deployment then does. Code that
//! behaves differently asks [`Quirks::on`]; nothing else knows the names.

use std::fmt::Write as _;

/// One departure from the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quirk {
    NoProcessedAt,
    LastUpdatedOnce,
    MockSummariser,
    EndlessRetries,
    SlowIdle,
    OutageAs401,
    OutageAs404,
    SettingsOnlyHealth,
    BlockingCalls,
    WipeOnBadJson,
    NoOwnershipCheck,
    SeveralReplicas,
    NoRateLimitHeaders,
    TransactionPooler,
    UuidIds,
    ChatsTable,
    FragileWorker,
    OnlyRecentRows,
    FailuresCountAsDone,
    DropsSimultaneous,
    SlowsWithSize,
    InferredNotReturned,
    MixedFacts,
    NoPriorMemory,
    LeakyWorker,
    NewestFirst,
    ControlCharactersKept,
    EarlyCut,
    UnsignedTokens,
    EndlessTokens,
    SharedLimit,
    ObedientAgent,
}

/// Name and description of every quirk, in the order in which they are shown.
pub const TABLE: &[(Quirk, &str, &str)] = &[
    (Quirk::NoProcessedAt, "no-processed-at", "processed_at of a queue row is never set"),
    (Quirk::LastUpdatedOnce, "last-updated-once", "last_updated is set by the first update of a chat, never again"),
    (Quirk::MockSummariser, "mock-summariser", "rows complete, but the three fields stay empty for ever"),
    (Quirk::EndlessRetries, "endless-retries", "failed rows retry at once and for ever; success clears neither column"),
    (Quirk::SlowIdle, "slow-idle", "the worker sleeps 2 s when idle, whatever --idle-sleep says"),
    (Quirk::OutageAs401, "outage-looks-like-401", "a database outage is answered with 401"),
    (Quirk::OutageAs404, "outage-looks-like-404", "a database outage is answered with 404"),
    (Quirk::SettingsOnlyHealth, "settings-only-health", "/health looks at settings only and is always healthy"),
    (Quirk::BlockingCalls, "blocking-calls", "one request at a time: a slow one stalls all others, /health included"),
    (Quirk::WipeOnBadJson, "wipe-on-bad-json", "an answer of the agent that is not JSON empties both fact fields"),
    (Quirk::NoOwnershipCheck, "no-ownership-check", "any valid user may read and update any chat"),
    (Quirk::SeveralReplicas, "several-replicas", "three rate limiters take turns, so the limit is three times itself"),
    (Quirk::NoRateLimitHeaders, "no-rate-limit-headers", "no answer carries X-RateLimit-*"),
    (Quirk::TransactionPooler, "transaction-pooler", "database_url leads through a pooler that forgets the session"),
    (Quirk::UuidIds, "uuid-ids", "chat ids are of the database type uuid"),
    (Quirk::ChatsTable, "chats-table", "the table of conversations is called chats"),
    (
        Quirk::FragileWorker,
        "fragile-worker",
        "a worker waits a second for a lock, and ends for good when the database fails it",
    ),
    (Quirk::OnlyRecentRows, "only-recent-rows", "rows older than 3 s are overlooked for ever"),
    (Quirk::FailuresCountAsDone, "failures-count-as-done", "a row that the agent fails is marked complete"),
    (
        Quirk::DropsSimultaneous,
        "drops-simultaneous",
        "updates of one chat that arrive while another is being accepted are answered with 201 and dropped",
    ),
    (Quirk::SlowsWithSize, "slows-with-size", "a retrieval takes half a millisecond longer for each stored memory"),
    (Quirk::InferredNotReturned, "inferred-not-returned", "retrievals show llm_inferred empty, whatever is stored"),
    (Quirk::MixedFacts, "mixed-facts", "what the agent inferred is stored among what the user confirmed"),
    (Quirk::NoPriorMemory, "no-prior-memory", "the agent does not see the prior memory, and its answer replaces it"),
    (Quirk::LeakyWorker, "leaky-worker", "what the user confirmed in the chat before is stored in the next one too"),
    (Quirk::NewestFirst, "newest-first", "the worker takes the newest row first, within a chat too"),
    (
        Quirk::ControlCharactersKept,
        "control-characters-kept",
        "control characters are not stripped; NUL is then answered with 500",
    ),
    (Quirk::EarlyCut, "early-cut", "snippets are cut at 4000 characters"),
    (Quirk::UnsignedTokens, "unsigned-tokens", "nobody looks at the signature of a token"),
    (Quirk::EndlessTokens, "endless-tokens", "nobody looks at the time of a token"),
    (Quirk::SharedLimit, "shared-limit", "all users share one rate limit"),
    (Quirk::ObedientAgent, "obedient-agent", "whoever asks for the agent's prompt gets it as summary"),
];

/// The switches that are on.
#[derive(Debug, Clone, Default)]
pub struct Quirks(Vec<Quirk>);

impl Quirks {
    /// Whether `quirk` was asked for.
    pub fn on(&self, quirk: Quirk) -> bool {
        self.0.contains(&quirk)
    }

    /// The names of those that are on, for the log.
    pub fn names(&self) -> Vec<&'static str> {
        TABLE.iter().filter(|(quirk, ..)| self.on(*quirk)).map(|(_, name, _)| *name).collect()
    }
}

impl FromIterator<Quirk> for Quirks {
    fn from_iter<T: IntoIterator<Item = Quirk>>(quirks: T) -> Self {
        Self(quirks.into_iter().collect())
    }
}

/// The quirk called `name`; otherwise a message with the whole table.
pub fn parse(name: &str) -> Result<Quirk, String> {
    TABLE.iter().find(|(_, known, _)| *known == name).map(|(quirk, ..)| *quirk).ok_or_else(|| {
        let mut message = "unknown quirk; known quirks:\n".to_owned();
        message.push_str(&listing());
        message
    })
}

/// The table as text, one quirk a line.
pub fn listing() -> String {
    TABLE.iter().fold(String::new(), |mut text, (_, name, description)| {
        let _ = writeln!(text, "  {name:<24}  {description}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_to_its_quirk() {
        for (quirk, name, description) in TABLE {
            assert_eq!(parse(name), Ok(*quirk));
            assert!(!description.is_empty());
        }
    }

    #[test]
    fn the_readme_describes_every_quirk_as_the_table_does() {
        let readme = include_str!("../README.md").replace('`', "");
        for (_, name, description) in TABLE {
            assert!(readme.contains(&format!("| {name} | {description} |")), "{name}");
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_list() {
        let message = parse("no-such-quirk").unwrap_err();
        assert!(TABLE.iter().all(|(_, name, _)| message.contains(name)), "{message}");
    }
}
