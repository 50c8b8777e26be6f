//! Arithmetic and comparison between two vectors: finds for each element its partner by match group.
//!
//! One side, the "one" side, may have at most one element per group and step; what is found there is kept
//! per group. `group_right` swaps the sides beforehand and the values back when computing.

use super::super::ast::{Binary, Cardinality, Matching};
use super::super::display::label_set;
use super::super::eval::Evaluator;
use super::super::eval::block::{Block, Row, is_metadata, is_present, same_labels};
use super::super::eval::groups::{Groups, Key};
use super::sets::match_groups;
use super::{arithmetic, holds};
use crate::model::Labels;
use crate::promql::EvalError;

/// The labels that decide which elements match.
pub(super) fn key(matching: &Matching) -> Key<'_> {
    if matching.on { Key::By(&matching.labels) } else { Key::Without(&matching.labels) }
}

/// No row.
const NONE: usize = usize::MAX;

/// Evaluates an operator that is not a set operator.
pub(super) fn eval(
    evaluator: &mut Evaluator<'_>,
    binary: &Binary,
    left: &Block,
    right: &Block,
) -> Result<Block, EvalError> {
    let delayed = evaluator.delayed;
    let (left_groups, right_groups, count) = match_groups(binary, left, right, delayed);
    let swapped = binary.matching.cardinality == Cardinality::OneToMany;
    let (many, one) = if swapped {
        (Side { block: right, groups: right_groups }, Side { block: left, groups: left_groups })
    } else {
        (Side { block: left, groups: left_groups }, Side { block: right, groups: right_groups })
    };
    let (fill_many, fill_one) = if swapped {
        (binary.matching.fill_right, binary.matching.fill_left)
    } else {
        (binary.matching.fill_left, binary.matching.fill_right)
    };
    let mut join = Join {
        binary,
        delayed,
        swapped,
        many,
        one,
        rows: Groups::default(),
        cache: Vec::new(),
        result: Block::new(left.steps),
        taken: Vec::new(),
        matched: vec![false; count],
    };
    let (many_distinct, needs_labels) = (join.many.block.distinct, join.needs_labels());
    join.cache.resize(join.many.block.rows.len(), (NONE, NONE));
    let mut partner = vec![NONE; count];
    for step in 0..left.steps {
        let (work, rows) = (join.many.groups.len() + join.one.groups.len(), join.result.rows.len());
        evaluator.spend(work)?;
        join.step(step, &mut partner, fill_many.map(|fill| fill.0), fill_one.map(|fill| fill.0))?;
        evaluator.hold((join.result.rows.len() - rows).saturating_mul(left.steps))?;
    }
    let mut result = join.result;
    result.remove_empty_rows();
    result.distinct = !binary.op.is_comparison() || (many_distinct && !needs_labels);
    Ok(result)
}

/// One operand with the match group of each row.
struct Side<'a> {
    block: &'a Block,
    groups: Vec<usize>,
}

/// The state of joining two vectors.
struct Join<'a> {
    binary: &'a Binary,
    delayed: bool,
    swapped: bool,
    many: Side<'a>,
    one: Side<'a>,
    /// Numbers the rows of the result by their labels.
    rows: Groups,
    /// Per row of the "many" side: its last partner and the row of the result that they made.
    cache: Vec<(usize, usize)>,
    result: Block,
    /// Per row of the result: the step at which it was last matched, and the match group.
    taken: Vec<(usize, usize)>,
    /// Which groups have been matched at this step.
    matched: Vec<bool>,
}

impl Join<'_> {
    fn step(
        &mut self,
        step: usize,
        partner: &mut [usize],
        fill_many: Option<f64>,
        fill_one: Option<f64>,
    ) -> Result<(), EvalError> {
        partner.fill(NONE);
        self.matched.fill(false);
        let any = |side: &Side<'_>| (0..side.block.rows.len()).any(|row| is_present(side.block.at(row, step)));
        let (some_many, some_one) = (any(&self.many), any(&self.one));
        if !(some_many || some_one) || (!(some_many && some_one) && fill_many.is_none() && fill_one.is_none()) {
            return Ok(());
        }
        for row in 0..self.one.block.rows.len() {
            if !is_present(self.one.block.at(row, step)) {
                continue;
            }
            let group = self.one.groups[row];
            if partner[group] != NONE {
                return Err(self.duplicate(partner[group], row));
            }
            partner[group] = row;
        }
        for row in 0..self.many.block.rows.len() {
            let value = self.many.block.at(row, step);
            if !is_present(value) {
                continue;
            }
            let group = self.many.groups[row];
            let found = partner[group];
            let other = if found == NONE { fill_one } else { Some(self.one.block.at(found, step)) };
            if let Some(other) = other {
                self.pair(step, group, (row, value), (found, other))?;
            }
        }
        if let Some(fill) = fill_many {
            for (group, row) in partner.iter().enumerate().filter(|(_, row)| **row != NONE) {
                if !self.matched[group] {
                    self.pair(step, group, (NONE, fill), (*row, self.one.block.at(*row, step)))?;
                }
            }
        }
        Ok(())
    }

    /// Computes one pair and stores the result.
    fn pair(&mut self, step: usize, group: usize, many: (usize, f64), one: (usize, f64)) -> Result<(), EvalError> {
        let (left, right) = if self.swapped { (one.1, many.1) } else { (many.1, one.1) };
        let op = self.binary.op;
        let holds = holds(op, left, right);
        let one_to_one = self.binary.matching.cardinality == Cardinality::OneToOne;
        if one_to_one && std::mem::replace(&mut self.matched[group], true) {
            return Err(fail(
                "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
            ));
        }
        self.matched[group] = true;
        let row = self.result_row(many.0, one.0);
        let (taken_step, taken_group) = self.taken[row];
        if !one_to_one && taken_step == step && taken_group == group {
            return Err(fail("multiple matches for labels: grouping labels must ensure unique matches"));
        }
        if holds || self.binary.returns_bool {
            if is_present(self.result.at(row, step)) {
                return Err(same_labels());
            }
            let value = if self.binary.returns_bool { f64::from(u8::from(holds)) } else { arithmetic(op, left, right) };
            self.result.set(row, step, value);
        }
        self.taken[row] = (step, group);
        Ok(())
    }

    /// The row of the result for a pair; at least one of the two rows is there.
    fn result_row(&mut self, many: usize, one: usize) -> usize {
        if let Some((_, row)) = self.cache.get(many).filter(|(partner, row)| *row != NONE && *partner == one) {
            return *row;
        }
        let row = self.result_labels(many, one);
        let hidden = row.drop_name && !self.delayed;
        let (number, new) = self.rows.find(Key::All, &row.labels, hidden);
        if new {
            self.result.add(row);
            self.taken.push((NONE, NONE));
        }
        if let Some(slot) = self.cache.get_mut(many) {
            *slot = (one, number);
        }
        number
    }

    /// The labels of a pair's result, and whether its metric name is still to be dropped.
    fn result_labels(&self, many: usize, one: usize) -> Row {
        let matching = &self.binary.matching;
        let changes_meaning = !self.binary.op.is_comparison();
        let (mut labels, mut drop_name) = match self.many.block.rows.get(many) {
            Some(row) => (row.labels.clone(), row.drop_name || changes_meaning || self.binary.returns_bool),
            // A filled-in element has only the labels of the match group.
            None => (self.group_labels(self.one.block, one), false),
        };
        // Arithmetic drops the name at once, even where other removals are delayed.
        if drop_name && (if self.delayed { changes_meaning } else { self.needs_labels() }) {
            labels = labels.without(is_metadata);
            drop_name = false;
        }
        if matching.cardinality == Cardinality::OneToOne && self.needs_labels() {
            let key = if matching.on { Key::By(&matching.labels) } else { Key::AllButThese(&matching.labels) };
            labels = key.labels(&labels, false);
        }
        for name in &matching.include {
            let known = one < self.one.block.rows.len();
            let value = if known { self.one.block.label(one, name, self.delayed) } else { "" };
            labels = labels.with(name, value);
        }
        Row { labels, drop_name }
    }

    /// Whether the result's labels are not just those of the "many" side.
    fn needs_labels(&self) -> bool {
        let matching = &self.binary.matching;
        matching.on || !matching.labels.is_empty() || !matching.include.is_empty()
    }

    fn group_labels(&self, block: &Block, row: usize) -> Labels {
        block.rows.get(row).map_or_else(Labels::empty, |r| {
            key(&self.binary.matching).labels(&r.labels, block.hides_name(row, self.delayed))
        })
    }

    fn duplicate(&self, first: usize, second: usize) -> EvalError {
        let block = self.one.block;
        let mut both = [block.seen_labels(first, self.delayed), block.seen_labels(second, self.delayed)];
        both.sort();
        fail(&format!(
            "found duplicate series for the match group {} on the {} hand-side of the operation: [{}, {}];\
             many-to-many matching not allowed: matching labels must be unique on one side",
            label_set(&self.group_labels(block, second)),
            if self.swapped { "left" } else { "right" },
            label_set(&both[0]),
            label_set(&both[1])
        ))
    }
}

fn fail(message: &str) -> EvalError {
    EvalError::Execution(message.to_owned())
}
