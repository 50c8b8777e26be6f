//! What the values of an expression count, as far as names and functions tell.
//!
//! The names follow Prometheus's conventions, base units at their end. What cannot be told is a plain number.

use crate::notify::evidence::Unit;
use crate::promql::ast::{AggregateOp, BinaryOp, Kind, Node};

/// What is being followed through an expression; more than a message distinguishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dimension {
    Plain,
    Count,
    Seconds,
    Moment,
    Bytes,
    Ratio,
    PerSecond,
    Rows,
    Up,
}

/// What the values of this expression count.
pub(super) fn of(node: &Node) -> Unit {
    match dimension(node) {
        Dimension::Plain | Dimension::Count | Dimension::Moment => Unit::Plain,
        Dimension::Seconds => Unit::Seconds,
        Dimension::Bytes => Unit::Bytes,
        Dimension::Ratio => Unit::Ratio,
        Dimension::PerSecond => Unit::PerSecond,
        Dimension::Rows => Unit::Rows,
        Dimension::Up => Unit::Up,
    }
}

fn dimension(node: &Node) -> Dimension {
    match &node.kind {
        Kind::Selector(selector) | Kind::Range(selector, _) => named(selector.name.as_deref().unwrap_or("")),
        Kind::Subquery(subquery) => dimension(&subquery.inner),
        Kind::Unary { inner, .. } | Kind::Paren(inner) => dimension(inner),
        Kind::Aggregate(aggregate) => match aggregate.op {
            AggregateOp::Count | AggregateOp::Group | AggregateOp::CountValues => Dimension::Plain,
            _ => dimension(&aggregate.inner),
        },
        Kind::Call { function, args } => call(function.name, args),
        Kind::Binary(binary) => {
            let (left, right) = (&binary.left, &binary.right);
            match binary.op {
                BinaryOp::Add | BinaryOp::Sub => sum(binary.op, left, right),
                BinaryOp::Div => quotient(left, right),
                BinaryOp::Mul => product(left, right),
                BinaryOp::Pow | BinaryOp::Atan2 | BinaryOp::Mod => Dimension::Plain,
                _ if binary.returns_bool => Dimension::Plain,
                _ => dimension(left),
            }
        }
        Kind::Number(_) | Kind::String(_) => Dimension::Plain,
    }
}

/// By how a metric's name ends.
fn named(name: &str) -> Dimension {
    let name = ["_bucket", "_sum"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    // Recording rules end in the operation, `…:ratio_rate5m`.
    let ends = [
        ("_timestamp_seconds", Dimension::Moment),
        ("_seconds_total", Dimension::Seconds),
        ("_bytes_total", Dimension::Bytes),
        ("_seconds", Dimension::Seconds),
        ("_bytes", Dimension::Bytes),
        ("_ratio", Dimension::Ratio),
        ("_up", Dimension::Up),
        ("_total", Dimension::Count),
        ("_count", Dimension::Count),
    ];
    if name.starts_with("chat_memory_queue_") && (name.ends_with("_depth") || name.ends_with("_entries")) {
        return Dimension::Rows;
    }
    if name.contains(":ratio") || name.contains(":error_budget") || name.contains("burn_rate") && name.contains("ratio")
    {
        return Dimension::Ratio;
    }
    ends.iter().find(|(end, _)| name.ends_with(end)).map_or(Dimension::Plain, |(_, dimension)| *dimension)
}

fn call(name: &str, args: &[Node]) -> Dimension {
    let argument = |at: usize| args.get(at).map_or(Dimension::Plain, dimension);
    match name {
        "rate" | "irate" | "deriv" => match argument(0) {
            Dimension::Count | Dimension::Rows | Dimension::Plain => Dimension::PerSecond,
            // Seconds a second, for averages by division.
            other => other,
        },
        "histogram_quantile" | "quantile_over_time" => argument(1),
        "time" | "timestamp" => Dimension::Moment,
        "count_over_time" | "changes" | "resets" | "absent" | "absent_over_time" | "present_over_time"
        | "stdvar_over_time" => Dimension::Plain,
        "vector" | "scalar" => argument(0),
        _ if name.contains("label_") || name.starts_with("sort") || name.starts_with("clamp") => argument(0),
        "increase" | "delta" | "idelta" | "abs" | "ceil" | "floor" | "round" | "predict_linear" => argument(0),
        _ if name.ends_with("_over_time") => argument(0),
        _ => Dimension::Plain,
    }
}

fn sum(op: BinaryOp, left: &Node, right: &Node) -> Dimension {
    match (dimension(left), dimension(right)) {
        (Dimension::Moment, Dimension::Moment) if op == BinaryOp::Sub => Dimension::Seconds,
        (Dimension::Plain, other) => other,
        (one, _) => one,
    }
}

fn quotient(left: &Node, right: &Node) -> Dimension {
    use Dimension::{Bytes, Count, PerSecond, Plain, Ratio, Rows, Seconds};
    match (dimension(left), dimension(right)) {
        // The average of a histogram: its sum by its count.
        (whole @ (Seconds | Bytes), Count | PerSecond | Rows) => whole,
        (Rows, PerSecond) => Seconds,
        (Count | Rows, Seconds) => PerSecond,
        (one, other) if one == other && one != Plain => Ratio,
        (Rows | Count, Rows | Count) => Ratio,
        (one, Plain) if is_number(right) => one,
        _ => Plain,
    }
}

fn product(left: &Node, right: &Node) -> Dimension {
    match (dimension(left), dimension(right)) {
        (Dimension::PerSecond, Dimension::Seconds) | (Dimension::Seconds, Dimension::PerSecond) => Dimension::Count,
        (Dimension::Ratio, other) | (other, Dimension::Ratio) if other != Dimension::Plain => other,
        // So many times 60 is no longer what it was; whoever wrote it knows what it is.
        _ => Dimension::Plain,
    }
}

fn is_number(node: &Node) -> bool {
    matches!(node.unwrapped().kind, Kind::Number(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_follow_from_names_and_functions() {
        for (text, unit) in [
            ("chat_memory_queue_depth", Unit::Rows),
            ("max by (target) (chat_memory_queue_oldest_age_seconds)", Unit::Seconds),
            ("1 - sum(increase(a_failures_total[5m])) / (sum(increase(a_total[5m])) > 0)", Unit::Ratio),
            ("histogram_quantile(0.5, sum by (le) (rate(a_duration_seconds_bucket[5m])))", Unit::Seconds),
            ("sum(rate(a_duration_seconds_sum[5m])) / sum(rate(a_duration_seconds_count[5m]))", Unit::Seconds),
            ("time() - a_last_run_timestamp_seconds", Unit::Seconds),
            ("rate(a_total[5m])", Unit::PerSecond),
            ("increase(a_total[5m])", Unit::Plain),
            ("chat_memory_up", Unit::Up),
            ("count(chat_memory_up == 0)", Unit::Plain),
            ("rate(process_cpu_seconds_total[5m]) / 2", Unit::Seconds),
            ("memory_bytes / 2", Unit::Bytes),
            ("chat_memory_queue_depth / sum(rate(chat_memory_queue_completed_total[5m]))", Unit::Seconds),
            ("slo:errors:ratio_rate5m", Unit::Ratio),
            ("anything", Unit::Plain),
            ("vector(1)", Unit::Plain),
        ] {
            assert_eq!(of(crate::promql::parse(text).expect("good").root()), unit, "{text}");
        }
    }
}
