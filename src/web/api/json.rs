//! Query results as JSON, written directly, because they may be large: numbers in Go's spelling, always strings.

use std::fmt::Write;

use crate::model::{Labels, Sample, Timestamp};
use crate::promql::{Value, VectorSample};
use crate::tsdb::Series;

/// A query's `data`: result type and result.
pub(super) fn query_data(value: &Value, at: Timestamp) -> String {
    let mut out = String::new();
    let (kind, result): (&str, &dyn Fn(&mut String)) = match value {
        Value::Scalar(number) => ("scalar", &|out| push_point(out, at, *number)),
        Value::String(text) => ("string", &|out| {
            out.push('[');
            push_time(out, at);
            out.push(',');
            push_value(out, text);
            out.push(']');
        }),
        Value::Vector(samples) => ("vector", &|out| push_list(out, samples, push_sample)),
        Value::Matrix(series) => ("matrix", &|out| push_list(out, series, push_series)),
    };
    let _ = write!(out, r#"{{"resultType":"{kind}","result":"#);
    result(&mut out);
    out.push('}');
    out
}

fn push_sample(out: &mut String, VectorSample { labels, sample }: &VectorSample) {
    out.push_str(r#"{"metric":"#);
    push_labels(out, labels);
    out.push_str(r#","value":"#);
    push_point(out, sample.at, sample.value);
    out.push('}');
}

fn push_series(out: &mut String, Series { labels, samples }: &Series) {
    out.push_str(r#"{"metric":"#);
    push_labels(out, labels);
    out.push_str(r#","values":"#);
    push_list(out, samples, |out, Sample { at, value }| push_point(out, *at, *value));
    out.push('}');
}

fn push_list<T>(out: &mut String, items: &[T], each: impl Fn(&mut String, &T)) {
    out.push('[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        each(out, item);
    }
    out.push(']');
}

fn push_labels(out: &mut String, labels: &Labels) {
    push_value(out, labels);
}

fn push_point(out: &mut String, at: Timestamp, value: f64) {
    out.push('[');
    push_time(out, at);
    out.push_str(",\"");
    out.push_str(&number(value));
    out.push_str("\"]");
}

/// Seconds with three decimals, or none, as Prometheus writes them.
fn push_time(out: &mut String, at: Timestamp) {
    let millis = at.millis().unsigned_abs();
    let sign = if at.millis() < 0 { "-" } else { "" };
    let _ = write!(out, "{sign}{}", millis / 1000);
    let rest = millis % 1000;
    if rest != 0 {
        let _ = write!(out, ".{rest:03}");
    }
}

/// Anything serialisable whose serialisation cannot fail: text, lists of text, labels.
pub(super) fn push_value(out: &mut String, value: &impl serde::Serialize) {
    match serde_json::to_string(value) {
        Ok(json) => out.push_str(&json),
        Err(_) => out.push_str("null"),
    }
}

/// A number as Prometheus writes sample values: shortest form without exponent.
pub(super) fn number(value: f64) -> String {
    match value {
        v if v.is_nan() => "NaN".into(),
        v if v == f64::INFINITY => "+Inf".into(),
        v if v == f64::NEG_INFINITY => "-Inf".into(),
        v => v.to_string(),
    }
}

/// A number as Prometheus writes values of alerts: shortest form with an exponent of at least two digits.
pub(super) fn exponent_number(value: f64) -> String {
    if !value.is_finite() {
        return number(value);
    }
    let text = format!("{value:e}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_with_three_decimals_or_none() {
        for (millis, text) in
            [(1_435_781_451_781, "1435781451.781"), (5000, "5"), (5100, "5.100"), (-1500, "-1.500"), (-5, "-0.005")]
        {
            let mut out = String::new();
            push_time(&mut out, Timestamp::from_millis(millis));
            assert_eq!(out, text);
        }
    }

    #[test]
    fn numbers_are_spelt_as_go_spells_them() {
        for (value, text) in [
            (1.0, "1"),
            (0.1, "0.1"),
            (1e21, "1000000000000000000000"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
            (-0.0, "-0"),
        ] {
            assert_eq!(number(value), text);
        }
        for (value, text) in [(1.0, "1e+00"), (0.05, "5e-02"), (123.5, "1.235e+02"), (1e100, "1e+100"), (0.0, "0e+00")]
        {
            assert_eq!(exponent_number(value), text);
        }
    }

    #[test]
    fn results_of_every_type_have_their_shape() {
        let at = Timestamp::from_millis(1500);
        let labels = Labels::from_pairs([("__name__", "up"), ("target", "a\"b")]);
        let sample = Sample { at, value: f64::NAN };
        for (value, json) in [
            (Value::Scalar(2.5), r#"{"resultType":"scalar","result":[1.500,"2.5"]}"#),
            (Value::String("x".into()), r#"{"resultType":"string","result":[1.500,"x"]}"#),
            (
                Value::Vector(vec![VectorSample { labels: labels.clone(), sample }]),
                r#"{"resultType":"vector","result":[{"metric":{"__name__":"up","target":"a\"b"},"value":[1.500,"NaN"]}]}"#,
            ),
            (
                Value::Matrix(vec![Series { labels: Labels::empty(), samples: vec![sample, sample] }]),
                r#"{"resultType":"matrix","result":[{"metric":{},"values":[[1.500,"NaN"],[1.500,"NaN"]]}]}"#,
            ),
            (Value::Vector(vec![]), r#"{"resultType":"vector","result":[]}"#),
        ] {
            assert_eq!(query_data(&value, at), json);
        }
    }
}
