//! Writes expressions and label sets in the one spelling of Prometheus.
//!
//! What is written reads back as the same tree: `parse(display(expr)) == expr` is a property test.

use std::fmt::{self, Write};

use super::ast::{Aggregate, At, Binary, Cardinality, Kind, Matching, Node, Selector, Subquery};
use crate::model::labels::METRIC_NAME;
use crate::model::{Duration, Labels};

/// A text in double quotes with the escapes that the lexer reads.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_ascii_control() => {
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn is_plain_label(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_plain_metric(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || c == ':')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

/// A label name, quoted where PromQL needs it.
fn label(name: &str) -> String {
    if is_plain_label(name) { name.to_owned() } else { quote(name) }
}

/// All labels in braces, the metric name among them, as Prometheus's errors show a series.
pub(crate) fn label_set(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{}={}", label(name), quote(value))).collect();
    format!("{{{}}}", pairs.join(", "))
}

/// A number that reads back as itself.
pub(crate) fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        let (plain, exponent) = (format!("{value}"), format!("{value:e}"));
        if plain.len() > 21 { exponent } else { plain }
    }
}

pub(super) fn duration(millis: i64) -> String {
    let sign = if millis < 0 { "-" } else { "" };
    format!("{sign}{}", Duration::from_millis(millis.unsigned_abs()))
}

/// On one line; with `{:#}` broken over indented lines where it is long.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() { f.write_str(&super::pretty::pretty(self, 0)) } else { node(self, f) }
    }
}

/// Writes a node and all below it on one line.
pub(crate) fn node(node: &Node, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match &node.kind {
        // Without its plus, which would read as a sign of its own before `^`.
        Kind::Number(value) => f.write_str(number(value.0).trim_start_matches('+')),
        Kind::String(text) => f.write_str(&quote(text)),
        Kind::Selector(selector) => {
            write_selector(selector, f)?;
            write_shift(selector.offset, selector.at, f)
        }
        Kind::Range(selector, range) => {
            write_selector(selector, f)?;
            write!(f, "[{}]", duration(*range))?;
            write_shift(selector.offset, selector.at, f)
        }
        Kind::Subquery(subquery) => write_subquery(subquery, f),
        Kind::Unary { negative, inner } => {
            f.write_str(if *negative { "-" } else { "+" })?;
            self::node(inner, f)
        }
        Kind::Binary(binary) => write_binary(binary, f),
        Kind::Aggregate(aggregate) => write_aggregate(aggregate, f),
        Kind::Call { function, args } => {
            write!(f, "{}(", function.name)?;
            write_list(args, f)?;
            f.write_str(")")
        }
        Kind::Paren(inner) => {
            f.write_str("(")?;
            self::node(inner, f)?;
            f.write_str(")")
        }
    }
}

fn write_list(nodes: &[Node], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (i, arg) in nodes.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        node(arg, f)?;
    }
    Ok(())
}

fn write_selector(selector: &Selector, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let outside = selector.name.as_deref().filter(|name| is_plain_metric(name));
    f.write_str(outside.unwrap_or(""))?;
    let mut conditions = Vec::new();
    if let (Some(name), None) = (&selector.name, outside) {
        conditions.push(quote(name));
    }
    for matcher in &selector.matchers {
        if selector.name.is_none() || matcher.name() != METRIC_NAME {
            conditions.push(format!("{}{}{}", label(matcher.name()), matcher.op(), quote(matcher.value())));
        }
    }
    if outside.is_none() || !conditions.is_empty() {
        write!(f, "{{{}}}", conditions.join(","))?;
    }
    Ok(())
}

pub(super) fn write_shift(offset: i64, at: Option<At>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    #[allow(clippy::cast_precision_loss)]
    match at {
        None => {}
        Some(At::Time(millis)) => write!(f, " @ {}", number(millis as f64 / 1000.0))?,
        Some(At::Start) => f.write_str(" @ start()")?,
        Some(At::End) => f.write_str(" @ end()")?,
    }
    if offset == 0 { Ok(()) } else { write!(f, " offset {}", duration(offset)) }
}

fn write_subquery(subquery: &Subquery, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    node(&subquery.inner, f)?;
    let step = subquery.step.map(duration).unwrap_or_default();
    write!(f, "[{}:{step}]", duration(subquery.range))?;
    write_shift(subquery.offset, subquery.at, f)
}

pub(super) fn labels(names: &[String]) -> String {
    names.iter().map(|name| label(name)).collect::<Vec<_>>().join(", ")
}

pub(super) fn write_matching(matching: &Matching, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if matching.written {
        write!(f, " {} ({})", if matching.on { "on" } else { "ignoring" }, labels(&matching.labels))?;
    }
    match matching.cardinality {
        Cardinality::OneToOne => {}
        Cardinality::ManyToOne => write!(f, " group_left ({})", labels(&matching.include))?,
        Cardinality::OneToMany => write!(f, " group_right ({})", labels(&matching.include))?,
    }
    match (matching.fill_left, matching.fill_right) {
        (Some(left), Some(right)) if left == right => write!(f, " fill ({})", number(left.0)),
        (left, right) => {
            if let Some(left) = left {
                write!(f, " fill_left ({})", number(left.0))?;
            }
            right.map_or(Ok(()), |right| write!(f, " fill_right ({})", number(right.0)))
        }
    }
}

fn write_binary(binary: &Binary, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    node(&binary.left, f)?;
    write!(f, " {}", binary.op.text())?;
    if binary.returns_bool {
        f.write_str(" bool")?;
    }
    write_matching(&binary.matching, f)?;
    f.write_str(" ")?;
    node(&binary.right, f)
}

fn write_aggregate(aggregate: &Aggregate, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(aggregate.op.text())?;
    if aggregate.without {
        write!(f, " without ({}) ", labels(&aggregate.grouping))?;
    } else if !aggregate.grouping.is_empty() {
        write!(f, " by ({}) ", labels(&aggregate.grouping))?;
    }
    f.write_str("(")?;
    if let Some(param) = &aggregate.param {
        node(param, f)?;
        f.write_str(", ")?;
    }
    node(&aggregate.inner, f)?;
    f.write_str(")")
}
