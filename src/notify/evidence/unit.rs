//! What a number counts, and how a person reads it.

use serde::Serialize;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Unknown, or a count of something.
    #[default]
    Plain,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// A part of a whole, 0 to 1.
    Ratio,
    /// So many a second.
    PerSecond,
    /// Rows of the queue.
    Rows,
    /// Whether something works: 1, or 0.
    Up,
}

impl Unit {
    /// With three or four digits that count and the unit behind them: `142 rows`, `420 ms`, `98.7 %`.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        if !value.is_finite() {
            return if value.is_nan() { "not a number" } else { "infinite" }.to_owned();
        }
        match self {
            Self::Plain => number(value),
            Self::Seconds => time(value),
            Self::Bytes => bytes(value),
            Self::Ratio => format!("{} %", number(value * 100.0)),
            Self::PerSecond if value != 0.0 && value.abs() < 0.1 => format!("{}/min", number(value * 60.0)),
            Self::PerSecond => format!("{}/s", number(value)),
            Self::Up if value == 0.0 => "down".to_owned(),
            Self::Up if value == 1.0 => "up".to_owned(),
            Self::Up => number(value),
            Self::Rows => format!("{} {}", number(value), if value == 1.0 { "row" } else { "rows" }),
        }
    }
}

/// Four significant digits: `142`, `0.2534`, `1.2e9`.
pub(in crate::notify) fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs().log10().floor();
    if !(-4.0..9.0).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 0 and 7
    let decimals = (3.0 - magnitude).max(0.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn time(seconds: f64) -> String {
    let size = seconds.abs();
    let sign = if seconds < 0.0 { "-" } else { "" };
    let two = |large: u64, small: u64| (size / large_f(large), size % large_f(large) / large_f(small));
    let pair = |large: u64, small: u64, names: (&str, &str)| {
        let (whole, rest) = two(large, small);
        let (whole, rest) = (whole.floor(), rest.floor());
        if rest == 0.0 { format!("{whole} {}", names.0) } else { format!("{whole} {} {rest} {}", names.0, names.1) }
    };
    let text = match size {
        0.0 => "0 s".to_owned(),
        s if s < 0.001 => format!("{} µs", three(s * 1e6)),
        s if s < 1.0 => format!("{} ms", three(s * 1e3)),
        s if s < 60.0 => format!("{} s", three(s)),
        s if s < 3600.0 => pair(60, 1, ("min", "s")),
        s if s < 86_400.0 => pair(3600, 60, ("h", "min")),
        s if s < 1e11 => pair(86_400, 3600, ("d", "h")),
        s => format!("{s:.3e} s"),
    };
    format!("{sign}{text}")
}

#[allow(clippy::cast_precision_loss)] // seconds of a day at most
fn large_f(seconds: u64) -> f64 {
    seconds as f64
}

/// Three significant digits of a number from 1 to 1000.
fn three(value: f64) -> String {
    let text = match value {
        v if v < 10.0 => format!("{v:.2}"),
        v if v < 100.0 => format!("{v:.1}"),
        v => return format!("{v:.0}"),
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn bytes(value: f64) -> String {
    let (unit, name) = match value.abs() {
        b if b < 1024.0 => return format!("{} B", number(value)),
        b if b < 1_048_576.0 => (1024.0, "KiB"),
        b if b < 1_073_741_824.0 => (1_048_576.0, "MiB"),
        _ => (1_073_741_824.0, "GiB"),
    };
    format!("{} {name}", number((value / unit * 10.0).round() / 10.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_reads_as_a_person_would_say_it() {
        for (unit, value, text) in [
            (Unit::Plain, 0.253_412, "0.2534"),
            (Unit::Plain, 0.0, "0"),
            (Unit::Plain, 123_456.7, "123457"),
            (Unit::Plain, 1.2e12, "1.200e12"),
            (Unit::Plain, -3.0, "-3"),
            (Unit::Plain, f64::NAN, "not a number"),
            (Unit::Seconds, 0.0, "0 s"),
            (Unit::Seconds, 0.42, "420 ms"),
            (Unit::Seconds, 0.000_25, "250 µs"),
            (Unit::Seconds, 2.345, "2.35 s"),
            (Unit::Seconds, 95.0, "1 min 35 s"),
            (Unit::Seconds, 3600.0, "1 h"),
            (Unit::Seconds, 187_200.0, "2 d 4 h"),
            (Unit::Seconds, -0.5, "-500 ms"),
            (Unit::Bytes, 640.0, "640 B"),
            (Unit::Bytes, 3_250_586.0, "3.1 MiB"),
            (Unit::Ratio, 0.987, "98.7 %"),
            (Unit::Ratio, 1.0, "100 %"),
            (Unit::PerSecond, 3.25, "3.25/s"),
            (Unit::PerSecond, 0.05, "3/min"),
            (Unit::Rows, 142.0, "142 rows"),
            (Unit::Rows, 1.0, "1 row"),
            (Unit::Up, 0.0, "down"),
            (Unit::Up, 1.0, "up"),
            (Unit::Up, 0.25, "0.25"),
            (Unit::Rows, f64::INFINITY, "infinite"),
        ] {
            assert_eq!(unit.show(value), text, "{unit:?} {value}");
        }
    }
}
