//! Numbers for people: SI and binary prefixes, durations, percentages.

use super::format::float;

const LARGE: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const SMALL: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];
const BINARY: [&str; 8] = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];

fn digits(value: f64) -> String {
    float(value, 'g', Some(4))
}

/// Takes the next prefix for as long as the size asks for it.
fn scaled(
    mut value: f64,
    prefixes: [&'static str; 8],
    goes_on: fn(f64) -> bool,
    next: fn(f64) -> f64,
) -> (f64, &'static str) {
    let mut prefix = "";
    for larger in prefixes {
        if !goes_on(value.abs()) {
            break;
        }
        prefix = larger;
        value = next(value);
    }
    (value, prefix)
}

fn small(value: f64) -> (f64, &'static str) {
    scaled(value, SMALL, |size| size < 1.0, |value| value * 1000.0)
}

/// `1234567` → `1.235M`, `0.005` → `5m`.
pub(super) fn si(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return digits(value);
    }
    let (value, prefix) = if value.abs() >= 1.0 {
        scaled(value, LARGE, |size| size >= 1000.0, |value| value / 1000.0)
    } else {
        small(value)
    };
    digits(value) + prefix
}

/// `1048576` → `1Mi`.
pub(super) fn binary(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return digits(value);
    }
    let (value, prefix) = scaled(value, BINARY, |size| size >= 1024.0, |value| value / 1024.0);
    digits(value) + prefix
}

/// Seconds: `93784` → `1d 2h 3m 4s`, `0.0105` → `10.5ms`.
pub(super) fn duration(value: f64) -> String {
    if !value.is_finite() {
        return digits(value);
    }
    if value == 0.0 {
        return digits(value) + "s";
    }
    if value.abs() < 1.0 {
        let (value, prefix) = small(value);
        return format!("{}{prefix}s", digits(value));
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let value = value.abs();
    #[allow(clippy::cast_possible_truncation)] // saturates at the end of the range
    let whole = value as i64;
    let (days, hours, minutes, seconds) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60, whole % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{}s", digits(value)),
        (0, 0, _) => format!("{sign}{minutes}m {seconds}s"),
        (0, _, _) => format!("{sign}{hours}h {minutes}m {seconds}s"),
        _ => format!("{sign}{days}d {hours}h {minutes}m {seconds}s"),
    }
}

/// `0.1234` → `12.34%`.
pub(super) fn percentage(value: f64) -> String {
    digits(value * 100.0) + "%"
}
