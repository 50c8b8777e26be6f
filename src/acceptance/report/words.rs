//! Figures, times and verdicts in words, the same in every document.
//!
//! Nothing is rounded to more than it is: a share below one never reads 100 %, and a quantile that the samples do not
//! bound says so. Text from outside is made [`inert`] before anything else is done with it.

use crate::model::{Duration, Timestamp};
use crate::traffic::Quantile;

use super::super::confidence::{bounded, wilson};
use super::{Area, Distribution, Figure, FigureValue};

/// The quantiles that people are told, with their names.
pub(super) const TOLD: [(f64, &str); 3] = [(0.5, "median"), (0.95, "p95"), (0.99, "p99")];

/// The quantiles that so many samples can tell from the longest of them.
pub(super) fn tellable(count: u64) -> impl Iterator<Item = (f64, &'static str)> {
    #[allow(clippy::cast_precision_loss)] // counts of requests
    TOLD.into_iter().filter(move |(q, _)| (1.0 - q) * count as f64 > 0.999)
}

/// Text from outside as one harmless line: line ends and tabs become blanks; every other control character, and what
/// turns the direction of text, is spelt out.
pub(super) fn inert(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => out.push(' '),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {
                out.extend(c.escape_unicode());
            }
            c if c.is_control() => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// At most so many characters of a text, and a sign that there was more.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// `1 criterion`, `2 criteria`.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    let number = whole(u64::try_from(count).unwrap_or(u64::MAX));
    format!("{number} {}", if count == 1 { one } else { many })
}

/// `10,000`.
pub(super) fn whole(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + 4);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// With so many decimals at most, without zeros at the end.
fn trimmed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Three digits that count.
pub(super) fn number(value: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // whole, not negative, below 2^53
    if value.fract() == 0.0 && (0.0..9e15).contains(&value) {
        return whole(value as u64);
    }
    let decimals = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        _ => 4,
    };
    trimmed(value, decimals)
}

/// `340 µs`, `18.2 ms`, `1.94 s`, `2 min 5 s`, `1 h 3 min`.
pub(super) fn seconds(value: f64) -> String {
    if value < 0.0 {
        return format!("-{}", seconds(-value));
    }
    if value == 0.0 {
        return "0 s".into();
    }
    if value < 59.95 {
        let (scaled, unit) = match value {
            v if v < 0.000_999_5 => (v * 1e6, "µs"),
            v if v < 0.999_5 => (v * 1e3, "ms"),
            v => (v, "s"),
        };
        return format!("{} {unit}", trimmed(scaled, if scaled < 9.995 { 2 } else { usize::from(scaled < 99.95) }));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // at least 60; saturates
    let (whole, pair) = (value.round() as u64, |big: u64, unit: &str, small: u64, name: &str| {
        if small == 0 { format!("{big} {unit}") } else { format!("{big} {unit} {small} {name}") }
    });
    if whole < 3600 {
        pair(whole / 60, "min", whole % 60, "s")
    } else {
        pair(whole / 3600, "h", whole % 3600 / 60, "min")
    }
}

/// `99.52 %`; more digits where fewer would say all or nothing.
pub(super) fn ratio(value: f64) -> String {
    let percent = value * 100.0;
    let says_too_much = |text: &String| (text == "100" && value < 1.0) || (text == "0" && value > 0.0);
    let text = (2..=8).map(|decimals| trimmed(percent, decimals)).find(|text| !says_too_much(text));
    format!("{} %", text.unwrap_or_else(|| percent.to_string()))
}

/// A number in its unit.
pub(super) fn value(value: f64, unit: &str) -> String {
    match unit {
        "seconds" => seconds(value),
        "ratio" => ratio(value),
        "" => number(value),
        unit => format!("{} {}", number(value), inert(unit)),
    }
}

/// ` (+12 %)`: by how much a number changed; nothing where the old one was zero.
pub(super) fn change(old: f64, new: f64) -> String {
    if old == 0.0 || !(old.is_finite() && new.is_finite()) {
        return String::new();
    }
    let percent = (new / old - 1.0) * 100.0;
    if percent.abs() < 1000.0 { format!(" ({percent:+.0} %)") } else { format!(" (×{})", number((new / old).round())) }
}

/// How long a criterion took.
pub(super) fn took(duration: Duration) -> String {
    seconds(duration.std().as_secs_f64())
}

/// `2026-11-26 06:25:33 UTC`.
pub(super) fn moment(at: Timestamp) -> String {
    let text = at.rfc3339();
    match (text.get(..10), text.get(11..19)) {
        (Some(day), Some(time)) if text.len() == 24 => format!("{day} {time} UTC"),
        _ => text,
    }
}

/// The parts of the requirements as headings.
pub(super) const fn area(area: Area) -> &'static str {
    match area {
        Area::Service => "Service",
        Area::Storage => "Storage",
        Area::Triggers => "Triggers",
        Area::Agent => "Agent",
        Area::Queue => "Queue",
        Area::Isolation => "Isolation",
        Area::Edges => "Edge cases",
        Area::Security => "Security",
        Area::RateLimit => "Rate limit",
        Area::Schema => "Schema",
        Area::Performance => "Performance",
        Area::Consistency => "Consistency",
        Area::Faults => "Faults and recovery",
    }
}

/// A figure in the words of a table.
pub(super) struct Told {
    /// The values.
    pub(super) value: String,
    /// Between what the truth lies with 95 % confidence, as far as can be said.
    pub(super) confidence: String,
    /// How many values it rests on.
    pub(super) samples: String,
    /// The bound, or nothing.
    pub(super) promised: String,
}

/// In words.
pub(super) fn told(figure: &Figure) -> Told {
    let unit = figure.unit.as_str();
    let (says, confidence, samples) = match &figure.value {
        FigureValue::Number(number) => (value(*number, unit), "one reading, no interval".to_owned(), "1".to_owned()),
        FigureValue::Share { part, whole: all } => {
            let (low, high) = wilson(*part, *all);
            let confidence = if *all == 0 { "no samples".into() } else { format!("{} to {}", ratio(low), ratio(high)) };
            (share(*part, *all), confidence, whole(*all))
        }
        FigureValue::Distribution(all) if all.count == 0 => ("no values".into(), "no samples".into(), "0".into()),
        FigureValue::Distribution(all) => {
            let told = tellable(all.count).map(|(q, name)| format!("{name} {}, ", value(all.quantile(q), unit)));
            let quantiles: String = told.collect();
            (format!("{quantiles}longest {}", value(all.max, unit)), intervals(all, unit), whole(all.count))
        }
    };
    Told { value: says, confidence, samples, promised: bound(figure) }
}

/// `1,234 of 1,240 (99.52 %)`.
pub(super) fn share(part: u64, all: u64) -> String {
    if all == 0 {
        return "0 of 0".into();
    }
    #[allow(clippy::cast_precision_loss)]
    let portion = part as f64 / all as f64;
    format!("{} of {} ({})", whole(part), whole(all), ratio(portion))
}

/// `at most 2 s`, `at least 99.5 %`, or nothing.
pub(super) fn bound(figure: &Figure) -> String {
    let side = if figure.less_is_better { "at most" } else { "at least" };
    figure.promised.map_or_else(String::new, |bound| format!("{side} {}", value(bound, &figure.unit)))
}

/// The highest quantile that people are told and that so many samples bound.
pub(super) fn highest(all: &Distribution) -> Option<(&'static str, Quantile)> {
    let found = |(q, name): &(f64, &'static str)| {
        let kept = all.quantiles.iter().find(|kept| (kept.q - q).abs() < 1e-9)?;
        bounded(*q, all.count).then_some((*name, *kept))
    };
    TOLD.iter().rev().find_map(found)
}

/// The interval of the highest quantile that has one, and which ones have none.
fn intervals(all: &Distribution, unit: &str) -> String {
    let missing: Vec<&str> = TOLD.iter().filter(|(q, _)| !bounded(*q, all.count)).map(|(_, name)| *name).collect();
    let few =
        if missing.is_empty() { String::new() } else { format!("too few samples to bound {}", missing.join(", ")) };
    match highest(all) {
        Some((name, kept)) => {
            let range = format!("{name} {} to {}", value(kept.low, unit), value(kept.high, unit));
            if few.is_empty() { range } else { format!("{range}; {few}") }
        }
        None => few,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them_and_never_say_too_much() {
        for (value, text) in [
            (0.0, "0 s"),
            (0.000_34, "340 µs"),
            (0.001_234, "1.23 ms"),
            (0.018_24, "18.2 ms"),
            (0.2, "200 ms"),
            (0.999_6, "1 s"),
            (1.94, "1.94 s"),
            (59.99, "1 min"),
            (125.0, "2 min 5 s"),
            (3780.0, "1 h 3 min"),
            (-0.5, "-500 ms"),
        ] {
            assert_eq!(seconds(value), text, "{value}");
        }
        let shares = [(0.995, "99.5 %"), (1.0, "100 %"), (0.0, "0 %"), (0.999_99, "99.999 %"), (0.000_001, "0.0001 %")];
        for (value, text) in shares {
            assert_eq!(ratio(value), text);
        }
        assert_eq!([whole(7), whole(1_000), whole(1_234_567)], ["7", "1,000", "1,234,567"]);
        assert_eq!(moment(Timestamp::from_millis(1_700_000_000_123)), "2023-11-14 22:13:20 UTC");
    }

    #[test]
    fn what_steers_a_terminal_or_turns_text_around_is_spelt_out() {
        assert_eq!(inert("a\u{1b}[31m\nb\u{202e}\u{9b}\0"), "a\\u{1b}[31m b\\u{202e}\\u{9b}\\u{0}");
        assert_eq!(inert("é 🙂 שלום"), "é 🙂 שלום");
        assert_eq!(cut("häuser", 2), "hä…");
    }

    #[test]
    fn few_samples_say_which_quantiles_they_cannot_bound() {
        let times = |count: u64| Distribution::of_times((1..=count).map(std::time::Duration::from_millis));
        let figure = |count| Figure {
            name: "x".into(),
            unit: "seconds".into(),
            value: FigureValue::Distribution(times(count)),
            promised: Some(2.0),
            less_is_better: true,
        };
        let few = told(&figure(100));
        assert!(few.confidence.starts_with("p95 ") && few.confidence.ends_with("too few samples to bound p99"));
        assert_eq!((few.samples.as_str(), few.promised.as_str()), ("100", "at most 2 s"));
        assert!(told(&figure(1000)).confidence.starts_with("p99 "));
        assert_eq!(told(&figure(2)).confidence, "too few samples to bound median, p95, p99");
    }
}
