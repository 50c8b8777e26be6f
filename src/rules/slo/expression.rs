//! Counters as an objective names them, and what becomes of them over a window of time.
//!
//! `a_total - b_total{x="y"}` over an hour is `sum by (…) (increase(a_total[1h])) - sum by (…) (increase(…[1h]))`.
//! Nothing but selectors, `+`, `-` and brackets is read: of anything else it would not be clear what its growth is.

use std::fmt::Write;

use crate::model::{Duration, Matcher};
use crate::promql;
use crate::promql::ast::{At, BinaryOp, Kind, Node, Selector};

/// Counters, added and taken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rules) struct Counters(Vec<(bool, String)>);

impl Counters {
    /// These less others.
    pub(super) fn minus(mut self, others: Self) -> Self {
        self.0.extend(others.0.into_iter().map(|(taken_off, selector)| (!taken_off, selector)));
        self
    }

    /// How much they grew over `window`, for each value of the labels `by`.
    pub(super) fn increase(&self, window: &str, by: &[String]) -> String {
        let by = by.join(", ");
        self.0.iter().enumerate().fold(String::new(), |mut text, (i, (taken_off, selector))| {
            let sign = match (taken_off, i) {
                (false, 0) => "",
                (false, _) => " + ",
                (true, 0) => "-",
                (true, _) => " - ",
            };
            let _ = write!(text, "{sign}sum by ({by}) (increase({selector}[{window}]))");
            text
        })
    }
}

/// Reads what an objective says.
pub(super) fn read(text: &str) -> Result<Counters, String> {
    let parsed = promql::parse(text).map_err(|error| {
        let (line, column) = error.place(text);
        format!("could not parse expression: {error} (line {line}, column {column} of it)")
    })?;
    let mut counters = Vec::new();
    collect(parsed.root(), false, text, &mut counters)?;
    Ok(Counters(counters))
}

fn collect(node: &Node, taken_off: bool, text: &str, found: &mut Vec<(bool, String)>) -> Result<(), String> {
    match &node.kind {
        Kind::Paren(inner) => collect(inner, taken_off, text, found),
        Kind::Binary(binary) if matches!(binary.op, BinaryOp::Add | BinaryOp::Sub) && !binary.matching.written => {
            collect(&binary.left, taken_off, text, found)?;
            collect(&binary.right, taken_off != (binary.op == BinaryOp::Sub), text, found)
        }
        Kind::Selector(selector) if !shifts_time(selector) => {
            found.push((taken_off, node.to_string()));
            Ok(())
        }
        _ => {
            let part = text.get(node.span.clone()).unwrap_or(text);
            Err(format!("{part:?} is not understood here: only selectors of counters, +, - and brackets are"))
        }
    }
}

fn shifts_time(selector: &Selector) -> bool {
    selector.offset != 0 || matches!(selector.at, Some(At::Time(_) | At::Start | At::End))
}

/// The counters of a histogram: what took longer than `at_most`, and all.
pub(super) fn latency(histogram: &str, at_most: Duration) -> Result<(Counters, Counters), String> {
    let parsed = promql::parse(histogram).map_err(|error| format!("could not parse: {error}"))?;
    let Kind::Selector(selector) = &parsed.root().unwrapped().kind else {
        return Err(format!("{histogram:?} is not the name of a histogram, with or without matchers"));
    };
    let Some(name) = selector.name.as_ref().filter(|_| !shifts_time(selector)) else {
        return Err(format!("{histogram:?} names no histogram"));
    };
    let others = selector.matchers.iter().filter(|matcher| matcher.name() != "__name__");
    let others: Vec<String> = others.map(Matcher::to_string).collect();
    // As the exposition writes a bound: whole numbers may end in `.0`, depending on who wrote it.
    let seconds = at_most.std().as_secs_f64();
    let plain = seconds.to_string();
    let bound = if plain.contains('.') { format!("le=\"{plain}\"") } else { format!("le=~\"{plain}(\\\\.0)?\"") };
    let series = |ending: &str, more: &[String]| {
        let matchers: Vec<String> = others.iter().chain(more).cloned().collect();
        match matchers.is_empty() {
            true => format!("{name}{ending}"),
            false => format!("{name}{ending}{{{}}}", matchers.join(",")),
        }
    };
    let total = Counters(vec![(false, series("_count", &[]))]);
    let good = Counters(vec![(false, series("_bucket", &[bound]))]);
    Ok((total.clone().minus(good), total))
}
