//! Instant vectors over all steps of a frame at once: rows of values, one row per series.
//!
//! Values lie in one allocation, row after row; a step at which a series has no value holds the staleness
//! marker, which no evaluated sample can be. A name that an operation drops is only marked as dropped, so
//! that label sets are rebuilt once, for the series that reach the answer.

use crate::model::labels::METRIC_NAME;
use crate::model::{Labels, STALE_MARKER, is_stale};

use super::groups::{Groups, Key};
use crate::promql::EvalError;

/// What a step without a value holds.
pub(crate) const ABSENT: f64 = STALE_MARKER;

/// Whether a step holds a value.
pub(crate) fn is_present(value: f64) -> bool {
    !is_stale(value)
}

/// Whether a label speaks of the metric as such, so that it goes when the metric's meaning changes: its name,
/// and its type and unit where the store has them.
pub(crate) fn is_metadata(name: &str) -> bool {
    name.starts_with("__") && matches!(name, METRIC_NAME | "__type__" | "__unit__")
}

/// One series of a block.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) labels: Labels,
    /// Whether an operation has dropped the metric name.
    pub(crate) drop_name: bool,
}

impl Row {
    pub(crate) fn new(labels: Labels) -> Self {
        Self { labels, drop_name: false }
    }

    /// The labels as they go into the answer.
    pub(crate) fn into_labels(self) -> Labels {
        if self.drop_name { self.labels.without(is_metadata) } else { self.labels }
    }
}

/// Rows of values.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) rows: Vec<Row>,
    /// `rows.len() * steps` values.
    pub(crate) values: Vec<f64>,
    pub(crate) steps: usize,
    /// Whether no two rows differ in nothing but their metric names, so that dropping it merges nothing.
    pub(crate) distinct: bool,
}

impl Block {
    pub(crate) fn new(steps: usize) -> Self {
        Self { rows: Vec::new(), values: Vec::new(), steps, distinct: true }
    }

    pub(crate) fn with_capacity(rows: usize, steps: usize) -> Self {
        Self {
            rows: Vec::with_capacity(rows),
            values: Vec::with_capacity(rows.saturating_mul(steps)),
            steps,
            distinct: true,
        }
    }

    /// Makes room for so many rows more.
    pub(crate) fn reserve(&mut self, rows: usize) {
        self.rows.reserve(rows);
        self.values.reserve(rows.saturating_mul(self.steps));
    }

    /// Adds a row without values and answers its number.
    pub(crate) fn add(&mut self, row: Row) -> usize {
        self.rows.push(row);
        self.values.resize(self.rows.len() * self.steps, ABSENT);
        self.rows.len() - 1
    }

    pub(crate) fn row_values(&self, row: usize) -> &[f64] {
        &self.values[row * self.steps..(row + 1) * self.steps]
    }

    pub(crate) fn at(&self, row: usize, step: usize) -> f64 {
        self.values[row * self.steps + step]
    }

    pub(crate) fn set(&mut self, row: usize, step: usize, value: f64) {
        self.values[row * self.steps + step] = value;
    }

    /// Whether the metric name of a row counts as gone while evaluating.
    ///
    /// With `delayed` name removal it counts as there until the very end.
    pub(crate) fn hides_name(&self, row: usize, delayed: bool) -> bool {
        !delayed && self.rows[row].drop_name
    }

    /// The value of a label during evaluation, `""` if there is none.
    pub(crate) fn label(&self, row: usize, name: &str, delayed: bool) -> &str {
        if is_metadata(name) && self.hides_name(row, delayed) {
            return "";
        }
        self.rows[row].labels.get(name).unwrap_or("")
    }

    /// The labels of a row as the evaluation sees them.
    pub(crate) fn seen_labels(&self, row: usize, delayed: bool) -> Labels {
        let labels = &self.rows[row].labels;
        if self.hides_name(row, delayed) { labels.without(is_metadata) } else { labels.clone() }
    }

    /// Drops the rows that have no value at all.
    pub(crate) fn remove_empty_rows(&mut self) {
        if self.steps == 0 {
            self.rows.clear();
            return;
        }
        let steps = self.steps;
        let mut kept = 0;
        for row in 0..self.rows.len() {
            let from = row * steps;
            if !self.values[from..from + steps].iter().any(|value| is_present(*value)) {
                continue;
            }
            if kept != row {
                self.values.copy_within(from..from + steps, kept * steps);
                self.rows.swap(kept, row);
            }
            kept += 1;
        }
        self.rows.truncate(kept);
        self.values.truncate(kept * steps);
    }

    /// Marks the metric names as dropped and merges rows that are then alike.
    pub(crate) fn drop_names(mut self, delayed: bool) -> Result<Self, EvalError> {
        for row in &mut self.rows {
            row.drop_name = true;
        }
        if delayed || self.distinct {
            return Ok(self);
        }
        self = self.merge_alike(delayed)?;
        self.distinct = true;
        Ok(self)
    }

    /// Merges rows with the same labels where no step has a value in both.
    ///
    /// # Errors
    /// Two rows with the same labels have a value at the same time.
    pub(crate) fn merge_alike(self, delayed: bool) -> Result<Self, EvalError> {
        let mut groups = Groups::default();
        let mut merged = Self::with_capacity(self.rows.len(), self.steps);
        merged.distinct = self.distinct;
        for (number, row) in self.rows.iter().enumerate() {
            let (target, new) = groups.find(Key::All, &row.labels, self.hides_name(number, delayed));
            if new {
                merged.rows.push(row.clone());
                merged.values.extend_from_slice(self.row_values(number));
                continue;
            }
            merged.rows[target].drop_name |= row.drop_name;
            for (step, value) in self.row_values(number).iter().enumerate().filter(|(_, value)| is_present(**value)) {
                if is_present(merged.at(target, step)) {
                    return Err(same_labels());
                }
                merged.set(target, step, *value);
            }
        }
        Ok(merged)
    }
}

/// Prometheus's error for two elements that nothing tells apart.
pub(crate) fn same_labels() -> EvalError {
    EvalError::Execution("vector cannot contain metrics with the same labelset".to_owned())
}

/// One number per step, or one for all.
#[derive(Debug, Clone)]
pub(crate) enum Column {
    Constant(f64),
    Steps(Vec<f64>),
}

impl Column {
    pub(crate) fn at(&self, step: usize) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Steps(values) => values.get(step).copied().unwrap_or(f64::NAN),
        }
    }
}

/// What a node evaluates to over a frame. Range vectors are consumed by their functions and never stand alone.
#[derive(Debug, Clone)]
pub(crate) enum Output {
    Scalar(Column),
    Vector(Block),
    Text(String),
}
