//! Builds a vector value by value where the labels of a value are only known as it comes.

use super::Evaluator;
use super::block::{Block, Row, is_present, same_labels};
use super::groups::{Groups, Key};
use crate::promql::EvalError;

/// A block whose rows are found by their labels.
pub(crate) struct Collector {
    block: Block,
    groups: Groups,
}

impl Collector {
    pub(crate) fn new(steps: usize) -> Self {
        let mut block = Block::new(steps);
        block.distinct = false;
        Self { block, groups: Groups::default() }
    }

    /// The number of the row with these labels, new if need be.
    ///
    /// # Errors
    /// There are more rows than the query may hold.
    pub(crate) fn row(&mut self, evaluator: &mut Evaluator<'_>, row: Row) -> Result<usize, EvalError> {
        let hides_name = row.drop_name && !evaluator.delayed;
        let (number, new) = self.groups.find(Key::All, &row.labels, hides_name);
        if new {
            evaluator.hold(self.block.steps)?;
            self.block.add(row);
        }
        Ok(number)
    }

    /// Stores a value.
    ///
    /// # Errors
    /// The row has one at this step already, or there are too many rows.
    pub(crate) fn put(
        &mut self,
        evaluator: &mut Evaluator<'_>,
        row: Row,
        step: usize,
        value: f64,
    ) -> Result<(), EvalError> {
        let row = self.row(evaluator, row)?;
        if is_present(self.block.at(row, step)) {
            return Err(same_labels());
        }
        self.block.set(row, step, value);
        Ok(())
    }

    /// Adds to a value, which starts at zero.
    ///
    /// # Errors
    /// There are too many rows.
    pub(crate) fn increment(&mut self, evaluator: &mut Evaluator<'_>, row: Row, step: usize) -> Result<(), EvalError> {
        let row = self.row(evaluator, row)?;
        let before = self.block.at(row, step);
        self.block.set(row, step, if is_present(before) { before + 1.0 } else { 1.0 });
        Ok(())
    }

    pub(crate) fn into_block(self) -> Block {
        self.block
    }
}
