//! What a query took, for the parameter `stats`: any value asks for it, `all` also for samples by step.
//!
//! The names are those of Prometheus. Sorting the result is part of evaluating it here, so it takes no time of its own;
//! reading old samples from the file counts as preparation only until the first evaluation, then as evaluation.

use serde_json::{Value, json};

use crate::model::{Duration, Stopwatch, Timestamp};
use crate::promql::Usage;

use super::Params;

/// Statistics of one query.
pub(super) struct Stats {
    /// What was asked for, if anything.
    asked: Option<String>,
    pub(super) timings: Timings,
}

/// How long its stages took, in seconds.
pub(super) struct Timings {
    watch: Stopwatch,
    preparation: f64,
    queue: f64,
}

impl Timings {
    /// The expression is read.
    pub(super) fn prepared(&mut self) {
        self.preparation = self.watch.elapsed().as_secs_f64();
    }

    /// It is its turn.
    pub(super) fn queued(&mut self) {
        self.queue = self.watch.elapsed().as_secs_f64() - self.preparation;
    }
}

impl Stats {
    /// Begins to measure.
    pub(super) fn asked(params: &Params) -> Self {
        let timings = Timings { watch: Stopwatch::start(), preparation: 0.0, queue: 0.0 };
        Self { asked: params.get("stats").map(str::to_owned), timings }
    }

    /// The query is answered; its first step and the time between steps tell when they were.
    pub(super) fn json(&self, usage: &Usage, (first, step): (Timestamp, Duration)) -> Option<Value> {
        let asked = self.asked.as_deref()?;
        let Timings { watch, preparation, queue } = &self.timings;
        let total = watch.elapsed().as_secs_f64();
        let inner = total - preparation - queue;
        let mut samples = json!({"totalQueryableSamples": usage.samples, "peakSamples": usage.peak});
        if asked == "all" {
            let only = [usage.samples];
            let counts = if usage.by_step.is_empty() { &only[..] } else { &usage.by_step };
            let mut at = first;
            let by_step = counts.iter().map(|count| {
                let point = json!([at.seconds(), count]);
                at = at + step.std();
                point
            });
            samples["totalQueryableSamplesPerStep"] = by_step.collect();
        }
        Some(json!({
            "timings": {
                "evalTotalTime": preparation + inner,
                "resultSortTime": 0.0,
                "queryPreparationTime": preparation,
                "innerEvalTime": inner,
                "execQueueTime": queue,
                "execTotalTime": total,
            },
            "samples": samples,
        }))
    }
}
