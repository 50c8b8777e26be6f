//! What got better or worse since an earlier run, beyond noise.
//!
//! Two figures differ if their 95 % intervals do not overlap: quantiles by their order statistics, shares by Wilson's
//! interval. A single number has no interval; it is given 10 % to both sides. Times must differ by a millisecond
//! and quantiles by a twentieth, because less is the machine's mood even where samples abound. What cannot be compared is
//! listed with the reason, never passed over.

mod estimate;
mod lines;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

use super::{Case, CriterionResult, Figure, Promised, Report, Verdict};

pub use estimate::Estimate;

/// An earlier run and what is different now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The earlier run's id.
    pub old_run: String,
    /// When it began.
    pub old_began: Timestamp,
    /// What differs beyond noise, in the order of the criteria.
    pub changes: Vec<Change>,
    /// Verdicts, cases and figures that were compared and do not differ beyond noise.
    pub within_noise: usize,
    /// What could not be compared, and why.
    pub incomparable: Vec<Incomparable>,
    /// What is different between the two runs as such; a reason to read the changes with care.
    pub remarks: Vec<String>,
}

/// Something that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The criterion's id.
    pub criterion: String,
    /// Which way.
    pub direction: Direction,
    /// What it was and what it is.
    pub subject: Subject,
}

/// Which way something changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// It is better now.
    Better,
    /// It is worse now.
    Worse,
    /// More or less is known than before, which is neither.
    Unclear,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The verdict.
    Verdict {
        /// Before.
        old: Verdict,
        /// Now.
        new: Verdict,
    },
    /// Whether a case went as expected.
    Case {
        /// Its name.
        name: String,
        /// Before.
        old: bool,
        /// Now.
        new: bool,
    },
    /// What was measured.
    Figure {
        /// Its name.
        name: String,
        /// Its unit.
        unit: String,
        /// What of it: `median`, `p95`, `p99`, `share`, `value`.
        statistic: String,
        /// Before.
        old: Estimate,
        /// Now.
        new: Estimate,
    },
}

/// What could not be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incomparable {
    /// The criterion's id.
    pub criterion: String,
    /// The figure or case, or nothing if it is the whole criterion.
    pub what: Option<String>,
    /// Why, in lower case and without full stop.
    pub why: String,
}

/// Compares. `old` is the earlier one.
#[must_use]
pub fn compare(old: &Report, new: &Report) -> Comparison {
    let mut comparison = Comparison {
        old_run: old.run_id.clone(),
        old_began: old.began,
        changes: Vec::new(),
        within_noise: 0,
        incomparable: Vec::new(),
        remarks: remarks(old, new),
    };
    for now in &new.results {
        match old.results.iter().find(|before| before.id == now.id) {
            Some(before) => comparison.criterion(before, now),
            None => comparison.cannot(&now.id, None, "the earlier run has no such criterion"),
        }
    }
    for before in old.results.iter().filter(|before| new.results.iter().all(|now| now.id != before.id)) {
        comparison.cannot(&before.id, None, "only the earlier run has this criterion");
    }
    comparison
}

impl Comparison {
    /// Changes for the worse.
    #[must_use]
    pub fn worse(&self) -> usize {
        self.changes.iter().filter(|change| change.direction == Direction::Worse).count()
    }

    /// Changes for the better.
    #[must_use]
    pub fn better(&self) -> usize {
        self.changes.iter().filter(|change| change.direction == Direction::Better).count()
    }

    fn cannot(&mut self, criterion: &str, what: Option<&str>, why: impl Into<String>) {
        let (criterion, what) = (criterion.to_owned(), what.map(str::to_owned));
        self.incomparable.push(Incomparable { criterion, what, why: why.into() });
    }

    fn differs(&mut self, criterion: &str, direction: Direction, subject: Subject) {
        self.changes.push(Change { criterion: criterion.to_owned(), direction, subject });
    }

    fn criterion(&mut self, old: &CriterionResult, new: &CriterionResult) {
        if old.verdict == new.verdict {
            self.within_noise += 1;
        } else {
            let direction = match (old.verdict, new.verdict) {
                (Verdict::Fail, Verdict::Pass) => Direction::Better,
                (Verdict::Pass, Verdict::Fail) => Direction::Worse,
                _ => Direction::Unclear,
            };
            self.differs(&new.id, direction, Subject::Verdict { old: old.verdict, new: new.verdict });
        }
        if old.verdict == Verdict::NotJudged || new.verdict == Verdict::NotJudged {
            if old.verdict != new.verdict {
                self.cannot(
                    &new.id,
                    None,
                    "one of the runs did not judge it, so that there is nothing to compare it with",
                );
            }
            return;
        }
        if old.method != new.method {
            self.cannot(
                &new.id,
                None,
                "it was measured in another way; the verdicts are shown, its figures are not compared",
            );
            return;
        }
        self.cases(old, new);
        self.figures(old, new);
    }

    /// Cases by name; a name that stands twice means the first with the first, the second with the second.
    fn cases(&mut self, old: &CriterionResult, new: &CriterionResult) {
        let before = numbered(&old.evidence.cases, |case: &Case| &case.name);
        for (key, now) in numbered(&new.evidence.cases, |case: &Case| &case.name) {
            match before.get(&key).map(|case| (case.ok, now.ok)) {
                Some((Some(old), Some(new_ok))) if old != new_ok => {
                    let direction = if new_ok { Direction::Better } else { Direction::Worse };
                    self.differs(&new.id, direction, Subject::Case { name: now.name.clone(), old, new: new_ok });
                }
                Some((Some(_), Some(_)) | (None, None)) => self.within_noise += 1,
                Some(_) => self.cannot(&new.id, Some(&now.name), "the case was tried in one of the runs only"),
                None => self.cannot(&new.id, Some(&now.name), "the earlier run has no such case"),
            }
        }
    }

    fn figures(&mut self, old: &CriterionResult, new: &CriterionResult) {
        let before = numbered(&old.evidence.figures, |figure: &Figure| &figure.name);
        let now = numbered(&new.evidence.figures, |figure: &Figure| &figure.name);
        for (key, figure) in &now {
            match before.get(key) {
                Some(earlier) => self.figure(&new.id, earlier, figure),
                None => self.cannot(&new.id, Some(&figure.name), "the earlier run has no such figure"),
            }
        }
        for (_, figure) in before.iter().filter(|(key, _)| !now.contains_key(*key)) {
            self.cannot(&new.id, Some(&figure.name), "only the earlier run has this figure");
        }
    }

    fn figure(&mut self, criterion: &str, old: &Figure, new: &Figure) {
        if old.unit != new.unit || old.less_is_better != new.less_is_better {
            return self.cannot(criterion, Some(&new.name), "its unit or its meaning is another one");
        }
        if old.promised != new.promised {
            self.cannot(
                criterion,
                Some(&new.name),
                "its bound is another one; the values are compared, not how they were judged",
            );
        }
        let pairs = match estimate::pairs(&old.value, &new.value) {
            Ok(pairs) => pairs,
            Err(why) => return self.cannot(criterion, Some(&new.name), why),
        };
        for (statistic, old, now) in pairs {
            match estimate::difference(&old, &now, &new.unit) {
                None => self.within_noise += 1,
                Some(more) => {
                    let direction = if more == new.less_is_better { Direction::Worse } else { Direction::Better };
                    let (name, unit, statistic) = (new.name.clone(), new.unit.clone(), statistic.to_owned());
                    self.differs(criterion, direction, Subject::Figure { name, unit, statistic, old, new: now });
                }
            }
        }
    }
}

/// By name, and by which of those of the same name it is.
fn numbered<'a, T>(items: &'a [T], name: impl Fn(&'a T) -> &'a String) -> BTreeMap<(&'a str, usize), &'a T> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for item in items {
        let count = seen.entry(name(item)).or_default();
        found.insert((name(item).as_str(), *count), item);
        *count += 1;
    }
    found
}

/// What is different between the runs as such.
fn remarks(old: &Report, new: &Report) -> Vec<String> {
    let mut remarks = Vec::new();
    let mut differs = |what: &str, old: &str, new: &str| {
        if old != new {
            remarks.push(format!("{what}: {old} then, {new} now."));
        }
    };
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".into());
    differs("The target's name is another one", &old.target.name, &new.target.name);
    differs("The target's address is another one", &old.target.url, &new.target.url);
    differs("The service has another version", &text(&old.target.version), &text(&new.target.version));
    differs("The number of users is another one", &old.target.users.to_string(), &new.target.users.to_string());
    differs("memsentry has another version", &old.memsentry, &new.memsentry);
    for (what, old, new) in promises(&old.promised, &new.promised) {
        differs(&format!("Another promise ({what})"), &old, &new);
    }
    for (report, which) in [(old, "earlier"), (new, "later")] {
        let (rows, lag) = (report.interference.foreign_rows, report.interference.own_lag_p99_seconds);
        if rows.is_some_and(|rows| rows > 0) || lag.is_some_and(|lag| lag > report.promised.retrieval_seconds / 10.0) {
            remarks.push(format!("The {which} run was disturbed; its figures hold more than the service."));
        }
    }
    remarks
}

/// The promises side by side.
fn promises(old: &Promised, new: &Promised) -> [(&'static str, String, String); 9] {
    let pair = |what, of: &dyn Fn(&Promised) -> String| (what, of(old), of(new));
    [
        pair("update visible, seconds", &|p| p.update_visible_seconds.to_string()),
        pair("update visible, ratio", &|p| p.update_visible_ratio.to_string()),
        pair("retrieval, seconds", &|p| p.retrieval_seconds.to_string()),
        pair("retrieval, ratio", &|p| p.retrieval_ratio.to_string()),
        pair("success, ratio", &|p| p.success_ratio.to_string()),
        pair("rate limit", &|p| format!("{} in {}", p.rate_limit.requests, p.rate_limit.per)),
        pair("concurrency", &|p| format!("{:?}", p.concurrency)),
        pair("stored memories", &|p| p.stored_memories.to_string()),
        pair("retention, ratio", &|p| p.retention_ratio.to_string()),
    ]
}

#[cfg(test)]
mod tests;
