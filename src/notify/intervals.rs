//! Times named by the clock and the calendar, in which routes are silent or alone active.
//!
//! Pure: takes the instant. Minutes are those of the interval's own location, so a change of summer time moves it as
//! it moves the people there. [`Intervals::next_change`] says when to ask again.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration as StdDuration;

use jiff::Zoned;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::model::Timestamp;

/// Farthest that a change is looked for; whoever asked then asks again.
const FARTHEST: StdDuration = StdDuration::from_secs(24 * 3600);

/// All intervals by name. An interval is the union of its spans.
#[derive(Debug, Clone, Default)]
pub(super) struct Intervals(pub BTreeMap<String, Vec<Span>>);

/// One span: every field that is set must hold. An empty list holds never.
#[derive(Debug, Clone)]
pub(super) struct Span {
    /// Minutes of the day, `[start, end)`.
    pub times: Option<Vec<(i16, i16)>>,
    /// Days of the week, Sunday is 0.
    pub weekdays: Option<Vec<RangeInclusive<i16>>>,
    /// Days of the month from 1; negative ones count from its end.
    pub days_of_month: Option<Vec<RangeInclusive<i16>>>,
    pub months: Option<Vec<RangeInclusive<i16>>>,
    pub years: Option<Vec<RangeInclusive<i16>>>,
    pub zone: TimeZone,
}

fn zoned(at: Timestamp, zone: &TimeZone) -> Option<Zoned> {
    Some(jiff::Timestamp::from_millisecond(at.millis()).ok()?.to_zoned(zone.clone()))
}

fn within(ranges: Option<&Vec<RangeInclusive<i16>>>, value: i16) -> bool {
    ranges.is_none_or(|ranges| ranges.iter().any(|range| range.contains(&value)))
}

impl Span {
    fn contains(&self, at: &Zoned) -> bool {
        let minute = i16::from(at.hour()) * 60 + i16::from(at.minute());
        let last = i16::from(at.days_in_month());
        let from_end = |day: i16| if day < 0 { last + day + 1 } else { day };
        // A day before the first or behind the last of a short month is none of its days.
        let day = |range: &RangeInclusive<i16>| {
            (from_end(*range.start())..=from_end(*range.end())).contains(&i16::from(at.day()))
        };
        self.times.as_ref().is_none_or(|times| times.iter().any(|(start, end)| (*start..*end).contains(&minute)))
            && self.days_of_month.as_ref().is_none_or(|ranges| ranges.iter().any(day))
            && within(self.months.as_ref(), i16::from(at.month()))
            && within(self.weekdays.as_ref(), i16::from(at.weekday().to_sunday_zero_offset()))
            && within(self.years.as_ref(), at.year())
    }

    /// Instants behind `at` at which the span may begin or end: midnights, its times, and changes of summer time.
    fn edges(&self, at: Timestamp) -> Vec<Timestamp> {
        let Some(now) = zoned(at, &self.zone) else { return Vec::new() };
        let minutes = self.times.iter().flatten().flat_map(|(start, end)| [*start, *end]).chain([0]);
        let minutes: Vec<i16> = minutes.collect();
        let days = [Some(now.date()), now.date().tomorrow().ok()];
        let civil = days.into_iter().flatten().flat_map(|day| {
            minutes.iter().filter_map(move |minute| {
                // 24:00 is the next day's midnight, which is in the list anyway.
                let hour = i8::try_from(minute / 60).ok().filter(|hour| *hour < 24)?;
                Some(day.to_datetime(Time::new(hour, i8::try_from(minute % 60).ok()?, 0, 0).ok()?))
            })
        });
        // An hour that comes twice has each of its minutes twice.
        let instants = civil.flat_map(|civil| {
            let twice = [self.zone.to_ambiguous_zoned(civil).earlier(), self.zone.to_ambiguous_zoned(civil).later()];
            twice.into_iter().flatten().map(|zoned| zoned.timestamp())
        });
        let change = self.zone.following(now.timestamp()).next().map(|change| change.timestamp());
        instants.chain(change).map(|instant| Timestamp::from_millis(instant.as_millisecond())).collect()
    }
}

impl Intervals {
    /// Whether an interval holds at an instant; one that is not known never does.
    pub fn contains(&self, name: &str, at: Timestamp) -> bool {
        let spans = self.0.get(name).map(Vec::as_slice).unwrap_or_default();
        spans.iter().any(|span| zoned(at, &span.zone).is_some_and(|at| span.contains(&at)))
    }

    /// The next instant behind `at` at which an interval begins or ends, or a day later if none comes before.
    pub fn next_change(&self, name: &str, at: Timestamp) -> Timestamp {
        let now = self.contains(name, at);
        let far = at + FARTHEST;
        let mut edges: Vec<Timestamp> =
            self.0.get(name).into_iter().flatten().flat_map(|span| span.edges(at)).collect();
        edges.retain(|edge| at < *edge && *edge < far);
        edges.sort_unstable();
        edges.into_iter().find(|edge| self.contains(name, *edge) != now).unwrap_or(far)
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::TimeInterval;
    use super::*;

    fn intervals(spans: &str) -> Intervals {
        let interval: TimeInterval =
            serde_yaml::from_str(&format!("{{name: x, time_intervals: [{spans}]}}")).expect("an interval");
        Intervals(BTreeMap::from([("x".to_owned(), interval.compile().expect("a good interval"))]))
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).expect("a time")
    }

    #[test]
    fn an_interval_holds_where_every_field_does() {
        for (spans, instant, expected) in [
            ("{}", "2026-11-23T12:00:00Z", true),
            ("{times: [{start_time: '09:00', end_time: '17:00'}]}", "2026-11-23T09:00:00Z", true),
            ("{times: [{start_time: '09:00', end_time: '17:00'}]}", "2026-11-23T16:59:59.999Z", true),
            ("{times: [{start_time: '09:00', end_time: '17:00'}]}", "2026-11-23T17:00:00Z", false),
            ("{times: [{start_time: '22:00', end_time: '24:00'}]}", "2026-11-23T23:59:59Z", true),
            (
                "{times: [{start_time: '09:00', end_time: '10:00'}, {start_time: '12:00', end_time: '13:00'}]}",
                "2026-11-23T12:30:00Z",
                true,
            ),
            ("{weekdays: ['monday:friday']}", "2026-11-23T00:00:00Z", true),
            ("{weekdays: [Saturday, sunday]}", "2026-11-22T00:00:00Z", true),
            ("{weekdays: ['saturday', sunday]}", "2026-11-23T00:00:00Z", false),
            ("{days_of_month: ['-1']}", "2026-11-30T12:00:00Z", true),
            ("{days_of_month: ['-1']}", "2026-11-29T12:00:00Z", false),
            ("{days_of_month: ['-3:-1']}", "2028-02-27T12:00:00Z", true),
            ("{days_of_month: ['1:-1']}", "2026-02-28T12:00:00Z", true),
            ("{days_of_month: ['29:31']}", "2026-02-28T12:00:00Z", false),
            ("{days_of_month: [1, '10:12']}", "2026-02-11T12:00:00Z", true),
            ("{months: ['january:march', 11]}", "2026-11-11T12:00:00Z", true),
            ("{months: ['january:march']}", "2026-04-01T00:00:00Z", false),
            ("{years: ['2020:2025', 2027]}", "2026-04-01T00:00:00Z", false),
            ("{years: [2026]}", "2026-12-31T23:59:59Z", true),
            ("{months: [1], weekdays: [monday]}", "2026-11-23T00:00:00Z", false),
            ("{months: [1]}, {weekdays: [monday]}", "2026-11-23T00:00:00Z", true),
            ("{weekdays: []}", "2026-11-23T00:00:00Z", false),
            (
                "{times: [{start_time: '09:00', end_time: '10:00'}], location: Europe/Berlin}",
                "2026-11-23T08:30:00Z",
                true,
            ),
            (
                "{times: [{start_time: '09:00', end_time: '10:00'}], location: Europe/Berlin}",
                "2026-07-23T07:30:00Z",
                true,
            ),
            ("{weekdays: [tuesday], location: Australia/Melbourne}", "2026-11-23T13:00:00Z", true),
        ] {
            assert_eq!(intervals(spans).contains("x", at(instant)), expected, "{spans} {instant}");
        }
        assert!(!intervals("{}").contains("y", at("2026-11-23T00:00:00Z")));
    }

    #[test]
    fn the_next_change_is_found() {
        let office =
            "{times: [{start_time: '09:00', end_time: '17:00'}], weekdays: ['monday:friday'], location: Europe/Berlin}";
        for (spans, instant, expected) in [
            (office, "2026-11-23T07:59:59Z", "2026-11-23T08:00:00Z"),
            (office, "2026-11-23T08:00:00Z", "2026-11-23T16:00:00Z"),
            (office, "2026-11-23T16:00:00Z", "2026-11-24T08:00:00Z"),
            // Friday evening: nothing before the weekend, ask again tomorrow.
            (office, "2026-11-27T16:00:00Z", "2026-11-28T16:00:00Z"),
            // The hour from 2 to 3 does not exist on this day: the span begins at its end.
            (
                "{times: [{start_time: '02:30', end_time: '04:00'}], location: Europe/Berlin}",
                "2026-03-29T00:00:00Z",
                "2026-03-29T01:00:00Z",
            ),
            ("{months: [12]}", "2026-11-30T12:00:00Z", "2026-12-01T00:00:00Z"),
        ] {
            assert_eq!(intervals(spans).next_change("x", at(instant)), at(expected), "{spans} {instant}");
        }
    }

    #[test]
    fn between_two_changes_nothing_changes() {
        let spans = "{times: [{start_time: '01:15', end_time: '02:45'}, {start_time: '23:00', end_time: '24:00'}], \
            weekdays: ['saturday', sunday], location: America/New_York}, {days_of_month: ['-1'], times: [{start_time: '12:00', end_time: '12:01'}]}";
        let intervals = intervals(spans);
        // Over both changes of summer time of 2026 in New York, minute by minute.
        for start in ["2026-03-07T00:00:00Z", "2026-10-31T00:00:00Z"] {
            let mut now = at(start);
            let end = now + StdDuration::from_secs(3 * 24 * 3600);
            let mut change = intervals.next_change("x", now);
            let mut held = intervals.contains("x", now);
            while now < end {
                now = now + StdDuration::from_secs(60);
                let holds = intervals.contains("x", now);
                assert!(holds == held || now >= change, "changed at {now}, the next change was {change}");
                if now >= change {
                    change = intervals.next_change("x", now);
                }
                held = holds;
            }
        }
    }
}
