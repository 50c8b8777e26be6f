//! Generated expressions as trees of text, with enough structure to make them smaller.

use std::fmt;

/// Types of PromQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Scalar,
    Vector,
    Matrix,
    Text,
}

/// How closely two right evaluators agree on a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grade {
    /// To the bit, and so do sums of such values: multiples of an eighth that are not large.
    Summable,
    /// To the bit.
    Exact,
    /// Up to rounding, relative to the value itself.
    Close,
    /// Up to rounding, relative to what it was computed from: large numbers may have cancelled out.
    Loose,
}

/// One expression.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) kind: Type,
    pub(super) grade: Grade,
    parts: Vec<Part>,
}

/// What an expression is written as.
#[derive(Debug, Clone)]
pub(super) enum Part {
    /// Always there.
    Text(String),
    /// Can be left out without changing any type.
    Optional(String),
    /// An operand or argument.
    Child(Node),
}

impl From<&str> for Part {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Part {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Node> for Part {
    fn from(node: Node) -> Self {
        Self::Child(node)
    }
}

impl Node {
    pub(super) fn new(kind: Type, grade: Grade, parts: Vec<Part>) -> Self {
        Self { kind, grade, parts }
    }

    pub(super) fn scalar(grade: Grade, text: &str) -> Self {
        Self::new(Type::Scalar, grade, vec![text.into()])
    }

    /// Without what can be left out, but for what is below.
    pub(super) fn bare(mut self) -> Self {
        self.parts.retain(|part| !matches!(part, Part::Optional(_)));
        self
    }

    fn children(&self) -> impl Iterator<Item = &Self> {
        self.parts.iter().filter_map(|part| if let Part::Child(node) = part { Some(node) } else { None })
    }

    /// This node and all below it, parents first.
    pub(super) fn all(&self) -> Vec<&Self> {
        let below = self.children().flat_map(Self::all);
        std::iter::once(self).chain(below).collect()
    }

    /// Expressions that have something less, the smallest first.
    pub(super) fn smaller(&self) -> Vec<Self> {
        let mut found = self.replacements(true);
        found.sort_by_key(|node| node.to_string().len());
        let own = self.to_string().len();
        found.retain(|node| node.to_string().len() < own);
        found
    }

    fn replacements(&self, is_root: bool) -> Vec<Self> {
        let fits = |node: &&Self| is_root || (node.kind == self.kind && node.grade <= self.grade);
        let mut found: Vec<Self> = self.all().into_iter().skip(1).filter(fits).cloned().collect();
        match self.kind {
            Type::Vector => found.push(Self::new(Type::Vector, Grade::Summable, vec!["alone".into()])),
            Type::Scalar => found.push(Self::scalar(Grade::Summable, "1")),
            Type::Matrix | Type::Text => {}
        }
        for (at, part) in self.parts.iter().enumerate() {
            let with = |other: Part| {
                let mut parts = self.parts.clone();
                parts[at] = other;
                Self { parts, ..self.clone() }
            };
            match part {
                Part::Text(_) => {}
                Part::Optional(_) => found.push(with(Part::Text(String::new()))),
                Part::Child(child) => found.extend(child.replacements(false).into_iter().map(|node| with(node.into()))),
            }
        }
        found
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Text(text) | Part::Optional(text) => f.write_str(text),
            Part::Child(node) => node.fmt(f),
        })
    }
}
