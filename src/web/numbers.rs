//! Single values of the registry, for pages: people see the same figures as `/metrics` gives.

use crate::metrics::{Family, Registry, Value};

/// What was gathered for one page.
pub(super) struct Numbers(Vec<Family>);

impl Numbers {
    /// Gathers.
    pub(super) fn of(registry: &Registry) -> Self {
        Self(registry.gather())
    }

    /// The value of the first series of `name` that has all these labels.
    pub(super) fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let family = self.0.iter().find(|family| family.name == name)?;
        let has =
            |point: &&crate::metrics::Point| labels.iter().all(|(name, value)| point.labels.get(name) == Some(*value));
        match family.points.iter().find(has)?.value {
            Value::Number(value) => Some(value),
            Value::Histogram { .. } => None,
        }
    }

    /// The greatest value among the series of `name` that have all these labels.
    pub(super) fn greatest(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let family = self.0.iter().find(|family| family.name == name)?;
        let matching = family
            .points
            .iter()
            .filter(|point| labels.iter().all(|(name, value)| point.labels.get(name) == Some(*value)));
        let numbers = matching.filter_map(|point| match point.value {
            Value::Number(value) => Some(value),
            Value::Histogram { .. } => None,
        });
        numbers.reduce(f64::max)
    }
}
