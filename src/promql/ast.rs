//! The syntax tree of a PromQL expression, a span on every node.
//!
//! Two trees are equal when they mean the same text; spans do not count. Times and durations are
//! milliseconds, as everywhere in the evaluator.

use std::ops::Range;

use super::functions::Function;
use crate::model::Matcher;

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

/// Binary operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterEqual,
    LessEqual,
    And,
    Or,
    Unless,
}

impl BinaryOp {
    /// The operator for a word or symbol.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "+" => Self::Add,
            "-" => Self::Sub,
            "*" => Self::Mul,
            "/" => Self::Div,
            "%" => Self::Mod,
            "^" => Self::Pow,
            "atan2" => Self::Atan2,
            "==" => Self::Equal,
            "!=" => Self::NotEqual,
            ">" => Self::Greater,
            "<" => Self::Less,
            ">=" => Self::GreaterEqual,
            "<=" => Self::LessEqual,
            "and" => Self::And,
            "or" => Self::Or,
            "unless" => Self::Unless,
            _ => return None,
        })
    }

    /// As PromQL writes it.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Greater => ">",
            Self::Less => "<",
            Self::GreaterEqual => ">=",
            Self::LessEqual => "<=",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
        }
    }

    /// How strongly it binds; `^` binds strongest.
    #[must_use]
    pub fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            Self::Add | Self::Sub => 4,
            Self::Mul | Self::Div | Self::Mod | Self::Atan2 => 5,
            Self::Pow => 6,
            _ => 3,
        }
    }

    /// Whether it compares.
    #[must_use]
    pub fn is_comparison(self) -> bool {
        self.precedence() == 3
    }

    /// Whether it is `and`, `or` or `unless`.
    #[must_use]
    pub fn is_set(self) -> bool {
        self.precedence() <= 2
    }
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

/// Aggregation operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum AggregateOp {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    Quantile,
    CountValues,
    Limitk,
    LimitRatio,
}

const AGGREGATES: [(&str, AggregateOp); 14] = [
    ("sum", AggregateOp::Sum),
    ("avg", AggregateOp::Avg),
    ("min", AggregateOp::Min),
    ("max", AggregateOp::Max),
    ("count", AggregateOp::Count),
    ("group", AggregateOp::Group),
    ("stddev", AggregateOp::Stddev),
    ("stdvar", AggregateOp::Stdvar),
    ("topk", AggregateOp::Topk),
    ("bottomk", AggregateOp::Bottomk),
    ("quantile", AggregateOp::Quantile),
    ("count_values", AggregateOp::CountValues),
    ("limitk", AggregateOp::Limitk),
    ("limit_ratio", AggregateOp::LimitRatio),
];

impl AggregateOp {
    /// The operator with this name, in any case of letters.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        AGGREGATES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, op)| *op)
    }

    /// Its name.
    #[must_use]
    pub fn text(self) -> &'static str {
        AGGREGATES.iter().find(|(_, op)| *op == self).map_or("", |(name, _)| name)
    }

    /// Whether it takes a parameter before the vector.
    #[must_use]
    pub fn has_parameter(self) -> bool {
        matches!(
            self,
            Self::Topk | Self::Bottomk | Self::Quantile | Self::CountValues | Self::Limitk | Self::LimitRatio
        )
    }
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

/// The types of expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// One number per time.
    Scalar,
    /// A text.
    String,
    /// One sample per series and time.
    Vector,
    /// Samples over a range per series.
    Matrix,
}

impl Type {
    /// The name in documentation and errors.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
        }
    }
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
