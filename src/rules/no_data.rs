//! What becomes of an alert whose data are missing: a rule that has nothing to judge says nothing, and that is no
//! recovery.
//!
//! Data are missing for an alert when the expression does not answer with it, and either a selector that had live
//! series for it when it began has none now, or the value that the rule compares does not exist for it (no sample,
//! or NaN). A series is live while its newest sample within the look-back is no staleness marker. Series count for
//! an alert as far as they do not contradict its labels; labels that the rule sets itself do not count.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::Deserialize;

use crate::model::labels::{ALERT_NAME, METRIC_NAME};
use crate::model::{Duration, Labels, Timestamp, is_stale};
use crate::promql::Expr;
use crate::promql::ast::Kind;
use crate::tsdb::Tsdb;

/// The annotation by which a rule says what to do; receivers do not see it.
pub(super) const ANNOTATION: &str = "memsentry_no_data";

/// The label of an alert that tells of missing data, always `true`.
pub(super) const LABEL: &str = "no_data";

/// What happens to the alerts of a rule while their data are missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoData {
    /// As in Prometheus: what the expression does not answer with is over.
    #[default]
    Ok,
    /// What is pending or fires stays as it is until there are data again.
    Keep,
    /// As `keep`, and an alert of the rule with the label `no_data="true"` tells that data are missing, also
    /// where nothing fired before.
    Alert,
}

impl NoData {
    /// The names a rule or the configuration may use.
    pub(super) const NAMES: [&'static str; 3] = ["ok", "keep", "alert"];

    /// What a rule's annotation says.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "ok" => Some(Self::Ok),
            "keep" => Some(Self::Keep),
            "alert" => Some(Self::Alert),
            _ => None,
        }
    }
}

/// What all rules share about missing data.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    /// For rules that say nothing themselves.
    pub(super) default: NoData,
    /// Longest time that a lack of data is put up with.
    pub(super) at_most: Duration,
    /// Labels whose values are all known: an alert about another value is about something that was removed.
    pub(super) existing: BTreeMap<String, BTreeSet<String>>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { default: NoData::Ok, at_most: Duration::from_secs(86_400), existing: BTreeMap::new() }
    }
}

impl Shared {
    /// Whether what the alert is about is still configured, as far as that is known.
    pub(super) fn exists(&self, labels: &Labels) -> bool {
        self.existing.iter().all(|(name, values)| labels.get(name).is_none_or(|value| values.contains(value)))
    }
}

/// Which selectors of an expression have live series, at one time and for one alert.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    selectors: Vec<Option<Feed>>,
    /// Labels that the rule sets.
    own: BTreeSet<String>,
}

/// Of the label names that series share with an alert, the values that some series has together.
type ByShared = HashMap<Vec<String>, HashSet<Vec<String>>>;

/// The live series of one selector, to be asked by the labels of an alert.
#[derive(Debug)]
struct Feed {
    series: Vec<Labels>,
    /// By the names of the alert's labels: by the names shared with series, the values that series have for them.
    by_names: HashMap<Vec<String>, ByShared>,
}

impl Feeds {
    /// Looks at the selectors of `expression` at `at`. What a selector fixes with `@` never counts.
    pub(super) fn look<'a>(
        expression: &Expr,
        own: impl Iterator<Item = &'a str>,
        tsdb: &Tsdb,
        at: Timestamp,
        lookback: Duration,
    ) -> Self {
        let mut selectors = Vec::new();
        expression.root().walk(&mut |node| {
            let (Kind::Selector(selector) | Kind::Range(selector, _)) = &node.kind else { return };
            let at = Timestamp::from_millis(at.millis().saturating_sub(selector.offset));
            // One that starts with the oldest sample that still counts: look-back is open at its beginning.
            let from = at - lookback.std() + std::time::Duration::from_millis(1);
            selectors.push(selector.at.is_none().then(|| {
                let latest = tsdb.latest(&selector.matchers, from, at);
                let live = latest.into_iter().filter(|(_, sample)| !is_stale(sample.value));
                Feed { series: live.map(|(labels, _)| labels).collect(), by_names: HashMap::new() }
            }));
        });
        Self { selectors, own: own.map(str::to_owned).collect() }
    }

    /// The numbers of the selectors that have live series for an alert with these labels.
    pub(super) fn of(&mut self, alert: &Labels) -> Vec<usize> {
        (0..self.selectors.len()).filter(|number| self.is_live(*number, alert)).collect()
    }

    /// Whether one of the selectors that fed the alert does not any more.
    pub(super) fn are_lost(&mut self, fed_by: &[usize], alert: &Labels) -> bool {
        fed_by.iter().any(|number| *number < self.selectors.len() && !self.is_live(*number, alert))
    }

    fn is_live(&mut self, number: usize, alert: &Labels) -> bool {
        let Some(Some(feed)) = self.selectors.get_mut(number) else { return false };
        let own = &self.own;
        let counts = |name: &&str| !matches!(*name, METRIC_NAME | ALERT_NAME) && !own.contains(*name);
        let names: Vec<String> = alert.iter().map(|(name, _)| name).filter(counts).map(str::to_owned).collect();
        let series = &feed.series;
        let by_shared = feed.by_names.entry(names).or_insert_with_key(|names| {
            let mut by_shared: HashMap<Vec<String>, HashSet<Vec<String>>> = HashMap::new();
            for labels in series {
                let shared = names.iter().filter_map(|name| Some((name.clone(), labels.get(name)?.to_owned())));
                let (shared, values): (Vec<String>, Vec<String>) = shared.unzip();
                by_shared.entry(shared).or_default().insert(values);
            }
            by_shared
        });
        by_shared.iter().any(|(shared, values)| {
            let wanted: Vec<String> = shared.iter().map(|name| alert.get(name).unwrap_or("").to_owned()).collect();
            values.contains(&wanted)
        })
    }
}
