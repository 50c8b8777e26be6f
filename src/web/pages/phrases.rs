//! Times, durations and numbers as a person reads them.

use std::time::Duration as StdDuration;

use maud::{Markup, html};

use crate::model::Timestamp;

/// `2026-11-23 01:02:03 UTC`.
pub(super) fn exact(at: Timestamp) -> String {
    let text = at.rfc3339();
    match (text.get(..10), text.get(11..19)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => text,
    }
}

/// The time alone if it is less than a day from now, with the day otherwise; the exact one behind it.
pub(super) fn clock(at: Timestamp, now: Timestamp) -> Markup {
    let exact = exact(at);
    let near = now.since(at).max(at.since(now)).as_secs() < 86_400;
    let shown = exact.get(11..).filter(|_| near).unwrap_or(&exact).to_owned();
    html! { time datetime=(at.rfc3339()) title=(exact) { (shown) } }
}

/// How long ago, with the exact time behind it.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> Markup {
    let words = if at > now { "just now".to_owned() } else { format!("{} ago", rough(now.since(at))) };
    html! { time datetime=(at.rfc3339()) title=(exact(at)) { (words) } }
}

/// The largest two units at most: `45 s`, `12 min`, `3 h 20 min`, `2 d 4 h`.
pub(super) fn rough(duration: StdDuration) -> String {
    let seconds = duration.as_secs();
    let two = |large: u64, large_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large} {large_unit}"),
        _ => format!("{large} {large_unit} {small} {small_unit}"),
    };
    match seconds {
        0..=89 => format!("{seconds} s"),
        90..=3599 => format!("{} min", seconds / 60),
        3600..=86_399 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

/// A short time to about three digits: `0.4 ms`, `45 ms`, `1.23 s`, `2 min`.
pub(super) fn took(duration: StdDuration) -> String {
    let millis = duration.as_secs_f64() * 1000.0;
    match millis {
        m if m < 10.0 => format!("{m:.1} ms"),
        m if m < 1000.0 => format!("{m:.0} ms"),
        m if m < 10_000.0 => format!("{:.2} s", m / 1000.0),
        m if m < 90_000.0 => format!("{:.1} s", m / 1000.0),
        _ => rough(duration),
    }
}

/// To about four digits, without needless zeros.
pub(super) fn number(value: f64) -> String {
    if value == value.trunc() && value.abs() < 1e9 {
        return format!("{value:.0}");
    }
    let size = value.abs();
    let text = match size {
        s if !s.is_finite() => return value.to_string(),
        s if !(1e-4..1e9).contains(&s) => return format!("{value:.2e}"),
        s if s >= 1000.0 => format!("{value:.0}"),
        s if s >= 1.0 => format!("{value:.2}"),
        s if s >= 0.1 => format!("{value:.3}"),
        _ => format!("{value:.5}"),
    };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// `1 alert`, `2 alerts`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// Bytes with a binary unit: `640 B`, `12.5 KiB`, `3.1 MiB`.
pub(super) fn bytes(value: f64) -> String {
    match value {
        b if b < 1024.0 => format!("{b:.0} B"),
        b if b < 1_048_576.0 => format!("{:.1} KiB", b / 1024.0),
        b if b < 1_073_741_824.0 => format!("{:.1} MiB", b / 1_048_576.0),
        b => format!("{:.1} GiB", b / 1_073_741_824.0),
    }
}

/// A name as part of a path.
pub(super) fn path_part(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_easily() {
        for (seconds, text) in [
            (0, "0 s"),
            (89, "89 s"),
            (90, "1 min"),
            (3599, "59 min"),
            (3600, "1 h"),
            (12_000, "3 h 20 min"),
            (187_200, "2 d 4 h"),
        ] {
            assert_eq!(rough(StdDuration::from_secs(seconds)), text);
        }
        for (micros, text) in
            [(400, "0.4 ms"), (45_100, "45 ms"), (1_234_000, "1.23 s"), (12_340_000, "12.3 s"), (120_000_000, "2 min")]
        {
            assert_eq!(took(StdDuration::from_micros(micros)), text);
        }
    }

    #[test]
    fn numbers_and_paths_read_easily() {
        for (value, text) in [
            (120.0, "120"),
            (0.0, "0"),
            (0.12345, "0.123"),
            (1.5, "1.5"),
            (12.346, "12.35"),
            (0.00012, "0.00012"),
            (1e12, "1.00e12"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(number(f64::NAN), "NaN");
        assert_eq!(path_part("a b/ä"), "a%20b%2F%C3%A4");
        assert_eq!((bytes(10.0), bytes(2048.0)), ("10 B".into(), "2.0 KiB".into()));
    }

    #[test]
    fn an_exact_time_names_its_zone() {
        let at = Timestamp::from_millis(1_700_000_000_123);
        let day = StdDuration::from_secs(86_400);
        assert!(clock(at, at + day / 2).into_string().ends_with(">22:13:20 UTC</time>"));
        assert!(clock(at, at + day).into_string().ends_with(">2023-11-14 22:13:20 UTC</time>"));
        assert_eq!(exact(Timestamp::from_millis(1_700_000_000_123)), "2023-11-14 22:13:20 UTC");
    }
}
