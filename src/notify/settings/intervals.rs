//! One entry of `time_intervals`, and its texts made into numbers.

use std::ops::RangeInclusive;

use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::model::Problem;

use super::super::intervals::Span;

/// A named time: it holds whenever one of its spans does.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeInterval {
    /// Unique; what routes name.
    pub name: String,
    /// The spans.
    #[serde(default)]
    pub time_intervals: Vec<TimeSpan>,
}

/// A span holds while each of its fields that is set does; one without fields always.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeSpan {
    /// Times of the day; any unless set.
    #[serde(default)]
    pub times: Option<Vec<Times>>,
    /// Days of the week and ranges of them, `monday:friday`; any unless set.
    #[serde(default)]
    pub weekdays: Option<Vec<String>>,
    /// Days of the month and ranges of them, `1:5`; `-1` is the last. Any unless set.
    #[serde(default)]
    pub days_of_month: Option<Vec<String>>,
    /// Months by name or number and ranges of them, `january:march`; any unless set.
    #[serde(default)]
    pub months: Option<Vec<String>>,
    /// Years and ranges of them, `2026:2028`; any unless set.
    #[serde(default)]
    pub years: Option<Vec<String>>,
    /// Where these times hold, such as `Europe/Berlin`; UTC unless set.
    #[serde(default)]
    pub location: Option<String>,
}

/// From a time of the day up to, but without, another.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Times {
    /// Such as `09:00`.
    pub start_time: String,
    /// Such as `17:00`, later than the start; `24:00` is midnight at the end of the day.
    pub end_time: String,
}

const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

impl TimeInterval {
    /// Its spans.
    ///
    /// # Errors
    /// Everything that is wrong, with paths from the interval on.
    pub(in crate::notify) fn compile(&self) -> Result<Vec<Span>, Vec<Problem>> {
        let (mut spans, mut problems) = (Vec::new(), Vec::new());
        for (index, span) in self.time_intervals.iter().enumerate() {
            match span.compile() {
                Ok(span) => spans.push(span),
                Err(found) => {
                    let at = format!("time_intervals[{index}]");
                    problems.extend(found.into_iter().map(|problem| problem.below(&at)));
                }
            }
        }
        if problems.is_empty() { Ok(spans) } else { Err(problems) }
    }
}

/// Collects the parts of a list and what is wrong with them.
fn each<T, R>(
    problems: &mut Vec<Problem>,
    name: &str,
    list: Option<&Vec<T>>,
    read: impl Fn(&T) -> Result<R, String>,
) -> Option<Vec<R>> {
    let mut found = Vec::new();
    for (index, part) in list?.iter().enumerate() {
        match read(part) {
            Ok(part) => found.push(part),
            Err(message) => problems.push(Problem::at(format!("{name}[{index}]"), message)),
        }
    }
    Some(found)
}

impl TimeSpan {
    fn compile(&self) -> Result<Span, Vec<Problem>> {
        let mut problems = Vec::new();
        let weekday = |text: &str| {
            position(&WEEKDAYS, text)
                .ok_or_else(|| format!("unknown day {text:?}; known days: {}", WEEKDAYS.join(", ")))
        };
        let month = |text: &str| {
            let number = position(&MONTHS, text).map(|index| index + 1).or_else(|| text.parse().ok());
            let number = number.filter(|number| (1..=12).contains(number));
            number.ok_or_else(|| format!("unknown month {text:?}; write its name or a number from 1 to 12"))
        };
        let day = |text: &str| {
            let number = text.parse::<i16>().ok().filter(|day| *day != 0 && (-31..=31).contains(day));
            number.ok_or_else(|| format!("{text:?} is no day of a month; write 1 to 31, or -1 to -31 from its end"))
        };
        let year = |text: &str| {
            let number = text.parse::<i16>().ok().filter(|year| (0..=9999).contains(year));
            number.ok_or_else(|| format!("{text:?} is no year"))
        };
        let times = each(&mut problems, "times", self.times.as_ref(), Times::minutes);
        let weekdays = each(&mut problems, "weekdays", self.weekdays.as_ref(), |text| range(text, weekday));
        let days_of_month = each(&mut problems, "days_of_month", self.days_of_month.as_ref(), |text| days(text, day));
        let months = each(&mut problems, "months", self.months.as_ref(), |text| range(text, month));
        let years = each(&mut problems, "years", self.years.as_ref(), |text| range(text, year));
        let zone = match self.location.as_deref() {
            None | Some("" | "UTC") => TimeZone::UTC,
            Some("Local") => TimeZone::system(),
            Some(name) => TimeZone::get(name).unwrap_or_else(|_| {
                let problem = Problem::at("location", format!("unknown location {name:?}"));
                problems.push(problem.hint("write a name of the IANA time zone database, such as Europe/Berlin"));
                TimeZone::UTC
            }),
        };
        if problems.is_empty() {
            Ok(Span { times, weekdays, days_of_month, months, years, zone })
        } else {
            Err(problems)
        }
    }
}

fn position(names: &[&str], text: &str) -> Option<i16> {
    let index = names.iter().position(|name| name.eq_ignore_ascii_case(text))?;
    i16::try_from(index).ok()
}

/// `from:to`, or one value for both.
fn range(text: &str, value: impl Fn(&str) -> Result<i16, String>) -> Result<RangeInclusive<i16>, String> {
    let (from, to) = text.split_once(':').unwrap_or((text, text));
    let (from, to) = (value(from.trim())?, value(to.trim())?);
    if to < from { Err(format!("{text:?} ends before it begins")) } else { Ok(from..=to) }
}

/// As [`range`]; of two days one of which counts from the end, the later cannot be known before the month is.
fn days(text: &str, value: impl Fn(&str) -> Result<i16, String>) -> Result<RangeInclusive<i16>, String> {
    let (from, to) = text.split_once(':').unwrap_or((text, text));
    let (from, to) = (value(from.trim())?, value(to.trim())?);
    if from < 0 && to > 0 {
        return Err(format!("{text:?}: a range that begins from the end of the month ends there too"));
    }
    // In a month of 31 days, the one in which most ranges make sense.
    let in_longest = |day: i16| if day < 0 { 32 + day } else { day };
    if in_longest(to) < in_longest(from) { Err(format!("{text:?} ends before it begins")) } else { Ok(from..=to) }
}

impl Times {
    fn minutes(&self) -> Result<(i16, i16), String> {
        let (start, end) = (minute(&self.start_time)?, minute(&self.end_time)?);
        if start < end {
            return Ok((start, end));
        }
        Err(format!(
            "{} is not before {}; a span over midnight is two, up to 24:00 and from 00:00",
            self.start_time, self.end_time
        ))
    }
}

fn minute(text: &str) -> Result<i16, String> {
    let wrong = || format!("{text:?} is no time of the day; write 00:00 to 24:00");
    let digits = |part: &str| part.len() == 2 && part.chars().all(|c| c.is_ascii_digit());
    let (hour, minute) =
        text.split_once(':').filter(|(hour, minute)| digits(hour) && digits(minute)).ok_or_else(wrong)?;
    let (hour, minute): (i16, i16) = (hour.parse().map_err(|_| wrong())?, minute.parse().map_err(|_| wrong())?);
    let whole = hour * 60 + minute;
    if minute < 60 && whole <= 24 * 60 { Ok(whole) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_with_their_paths() {
        let interval: TimeInterval = serde_yaml::from_str(
            "{name: x, time_intervals: [{times: [{start_time: '9:00', end_time: '10:00'}, {start_time: '22:00', end_time: '06:00'}], \
              weekdays: [mon, 'friday:monday'], days_of_month: ['0', '-1:5', '20:10'], months: [13], years: [soon], \
              location: Berlin}]}",
        )
        .expect("YAML");
        let told: Vec<String> = interval.compile().expect_err("wrong").iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "time_intervals[0].times[0]: \"9:00\" is no time of the day; write 00:00 to 24:00",
                "time_intervals[0].times[1]: 22:00 is not before 06:00; a span over midnight is two, up to 24:00 and from 00:00",
                "time_intervals[0].weekdays[0]: unknown day \"mon\"; known days: sunday, monday, tuesday, wednesday, thursday, friday, saturday",
                "time_intervals[0].weekdays[1]: \"friday:monday\" ends before it begins",
                "time_intervals[0].days_of_month[0]: \"0\" is no day of a month; write 1 to 31, or -1 to -31 from its end",
                "time_intervals[0].days_of_month[1]: \"-1:5\": a range that begins from the end of the month ends there too",
                "time_intervals[0].days_of_month[2]: \"20:10\" ends before it begins",
                "time_intervals[0].months[0]: unknown month \"13\"; write its name or a number from 1 to 12",
                "time_intervals[0].years[0]: \"soon\" is no year",
                "time_intervals[0].location: unknown location \"Berlin\"\nhint: write a name of the IANA time zone database, such as Europe/Berlin",
            ]
        );
    }
}
