//! The rule file that objectives stand for, in Prometheus's format.
//!
//! Per objective two groups: error ratios of short windows with the alerts, and the ratios of long windows with the
//! budget. Long windows are sums over recorded increases, so that they need no old raw samples. Alerts follow the
//! Google SRE workbook: a long window tells that it matters, a short one that it still goes on.

use std::fmt::Write;

use super::super::file::Source;
use super::Slo;

/// The name under which generated rules appear.
pub const GENERATED_NAME: &str = "slos (generated)";

/// The alert that a budget would be spent within days.
pub const FAST: &str = "ErrorBudgetBurnsFast";
/// The alert that a budget will not last for the window.
pub const SLOW: &str = "ErrorBudgetBurnsSlowly";

/// Windows read from raw samples.
const SHORT: [&str; 4] = ["5m", "30m", "1h", "2h"];
/// Windows made of recorded increases; the objective's own comes on top.
const LONG: [&str; 3] = ["6h", "1d", "3d"];

/// Long window, short window, how many times too fast, how long it must hold, name, severity.
const BURNS: [(&str, &str, &str, &str, &str, &str); 4] = [
    ("1h", "5m", "14.4", "2m", FAST, "critical"),
    ("6h", "30m", "6", "15m", FAST, "critical"),
    ("1d", "2h", "3", "1h", SLOW, "warning"),
    ("3d", "6h", "1", "3h", SLOW, "warning"),
];

/// Fewest bad operations in an hour that are worth a page.
const LEAST_BAD: &str = "4.5";

/// Name of the recorded increase of bad, and of all operations.
pub(super) const BAD: &str = "slo:bad:increase5m";
pub(super) const TOTAL: &str = "slo:total:increase5m";
/// What names of recorded error ratios begin with; the window follows.
pub(super) const RATIO: &str = "slo:error_ratio:rate";
/// What the name of the recorded share of the window begins with in which operations were counted.
pub(super) const COVERAGE: &str = "slo:coverage:ratio";
/// How groups of long windows end.
pub(super) const LONG_GROUP: &str = ":long";

/// The rules of objectives that have been checked.
pub(in crate::rules) fn source(slos: &[Slo]) -> Source {
    Source { name: GENERATED_NAME.to_owned(), text: rules_text(slos) }
}

/// A rule file for Prometheus that does what memsentry does with these objectives. Objectives with mistakes are
/// left out.
#[must_use]
pub fn rules_text(slos: &[Slo]) -> String {
    let mut text = String::from(
        "# Recording rules and burn-rate alerts of service level objectives, made by `memsentry slo rules`.\n\
         # memsentry evaluates them by itself; a Prometheus that scrapes it may load this file too.\n\ngroups:\n",
    );
    if slos.is_empty() {
        return text.replace("groups:\n", "groups: []\n");
    }
    for slo in slos {
        text.push_str(&groups(slo).unwrap_or_default());
    }
    text
}

fn groups(slo: &Slo) -> Option<String> {
    let (bad, total) = slo.counters().ok()?;
    let (name, by, budget) = (&slo.name, &slo.by, slo.budget());
    let of = format!("{{slo=\"{name}\"}}");
    let mut text = format!("  # {} % over {}\n  - name: slo:{name}\n    rules:\n", slo.percent(), slo.window);
    let record = |text: &mut String, record: &str, expr: &str| {
        let _ = write!(text, "      - record: {record}\n        expr: |-\n");
        expr.lines().for_each(|line| {
            let _ = writeln!(text, "          {line}");
        });
        let _ = write!(text, "        labels:\n          slo: {name}\n");
    };
    for window in SHORT {
        let (bad, total) = (bad.increase(window, by), total.increase(window, by));
        record(&mut text, &format!("{RATIO}{window}"), &format!("({bad})\n/\n(({total}) > 0)"));
    }
    record(&mut text, "slo:bad:increase1h", &bad.increase("1h", by));
    BURNS.iter().for_each(|burn| alert(&mut text, slo, *burn));
    let _ = write!(text, "  - name: slo:{name}{LONG_GROUP}\n    interval: 1m\n    rules:\n");
    record(&mut text, BAD, &bad.increase("5m", by));
    record(&mut text, TOTAL, &total.increase("5m", by));
    let own = slo.window.to_string();
    let mut windows: Vec<&str> = LONG.to_vec();
    if !windows.contains(&own.as_str()) {
        windows.push(&own);
    }
    for window in windows {
        let expr = format!("sum_over_time({BAD}{of}[{window}])\n/\n(sum_over_time({TOTAL}{of}[{window}]) > 0)");
        record(&mut text, &format!("{RATIO}{window}"), &expr);
    }
    // One sample a minute. Time in which nothing was counted spends nothing.
    let minutes = slo.window.std().as_secs() / 60;
    let coverage = format!("clamp_max(count_over_time({TOTAL}{of}[{own}]) / {minutes}, 1)");
    record(&mut text, &format!("{COVERAGE}{own}"), &coverage);
    let remaining = format!("1 - {RATIO}{own}{of} * {COVERAGE}{own}{of} / {budget}");
    record(&mut text, "slo:error_budget:remaining_ratio", &remaining);
    Some(text)
}

fn alert(
    text: &mut String,
    slo: &Slo,
    (long, short, factor, hold, name, severity): (&str, &str, &str, &str, &str, &str),
) {
    let (slo_name, budget, by) = (&slo.name, slo.budget(), slo.by.join(", "));
    let Ok(share) = budget.parse::<f64>() else { return };
    // A ratio above 1 does not exist.
    if factor.parse::<f64>().is_ok_and(|factor| factor * share >= 1.0) {
        return;
    }
    let of = format!("{{slo=\"{slo_name}\"}}");
    let limit = format!("{factor} * {budget}");
    let enough = match long {
        "1h" => format!("\n          and on ({by})\n          slo:bad:increase1h{of} > {LEAST_BAD}"),
        _ => String::new(),
    };
    let place = slo.by.iter().fold(String::new(), |place, label| format!("{place}{{{{ $labels.{label} }}}}: "));
    let (matchers, values) = slo.by.iter().fold((String::new(), String::new()), |(matchers, values), label| {
        (format!("{matchers}, {label}=%q"), format!("{values} $labels.{label}"))
    });
    let _ = write!(
        text,
        "      - alert: {name}
        expr: |-
          {RATIO}{long}{of} > {limit}
          and on ({by})
          {RATIO}{short}{of} > {limit}{enough}
        for: {hold}
        labels:
          severity: {severity}
          slo: {slo_name}
          long_window: {long}
        annotations:
          memsentry_no_data: keep
          summary: '{place}{{{{ $value | humanizePercentage }}}} over {long} break the objective {slo_name}'
          description: >-
            In the last {long} {{{{ $value | humanizePercentage }}}} of the operations that {slo_name} counts were bad, more than
            {factor} times what {percent} % over {window} allow.
            {{{{ with query (printf \"slo:error_budget:remaining_ratio{{slo=\\\"{slo_name}\\\"{matchers}}}\"{values}) -}}}}
            Of the error budget {{{{ . | first | value | humanizePercentage }}}} are left.
            {{{{- end }}}}
",
        percent = slo.percent(),
        window = slo.window,
    );
}
