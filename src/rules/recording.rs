//! Recording rules: an expression's answer under a name of its own.

use std::collections::HashSet;
use std::sync::Arc;

use crate::model::Labels;
use crate::model::labels::METRIC_NAME;
use crate::promql::VectorSample;

use super::text::Text;

/// A recording rule.
#[derive(Debug, Clone)]
pub(super) struct RecordingRule {
    pub(super) name: String,
    pub(super) labels: Vec<(String, Text)>,
}

impl RecordingRule {
    /// The series to write. Labels are taken as they stand: Prometheus expands no templates here.
    ///
    /// # Errors
    /// Two results have one label set, or there are more than `limit` (0: any number).
    pub(super) fn step(&self, result: Vec<VectorSample>, limit: usize) -> Result<Vec<(Labels, f64)>, String> {
        let mut names = HashSet::with_capacity(result.len());
        let mut series = Vec::with_capacity(result.len());
        // Shared by all results, as the labels of a result are shared with the store.
        let own = self.labels.iter().map(|(name, text)| (Arc::from(name.as_str()), Arc::from(text.raw())));
        let own: Vec<(Arc<str>, Arc<str>)> =
            own.chain([(Arc::from(METRIC_NAME), Arc::from(self.name.as_str()))]).collect();
        for element in result {
            let labels: Labels = element.labels.iter_shared().chain(&own).cloned().collect();
            if !names.insert(labels.clone()) {
                return Err("vector contains metrics with the same labelset after applying rule labels".into());
            }
            series.push((labels, element.sample.value));
        }
        if limit > 0 && series.len() > limit {
            return Err(format!("exceeded limit of {limit} with {} series", series.len()));
        }
        Ok(series)
    }
}
