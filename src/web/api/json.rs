//! Query results as JSON, written directly, because they may be large: numbers in Go's spelling, always strings.

use std::fmt::Write;

use crate::model::{Labels, Sample, Timestamp, number};
use crate::promql::{Value, VectorSample};
use crate::tsdb::Series;

/// Appends a query's `data`: result type and result, and statistics where they were asked for. What is written of the
/// value is let go at once.
pub(super) fn push_query_data(out: &mut String, value: Value, at: Timestamp, stats: Option<&serde_json::Value>) {
    let kind = match &value {
        Value::Scalar(_) => "scalar",
        Value::String(_) => "string",
        Value::Vector(_) => "vector",
        Value::Matrix(_) => "matrix",
    };
    let _ = write!(out, r#"{{"resultType":"{kind}","result":"#);
    match value {
        Value::Scalar(value) => push_single(out, at, &number::plain(value)),
        Value::String(text) => push_single(out, at, &text),
        Value::Vector(samples) => push_list(out, samples, |out, sample| push_sample(out, &sample)),
        Value::Matrix(series) => push_list(out, series, |out, series| push_series(out, &series)),
    }
    if let Some(stats) = stats {
        let _ = write!(out, r#","stats":{stats}"#);
    }
    out.push('}');
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

fn push_list<T>(out: &mut String, items: impl IntoIterator<Item = T>, each: impl Fn(&mut String, T)) {
    out.push('[');
    for (i, item) in items.into_iter().enumerate() {
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

/// A scalar or a string. Prometheus writes these by other means than samples, times without zeros at their end.
fn push_single(out: &mut String, at: Timestamp, value: &str) {
    let _ = write!(out, "[{},", at.seconds());
    push_value(out, &value);
    out.push(']');
}

fn push_point(out: &mut String, at: Timestamp, value: f64) {
    out.push('[');
    push_time(out, at);
    out.push_str(",\"");
    out.push_str(&sample_value(value));
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

/// A number as Prometheus writes sample values: shortest form, with an exponent where it is very large or small.
fn sample_value(value: f64) -> String {
    let large_or_small = value.is_finite() && value != 0.0 && !(1e-6..1e21).contains(&value.abs());
    if large_or_small { number::with_exponent(value) } else { number::plain(value) }
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
            (1e20, "100000000000000000000"),
            (-1e21, "-1e+21"),
            (1e-6, "0.000001"),
            (9.5e-7, "9.5e-07"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
            (-0.0, "-0"),
        ] {
            assert_eq!(sample_value(value), text);
        }
    }

    #[test]
    fn results_of_every_type_have_their_shape() {
        let at = Timestamp::from_millis(1500);
        let labels = Labels::from_pairs([("__name__", "up"), ("target", "a\"b")]);
        let sample = Sample { at, value: f64::NAN };
        for (value, json) in [
            (Value::Scalar(1e21), r#"{"resultType":"scalar","result":[1.5,"1000000000000000000000"]}"#),
            (Value::String("x".into()), r#"{"resultType":"string","result":[1.5,"x"]}"#),
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
            let mut out = String::new();
            push_query_data(&mut out, value, at, None);
            assert_eq!(out, json);
        }
    }
}
