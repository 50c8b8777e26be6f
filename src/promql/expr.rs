//! The handle to a parsed expression: cheap to clone, knows its text and what it selects.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::ast::{Kind, Node, Type};
use crate::model::labels::METRIC_NAME;
use crate::model::{MatchOp, Matcher};

/// A parsed and type-checked expression.
#[derive(Debug, Clone)]
pub struct Expr {
    root: Arc<Node>,
    text: Arc<str>,
}

/// A selector of an expression, for those who judge expressions without evaluating them.
#[derive(Debug, Clone)]
pub struct SelectorUse<'a> {
    /// The metric name, if one is named exactly.
    pub name: Option<&'a str>,
    /// All conditions, the one on the name included.
    pub matchers: &'a [Matcher],
    /// Length of the range in milliseconds, for a range vector selector.
    pub range: Option<i64>,
    /// Its bytes in the text.
    pub span: Range<usize>,
}

impl Expr {
    pub(super) fn new(root: Node, text: &str) -> Self {
        Self { root: Arc::new(root), text: Arc::from(text) }
    }

    /// The text it was parsed from.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The tree.
    #[must_use]
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The type of its value.
    #[must_use]
    pub fn value_type(&self) -> Type {
        self.root.value_type()
    }

    /// All selectors in the order of the text.
    #[must_use]
    pub fn selectors(&self) -> Vec<SelectorUse<'_>> {
        let mut uses = Vec::new();
        self.root.walk(&mut |node| {
            let (selector, range) = match &node.kind {
                Kind::Selector(selector) => (selector, None),
                Kind::Range(selector, range) => (selector, Some(*range)),
                _ => return,
            };
            let named = selector.matchers.iter().find(|m| m.name() == METRIC_NAME && m.op() == MatchOp::Equal);
            uses.push(SelectorUse {
                name: named.map(Matcher::value),
                matchers: &selector.matchers,
                range,
                span: node.span.clone(),
            });
        });
        uses.sort_by_key(|selector| selector.span.start);
        uses
    }

    /// The metric names it asks for exactly.
    #[must_use]
    pub fn metric_names(&self) -> BTreeSet<String> {
        self.selectors().into_iter().filter_map(|selector| selector.name.map(str::to_owned)).collect()
    }
}

impl PartialEq for Expr {
    /// Equal when the trees are; blanks and comments do not count.
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root
    }
}

/// In one spelling, whatever the text looked like; reads back as the same expression. `{:#}` breaks long ones
/// over several lines.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.root(), f)
    }
}

#[cfg(test)]
mod tests {
    use crate::promql::parse;

    #[test]
    fn an_expression_knows_what_it_selects() {
        let text = "rate(a_total{x=\"1\"}[5m]) / on () group_left () {__name__=~\"b.*\"} > max_over_time(c[1h:1m])";
        let expr = parse(text).unwrap();
        let selectors = expr.selectors();
        let seen: Vec<_> = selectors.iter().map(|s| (s.name, s.range, &text[s.span.clone()])).collect();
        assert_eq!(
            seen,
            [
                (Some("a_total"), Some(300_000), "a_total{x=\"1\"}[5m]"),
                (None, None, "{__name__=~\"b.*\"}"),
                (Some("c"), None, "c")
            ]
        );
        assert_eq!(expr.metric_names().into_iter().collect::<Vec<_>>(), ["a_total", "c"]);
        assert_eq!(parse(" a # comment\n+b").unwrap(), parse("a + b").unwrap());
    }
}
