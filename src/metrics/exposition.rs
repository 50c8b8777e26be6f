//! The Prometheus text format, version 0.0.4.

use std::fmt::Write;

use crate::model::Labels;

use super::{Family, Value};

/// The content type of [`write_text`]'s output.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Families as text, series sorted, so that two scrapes differ only where values do.
#[must_use]
pub fn write_text(families: &[Family]) -> String {
    let mut out = String::with_capacity(families.len() * 512);
    for family in families {
        let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(out, "# HELP {} {help}", family.name);
        let _ = writeln!(out, "# TYPE {} {}", family.name, family.kind.as_str());
        let mut points: Vec<_> = family.points.iter().collect();
        points.sort_by(|a, b| a.labels.cmp(&b.labels));
        for point in points {
            match &point.value {
                Value::Number(value) => series(&mut out, &family.name, "", &point.labels, None, *value),
                Value::Histogram { buckets, sum, count } => {
                    #[allow(clippy::cast_precision_loss)]
                    let count = *count as f64;
                    for (bound, cumulative) in buckets {
                        #[allow(clippy::cast_precision_loss)]
                        let cumulative = *cumulative as f64;
                        series(&mut out, &family.name, "_bucket", &point.labels, Some(&bound.to_string()), cumulative);
                    }
                    series(&mut out, &family.name, "_bucket", &point.labels, Some("+Inf"), count);
                    series(&mut out, &family.name, "_sum", &point.labels, None, *sum);
                    series(&mut out, &family.name, "_count", &point.labels, None, count);
                }
            }
        }
    }
    out
}

fn series(out: &mut String, name: &str, suffix: &str, labels: &Labels, le: Option<&str>, value: f64) {
    let _ = write!(out, "{name}{suffix}");
    let mut open = '{';
    for (name, value) in labels.iter().chain(le.map(|bound| ("le", bound))) {
        let _ = write!(out, "{open}{name}=\"");
        for c in value.chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                c => out.push(c),
            }
        }
        out.push('"');
        open = ',';
    }
    if open == ',' {
        out.push('}');
    }
    out.push(' ');
    number(out, value);
    out.push('\n');
}

fn number(out: &mut String, value: f64) {
    let _ = match value {
        v if v.is_nan() => write!(out, "NaN"),
        v if v == f64::INFINITY => write!(out, "+Inf"),
        v if v == f64::NEG_INFINITY => write!(out, "-Inf"),
        v => write!(out, "{v}"),
    };
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, Point};
    use super::*;

    #[test]
    fn a_histogram_has_cumulative_buckets_sum_and_count() {
        let family = Family {
            name: "x_seconds".into(),
            help: "Two\nlines.".into(),
            kind: Kind::Histogram(&[0.1]),
            points: vec![Point {
                labels: Labels::from_pairs([("target", "a\"b")]),
                value: Value::Histogram { buckets: vec![(0.1, 1)], sum: 1.5, count: 2 },
            }],
        };
        assert_eq!(
            write_text(&[family]),
            "# HELP x_seconds Two\\nlines.\n# TYPE x_seconds histogram\n\
             x_seconds_bucket{target=\"a\\\"b\",le=\"0.1\"} 1\n\
             x_seconds_bucket{target=\"a\\\"b\",le=\"+Inf\"} 2\n\
             x_seconds_sum{target=\"a\\\"b\"} 1.5\n\
             x_seconds_count{target=\"a\\\"b\"} 2\n"
        );
    }
}
