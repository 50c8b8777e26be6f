//! Puts a run and its report together: what is promised, who is asked, and what was found.

use crate::memory_api::Pace;
use crate::model::secret::redact_url;

use super::journal::Header;
use super::report::{FORMAT, Promised, TargetSeen};
use super::{Interference, Judged, Plan, Promises, RateLimit, Report, Scene, TimelinePoint};

/// One part in so many of each user's limit is left alone, so that a clock or a request on its way does not exceed it.
const MARGIN: u32 = 20;

impl RateLimit {
    /// The pace of each user: a little below the limit.
    #[must_use]
    pub fn pace(self) -> Pace {
        let margin = if self.requests == 0 { 0 } else { (self.requests / MARGIN).max(1) };
        Pace { requests: self.requests - margin, per: self.per }
    }

    /// How many requests somebody sends within one window who sends so many a minute.
    #[must_use]
    pub fn share_of(self, per_minute: u32) -> u32 {
        let within = u128::from(per_minute) * self.per.std().as_millis() / 60_000;
        u32::try_from(within).unwrap_or(u32::MAX).saturating_add(1)
    }
}

impl Promises {
    /// As reports show them.
    #[must_use]
    pub fn promised(&self) -> Promised {
        Promised {
            update_visible_seconds: self.update_visible.0.as_secs_f64(),
            update_visible_ratio: self.update_visible.1,
            retrieval_seconds: self.retrieval.0.as_secs_f64(),
            retrieval_ratio: self.retrieval.1,
            success_ratio: self.success,
            rate_limit: self.settings.rate_limit,
            concurrency: self.settings.concurrency.clone(),
            stored_memories: self.settings.stored_memories,
            retention_ratio: self.settings.retention,
        }
    }
}

impl Header {
    /// Of a run that begins now on this scene.
    #[must_use]
    pub fn of(scene: &Scene, plan: &Plan, url: &str) -> Self {
        Self {
            memsentry: env!("CARGO_PKG_VERSION").to_owned(),
            run_id: scene.run_id.clone(),
            began: scene.clock.now(),
            chaos: scene.chaos_allowed,
            target: TargetSeen {
                name: scene.target.clone(),
                url: redact_url(url),
                version: None,
                users: scene.users.all().len(),
                database: scene.database.is_some(),
            },
            promised: scene.promises.promised(),
            left_out: plan.left_out.iter().map(|id| (*id).to_owned()).collect(),
        }
    }
}

/// What else goes into a report.
pub struct Circumstances {
    /// What the service says it is.
    pub version: Option<String>,
    /// Whether it goes on from an interruption.
    pub resumed: bool,
    /// The queue meanwhile.
    pub timeline: Vec<TimelinePoint>,
    /// What may have disturbed it.
    pub interference: Interference,
    /// Conversations that could not be removed.
    pub left_behind: Option<u64>,
}

/// The report of a run that has ended.
#[must_use]
pub fn assemble(header: Header, judged: Judged, seen: Circumstances, scene: &Scene) -> Report {
    let mut interference = seen.interference;
    for failure in judged.unhealed {
        interference.remarks.push(format!("What was broken could not be mended at once: {failure}."));
    }
    Report {
        format: FORMAT,
        memsentry: header.memsentry,
        run_id: header.run_id,
        began: header.began,
        ended: scene.clock.now(),
        resumed: seen.resumed,
        chaos: header.chaos,
        target: TargetSeen { version: seen.version, ..header.target },
        promised: header.promised,
        results: judged.results,
        left_out: header.left_out,
        timeline: seen.timeline,
        interference,
        left_behind: seen.left_behind,
        interrupted: judged.interrupted,
        comparison: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Duration;

    #[test]
    fn users_keep_a_little_below_the_limit() {
        let limit = |requests| RateLimit { requests, per: Duration::from_secs(60) };
        for (requests, pace) in [(0, 0), (10, 9), (100, 95), (1000, 950)] {
            assert_eq!(limit(requests).pace().requests, pace);
        }
        assert_eq!(limit(100).share_of(60), 61);
        assert_eq!(RateLimit { requests: 100, per: Duration::from_secs(3) }.share_of(60), 4);
    }
}
