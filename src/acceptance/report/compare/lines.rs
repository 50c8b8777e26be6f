//! A comparison for a terminal: one line for each change, what cannot be compared, and what to mind.

use super::super::words::{change, counted, inert, moment, value};
use super::{Change, Comparison, Direction, Estimate, Incomparable, Subject};

impl Direction {
    /// As a person reads it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Unclear => "unclear",
        }
    }
}

impl Comparison {
    /// What got better and worse, in a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let since = format!("since run {} of {}", inert(&self.old_run), moment(self.old_began));
        let unclear = self.changes.len() - self.better() - self.worse();
        if self.changes.is_empty() {
            return format!("Nothing changed beyond noise {since}.");
        }
        let also = if unclear > 0 { format!(", {unclear} changed in what is known") } else { String::new() };
        format!("{} got worse and {} better beyond noise {since}{also}.", self.worse(), self.better())
    }

    /// The changes in one direction: the criterion, and in words what changed. Cases of one name that changed alike are
    /// told once, with their number.
    #[must_use]
    pub fn told(&self, direction: Direction) -> Vec<(String, String)> {
        let mut told: Vec<(String, String, usize)> = Vec::new();
        for change in self.changes.iter().filter(|change| change.direction == direction) {
            let (criterion, words) = (inert(&change.criterion), change.words());
            match told.iter_mut().find(|(id, said, _)| *id == criterion && *said == words) {
                Some((_, _, times)) => *times += 1,
                None => told.push((criterion, words, 1)),
            }
        }
        let counted = |words, times| if times > 1 { format!("{words} ({times} of that name)") } else { words };
        told.into_iter().map(|(criterion, words, times)| (criterion, counted(words, times))).collect()
    }

    /// All of it, line by line, what got worse first.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.sentence()];
        for direction in [Direction::Worse, Direction::Better, Direction::Unclear] {
            let told = self.told(direction).into_iter();
            lines.extend(told.map(|(criterion, words)| format!("{:8}{criterion}: {words}", direction.as_str())));
        }
        lines.push(format!(
            "{} compared and the same within noise.",
            counted(self.within_noise, "verdict, case or figure was", "verdicts, cases and figures were")
        ));
        lines.extend(self.incomparable.iter().map(|item| format!("not compared: {}", item.words())));
        lines.extend(self.remarks.iter().map(|remark| format!("mind: {}", inert(remark))));
        lines
    }
}

impl Change {
    /// What it was and what it is, without the criterion's name.
    #[must_use]
    pub fn words(&self) -> String {
        match &self.subject {
            Subject::Verdict { old, new } => format!("{}, was {}", new.as_str(), old.as_str()),
            Subject::Case { name, new: true, .. } => format!("case {:?} goes as expected now", inert(name)),
            Subject::Case { name, .. } => format!("case {:?} no longer goes as expected", inert(name)),
            Subject::Figure { name, unit, statistic, old, new } => {
                let (was, is) = (value(old.value, unit), value(new.value, unit));
                let percent = change(old.value, new.value);
                let range = |of: &Estimate| format!("{} to {}", value(of.low, unit), value(of.high, unit));
                let statistic =
                    if statistic == "value" || statistic == "share" { String::new() } else { format!(" {statistic}") };
                format!("{}{statistic} {was} → {is}{percent}, intervals {} and {}", inert(name), range(old), range(new))
            }
        }
    }
}

impl Incomparable {
    /// What and why.
    #[must_use]
    pub fn words(&self) -> String {
        let what = self.what.as_ref().map_or_else(String::new, |what| format!(", {}", inert(what)));
        format!("{}{what}: {}", inert(&self.criterion), self.why)
    }
}
