//! The functions that every Go template has; `and` and `or` are run by the evaluator, which can stop early.

use std::cmp::Ordering;

use super::Environment;
use super::format::printf;
use super::value::{MapKind, Value};

/// One function that templates may call.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// Its name in a template.
    pub name: &'static str,
    /// Fewest and most arguments; `None` for any number.
    pub arguments: (usize, Option<usize>),
    /// Answers with the value, or what is wrong with the arguments. The count has been checked.
    pub run: fn(&Environment<'_>, &[Value]) -> Result<Value, String>,
}

pub(super) const fn function(
    name: &'static str,
    arguments: (usize, Option<usize>),
    run: fn(&Environment<'_>, &[Value]) -> Result<Value, String>,
) -> Function {
    Function { name, arguments, run }
}

const BUILTINS: &[Function] = &[
    function("and", (1, None), |_, values| Ok(values.last().cloned().unwrap_or(Value::Nil))),
    function("or", (1, None), |_, values| Ok(values.last().cloned().unwrap_or(Value::Nil))),
    function("not", (1, Some(1)), |_, values| Ok(Value::Bool(!values.iter().all(Value::truth)))),
    function("eq", (2, None), |_, values| equal_to_any(values)),
    function("ne", (2, Some(2)), |_, values| match equal_to_any(values)? {
        Value::Bool(equal) => Ok(Value::Bool(!equal)),
        other => Ok(other),
    }),
    function("lt", (2, Some(2)), |_, values| ordered(values, |order| order == Ordering::Less)),
    function("le", (2, Some(2)), |_, values| ordered(values, |order| order != Ordering::Greater)),
    function("gt", (2, Some(2)), |_, values| ordered(values, |order| order == Ordering::Greater)),
    function("ge", (2, Some(2)), |_, values| ordered(values, |order| order != Ordering::Less)),
    function("len", (1, Some(1)), |_, values| length(values)),
    function("index", (1, None), |_, values| index(values)),
    function("slice", (1, Some(3)), |_, values| slice(values)),
    function("call", (1, None), |_, values| match values.first() {
        Some(Value::Nil) => Err("call of nil".into()),
        _ => Err("non-function of type in call".into()),
    }),
    function("print", (0, None), |_, values| Ok(Value::text(&print(values)))),
    function("println", (0, None), |_, values| {
        let words: Vec<String> = values.iter().map(Value::verb_v).collect();
        Ok(Value::text(&(words.join(" ") + "\n")))
    }),
    function("printf", (1, None), |_, values| match values.split_first() {
        Some((Value::Text(format), rest)) => Ok(Value::text(&printf(format, rest))),
        _ => Err(wrong_type("string", values.first())),
    }),
    function("html", (0, None), |_, values| Ok(Value::text(&escape_html(&print(values))))),
    function("js", (0, None), |_, values| Ok(Value::text(&escape_js(&print(values))))),
    function("urlquery", (0, None), |_, values| Ok(Value::text(&escape_query(&print(values))))),
];

/// The function of that name, if Go has it.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    BUILTINS.iter().find(|function| function.name == name)
}

/// The error for an argument of the wrong type.
pub(super) fn wrong_type(expected: &str, got: Option<&Value>) -> String {
    format!("wrong type for value; expected {expected}; got {}", got.map_or("nothing", Value::type_name))
}

/// The argument at `at` as a string.
pub(super) fn text(values: &[Value], at: usize) -> Result<&str, String> {
    match values.get(at) {
        Some(Value::Text(text)) => Ok(text),
        other => Err(wrong_type("string", other)),
    }
}

/// `fmt.Sprint`: blanks between operands when neither is a string.
fn print(values: &[Value]) -> String {
    let mut out = String::new();
    let mut before_is_text = true;
    for (i, value) in values.iter().enumerate() {
        let is_text = matches!(value, Value::Text(_));
        if i > 0 && !is_text && !before_is_text {
            out.push(' ');
        }
        out.push_str(&value.verb_v());
        before_is_text = is_text;
    }
    out
}

fn equal_to_any(values: &[Value]) -> Result<Value, String> {
    let Some((first, rest)) = values.split_first() else { return Err("missing argument for comparison".into()) };
    for other in rest {
        let equal = match (first, other) {
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) | (Value::Span(a), Value::Span(b)) => a == b,
            // Exactly as Go compares; a template that wants nearness must say so.
            #[allow(clippy::float_cmp)]
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::Time(a), Value::Time(b)) => a == b,
            (Value::Nil, Value::Nil) => true,
            (Value::Nil, _) | (_, Value::Nil) => false,
            (Value::List(_) | Value::Map(_), _) | (_, Value::List(_) | Value::Map(_)) => {
                return Err("non-comparable type in comparison".into());
            }
            _ => return Err("incompatible types for comparison".into()),
        };
        if equal {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn ordered(values: &[Value], holds: fn(Ordering) -> bool) -> Result<Value, String> {
    let order = match values {
        [Value::Int(a), Value::Int(b)] | [Value::Span(a), Value::Span(b)] => Some(a.cmp(b)),
        [Value::Float(a), Value::Float(b)] => a.partial_cmp(b),
        [Value::Text(a), Value::Text(b)] => Some(a.cmp(b)),
        [Value::Bool(_) | Value::Nil | Value::List(_) | Value::Map(_) | Value::Time(_), _] => {
            return Err("invalid type for comparison".into());
        }
        _ => return Err("incompatible types for comparison".into()),
    };
    // Not a number is neither less nor equal nor greater.
    Ok(Value::Bool(order.is_some_and(holds)))
}

fn length(values: &[Value]) -> Result<Value, String> {
    let length = match values.first() {
        Some(Value::Text(text)) => text.len(),
        Some(Value::List(list)) => list.len(),
        Some(Value::Map(map)) if map.kind != MapKind::Fields => map.entries.len(),
        other => return Err(format!("len of type {}", other.map_or("nil", Value::type_name))),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn index(values: &[Value]) -> Result<Value, String> {
    let Some((first, keys)) = values.split_first() else { return Err("index of untyped nil".into()) };
    let mut value = first.clone();
    for key in keys {
        value = match (&value, key) {
            (Value::List(list), Value::Int(at)) => usize::try_from(*at)
                .ok()
                .and_then(|at| list.get(at).cloned())
                .ok_or_else(|| format!("error calling index: index out of range: {at}"))?,
            (Value::Text(text), Value::Int(at)) => usize::try_from(*at)
                .ok()
                .and_then(|at| text.as_bytes().get(at).copied())
                .map(|byte| Value::Int(i64::from(byte)))
                .ok_or_else(|| format!("error calling index: index out of range: {at}"))?,
            (Value::Map(_), Value::Text(name)) => value.field(name, &[])?,
            (other, _) => return Err(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(value)
}

fn slice(values: &[Value]) -> Result<Value, String> {
    let bound = |at: usize, otherwise: usize| match values.get(at) {
        None => Ok(otherwise),
        Some(Value::Int(number)) => usize::try_from(*number).map_err(|_| format!("index out of range: {number}")),
        other => Err(wrong_type("int", other)),
    };
    match values.first() {
        Some(Value::Text(text)) => {
            let (from, to) = (bound(1, 0)?, bound(2, text.len())?);
            text.get(from..to).map(Value::text).ok_or_else(|| format!("index out of range: {from}:{to}"))
        }
        Some(Value::List(list)) => {
            let (from, to) = (bound(1, 0)?, bound(2, list.len())?);
            let part = list.get(from..to).ok_or_else(|| format!("index out of range: {from}:{to}"))?;
            Ok(Value::list(part.to_vec()))
        }
        other => Err(format!("can't slice item of type {}", other.map_or("nil", Value::type_name))),
    }
}

/// Text made safe for HTML.
pub(super) fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '\0' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn escape_js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Text made safe for a URL's query, as Go's `url.QueryEscape` does it.
pub(crate) fn escape_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
