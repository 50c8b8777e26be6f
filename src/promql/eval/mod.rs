//! Evaluates a tree over a frame of times, node by node, all steps of a node at once.
//!
//! A node is visited once per query, so each selector is read once, over the whole range that its steps need, and
//! series by series: beside the values of its steps, only the samples of one series are held. Subqueries make a
//! frame of their own. What a query may use is counted here: samples held at once, and time, looked at every few
//! thousand values.

pub(crate) mod block;
mod call;
mod collect;
pub(crate) mod frame;
pub(crate) mod groups;
mod once;
mod select;
mod windows;

use crate::model::{Sample, Stopwatch, Timestamp};
use crate::tsdb::{Series, Tsdb};

use self::block::{Block, Column, Output, is_present, same_labels};
use self::frame::Frame;
use self::groups::{Groups, Key};
use super::ast::{Kind, Node, Type};
use super::notes::Notes;
use super::{Answer, EvalError, Expr, Limits, Usage, Value, VectorSample, aggregate, binary};

pub(crate) use self::call::Call;
pub(crate) use self::collect::Collector;
pub(crate) use self::select::Pick;
pub(crate) use self::windows::{Cursor, Window};

/// Values worked on between two looks at the clock.
const WORK_PER_CLOCK: usize = 8192;

/// Settings of the evaluator that Prometheus keeps behind flags or has as globals.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Keep metric names until the very end, so that functions on labels still see them; off unless set, as in
    /// Prometheus 3, where it is the feature flag `promql-delayed-name-removal`.
    pub delayed_name_removal: bool,
    /// Interval of subqueries that name none; 1m unless set, like Prometheus's global evaluation interval.
    pub subquery_interval: crate::model::Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { delayed_name_removal: false, subquery_interval: crate::model::Duration::from_secs(60) }
    }
}

/// The state of one query.
pub(crate) struct Evaluator<'a> {
    pub(crate) tsdb: &'a Tsdb,
    pub(crate) text: &'a str,
    pub(crate) notes: Notes,
    /// Frame of the query itself: what `start()`, `end()`, `step()` and `range()` speak of.
    pub(crate) query: Frame,
    pub(crate) is_range: bool,
    pub(crate) delayed: bool,
    pub(crate) lookback: i64,
    subquery_interval: i64,
    limits: Limits,
    watch: Stopwatch,
    samples: usize,
    work: usize,
    usage: Usage,
    /// Whether what is read goes into a subquery.
    within_subquery: bool,
}

fn millis(duration: crate::model::Duration) -> i64 {
    i64::try_from(duration.std().as_millis()).unwrap_or(i64::MAX)
}

impl<'a> Evaluator<'a> {
    fn new(expr: &'a Expr, tsdb: &'a Tsdb, query: Frame, limits: &Limits, options: &Options) -> Self {
        Self {
            tsdb,
            text: expr.text(),
            notes: Notes::default(),
            query,
            is_range: false,
            delayed: options.delayed_name_removal,
            lookback: millis(limits.lookback),
            subquery_interval: millis(options.subquery_interval).max(1),
            limits: *limits,
            watch: Stopwatch::start(),
            samples: 0,
            work: 0,
            usage: Usage::default(),
            within_subquery: false,
        }
    }

    /// Counts samples that are now held in memory.
    pub(crate) fn hold(&mut self, samples: usize) -> Result<(), EvalError> {
        self.samples = self.samples.saturating_add(samples);
        self.usage.peak = self.usage.peak.max(self.samples);
        if self.samples > self.limits.max_samples {
            return Err(EvalError::Limit(format!(
                "query processing would load too many samples into memory, at most {} are allowed",
                self.limits.max_samples
            )));
        }
        self.spend(samples)
    }

    /// Counts samples that are held until the next series comes.
    pub(crate) fn hold_for_now(&mut self, samples: usize) -> Result<(), EvalError> {
        let before = self.samples;
        self.hold(samples)?;
        self.samples = before;
        Ok(())
    }

    /// Counts samples that a step of the query looks at.
    fn read(&mut self, step: usize, samples: usize) {
        if self.within_subquery {
            return;
        }
        let samples = u64::try_from(samples).unwrap_or(u64::MAX);
        self.usage.samples = self.usage.samples.saturating_add(samples);
        if let Some(count) = self.usage.by_step.get_mut(step) {
            *count = count.saturating_add(samples);
        }
    }

    /// Counts work done and looks at the clock now and then.
    pub(crate) fn spend(&mut self, work: usize) -> Result<(), EvalError> {
        self.work = self.work.saturating_add(work.max(1));
        if self.work < WORK_PER_CLOCK {
            return Ok(());
        }
        self.work = 0;
        if self.watch.elapsed() > self.limits.timeout.std() {
            return Err(EvalError::Timeout(self.limits.timeout));
        }
        Ok(())
    }

    /// Evaluates a node; afterwards only its result counts as held.
    pub(crate) fn eval(&mut self, node: &Node, frame: Frame) -> Result<Output, EvalError> {
        let before = self.samples;
        let output = self.eval_kind(node, frame)?;
        self.samples = before;
        match &output {
            Output::Vector(block) => self.hold(block.values.len())?,
            Output::Scalar(Column::Steps(values)) => self.hold(values.len())?,
            Output::Scalar(Column::Constant(_)) | Output::Text(_) => self.spend(1)?,
        }
        Ok(output)
    }

    fn eval_kind(&mut self, node: &Node, frame: Frame) -> Result<Output, EvalError> {
        match &node.kind {
            Kind::Number(number) => Ok(Output::Scalar(Column::Constant(number.0))),
            Kind::String(text) => Ok(Output::Text(text.clone())),
            Kind::Selector(selector) => self.select(selector, frame).map(Output::Vector),
            Kind::Paren(inner) => self.eval_kind(inner, frame),
            Kind::Unary { negative, inner } => {
                let output = self.eval_kind(inner, frame)?;
                if *negative { self.negate(output) } else { Ok(output) }
            }
            Kind::Binary(binary) => binary::eval(self, node, binary, frame),
            Kind::Aggregate(aggregate) => aggregate::eval(self, node, aggregate, frame).map(Output::Vector),
            Kind::Call { function, args } => self.call(&Call { node, function, args }, frame),
            Kind::Range(..) | Kind::Subquery(_) => Err(not_a_vector(node)),
        }
    }

    fn negate(&self, output: Output) -> Result<Output, EvalError> {
        match output {
            Output::Scalar(Column::Constant(value)) => Ok(Output::Scalar(Column::Constant(-value))),
            Output::Scalar(Column::Steps(values)) => {
                Ok(Output::Scalar(Column::Steps(values.into_iter().map(|value| -value).collect())))
            }
            Output::Vector(mut block) => {
                for value in &mut block.values {
                    if is_present(*value) {
                        *value = -*value;
                    }
                }
                block.drop_names(self.delayed).map(Output::Vector)
            }
            Output::Text(_) => Ok(output),
        }
    }

    /// Evaluates a node that the type check knows to be an instant vector.
    pub(crate) fn vector(&mut self, node: &Node, frame: Frame) -> Result<Block, EvalError> {
        match self.eval(node, frame)? {
            Output::Vector(block) => Ok(block),
            _ => Err(not_a_vector(node)),
        }
    }

    /// Evaluates a node that the type check knows to be a scalar.
    pub(crate) fn scalar(&mut self, node: &Node, frame: Frame) -> Result<Column, EvalError> {
        match self.eval(node, frame)? {
            Output::Scalar(column) => Ok(column),
            _ => Err(not_a_vector(node)),
        }
    }

    /// The block as samples at the query's only time.
    fn into_vector(self, block: Block) -> Result<Answer, EvalError> {
        let at = Timestamp::from_millis(self.query.start);
        let unmerged = self.delayed && !block.distinct;
        let mut groups = Groups::default();
        let mut vector = Vec::with_capacity(block.rows.len());
        for (row, value) in block.rows.into_iter().zip(block.values).filter(|(_, value)| is_present(*value)) {
            if unmerged && !groups.find(Key::All, &row.labels, row.drop_name).1 {
                return Err(same_labels());
            }
            vector.push(VectorSample { labels: row.into_labels(), sample: Sample { at, value } });
        }
        Ok(self.answer(Value::Vector(vector)))
    }

    /// The block as series over the query's range, sorted by labels.
    fn into_matrix(self, mut block: Block) -> Result<Answer, EvalError> {
        if self.delayed {
            // At the end the dropped names are gone for good, which may make rows alike.
            block = block.merge_alike(false)?;
        }
        let mut matrix = Vec::with_capacity(block.rows.len());
        for (number, row) in block.rows.iter().enumerate() {
            let present = block.row_values(number).iter().enumerate().filter(|(_, value)| is_present(**value));
            let samples: Vec<Sample> = present
                .map(|(step, value)| Sample { at: Timestamp::from_millis(self.query.time(step)), value: *value })
                .collect();
            if !samples.is_empty() {
                matrix.push(Series { labels: row.clone().into_labels(), samples });
            }
        }
        matrix.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(self.answer(Value::Matrix(matrix)))
    }

    fn answer(self, value: Value) -> Answer {
        Answer { value, warnings: self.notes.warnings, infos: self.notes.infos, usage: self.usage }
    }
}

fn not_a_vector(node: &Node) -> EvalError {
    EvalError::Execution(format!("cannot evaluate a {} here", node.value_type().name()))
}

/// Evaluates at one time.
pub(crate) fn instant(
    expr: &Expr,
    tsdb: &Tsdb,
    at: i64,
    limits: &Limits,
    options: &Options,
) -> Result<Answer, EvalError> {
    let frame = Frame::instant(at);
    let mut evaluator = Evaluator::new(expr, tsdb, frame, limits, options);
    if expr.value_type() == Type::Matrix {
        let series = evaluator.range_value(expr.root(), frame)?;
        return Ok(evaluator.answer(Value::Matrix(series)));
    }
    match evaluator.eval(expr.root(), frame)? {
        Output::Scalar(column) => Ok(evaluator.answer(Value::Scalar(column.at(0)))),
        Output::Text(text) => Ok(evaluator.answer(Value::String(text))),
        Output::Vector(block) => evaluator.into_vector(block),
    }
}

/// Evaluates at every step of a range.
pub(crate) fn range(
    expr: &Expr,
    tsdb: &Tsdb,
    (start, end): (i64, i64),
    step: i64,
    limits: &Limits,
    options: &Options,
) -> Result<Answer, EvalError> {
    let value_type = expr.value_type();
    if !matches!(value_type, Type::Scalar | Type::Vector) {
        return Err(EvalError::Execution(format!(
            "invalid expression type {:?} for range query, must be Scalar or instant Vector",
            value_type.name()
        )));
    }
    if step <= 0 {
        return Err(EvalError::Execution("zero or negative query resolution step widths are not accepted".to_owned()));
    }
    let frame = Frame::range(start, end, step);
    let mut evaluator = Evaluator::new(expr, tsdb, frame, limits, options);
    evaluator.is_range = true;
    if frame.steps == 0 {
        return Ok(evaluator.answer(Value::Matrix(Vec::new())));
    }
    evaluator.hold(frame.steps)?;
    evaluator.usage.by_step = vec![0; frame.steps];
    match evaluator.eval(expr.root(), frame)? {
        Output::Vector(block) => evaluator.into_matrix(block),
        Output::Scalar(column) => {
            let samples = (0..frame.steps)
                .map(|step| Sample { at: Timestamp::from_millis(frame.time(step)), value: column.at(step) })
                .collect();
            let series = Series { labels: crate::model::Labels::empty(), samples };
            Ok(evaluator.answer(Value::Matrix(vec![series])))
        }
        Output::Text(_) => Err(not_a_vector(expr.root())),
    }
}
