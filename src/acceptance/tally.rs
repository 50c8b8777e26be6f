//! What so many of so many say about a promised share: kept, broken, or too few to tell.
//!
//! Bounds are Wilson's, with 95 % confidence; they hold for few samples and for shares near 1, which is what promises
//! are about. A promise is broken only if even the upper bound lies below it.

use super::Finding;
use super::confidence::wilson;
use super::share::{Standing, standing};

/// A share as a percentage with one decimal, or more where that would round a promise away.
pub(super) fn percent(share: f64) -> String {
    let text = format!("{:.1}", share * 100.0);
    format!("{} %", text.strip_suffix(".0").unwrap_or(&text))
}

/// Counts what keeps a promise until there is enough to judge it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tally {
    kept: u64,
    all: u64,
    promised: f64,
    fewest: u64,
    most: u64,
}

impl Tally {
    /// Nothing yet; judged by at least `fewest`, and by at most `most` where fewer cannot tell.
    pub(super) fn new(promised: f64, fewest: u64, most: u64) -> Self {
        Self { kept: 0, all: 0, promised, fewest, most }
    }

    pub(super) fn add(&mut self, kept: bool) {
        self.all += 1;
        self.kept += u64::from(kept);
    }

    pub(super) fn part(&self) -> u64 {
        self.kept
    }

    pub(super) fn whole(&self) -> u64 {
        self.all
    }

    /// Whether more would not change the verdict, or there shall be no more.
    pub(super) fn is_decided(&self) -> bool {
        if self.all >= self.fewest {
            return self.all >= self.most || self.standing() != Standing::Open;
        }
        // Even if all that are missing kept it.
        let missing = self.fewest - self.all;
        standing(self.kept + missing, self.fewest, self.promised) == Standing::Broken
    }

    pub(super) fn standing(&self) -> Standing {
        standing(self.kept, self.all, self.promised)
    }

    /// `29 of 30 updates visible within 2 s (promised are 95 %; with 95 % confidence between 83.3 % and 99.4 %)`.
    pub(super) fn told(&self, what: &str) -> String {
        let (low, high) = wilson(self.kept, self.all);
        let Self { kept, all, promised, .. } = *self;
        let (promised, low, high) = (percent(promised), percent(low), percent(high));
        format!("{kept} of {all} {what} (promised are {promised}; with 95 % confidence between {low} and {high})")
    }

    /// The verdict.
    pub(super) fn finding(&self, what: &str) -> Finding {
        let told = self.told(what);
        match self.standing() {
            Standing::Kept => Finding::pass(told),
            Standing::Broken => Finding::fail(told),
            Standing::Open => Finding::not_judged(format!("too few to tell: {told}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acceptance::Verdict;

    #[test]
    fn counting_ends_when_the_verdict_cannot_change() {
        let count = |kept: &dyn Fn(u64) -> bool| {
            let mut tally = Tally::new(0.95, 30, 90);
            while !tally.is_decided() {
                tally.add(kept(tally.whole()));
            }
            (tally.whole(), tally.finding("updates").verdict)
        };
        assert_eq!(count(&|_| true), (30, Verdict::Pass));
        assert_eq!(count(&|_| false), (4, Verdict::Fail));
        assert_eq!(count(&|n| n % 14 != 0), (90, Verdict::NotJudged));
    }

    #[test]
    fn shares_are_told_with_their_wilson() {
        let mut tally = Tally::new(0.995, 1, 1);
        (0..10).for_each(|n| tally.add(n > 0));
        let told = "9 of 10 reads (promised are 99.5 %; with 95 % confidence between 59.6 % and 98.2 %)";
        assert_eq!(tally.told("reads"), told);
    }
}
