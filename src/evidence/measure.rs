//! From readings to what a message shows: each alert's value against its threshold, and one chart of the last hour.

use std::sync::Arc;

use crate::model::{AlertStatus, Labels};
use crate::notify::evidence::{Chart, Line, MOST_LINES, Measured};
use crate::notify::message::{Notification, Told};
use crate::promql::ast::Kind;

use super::reading::{Reading, SPAN, STEP, holds};
use super::unit;

/// What one alert measures, and in which of the readings it was found.
pub(super) struct Found<'a> {
    pub alert: &'a Told,
    pub measured: Measured,
    reading: &'a Reading,
}

/// The alert's value against its threshold, from the side of its rule that it is about.
pub(super) fn find<'a>(alert: &'a Told, readings: &'a [Arc<Reading>]) -> Option<Found<'a>> {
    let about: Vec<&Reading> =
        readings.iter().map(AsRef::as_ref).filter(|reading: &&Reading| reading.of(&alert.labels).is_some()).collect();
    let explains = |reading: &&&'a Reading| {
        let series = reading.of(&alert.labels);
        let values = || series.into_iter().flat_map(|series| &series.samples).map(|sample| sample.value);
        let same = alert.value.is_some_and(|value| values().any(|seen| (seen - value).abs() <= 1e-9 * value.abs()));
        let over = series.and_then(|series| reading.latest(series)).zip(reading.threshold(&alert.labels));
        same || over.is_some_and(|(value, (op, threshold))| holds(op, value, threshold))
    };
    // Of `a or b` it is the side whose value the alert has, or else the one whose condition holds.
    let reading = *match about.as_slice() {
        [only] => only,
        several => several.iter().find(explains)?,
    };
    if says_nothing(reading) {
        return None;
    }
    let threshold = reading.threshold(&alert.labels);
    let measured = Measured {
        expression: reading.side.expression.to_string(),
        unit: unit::of(reading.side.expression.root()),
        comparison: threshold.map(|(op, _)| op.text()),
        threshold: threshold.map(|(_, value)| value).filter(|value| value.is_finite()),
        latest: reading.of(&alert.labels).and_then(|series| reading.latest(series)).filter(|value| value.is_finite()),
    };
    Some(Found { alert, measured, reading })
}

/// Whether a side's value is no measurement: `vector(1)`, `absent(…)`.
fn says_nothing(reading: &Reading) -> bool {
    let root = reading.side.expression.root().unwrapped();
    let absent = matches!(&root.kind, Kind::Call { function, .. } if function.name.starts_with("absent"));
    absent || reading.side.expression.selectors().is_empty()
}

/// The chart of the first alert that measures something, with the others that measure the same.
pub(super) fn chart(notification: &Notification, found: &[Found<'_>]) -> Option<Chart> {
    let first = found.first()?;
    let same = |other: &&Found<'_>| {
        let (one, other) = (&first.measured, &other.measured);
        one.expression == other.expression && one.threshold == other.threshold
    };
    let shown: Vec<&Found<'_>> = found.iter().filter(same).take(MOST_LINES).collect();
    let line = |found: &&Found<'_>| {
        let series = found.reading.of(&found.alert.labels)?;
        let points = series.samples.iter().map(|sample| (sample.at, sample.value)).collect();
        let name =
            if shown.len() == 1 { String::new() } else { name(&found.alert.labels, &notification.common_labels) };
        Some(Line { name, points })
    };
    let lines: Vec<Line> = shown.iter().filter_map(line).collect();
    let to = first.reading.to;
    let firing = shown.iter().any(|found| found.alert.status == AlertStatus::Firing);
    let alerts =
        || shown.iter().map(|found| found.alert).filter(|alert| !firing || alert.status == AlertStatus::Firing);
    Some(Chart {
        title: first.measured.expression.clone(),
        unit: first.measured.unit,
        from: crate::model::Timestamp::from_seconds(to.seconds() - SPAN.std().as_secs_f64()),
        to,
        step: STEP.std(),
        lines,
        threshold: first.measured.threshold,
        fired_at: alerts().map(|alert| alert.starts_at).min(),
        over_at: if firing { None } else { alerts().filter_map(|alert| alert.ends_at).max() },
    })
}

/// What tells an alert from the others of its message.
fn name(labels: &Labels, common: &Labels) -> String {
    let own = labels.iter().filter(|(name, _)| common.get(name).is_none());
    let name = own.map(|(_, value)| value).collect::<Vec<_>>().join(" ");
    super::cells::cut(&name, 40)
}
