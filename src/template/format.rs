//! Numbers and `printf` as Go's `fmt` writes them.

use std::iter::Peekable;
use std::str::Chars;

use super::value::Value;

/// A float by verb `e`, `f` or `g` (or upper case); without precision as few digits as tell it from others.
pub(super) fn float(value: f64, verb: char, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf".into() } else { "-Inf".into() };
    }
    let text = match verb.to_ascii_lowercase() {
        'e' => exponent(value, precision),
        'f' => precision.map_or_else(|| format!("{value}"), |digits| format!("{value:.digits$}")),
        _ => general(value, precision),
    };
    if verb.is_ascii_uppercase() { text.to_ascii_uppercase() } else { text }
}

/// `1.5e+07`: sign and at least two digits in the exponent.
fn exponent(value: f64, precision: Option<usize>) -> String {
    let text = precision.map_or_else(|| format!("{value:e}"), |digits| format!("{value:.digits$e}"));
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = power.strip_prefix('-').map_or(('+', power), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

fn general(value: f64, precision: Option<usize>) -> String {
    let wanted = precision.map(|digits| digits.max(1));
    let scientific = wanted.map_or_else(|| exponent(value, None), |digits| exponent(value, Some(digits - 1)));
    let (mantissa, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    // Without a precision Go decides as if six digits had been asked for.
    let threshold = wanted.map_or(6, |digits| i32::try_from(digits).unwrap_or(i32::MAX));
    if power < -4 || power >= threshold {
        let mantissa = if wanted.is_some() { trim_zeros(mantissa) } else { mantissa };
        return exponent_text(mantissa, power);
    }
    match wanted {
        None => format!("{value}"),
        Some(digits) => {
            let after = usize::try_from(i32::try_from(digits).unwrap_or(i32::MAX) - 1 - power).unwrap_or(0);
            trim_zeros(&format!("{value:.after$}")).to_owned()
        }
    }
}

fn exponent_text(mantissa: &str, power: i32) -> String {
    let sign = if power < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", power.unsigned_abs())
}

fn trim_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// Flags, width and precision of one verb.
#[derive(Default)]
struct Verb {
    minus: bool,
    plus: bool,
    zero: bool,
    space: bool,
    sharp: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// Widths and precisions beyond this are taken for it, so that one verb cannot fill the memory.
const MAX_WIDTH: usize = 4096;

/// `fmt.Sprintf`.
pub(super) fn printf(format: &str, arguments: &[Value]) -> String {
    let mut out = String::new();
    let mut arguments = arguments.iter();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut verb = Verb::default();
        while let Some(flag) = chars.peek().copied().filter(|c| "-+0 #".contains(*c)) {
            match flag {
                '-' => verb.minus = true,
                '+' => verb.plus = true,
                '0' => verb.zero = true,
                ' ' => verb.space = true,
                _ => verb.sharp = true,
            }
            chars.next();
        }
        verb.width = digits(&mut chars);
        if chars.next_if_eq(&'.').is_some() {
            verb.precision = Some(digits(&mut chars).unwrap_or(0));
        }
        match chars.next() {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(letter) => {
                // For %v a plus asks for field names, not for a sign.
                verb.plus &= letter != 'v';
                match arguments.next() {
                    None => out.push_str(&format!("%!{letter}(MISSING)")),
                    Some(value) => out.push_str(&one(&verb, letter, value)),
                }
            }
        }
    }
    let extra: Vec<String> = arguments.map(|value| format!("{}={}", value.type_name(), value.verb_v())).collect();
    if !extra.is_empty() {
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    out
}

/// The number that stands next, if one does.
fn digits(chars: &mut Peekable<Chars<'_>>) -> Option<usize> {
    let mut number = None;
    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
        number = Some((number.unwrap_or(0) * 10 + digit as usize).min(MAX_WIDTH));
        chars.next();
    }
    number
}

fn one(verb: &Verb, letter: char, value: &Value) -> String {
    let signed = |text: String| match text.starts_with(['-', '+']) {
        true => text,
        false if verb.plus => format!("+{text}"),
        false if verb.space => format!(" {text}"),
        false => text,
    };
    let (text, number) = match (letter, value) {
        ('v', Value::Float(value)) => (signed(float(*value, 'g', verb.precision)), true),
        ('v', Value::Text(text)) if verb.sharp => (quote(text), false),
        ('v' | 'd', Value::Int(value)) | ('d', Value::Span(value)) => (signed(integer(verb, *value, 'd')), true),
        ('x' | 'X' | 'o' | 'b', Value::Int(value)) => (signed(integer(verb, *value, letter)), true),
        ('v', Value::Text(text)) | ('s', Value::Text(text)) => (cut(text, verb.precision), false),
        ('v', value) => (value.verb_v(), false),
        ('c', Value::Int(value)) => (character(*value).to_string(), false),
        ('q', Value::Int(value)) => (format!("'{}'", character(*value)), false),
        ('U', Value::Int(value)) => (format!("U+{value:04X}"), false),
        ('e' | 'E' | 'f' | 'F', Value::Float(value)) => {
            (signed(float(*value, letter, Some(verb.precision.unwrap_or(6)))), true)
        }
        ('g' | 'G', Value::Float(value)) => (signed(float(*value, letter, verb.precision)), true),
        ('t', Value::Bool(value)) => (value.to_string(), false),
        ('q', Value::Text(text)) => (quote(&cut(text, verb.precision)), false),
        ('x', Value::Text(text)) => (text.bytes().map(|byte| format!("{byte:02x}")).collect(), false),
        ('s', value @ (Value::List(_) | Value::Map(_) | Value::Time(_) | Value::Span(_))) => (value.verb_v(), false),
        ('T', value) => (value.type_name().to_owned(), false),
        // The value within the complaint is padded, the complaint is not.
        (letter, value) => return format!("%!{letter}({}={})", value.type_name(), one(verb, 'v', value)),
    };
    pad(verb, text, number)
}

/// At least as many digits as the precision says.
fn integer(verb: &Verb, value: i64, letter: char) -> String {
    let size = value.unsigned_abs();
    let digits = match letter {
        'x' => format!("{size:x}"),
        'X' => format!("{size:X}"),
        'o' => format!("{size:o}"),
        'b' => format!("{size:b}"),
        _ => size.to_string(),
    };
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{digits:0>width$}", width = verb.precision.unwrap_or(0))
}

fn character(value: i64) -> char {
    u32::try_from(value).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn cut(text: &str, precision: Option<usize>) -> String {
    precision.map_or_else(|| text.to_owned(), |digits| text.chars().take(digits).collect())
}

/// A Go string literal.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn pad(verb: &Verb, text: String, number: bool) -> String {
    let missing = verb.width.unwrap_or(0).saturating_sub(text.chars().count());
    if missing == 0 {
        return text;
    }
    let finite = !text.contains("Inf") && !text.contains("NaN");
    if verb.minus {
        return text + &" ".repeat(missing);
    }
    if !verb.zero || !finite {
        return " ".repeat(missing) + &text;
    }
    let zeros = "0".repeat(missing);
    match text.strip_prefix(['-', '+']) {
        Some(rest) if number => format!("{}{zeros}{rest}", &text[..1]),
        _ => zeros + &text,
    }
}
