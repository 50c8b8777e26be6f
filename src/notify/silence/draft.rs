//! A silence as somebody asks for it, and everything that can be wrong with that.

use std::collections::BTreeMap;

use crate::model::{Condition, MatchOp, Matcher, Timestamp};

use super::Silence;

/// Most matchers of one silence.
const MOST_MATCHERS: usize = 100;
/// Longest name, value, author, comment and annotation together, in bytes.
const MOST_BYTES: usize = 64 * 1024;
/// Longest regular expression, in bytes: 10,000 of them must fit into memory.
const LONGEST_REGEX: usize = 4 * 1024;
/// Largest regular expression once compiled, in bytes.
const LARGEST_REGEX: usize = 512 * 1024;

/// A silence that is asked for.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// The one to change; a new one without it.
    pub id: Option<String>,
    /// An alert is silenced if all of them match; at least one.
    pub matchers: Vec<Condition>,
    /// When it is to begin; what lies in the past means now.
    pub starts_at: Timestamp,
    /// When it is to be over.
    pub ends_at: Timestamp,
    /// Who asks.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// What else is to be kept with it.
    pub annotations: BTreeMap<String, String>,
}

impl Draft {
    /// The silence, with this id.
    pub(super) fn checked(&self, id: &str, at: Timestamp) -> Result<Silence, Vec<String>> {
        let mut wrong = Vec::new();
        if self.starts_at >= self.ends_at {
            wrong.push("start time must be before end time".to_owned());
        }
        if self.ends_at < at {
            wrong.push("end time can't be in the past".to_owned());
        }
        if self.bytes() > MOST_BYTES {
            wrong.push(format!("{} bytes of text, at most {MOST_BYTES}", self.bytes()));
        }
        let mut matchers = Vec::new();
        match self.matchers.len() {
            0 => wrong.push("at least one matcher required".to_owned()),
            1..=MOST_MATCHERS => {
                for (index, condition) in self.matchers.iter().enumerate() {
                    match compiled(condition) {
                        Ok(matcher) => matchers.push(matcher),
                        Err(why) => wrong.push(format!("invalid label matcher {index}: {why}")),
                    }
                }
                let complete = matchers.len() == self.matchers.len();
                if complete && matchers.iter().all(|matcher| matcher.matches("")) {
                    wrong.push("at least one matcher must not match the empty string".to_owned());
                }
            }
            many => wrong.push(format!("{many} matchers, at most {MOST_MATCHERS}")),
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Silence {
            id: id.into(),
            matchers,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            updated_at: at,
            created_by: self.created_by.clone(),
            comment: self.comment.clone(),
            annotations: self.annotations.clone(),
        })
    }

    fn bytes(&self) -> usize {
        let matchers = self.matchers.iter().map(|m| m.name.len() + m.value.len());
        let annotations = self.annotations.iter().map(|(name, value)| name.len() + value.len());
        self.created_by.len() + self.comment.len() + matchers.chain(annotations).sum::<usize>()
    }
}

/// Whether these matchers say nothing: whatever value the labels have, they match. Such a silence silences everything
/// that has the labels, and is seldom meant.
#[must_use]
pub fn matches_every_value(matchers: &[Matcher]) -> bool {
    // No pattern that means something takes all of these.
    const ANY: [&str; 4] = ["x", "0", "Ab-1 ?", "\u{1}any value\u{2}"];
    matchers.iter().all(|matcher| match matcher.op() {
        MatchOp::Equal => false,
        MatchOp::Regex => ANY.iter().all(|value| matcher.matches(value)),
        MatchOp::NotEqual | MatchOp::NotRegex => matcher.value().is_empty(),
    })
}

fn compiled(condition: &Condition) -> Result<Matcher, String> {
    if condition.name.is_empty() {
        return Err("it has no label name".to_owned());
    }
    let matcher = condition.compiled()?;
    if matcher.is_regex() {
        if condition.value.len() > LONGEST_REGEX {
            return Err(format!("its regular expression has more than {LONGEST_REGEX} bytes"));
        }
        let built = regex::RegexBuilder::new(&condition.value).size_limit(LARGEST_REGEX).build();
        if built.is_err() {
            return Err(format!("the regular expression {:?} is too large, say it more simply", condition.value));
        }
    }
    Ok(matcher)
}
