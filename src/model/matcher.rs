//! Label matchers: `name OP value` with the four operators of Prometheus and Alertmanager.

use std::fmt;

use regex::Regex;

use super::Labels;

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
}

impl fmt::Display for MatchOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        })
    }
}

/// One condition on one label. A missing label counts as the empty string.
#[derive(Debug, Clone)]
pub struct Matcher {
    name: String,
    op: MatchOp,
    value: String,
    regex: Option<Regex>,
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.op == other.op && self.value == other.value
    }
}

impl Matcher {
    /// Builds a matcher; regular expressions are anchored at both ends and `.` matches a newline, as in Prometheus 3.
    ///
    /// # Errors
    /// The regular expression does not compile or is too large.
    pub fn new(name: impl Into<String>, op: MatchOp, value: impl Into<String>) -> Result<Self, regex::Error> {
        let value = value.into();
        let regex = match op {
            MatchOp::Regex | MatchOp::NotRegex => Some(Regex::new(&format!("^(?s:{value})$"))?),
            MatchOp::Equal | MatchOp::NotEqual => None,
        };
        Ok(Self { name: name.into(), op, value, regex })
    }

    /// A matcher for equality, which cannot fail to build.
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), op: MatchOp::Equal, value: value.into(), regex: None }
    }

    /// The label it looks at.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it compares.
    #[must_use]
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// What it compares with, as written (not anchored).
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether it compares with a regular expression.
    #[must_use]
    pub fn is_regex(&self) -> bool {
        self.regex.is_some()
    }

    /// Whether a label with this value satisfies the matcher; pass `""` for a missing label.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        let positive = match &self.regex {
            Some(regex) => regex.is_match(value),
            None => self.value == value,
        };
        positive == matches!(self.op, MatchOp::Equal | MatchOp::Regex)
    }

    /// Whether a label set satisfies the matcher.
    #[must_use]
    pub fn matches_labels(&self, labels: &Labels) -> bool {
        self.matches(labels.get(&self.name).unwrap_or(""))
    }
}

/// As Alertmanager writes it, `name="value"`; [`super::parse_matchers`] reads it.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name that is more than a word stands in quotes too.
        let plain = self.name.chars().all(|c| c.is_alphanumeric() || "_:.-/".contains(c));
        if plain {
            f.write_str(&self.name)?
        } else {
            write!(f, "\"{}\"", escaped(&self.name))?
        }
        write!(f, "{}\"{}\"", self.op, escaped(&self.value))
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regular_expression_must_match_the_whole_value() {
        let matcher = Matcher::new("job", MatchOp::Regex, "a|bc").expect("compiles");
        assert!(matcher.matches("a") && matcher.matches("bc"));
        assert!(!matcher.matches("ab") && !matcher.matches(""));
    }

    #[test]
    fn a_missing_label_counts_as_empty() {
        let matcher = Matcher::new("job", MatchOp::NotEqual, "x").expect("compiles");
        assert!(matcher.matches_labels(&Labels::empty()));
        assert!(Matcher::equal("job", "").matches_labels(&Labels::empty()));
    }
}
