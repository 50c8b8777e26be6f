//! The functions and variables that Prometheus adds for rule files.

use regex::{Regex, RegexBuilder};

use super::builtins::{Function, escape_query, function, text, wrong_type};
use super::value::{Map, MapKind, Value};
use super::{Dialect, Environment, humanize};

/// The dialect of rule files: `$labels`, `$value`, `$externalLabels`, `$externalURL` and Prometheus's functions.
pub const PROMETHEUS: Dialect = Dialect {
    variables: &[
        ("labels", "Labels"),
        ("externalLabels", "ExternalLabels"),
        ("externalURL", "ExternalURL"),
        ("value", "Value"),
    ],
    functions: FUNCTIONS,
};

/// A regular expression that compiles to more than this many bytes is refused.
const MAX_REGEX: usize = 1 << 20;

const ONE: (usize, Option<usize>) = (1, Some(1));
const TWO: (usize, Option<usize>) = (2, Some(2));

const FUNCTIONS: &[Function] = &[
    function("query", ONE, query),
    function("first", ONE, |_, values| match values.first() {
        Some(Value::List(list)) => {
            list.first().cloned().ok_or_else(|| "first() called on vector with no elements".to_owned())
        }
        other => Err(wrong_type("template.queryResult", other)),
    }),
    function("label", TWO, |_, values| {
        let sample = values.get(1).unwrap_or(&Value::Nil);
        sample.field("Labels", &[])?.field(text(values, 0)?, &[])
    }),
    function("value", ONE, |_, values| values.first().unwrap_or(&Value::Nil).field("Value", &[])),
    function("strvalue", ONE, |_, values| {
        values.first().unwrap_or(&Value::Nil).field("Labels", &[])?.field("__value__", &[])
    }),
    function("sortByLabel", TWO, sort_by_label),
    function("args", (0, None), |_, values| {
        let entries = values.iter().enumerate().map(|(i, value)| (format!("arg{i}"), value.clone())).collect();
        Ok(Value::Map(std::sync::Arc::new(Map { kind: MapKind::Values, entries })))
    }),
    // The evaluator runs it: it needs the named templates.
    function("tmpl", TWO, |_, _| Err("not available here".into())),
    function("reReplaceAll", (3, Some(3)), |_, values| {
        let replaced = regex(text(values, 0)?)?.replace_all(text(values, 2)?, text(values, 1)?).into_owned();
        Ok(Value::text(&replaced))
    }),
    function("match", TWO, |_, values| Ok(Value::Bool(regex(text(values, 0)?)?.is_match(text(values, 1)?)))),
    function("title", ONE, |_, values| text(values, 0).map(|text| Value::text(&title(text)))),
    function("toUpper", ONE, |_, values| text(values, 0).map(|text| Value::text(&text.to_uppercase()))),
    function("toLower", ONE, |_, values| text(values, 0).map(|text| Value::text(&text.to_lowercase()))),
    function("safeHtml", ONE, |_, values| text(values, 0).map(Value::text)),
    function("urlQueryEscape", ONE, |_, values| text(values, 0).map(|text| Value::text(&escape_query(text)))),
    function("stripPort", ONE, |_, values| text(values, 0).map(|text| Value::text(strip_port(text)))),
    function("stripDomain", ONE, |_, values| text(values, 0).map(|text| Value::text(&strip_domain(text)))),
    function("graphLink", ONE, |_, values| text(values, 0).map(|text| Value::text(&link(text, 0)))),
    function("tableLink", ONE, |_, values| text(values, 0).map(|text| Value::text(&link(text, 1)))),
    function("humanize", ONE, |_, values| number(values).map(|value| Value::text(&humanize::si(value)))),
    function("humanize1024", ONE, |_, values| number(values).map(|value| Value::text(&humanize::binary(value)))),
    function("humanizeDuration", ONE, |_, values| number(values).map(|value| Value::text(&humanize::duration(value)))),
    function("humanizePercentage", ONE, |_, values| {
        number(values).map(|value| Value::text(&humanize::percentage(value)))
    }),
    function("humanizeTimestamp", ONE, |_, values| {
        let value = number(values)?;
        let printed = if value.is_finite() { Value::Time(instant(value)?) } else { Value::Float(value) };
        Ok(Value::text(&printed.verb_v()))
    }),
    function("toTime", ONE, |_, values| number(values).and_then(instant).map(Value::Time)),
    function("toDuration", ONE, |_, values| number(values).and_then(span).map(Value::Span)),
    function("now", (0, Some(0)), |environment, _| Ok(Value::Float(environment.now.seconds()))),
    function("parseDuration", ONE, |_, values| {
        let text = text(values, 0)?;
        let (sign, digits) = text.strip_prefix('-').map_or((1.0, text), |digits| (-1.0, digits));
        let duration: crate::model::Duration = digits.parse().map_err(|_| format!("not a valid duration: {text:?}"))?;
        Ok(Value::Float(sign * duration.std().as_secs_f64()))
    }),
    function("externalURL", (0, Some(0)), |environment, _| Ok(Value::text(environment.external_url))),
    function("pathPrefix", (0, Some(0)), |environment, _| Ok(Value::text(path_of(environment.external_url)))),
];

fn query(environment: &Environment<'_>, values: &[Value]) -> Result<Value, String> {
    let answer = (environment.query)(text(values, 0)?)?;
    Ok(Value::list(answer.iter().map(|(labels, value)| Value::sample(labels, *value)).collect()))
}

fn sort_by_label(_: &Environment<'_>, values: &[Value]) -> Result<Value, String> {
    let name = text(values, 0)?;
    let Some(Value::List(list)) = values.get(1) else {
        return Err(wrong_type("template.queryResult", values.get(1)));
    };
    let mut keyed = Vec::with_capacity(list.len());
    for sample in list.iter() {
        keyed.push((sample.field("Labels", &[])?.field(name, &[])?.verb_v(), sample.clone()));
    }
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(Value::list(keyed.into_iter().map(|(_, sample)| sample).collect()))
}

pub(super) fn regex(pattern: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(pattern).size_limit(MAX_REGEX).build();
    built.map_err(|_| format!("invalid regular expression {pattern:?}"))
}

pub(super) fn number(values: &[Value]) -> Result<f64, String> {
    #[allow(clippy::cast_precision_loss)] // for people to read
    match values.first() {
        Some(Value::Float(value)) => Ok(*value),
        Some(Value::Int(value)) => Ok(*value as f64),
        Some(Value::Span(nanos)) => Ok(*nanos as f64 / 1e9),
        Some(Value::Text(text)) => text.parse().map_err(|_| format!("can't convert {text:?} to float")),
        other => Err(format!("can't convert {} to float", other.map_or("nil", Value::type_name))),
    }
}

/// Through nanoseconds to whole milliseconds, towards the epoch, as `model.TimeFromUnixNano` does it.
fn instant(seconds: f64) -> Result<jiff::Timestamp, String> {
    jiff::Timestamp::from_millisecond(span(seconds)? / 1_000_000).map_err(|_| out_of_range(seconds))
}

fn span(seconds: f64) -> Result<i64, String> {
    let nanos = seconds * 1e9;
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // the range is checked
    if nanos.is_finite() && nanos.abs() < i64::MAX as f64 { Ok(nanos as i64) } else { Err(out_of_range(seconds)) }
}

fn out_of_range(seconds: f64) -> String {
    format!("{} is out of range", super::format::float(seconds, 'g', None))
}

/// Every word begins with a capital; the rest stays.
fn title(text: &str) -> String {
    let mut start = true;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let mut upper = c.to_uppercase();
        match (upper.next(), upper.next()) {
            (Some(capital), None) if start => out.push(capital),
            _ => out.push(c),
        }
        start = !(c.is_alphanumeric() || c == '_') && (c.is_ascii() || c.is_whitespace());
    }
    out
}

/// `host` of `host:port`; anything else stays.
fn strip_port(text: &str) -> &str {
    let host = match text.strip_prefix('[') {
        Some(rest) => rest.split_once("]:").map(|(host, _)| host),
        None => text.split_once(':').filter(|(_, port)| !port.contains(':')).map(|(host, _)| host),
    };
    host.unwrap_or(text)
}

/// The first part of a host's name; a port stays, an address stays.
fn strip_domain(text: &str) -> String {
    let host = strip_port(text);
    if host.parse::<std::net::IpAddr>().is_ok() {
        return text.to_owned();
    }
    let short = host.split('.').next().unwrap_or(host);
    if host.len() == text.len() { short.to_owned() } else { format!("{short}{}", &text[host.len()..]) }
}

/// Where a person can see an expression: tab 0 the graph, tab 1 the table.
fn link(expression: &str, tab: u8) -> String {
    format!("/graph?g0.expr={}&g0.tab={tab}", escape_query(expression))
}

fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("", |at| rest[at..].trim_end_matches('/'))
}
