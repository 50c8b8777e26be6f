//! Calls of functions: evaluates the arguments and applies the body that the function's row names.

use super::Evaluator;
use super::block::{ABSENT, Block, Column, Output, Row, is_present};
use super::frame::Frame;
use super::windows::{Cursor, RangeVector, Window};
use crate::model::Labels;
use crate::promql::EvalError;
use crate::promql::ast::{Kind, Node, Type};
use crate::promql::functions::time::Date;
use crate::promql::functions::{Body, Function, OverRange};

/// One call in the query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'n> {
    pub(crate) node: &'n Node,
    pub(crate) function: &'static Function,
    pub(crate) args: &'n [Node],
}

impl<'n> Call<'n> {
    /// An argument without parentheses around it.
    pub(crate) fn arg(&self, position: usize) -> Option<&'n Node> {
        self.args.get(position).map(Node::unwrapped)
    }

    /// Where in the query an argument starts.
    pub(crate) fn arg_start(&self, position: usize) -> usize {
        self.arg(position).map_or(self.node.span.start, |arg| arg.span.start)
    }

    /// A string argument; the type check has seen that it is one.
    pub(crate) fn text(&self, position: usize) -> &'n str {
        match self.arg(position).map(|arg| &arg.kind) {
            Some(Kind::String(text)) => text,
            _ => "",
        }
    }
}

impl Evaluator<'_> {
    pub(crate) fn call(&mut self, call: &Call<'_>, frame: Frame) -> Result<Output, EvalError> {
        match &call.function.body {
            Body::Map(map) => {
                let mut block = self.argument(call, 0, frame)?;
                for value in &mut block.values {
                    if is_present(*value) {
                        *value = map(*value);
                    }
                }
                block.drop_names(self.delayed).map(Output::Vector)
            }
            Body::MapWith(map) => self.map_with(call, frame, *map),
            Body::Scalars(compute) => {
                let columns = self.columns(call.args, frame)?;
                Ok(Output::Scalar(by_step(&columns, frame, |params, _| compute(params))))
            }
            Body::Date(part) => self.date(call, frame, *part),
            Body::OverRange(over) => self.over_range(call, frame, over).map(Output::Vector),
            Body::Special(special) => special(self, call, frame),
        }
    }

    /// Evaluates the vector argument at a position.
    pub(crate) fn argument(&mut self, call: &Call<'_>, position: usize, frame: Frame) -> Result<Block, EvalError> {
        match call.args.get(position) {
            Some(arg) => self.vector(arg, frame),
            None => Ok(Block::new(frame.steps)),
        }
    }

    /// Evaluates scalar arguments.
    fn columns(&mut self, args: &[Node], frame: Frame) -> Result<Vec<Column>, EvalError> {
        args.iter().map(|arg| self.scalar(arg, frame)).collect()
    }

    fn map_with(
        &mut self,
        call: &Call<'_>,
        frame: Frame,
        map: fn(f64, &[f64]) -> Option<f64>,
    ) -> Result<Output, EvalError> {
        let mut block = self.argument(call, 0, frame)?;
        let columns = self.columns(call.args.get(1..).unwrap_or_default(), frame)?;
        let mut params = vec![0.0; columns.len()];
        for step in 0..frame.steps {
            params.iter_mut().zip(&columns).for_each(|(param, column)| *param = column.at(step));
            for row in 0..block.rows.len() {
                let value = block.at(row, step);
                if is_present(value) {
                    block.set(row, step, map(value, &params).unwrap_or(ABSENT));
                }
            }
        }
        block.drop_names(self.delayed).map(Output::Vector)
    }

    fn date(&mut self, call: &Call<'_>, frame: Frame, part: fn(&Date) -> f64) -> Result<Output, EvalError> {
        if call.args.is_empty() {
            let mut block = Block::with_capacity(1, frame.steps);
            block.rows.push(Row::new(Labels::empty()));
            block
                .values
                .extend((0..frame.steps).map(|step| part(&Date::from_seconds(frame.time(step).div_euclid(1000)))));
            return Ok(Output::Vector(block));
        }
        let mut block = self.argument(call, 0, frame)?;
        for value in &mut block.values {
            if is_present(*value) {
                #[allow(clippy::cast_possible_truncation)]
                let seconds = *value as i64;
                *value = part(&Date::from_seconds(seconds));
            }
        }
        block.drop_names(self.delayed).map(Output::Vector)
    }

    /// Applies a function over a range to every series and step.
    fn over_range(&mut self, call: &Call<'_>, frame: Frame, over: &OverRange) -> Result<Block, EvalError> {
        let Some(position) = call.args.iter().position(|arg| arg.value_type() == Type::Matrix) else {
            return Ok(Block::new(frame.steps));
        };
        let scalars: Vec<&Node> = call.args.iter().filter(|arg| arg.value_type() == Type::Scalar).collect();
        let columns = scalars.iter().map(|arg| self.scalar(arg, frame)).collect::<Result<Vec<_>, _>>()?;
        let block = match &call.args[position].unwrapped().kind {
            Kind::Range(selector, range) if self.is_once((selector, *range), frame, over) => {
                self.over_range_once((selector, *range), &columns, frame, over)?
            }
            _ => {
                let vector = self.range_vector(&call.args[position], frame)?;
                let (block, seen) = self.apply(vector, &columns, frame, over)?;
                if let Some(remark) = over.remark {
                    remark(self, call, &columns, &seen)?;
                }
                block
            }
        };
        if let Some(after) = over.after {
            after(self, call, &block);
        }
        if over.keeps_name {
            return Ok(block);
        }
        block.drop_names(self.delayed)
    }

    /// Also answers at which steps some series has samples: only there does a function see its parameters.
    fn apply(
        &mut self,
        mut vector: RangeVector,
        columns: &[Column],
        frame: Frame,
        over: &OverRange,
    ) -> Result<(Block, Vec<bool>), EvalError> {
        self.hold(vector.len().saturating_mul(frame.steps))?;
        let mut block = Block::with_capacity(vector.len(), frame.steps);
        block.distinct = vector.distinct;
        let mut params = vec![0.0; columns.len()];
        let mut seen = vec![false; frame.steps];
        let (mut scratch, mut held) = (Vec::new(), Vec::new());
        while let Some(row) = vector.next_into(self, &mut held)? {
            let mut cursor = Cursor::default();
            let start = block.values.len();
            let mut any = false;
            for (step, seen) in seen.iter_mut().enumerate() {
                let now = frame.time(step);
                let (from, until) = vector.bounds(now);
                let samples = cursor.advance(&held, from, until);
                self.spend(samples.len())?;
                self.read(step, samples.len());
                params.iter_mut().zip(columns).for_each(|(param, column)| *param = column.at(step));
                let window = Window { samples, start: from, end: until, now, params: &params };
                let value = if samples.is_empty() { None } else { (over.body)(&window, &mut scratch) };
                *seen |= !samples.is_empty();
                any |= value.is_some();
                block.values.push(value.unwrap_or(ABSENT));
            }
            if any {
                block.rows.push(row);
            } else {
                block.values.truncate(start);
            }
        }
        Ok((block, seen))
    }
}

/// Computes one number per step from columns; one for all if nothing depends on the step.
pub(crate) fn by_step(columns: &[Column], frame: Frame, compute: impl Fn(&[f64], usize) -> f64) -> Column {
    let mut params: Vec<f64> = columns.iter().map(|column| column.at(0)).collect();
    if columns.iter().all(|column| matches!(column, Column::Constant(_))) {
        return Column::Constant(compute(&params, 0));
    }
    let step_value = |step| {
        params.iter_mut().zip(columns).for_each(|(param, column)| *param = column.at(step));
        compute(&params, step)
    };
    Column::Steps((0..frame.steps).map(step_value).collect())
}
