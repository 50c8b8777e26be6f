//! The life of alerts is the one that Prometheus gives them: random series run through our rules, and Debian's
//! `promtool` must find exactly the alerts firing, with exactly the texts, that we found.

use std::fmt::Write;

use memsentry::metrics::Registry;
use memsentry::model::{Duration, Labels, STALE_MARKER, Timestamp};
use memsentry::promql::Limits;
use memsentry::rules::{GroupView, Options, RuleKind, RuleSet, Source, State};
use memsentry::tsdb::{self, Tsdb};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const RULES: &str = r#"
groups:
  - name: one
    rules:
      - record: job:x:max
        expr: max by (job) (x)
      - alert: AtOnce
        expr: x > 1
        annotations: {text: '{{ $labels.job }}/{{ $labels.i }} is {{ $value | humanize }}'}
      - alert: Held
        expr: x > 1
        for: 45s
        labels: {severity: '{{ if gt $value 2.0 }}page{{ else }}info{{ end }}'}
      - alert: Kept
        expr: x > 1
        keep_firing_for: 40s
        annotations: {text: '{{ $value }}'}
      - alert: HeldAndKept
        expr: job:x:max > 1
        for: 30s
        keep_firing_for: 1m
        annotations: {text: '{{ with query "count(x)" }}{{ . | first | value }}{{ end }}'}
  - name: two
    rules:
      - alert: OfAlerts
        expr: count by (job) (ALERTS{alertname="AtOnce", alertstate="firing"}) > 1
        for: 15s
      - alert: Age
        expr: time() - ALERTS_FOR_STATE{alertname="Held"} > 30
      - alert: Absent
        expr: absent(x{i="0"})
        for: 30s
"#;

const STEP: u64 = 15;
const STEPS: u64 = 40;
const LIMITS: Limits =
    Limits { max_samples: 1_000_000, timeout: Duration::from_secs(60), lookback: Duration::from_secs(300) };

/// Values of one series in promtool's notation: mostly runs of one value, with gaps and ends among them.
fn values(random: &mut StdRng) -> Vec<String> {
    let mut values = Vec::new();
    while values.len() < usize::try_from(STEPS).expect("small") {
        let value = match random.random_range(0..10) {
            0 => "_".to_owned(),
            1 => "stale".to_owned(),
            2..=5 => random.random_range(0..2).to_string(),
            _ => random.random_range(2..5).to_string(),
        };
        let run = random.random_range(1..7);
        values.extend(std::iter::repeat_n(value, run));
    }
    values
}

fn firing(groups: &[GroupView], name: &str) -> String {
    let mut out = String::new();
    for rule in groups.iter().flat_map(|group| &group.rules).filter(|rule| rule.name == name) {
        let RuleKind::Alerting { alerts, .. } = &rule.kind else { continue };
        for alert in alerts.iter().filter(|alert| alert.state == State::Firing) {
            let labels = serde_json::to_string(&alert.labels.without(|name| name == "alertname")).expect("labels");
            let annotations = serde_json::to_string(&alert.annotations).expect("annotations");
            let _ = write!(out, "{{exp_labels: {labels}, exp_annotations: {annotations}}}, ");
        }
    }
    out
}

/// One test as promtool reads it, with what we found as what is expected.
fn test(random: &mut StdRng) -> String {
    let registry = Registry::new();
    let tsdb = Tsdb::new(&tsdb::Settings::default(), &registry);
    let options = Options {
        evaluation_interval: Duration::from_secs(STEP),
        external_labels: Labels::empty(),
        external_url: String::new(),
    };
    let source = Source { name: "rules.yaml".into(), text: RULES.into() };
    let mut rules = RuleSet::parse(&[source], &options, &registry).expect("good rules");
    let series: Vec<(String, Labels, Vec<String>)> = (0..4)
        .map(|i| {
            let job = if i < 3 { "a" } else { "b" };
            let labels = Labels::from_pairs([("__name__", "x"), ("job", job), ("i", &i.to_string())]);
            (format!("x{{job=\"{job}\", i=\"{i}\"}}"), labels, values(random))
        })
        .collect();
    let mut out = format!("  - interval: {STEP}s\n    input_series:\n");
    for (name, _, values) in &series {
        let _ = writeln!(out, "      - {{series: '{name}', values: '{}'}}", values.join(" "));
    }
    out.push_str("    alert_rule_test:\n");
    for step in 0..STEPS {
        let at = Timestamp::from_millis(i64::try_from(step * STEP * 1000).expect("small"));
        let now = |values: &[String]| match values[usize::try_from(step).expect("small")].as_str() {
            "_" => None,
            "stale" => Some(STALE_MARKER),
            value => value.parse().ok(),
        };
        tsdb.append(at, series.iter().filter_map(|(_, labels, values)| Some((labels.clone(), now(values)?))));
        for group in rules.groups_mut() {
            let failures = group.evaluate(at, &tsdb, &LIMITS).failures;
            assert!(failures.is_empty(), "{failures:?}");
        }
        for name in ["AtOnce", "Held", "Kept", "HeldAndKept", "OfAlerts", "Age", "Absent"] {
            let alerts = firing(&rules.view(), name);
            let time = step * STEP;
            let _ = writeln!(out, "      - {{eval_time: {time}s, alertname: {name}, exp_alerts: [{alerts}]}}");
        }
    }
    out
}

#[test]
fn promtool_finds_the_alerts_that_we_find() {
    let seed: u64 = rand::rng().random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let tests: String = (0..12).map(|_| test(&mut random)).collect();
    let file = folder.path().join("test.yaml");
    std::fs::write(folder.path().join("rules.yaml"), RULES).expect("written");
    let text = format!(
        "rule_files: [rules.yaml]\nevaluation_interval: {STEP}s\ngroup_eval_order: [one, two]\ntests:\n{tests}"
    );
    std::fs::write(&file, &text).expect("written");
    let Ok(output) = std::process::Command::new("promtool").args(["test", "rules"]).arg(&file).output() else {
        return;
    };
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "seed {seed}: {}\n{told}", String::from_utf8_lossy(&output.stderr));
    let report = memsentry::rule_tests::run(&file, &|_| true).expect("a good file");
    assert!(report.passed(), "seed {seed}: {report:?}");
}
