//! `info`: adds the labels of matching info series (`target_info` unless told otherwise) to a vector.
//!
//! Series match by `instance` and `job`. The optional second argument says which info metrics and which of
//! their labels are wanted.

use crate::model::labels::METRIC_NAME;
use crate::model::{Labels, MatchOp, Matcher};
use crate::promql::EvalError;
use crate::promql::ast::{At, Kind, Node, Selector};
use crate::promql::display::label_set;
use crate::promql::eval::block::{Block, Output, Row, is_present};
use crate::promql::eval::frame::Frame;
use crate::promql::eval::groups::{Groups, Key};
use crate::promql::eval::{Call, Collector, Evaluator, Pick};

const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// What the second argument asks for.
struct Wanted {
    name: Vec<Matcher>,
    labels: Vec<Matcher>,
}

impl Wanted {
    fn new(arg: Option<&Node>) -> Self {
        let matchers = match arg.map(|arg| &arg.kind) {
            Some(Kind::Selector(selector)) => selector.matchers.clone(),
            _ => Vec::new(),
        };
        let (mut name, labels): (Vec<Matcher>, _) =
            matchers.into_iter().partition(|matcher| matcher.name() == METRIC_NAME);
        if name.is_empty() {
            name.push(Matcher::equal(METRIC_NAME, "target_info"));
        } else if name.iter().all(|matcher| matches!(matcher.op(), MatchOp::NotEqual | MatchOp::NotRegex)) {
            // Only exclusions: of the metrics that look like info metrics, not of all.
            name.extend(Matcher::new(METRIC_NAME, MatchOp::Regex, ".+_info"));
        }
        Self { name, labels }
    }

    fn is_info_metric(&self, name: &str) -> bool {
        self.name.iter().all(|matcher| matcher.matches(name))
    }

    fn wants_label(&self, name: &str) -> bool {
        self.labels.is_empty() || self.labels.iter().any(|matcher| matcher.name() == name)
    }
}

pub(super) fn info(evaluator: &mut Evaluator<'_>, call: &Call<'_>, frame: Frame) -> Result<Output, EvalError> {
    let wanted = Wanted::new(call.arg(1));
    let base = evaluator.argument(call, 0, frame)?;
    let found = info_series(evaluator, call, &base, &wanted, frame)?;
    let mut matcher = InfoMatcher::new(&base, &found, evaluator.delayed);
    let mut result = Collector::new(frame.steps);
    let delayed = evaluator.delayed;
    for step in 0..frame.steps {
        evaluator.spend(base.rows.len() + found.rows.len())?;
        matcher.newest_at(&found, step)?;
        for number in 0..base.rows.len() {
            let value = base.at(number, step);
            if !is_present(value) {
                continue;
            }
            let name = base.label(number, METRIC_NAME, delayed);
            let Some(labels) = (if wanted.is_info_metric(name) {
                Some(base.rows[number].labels.clone())
            } else {
                matcher.enrich(&base, &found, number, &wanted)?
            }) else {
                continue;
            };
            let drop_name = base.rows[number].drop_name;
            result.put(evaluator, Row { labels, drop_name }, step, value)?;
        }
    }
    Ok(Output::Vector(result.into_block()))
}

/// The info series that share an identifying label with the base; their values are their samples' times.
fn info_series(
    evaluator: &mut Evaluator<'_>,
    call: &Call<'_>,
    base: &Block,
    wanted: &Wanted,
    frame: Frame,
) -> Result<Block, EvalError> {
    let mut matchers: Vec<Matcher> = wanted.name.iter().chain(&wanted.labels).cloned().collect();
    let mut identified = false;
    for label in IDENTIFYING {
        let mut values: Vec<&str> = (0..base.rows.len())
            .filter(|row| !wanted.is_info_metric(base.label(*row, METRIC_NAME, evaluator.delayed)))
            .filter_map(|row| base.rows[row].labels.get(label))
            .collect();
        values.sort_unstable();
        values.dedup();
        if values.is_empty() {
            continue;
        }
        identified = true;
        let pattern = values.iter().map(|value| regex::escape(value)).collect::<Vec<_>>().join("|");
        let matcher = Matcher::new(label, MatchOp::Regex, pattern);
        matchers.push(matcher.map_err(|error| EvalError::Execution(error.to_string()))?);
    }
    if !identified {
        return Ok(Block::new(frame.steps));
    }
    let (offset, at) = shift_of(call.args.first());
    let selector = Selector { name: None, matchers, offset, at };
    evaluator.select_as(&selector, frame, Pick::Time)
}

/// Info series are read at the time at which the first selector of the base is.
fn shift_of(base: Option<&Node>) -> (i64, Option<At>) {
    let mut shift = None;
    if let Some(base) = base {
        base.walk(&mut |node| {
            if let Kind::Selector(selector) | Kind::Range(selector, _) = &node.kind {
                shift.get_or_insert((selector.offset, selector.at));
            }
        });
    }
    shift.unwrap_or((0, None))
}

/// Finds, step by step, the newest info series for each base series.
struct InfoMatcher {
    names: Vec<String>,
    /// Per info series: index of its name, and its group of identifying labels.
    info: Vec<(usize, usize)>,
    /// Per base series: its group of identifying labels.
    base: Vec<usize>,
    groups: usize,
    /// Per name and group: the info series that counts at the current step.
    newest: Vec<Option<usize>>,
}

impl InfoMatcher {
    fn new(base: &Block, found: &Block, delayed: bool) -> Self {
        let identifying = IDENTIFYING.map(str::to_owned);
        let mut groups = Groups::default();
        let mut names: Vec<String> = Vec::new();
        let mut group = |labels: &Labels| groups.find(Key::By(&identifying), labels, true).0;
        let mut info = Vec::with_capacity(found.rows.len());
        for number in 0..found.rows.len() {
            let name = found.label(number, METRIC_NAME, delayed);
            let index = names.iter().position(|known| known == name).unwrap_or(names.len());
            if index == names.len() {
                names.push(name.to_owned());
            }
            info.push((index, group(&found.rows[number].labels)));
        }
        let base = base.rows.iter().map(|row| group(&row.labels)).collect();
        let groups = groups.len();
        Self { newest: vec![None; names.len() * groups], names, info, base, groups }
    }

    fn newest_at(&mut self, found: &Block, step: usize) -> Result<(), EvalError> {
        self.newest.fill(None);
        for (number, (name, group)) in self.info.iter().enumerate() {
            let time = found.at(number, step);
            if !is_present(time) {
                continue;
            }
            let slot = &mut self.newest[name * self.groups + group];
            match slot.map(|other| (other, found.at(other, step))) {
                Some((other, other_time)) if (other_time - time).abs() < 0.0005 => {
                    let (a, b) = (&found.rows[other].labels, &found.rows[number].labels);
                    return Err(EvalError::Execution(format!(
                        "found duplicate series for info metric: existing {} @ {:.0}, new {} @ {:.0}",
                        label_set(a),
                        other_time * 1000.0,
                        label_set(b),
                        time * 1000.0
                    )));
                }
                Some((_, other_time)) if other_time > time => {}
                _ => *slot = Some(number),
            }
        }
        Ok(())
    }

    /// The labels of a base series with those of its info series; `None` if it is to be left out.
    fn enrich(&self, base: &Block, found: &Block, number: usize, wanted: &Wanted) -> Result<Option<Labels>, EvalError> {
        let own = &base.rows[number].labels;
        let mut added: Vec<(String, String)> = Vec::new();
        let mut matched = false;
        for name in 0..self.names.len() {
            let Some(info) = self.newest[name * self.groups + self.base[number]] else { continue };
            matched = true;
            for (label, value) in found.rows[info].labels.iter() {
                if label == METRIC_NAME || !wanted.wants_label(label) {
                    continue;
                }
                if added.iter().any(|(other, known)| other == label && known != value) {
                    return Err(EvalError::Execution(format!("conflicting label: {label}")));
                }
                if own.get(label).is_none() {
                    added.push((label.to_owned(), value.to_owned()));
                }
            }
        }
        if !matched && !wanted.labels.iter().all(|matcher| matcher.matches("")) {
            return Ok(None);
        }
        let own = own.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(Some(own.chain(added).collect()))
    }
}
