//! The functions that Alertmanager adds for the texts of receivers, and the methods of its label sets and lists.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::builtins::{Function, function, text, wrong_type};
use super::prometheus::{number, regex};
use super::value::{Map, MapKind, Value};
use super::{Dialect, Environment, clock_face, humanize};

/// The dialect of receivers: no variables but `.`, Alertmanager's functions.
pub const ALERTMANAGER: Dialect = Dialect { variables: &[], functions: FUNCTIONS };

const NONE: (usize, Option<usize>) = (0, Some(0));
const ONE: (usize, Option<usize>) = (1, Some(1));
const TWO: (usize, Option<usize>) = (2, Some(2));
const ANY: (usize, Option<usize>) = (0, None);

const FUNCTIONS: &[Function] = &[
    function("append", (1, None), |_, values| {
        let mut all = list(values, 0)?.to_vec();
        all.extend(values.iter().skip(1).cloned());
        Ok(Value::list(all))
    }),
    function("base64encode", ONE, |_, values| text(values, 0).map(|text| Value::text(&BASE64.encode(text)))),
    function("base64decode", ONE, |_, values| {
        let bytes = BASE64.decode(text(values, 0)?).map_err(|error| error.to_string())?;
        Ok(Value::text(&String::from_utf8_lossy(&bytes)))
    }),
    function("date", TWO, |_, values| {
        let zoned = clock_face::zoned(values.get(1)).ok_or_else(|| wrong_type("time.Time", values.get(1)))?;
        Ok(Value::text(&clock_face::layout(&zoned, text(values, 0)?)))
    }),
    function("dict", ANY, |_, values| {
        if !values.len().is_multiple_of(2) {
            return Err("dict wants pairs of key and value".to_owned());
        }
        let pairs = (0..values.len() / 2).map(|at| Ok((text(values, at * 2)?.to_owned(), values[at * 2 + 1].clone())));
        let entries = pairs.collect::<Result<BTreeMap<_, _>, String>>()?;
        Ok(Value::Map(Arc::new(Map { kind: MapKind::Values, entries })))
    }),
    function("humanizeDuration", ONE, |_, values| number(values).map(|value| Value::text(&humanize::duration(value)))),
    function("join", TWO, |_, values| {
        let words: Vec<String> = list(values, 1)?.iter().map(Value::verb_v).collect();
        Ok(Value::text(&words.join(text(values, 0)?)))
    }),
    function("list", ANY, |_, values| Ok(Value::list(values.to_vec()))),
    function("match", TWO, |_, values| Ok(Value::Bool(regex(text(values, 0)?)?.is_match(text(values, 1)?)))),
    function("now", NONE, |environment, _| now(environment).map(Value::Time)),
    function("reReplaceAll", (3, Some(3)), |_, values| {
        let replaced = regex(text(values, 0)?)?.replace_all(text(values, 2)?, text(values, 1)?).into_owned();
        Ok(Value::text(&replaced))
    }),
    function("routeLabels", ONE, |_, values| values.first().unwrap_or(&Value::Nil).field("RouteLabels", &[])),
    function("safeHtml", ONE, |_, values| text(values, 0).map(Value::text)),
    function("safeUrl", ONE, |_, values| text(values, 0).map(Value::text)),
    function("since", ONE, |environment, values| {
        let then = clock_face::zoned(values.first()).ok_or_else(|| wrong_type("time.Time", values.first()))?;
        let nanos = now(environment)?.as_nanosecond().saturating_sub(then.timestamp().as_nanosecond());
        Ok(Value::Span(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })))
    }),
    function("stringSlice", ANY, |_, values| {
        (0..values.len()).try_for_each(|at| text(values, at).map(|_| ()))?;
        Ok(Value::list(values.to_vec()))
    }),
    function("title", ONE, |_, values| text(values, 0).map(|text| Value::text(&title(text)))),
    function("toJson", ONE, |_, values| {
        serde_json::to_string(&values.first().unwrap_or(&Value::Nil).json())
            .map(|text| Value::text(&text))
            .map_err(|error| error.to_string())
    }),
    function("toDate", TWO, |_, values| {
        // Go's answer to a text that is no date is the zero time.
        clock_face::parse(text(values, 0)?, text(values, 1)?).or_else(|_| clock_face::zero()).map(Value::Time)
    }),
    function("mustToDate", TWO, |_, values| clock_face::parse(text(values, 0)?, text(values, 1)?).map(Value::Time)),
    function("toLower", ONE, |_, values| text(values, 0).map(|text| Value::text(&text.to_lowercase()))),
    function("toUpper", ONE, |_, values| text(values, 0).map(|text| Value::text(&text.to_uppercase()))),
    function("trimSpace", ONE, |_, values| text(values, 0).map(|text| Value::text(text.trim()))),
    function("tz", TWO, |_, values| {
        let zoned = clock_face::zoned(values.get(1)).ok_or_else(|| wrong_type("time.Time", values.get(1)))?;
        zoned.in_tz(text(values, 0)?).map(|zoned| Value::Zoned(Arc::new(zoned))).map_err(|error| error.to_string())
    }),
    function("urlUnescape", ONE, |_, values| unescape(text(values, 0)?).map(|text| Value::text(&text))),
];

fn now(environment: &Environment<'_>) -> Result<jiff::Timestamp, String> {
    jiff::Timestamp::from_millisecond(environment.now.millis()).map_err(|error| error.to_string())
}

fn list(values: &[Value], at: usize) -> Result<&[Value], String> {
    match values.get(at) {
        Some(Value::List(list)) => Ok(list),
        other => Err(wrong_type("[]string", other)),
    }
}

/// Every word begins with a capital, the rest is small.
fn title(text: &str) -> String {
    let mut inside = false;
    let cased = text.chars().flat_map(|c| {
        let word = inside && (c.is_alphanumeric() || c == '\'' || c == '_');
        inside = c.is_alphanumeric() || word;
        if word { c.to_lowercase().collect::<Vec<_>>() } else { c.to_uppercase().collect() }
    });
    cased.collect()
}

/// `url.QueryUnescape`.
fn unescape(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
                let byte = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
                bytes.push(byte.ok_or_else(|| format!("invalid URL escape in {text:?}"))?);
                rest = &tail[2..];
            }
            other => bytes.push(*other),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A method of a label set: `SortedPairs`, `Names`, `Values`, `Remove`.
pub(super) fn labels_method(map: &Map, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
    // `alertname` stands first, as Alertmanager sorts.
    let sorted = || {
        let first = map.entries.iter().filter(|(name, _)| *name == "alertname");
        first.chain(map.entries.iter().filter(|(name, _)| *name != "alertname"))
    };
    let list = |values: Vec<Value>| Some(Ok(Value::list(values)));
    match (name, arguments) {
        ("SortedPairs", []) => {
            list(sorted().map(|(n, v)| Value::fields([("Name", Value::text(n)), ("Value", v.clone())])).collect())
        }
        ("Names", []) => list(sorted().map(|(name, _)| Value::text(name)).collect()),
        ("Values", []) => list(sorted().map(|(_, value)| value.clone()).collect()),
        ("Remove", [Value::List(names)]) => {
            let gone = |key: &String| names.iter().any(|name| matches!(name, Value::Text(text) if **text == **key));
            let entries = map.entries.iter().filter(|(key, _)| !gone(key)).map(|(k, v)| (k.clone(), v.clone()));
            Some(Ok(Value::Map(Arc::new(Map { kind: map.kind.clone(), entries: entries.collect() }))))
        }
        ("Remove", other) => Some(Err(wrong_type("[]string", other.first()))),
        _ => None,
    }
}

/// A method of a list of alerts (`Firing`, `Resolved`) or of pairs (`Names`, `Values`).
pub(super) fn list_method(list: &[Value], name: &str) -> Option<Result<Value, String>> {
    let pick = |field: &str| {
        let picked = list.iter().map(|pair| match pair {
            Value::Map(map) if map.entries.len() == 2 && map.entries.contains_key("Name") => pair.field(field, &[]),
            other => Err(wrong_type("template.Pair", Some(other))),
        });
        picked.collect::<Result<Vec<_>, _>>().map(Value::list)
    };
    let with_status = |wanted: &str| {
        let mut kept = Vec::new();
        for alert in list {
            if matches!(alert.field("Status", &[])?, Value::Text(status) if *status == *wanted) {
                kept.push(alert.clone());
            }
        }
        Ok(Value::list(kept))
    };
    match name {
        "Names" => Some(pick("Name")),
        "Values" => Some(pick("Value")),
        "Firing" => Some(with_status("firing")),
        "Resolved" => Some(with_status("resolved")),
        _ => None,
    }
}
