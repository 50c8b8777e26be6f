//! A scene for unit tests: users of a service that is not there, and nothing else.

use std::time::Duration as StdDuration;

use tokio_util::sync::CancellationToken;

use crate::memory_api::{self, Users};
use crate::metrics::Registry;
use crate::model::{Clock, Secret, Timestamp};

use super::report::TargetSeen;
use super::{Area, Criterion, CriterionResult, Evidence, Finding, Healing, Promises, Scene, Settings};

pub(super) fn scene() -> Scene {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = Settings::default();
    let service = memory_api::Settings {
        token: Some(Secret::new("t".into())),
        ..memory_api::Settings::new("http://127.0.0.1:1")
    };
    let (registry, clock) = (Registry::new(), Clock::manual(Timestamp::from_millis(1_700_000_000_000)));
    Scene {
        target: "main".into(),
        run_id: "validate-test".into(),
        users: Users::new("main", &service, &[], settings.rate_limit.pace(), &registry, &clock).unwrap(),
        database: None,
        promises: Promises {
            update_visible: (StdDuration::from_secs(2), 0.95),
            retrieval: (StdDuration::from_millis(100), 0.99),
            success: 0.995,
            settings,
        },
        chaos_allowed: false,
        healing: Healing::unguarded(),
        clock,
        cancel: CancellationToken::new(),
    }
}

pub(super) const PASSES: Criterion = Criterion {
    id: "passes",
    area: Area::Service,
    promise: "It passes.",
    method: "It is not measured at all.",
    needs: &[],
    estimate: |_| StdDuration::from_secs(1),
    judge: |_, _| Box::pin(async { Ok(Finding::pass("as promised")) }),
};

pub(super) fn target() -> TargetSeen {
    TargetSeen { name: "main".into(), url: "http://a".into(), version: None, users: 1, database: true }
}

pub(super) fn result(id: &str) -> CriterionResult {
    CriterionResult {
        id: id.to_owned(),
        area: Area::Service,
        promise: "p".into(),
        method: "m".into(),
        verdict: super::Verdict::Pass,
        summary: "s".into(),
        evidence: Evidence::default(),
        began: Timestamp::from_millis(5),
        took: crate::model::Duration::from_secs(1),
    }
}
