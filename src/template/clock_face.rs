//! Instants and durations as Go's `time` prints them, and the methods that templates call on them.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::value::Value;

/// The reference layout of Go, longest piece first, with the strftime piece that means the same.
const LAYOUT: &[(&str, &str)] = &[
    ("January", "%B"),
    ("Monday", "%A"),
    ("-07:00", "%:z"),
    ("Z07:00", "Z"),
    ("-0700", "%z"),
    ("2006", "%Y"),
    (".000000000", ".%N"),
    (".000000", ".%6f"),
    (".000", ".%3f"),
    ("Jan", "%b"),
    ("Mon", "%a"),
    ("MST", "%Z"),
    ("15", "%H"),
    ("01", "%m"),
    ("02", "%d"),
    ("03", "%I"),
    ("04", "%M"),
    ("05", "%S"),
    ("06", "%y"),
    ("PM", "%p"),
    ("pm", "%P"),
    ("_2", "%e"),
    ("1", "%-m"),
    ("2", "%-d"),
    ("3", "%-I"),
    ("4", "%-M"),
    ("5", "%-S"),
];

fn utc(time: Timestamp) -> Zoned {
    time.to_zoned(TimeZone::UTC)
}

/// `2006-01-02 15:04:05.999999999 -0700 MST`, in UTC.
pub(super) fn time_text(time: Timestamp) -> String {
    let fraction = match time.subsec_nanosecond() {
        0 => String::new(),
        nanos => format!(".{:09}", nanos.unsigned_abs()).trim_end_matches('0').to_owned(),
    };
    format!("{}{fraction} +0000 UTC", utc(time).strftime("%Y-%m-%d %H:%M:%S"))
}

/// The same in the zone of the time.
pub(super) fn zoned_text(zoned: &Zoned) -> String {
    zoned.strftime("%Y-%m-%d %H:%M:%S %z %Z").to_string()
}

/// The argument as a time with a zone; UTC unless it has one.
pub(super) fn zoned(value: Option<&Value>) -> Option<Zoned> {
    match value {
        Some(Value::Time(time)) => Some(utc(*time)),
        Some(Value::Zoned(zoned)) => Some(zoned.as_ref().clone()),
        _ => None,
    }
}

/// Go's zero time.
pub(super) fn zero() -> Result<Timestamp, String> {
    "0001-01-01T00:00:00Z".parse().map_err(|error: jiff::Error| error.to_string())
}

/// The time that `text` names by Go's layout; UTC unless it says otherwise.
pub(super) fn parse(layout: &str, text: &str) -> Result<Timestamp, String> {
    let mut format = String::new();
    let mut rest = layout;
    while let Some(c) = rest.chars().next() {
        let piece = LAYOUT.iter().find(|(piece, _)| rest.starts_with(piece));
        match piece {
            Some((_, "Z")) if text.ends_with('Z') => format.push('Z'),
            Some((_, "Z")) => format.push_str("%:z"),
            Some((_, directive)) => format.push_str(&directive.replace("%-", "%")),
            None if c == '%' => format.push_str("%%"),
            None => format.push(c),
        }
        rest = &rest[piece.map_or(c.len_utf8(), |(piece, _)| piece.len())..];
    }
    let read = || {
        let parsed = jiff::fmt::strtime::parse(&format, text)?;
        if let Ok(time) = parsed.to_timestamp() {
            return Ok(time);
        }
        let day = parsed.to_date()?;
        let at = parsed.to_time().unwrap_or_else(|_| jiff::civil::Time::midnight());
        Ok(day.to_datetime(at).to_zoned(TimeZone::UTC)?.timestamp())
    };
    read().map_err(|error: jiff::Error| format!("{text:?} is not a time of the form {layout:?}: {error}"))
}

/// A time by Go's layout.
pub(super) fn layout(zoned: &Zoned, layout: &str) -> String {
    let mut out = String::new();
    let mut rest = layout;
    while let Some(c) = rest.chars().next() {
        match LAYOUT.iter().find(|(piece, _)| rest.starts_with(piece)) {
            Some((piece, "Z")) => {
                out.push('Z');
                rest = &rest[piece.len()..];
            }
            Some((piece, directive)) => {
                out.push_str(&zoned.strftime(directive).to_string());
                rest = &rest[piece.len()..];
            }
            None => {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    out
}

/// `time.Duration.String`: `1h2m3.5s`, `1.5ms`, `0s`.
pub(super) fn span_text(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let total = nanos.unsigned_abs();
    let decimal = |unit: u64| {
        let (whole, rest) = (total / unit, total % unit);
        let width = unit.ilog10() as usize;
        match rest {
            0 => whole.to_string(),
            rest => format!("{whole}.{}", format!("{rest:0width$}").trim_end_matches('0')),
        }
    };
    match total {
        0 => "0s".into(),
        1..1_000 => format!("{sign}{total}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", decimal(1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", decimal(1_000_000)),
        _ => {
            let minutes = total / 60_000_000_000;
            let seconds = total % 60_000_000_000;
            let fraction = format!("{}.{:09}", seconds / 1_000_000_000, seconds % 1_000_000_000);
            let seconds = fraction.trim_end_matches('0').trim_end_matches('.').to_owned();
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

/// A method of `time.Time`.
pub(super) fn time_method(time: Timestamp, name: &str, arguments: &[Value]) -> Result<Value, String> {
    let zoned = utc(time);
    let int = |number: i64| Ok(Value::Int(number));
    match (name, arguments) {
        ("Format", [Value::Text(text)]) => Ok(Value::text(&layout(&zoned, text))),
        ("String", []) => Ok(Value::text(&time_text(time))),
        ("UTC", []) => Ok(Value::Time(time)),
        ("Unix", []) => int(time.as_second()),
        ("UnixMilli", []) => int(time.as_millisecond()),
        ("Year", []) => int(i64::from(zoned.year())),
        ("Month", []) => Ok(Value::text(&zoned.strftime("%B").to_string())),
        ("Weekday", []) => Ok(Value::text(&zoned.strftime("%A").to_string())),
        ("Day", []) => int(i64::from(zoned.day())),
        ("YearDay", []) => int(i64::from(zoned.day_of_year())),
        ("Hour", []) => int(i64::from(zoned.hour())),
        ("Minute", []) => int(i64::from(zoned.minute())),
        ("Second", []) => int(i64::from(zoned.second())),
        ("Add", [Value::Span(nanos)]) => time
            .checked_add(jiff::SignedDuration::from_nanos(*nanos))
            .map(Value::Time)
            .map_err(|_| "time out of range".to_owned()),
        ("Sub", [Value::Time(other)]) => {
            let nanos = time.as_nanosecond().saturating_sub(other.as_nanosecond());
            Ok(Value::Span(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })))
        }
        ("Before", [Value::Time(other)]) => Ok(Value::Bool(time < *other)),
        ("After", [Value::Time(other)]) => Ok(Value::Bool(time > *other)),
        ("Equal", [Value::Time(other)]) => Ok(Value::Bool(time == *other)),
        _ => Err(format!("can't evaluate {name} with {} arguments in type time.Time", arguments.len())),
    }
}

/// A method of a `time.Time` with a zone.
pub(super) fn zoned_method(zoned: &Zoned, name: &str, arguments: &[Value]) -> Result<Value, String> {
    match (name, arguments) {
        ("Format", [Value::Text(text)]) => Ok(Value::text(&layout(zoned, text))),
        ("String", []) => Ok(Value::text(&zoned_text(zoned))),
        _ => time_method(zoned.timestamp(), name, arguments),
    }
}

/// A method of `time.Duration`.
#[allow(clippy::cast_precision_loss)] // durations in templates are read by people
pub(super) fn span_method(nanos: i64, name: &str, arguments: &[Value]) -> Result<Value, String> {
    match (name, arguments) {
        ("Seconds", []) => Ok(Value::Float(nanos as f64 / 1e9)),
        ("Minutes", []) => Ok(Value::Float(nanos as f64 / 6e10)),
        ("Hours", []) => Ok(Value::Float(nanos as f64 / 3.6e12)),
        ("Milliseconds", []) => Ok(Value::Int(nanos / 1_000_000)),
        ("Microseconds", []) => Ok(Value::Int(nanos / 1_000)),
        ("Nanoseconds", []) => Ok(Value::Int(nanos)),
        ("String", []) => Ok(Value::text(&span_text(nanos))),
        ("Abs", []) => Ok(Value::Span(nanos.saturating_abs())),
        ("Truncate", [Value::Span(unit)]) if *unit > 0 => Ok(Value::Span(nanos - nanos % unit)),
        ("Round", [Value::Span(unit)]) if *unit > 0 => {
            let rest = nanos % unit;
            let down = nanos - rest;
            let up = rest.abs().saturating_mul(2) >= *unit;
            Ok(Value::Span(if up { down.saturating_add(unit * rest.signum()) } else { down }))
        }
        _ => Err(format!("can't evaluate {name} with {} arguments in type time.Duration", arguments.len())),
    }
}
