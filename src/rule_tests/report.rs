//! What became of a file of tests: verdicts, what differs line by line, and which rules a test saw at work.

use std::fmt;
use std::time::Duration as StdDuration;

/// Beyond so many pairs of lines the two sides are shown one after the other.
const MOST_COMPARED: usize = 4_000_000;

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The file's name as given.
    pub file: String,
    /// Its tests in their order, without those that were not asked for.
    pub tests: Vec<TestReport>,
    /// The rules of the files that it names, and whether a test saw them at work.
    pub rules: Vec<RuleSeen>,
    /// What is allowed and still hardly what was meant, such as a pattern that means no file.
    pub doubts: Vec<String>,
}

/// What became of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestReport {
    /// Its name, or its number where it has none.
    pub name: String,
    /// What was not as expected; nothing if it passed.
    pub failures: Vec<Failure>,
    /// How long it took.
    pub elapsed: StdDuration,
}

/// One thing that was not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What was looked at, and when: `alert Down at 5m`.
    pub about: String,
    /// Why there is nothing to compare, such as an expression that could not be evaluated.
    pub error: Option<String>,
    /// What was to come, in lines; a line that belongs to the one above it is indented.
    pub expected: Vec<String>,
    /// What came.
    pub got: Vec<String>,
}

/// A rule, and whether a test saw it at work: an alert that fired, a recording rule that wrote a series.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleSeen {
    /// Its file, as it can be opened from here.
    pub file: String,
    /// Its group.
    pub group: String,
    /// Its place in the group, from 0.
    pub number: usize,
    /// Its name.
    pub name: String,
    /// Whether it is an alerting rule.
    pub alerting: bool,
    /// Whether it was seen.
    pub seen: bool,
}

impl Report {
    /// Whether every test passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.tests.iter().all(|test| test.failures.is_empty())
    }

    /// Whether a test saw an alert of this name fire.
    #[must_use]
    pub fn fired(&self, name: &str) -> bool {
        self.rules.iter().any(|rule| rule.alerting && rule.seen && rule.name == name)
    }
}

impl Failure {
    pub(super) fn error(about: String, error: String) -> Self {
        Self { about, error: Some(error), expected: Vec::new(), got: Vec::new() }
    }

    /// The lines of both sides: `-` was expected and did not come, `+` came and was not expected.
    #[must_use]
    pub fn difference(&self) -> Vec<String> {
        let (old, new) = (&self.expected, &self.got);
        if old.len().saturating_mul(new.len()) > MOST_COMPARED {
            let marked = |mark: char, lines: &[String]| lines.iter().map(|line| format!("{mark} {line}")).collect();
            return [marked('-', old), marked('+', new)].into_iter().flat_map(|lines: Vec<String>| lines).collect();
        }
        // Length of the longest common sequence of what is left from here on.
        let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
        for i in (0..old.len()).rev() {
            for j in (0..new.len()).rev() {
                common[i][j] =
                    if old[i] == new[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
            }
        }
        let (mut i, mut j, mut lines) = (0, 0, Vec::new());
        while i < old.len() || j < new.len() {
            if i < old.len() && j < new.len() && old[i] == new[j] {
                lines.push(format!("  {}", old[i]));
                (i, j) = (i + 1, j + 1);
            } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
                lines.push(format!("- {}", old[i]));
                i += 1;
            } else {
                lines.push(format!("+ {}", new[j]));
                j += 1;
            }
        }
        lines
    }
}

/// What it is about, then why or what differs.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.about)?;
        if let Some(error) = &self.error {
            write!(f, ": {error}")?;
        }
        for line in self.difference() {
            write!(f, "\n  {line}")?;
        }
        if self.error.is_none() && self.expected == self.got {
            f.write_str(": what is expected can never come")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_keeps_what_both_sides_have() {
        let lines = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        let failure =
            Failure { about: "alert A at 0s".into(), error: None, expected: lines("a b c d"), got: lines("a x c d e") };
        assert_eq!(failure.difference(), ["  a", "- b", "+ x", "  c", "  d", "+ e"]);
        assert!(failure.to_string().starts_with("alert A at 0s\n    a\n  - b\n"), "{failure}");
    }
}
