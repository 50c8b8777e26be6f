//! The syntax tree of a PromQL expression, a span on every node.
//!
//! Two trees are equal when they mean the same text; spans do not count. Times and durations are
//! milliseconds, as everywhere in the evaluator.

mod operators;

use std::ops::Range;

use super::functions::Function;
use crate::model::Matcher;

pub use self::operators::{AggregateOp, BinaryOp, Type};

/// One node with the bytes of the query text it was read from.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Its bytes in the query text.
    pub span: Range<usize>,
    /// Height of the tree below, itself included; capped by the parser.
    pub height: usize,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

/// The forms an expression can take.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A number literal, also a duration used as a number of seconds.
    Number(Number),
    /// A string literal.
    String(String),
    /// An instant vector selector.
    Selector(Selector),
    /// A range vector selector: what to select and over how many milliseconds.
    Range(Selector, i64),
    /// `expr[range:step]`.
    Subquery(Subquery),
    /// `-expr` or `+expr`.
    Unary {
        /// Whether the sign is a minus.
        negative: bool,
        /// What the sign stands before.
        inner: Box<Node>,
    },
    /// Two operands.
    Binary(Box<Binary>),
    /// An aggregation.
    Aggregate(Box<Aggregate>),
    /// A function call.
    Call {
        /// Row of the function table.
        function: &'static Function,
        /// Arguments as written.
        args: Vec<Node>,
    },
    /// An expression in parentheses.
    Paren(Box<Node>),
}

/// A number compared by its bits, so that NaN equals itself.
#[derive(Debug, Clone, Copy)]
pub struct Number(pub f64);

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits() || (self.0.is_nan() && other.0.is_nan())
    }
}

/// Where the `@` modifier fixes the evaluation time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// At this time.
    Time(i64),
    /// At the start of the query's range.
    Start,
    /// At the end of the query's range.
    End,
}

/// Which series, and shifted how.
#[derive(Debug, Clone, PartialEq)]
pub struct Selector {
    /// The metric name written before the braces, if any.
    pub name: Option<String>,
    /// All conditions, the one on the name included.
    pub matchers: Vec<Matcher>,
    /// How far to look back; negative looks ahead.
    pub offset: i64,
    /// Fixed evaluation time.
    pub at: Option<At>,
}

/// An expression evaluated repeatedly over a range.
#[derive(Debug, Clone, PartialEq)]
pub struct Subquery {
    /// What is evaluated.
    pub inner: Box<Node>,
    /// Over how long.
    pub range: i64,
    /// At which interval; the default interval if not given.
    pub step: Option<i64>,
    /// How far to look back.
    pub offset: i64,
    /// Fixed evaluation time.
    pub at: Option<At>,
}

/// Two operands and how their elements find each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// Left operand.
    pub left: Node,
    /// Right operand.
    pub right: Node,
    /// Whether a comparison answers 0 or 1 instead of filtering.
    pub returns_bool: bool,
    /// How vectors match; the default for other operands.
    pub matching: Matching,
}

/// Which side may have several elements per match group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cardinality {
    /// One element on each side.
    #[default]
    OneToOne,
    /// `group_left`.
    ManyToOne,
    /// `group_right`.
    OneToMany,
}

/// How elements of two vectors match.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matching {
    /// `on` when true, `ignoring` otherwise.
    pub on: bool,
    /// Whether `on` or `ignoring` was written at all.
    pub written: bool,
    /// Labels of `on` or `ignoring`, sorted.
    pub labels: Vec<String>,
    /// Which side is "many".
    pub cardinality: Cardinality,
    /// Labels that `group_left` or `group_right` copies.
    pub include: Vec<String>,
    /// Value for a missing left element.
    pub fill_left: Option<Number>,
    /// Value for a missing right element.
    pub fill_right: Option<Number>,
}

/// An aggregation over groups of series.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// The operator.
    pub op: AggregateOp,
    /// The vector.
    pub inner: Node,
    /// The parameter of those operators that have one.
    pub param: Option<Node>,
    /// Labels of `by` or `without`, sorted.
    pub grouping: Vec<String>,
    /// Whether the labels are those to leave out.
    pub without: bool,
}

impl Node {
    /// The type of the expression's value.
    #[must_use]
    pub fn value_type(&self) -> Type {
        match &self.kind {
            Kind::Number(_) => Type::Scalar,
            Kind::String(_) => Type::String,
            Kind::Selector(_) | Kind::Aggregate(_) => Type::Vector,
            Kind::Range(..) | Kind::Subquery(_) => Type::Matrix,
            Kind::Unary { inner, .. } | Kind::Paren(inner) => inner.value_type(),
            Kind::Call { function, .. } => function.returns,
            Kind::Binary(binary) => {
                if binary.left.value_type() == Type::Scalar && binary.right.value_type() == Type::Scalar {
                    Type::Scalar
                } else {
                    Type::Vector
                }
            }
        }
    }

    /// The node without parentheses around it.
    #[must_use]
    pub fn unwrapped(&self) -> &Self {
        let mut node = self;
        while let Kind::Paren(inner) = &node.kind {
            node = inner;
        }
        node
    }

    /// Calls `visit` with this node and all below it, parents first.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Self)) {
        visit(self);
        match &self.kind {
            Kind::Number(_) | Kind::String(_) | Kind::Selector(_) | Kind::Range(..) => {}
            Kind::Subquery(subquery) => subquery.inner.walk(visit),
            Kind::Unary { inner, .. } | Kind::Paren(inner) => inner.walk(visit),
            Kind::Binary(binary) => {
                binary.left.walk(visit);
                binary.right.walk(visit);
            }
            Kind::Aggregate(aggregate) => {
                if let Some(param) = &aggregate.param {
                    param.walk(visit);
                }
                aggregate.inner.walk(visit);
            }
            Kind::Call { args, .. } => args.iter().for_each(|arg| arg.walk(visit)),
        }
    }
}
