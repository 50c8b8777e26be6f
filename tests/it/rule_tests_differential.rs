//! `memsentry test-rules` and Debian's `promtool test rules` give the same verdicts: on files written by hand, each about
//! one thing, on the tests of the shipped rules, and on random changes of both.
//!
//! `tests/fixtures/rule-tests/versions/` holds what the two must disagree about, each file with its reason: what came
//! after 2.42, and what memsentry accepts beyond it. A file there that promtool passes has lost its reason.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use memsentry::model::Duration;
use memsentry::rule_tests;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    files.sort();
    files
}

fn corpus(kind: &str) -> Vec<PathBuf> {
    yaml_files(&format!("tests/fixtures/rule-tests/{kind}"))
}

/// promtool's verdict on each file, and what it said; `None` where the machine has none.
fn promtool(files: &[PathBuf]) -> Option<BTreeMap<PathBuf, bool>> {
    let output = Command::new("promtool").args(["test", "rules"]).args(files).output().ok()?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let verdicts = told.split("Unit Testing:").skip(1).map(|part| {
        let (file, rest) = part.split_once('\n').expect("a line with the file's name");
        (PathBuf::from(file.trim()), rest.trim_start().starts_with("SUCCESS"))
    });
    let verdicts: BTreeMap<PathBuf, bool> = verdicts.collect();
    assert_eq!(verdicts.len(), files.len(), "{told}");
    assert_eq!(output.status.success(), verdicts.values().all(|passed| *passed));
    Some(verdicts)
}

/// Our verdict; a file that we refuse has not passed.
fn passes(file: &Path) -> bool {
    rule_tests::run(file, &|_| true).is_ok_and(|report| report.passed())
}

/// Our verdict, and why.
fn told(file: &Path) -> String {
    match rule_tests::run(file, &|_| true) {
        Ok(report) => report.tests.iter().flat_map(|test| &test.failures).map(|f| format!("{f}\n")).collect(),
        Err(problems) => problems.iter().map(|problem| format!("{problem}\n")).collect(),
    }
}

#[test]
fn files_about_one_thing_each_have_one_verdict() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (kind, passed) in [("good", true), ("failing", false)] {
        let files = corpus(kind);
        seen += files.len();
        let theirs = promtool(&files);
        for file in &files {
            // A failing file fails because of what came, not because it cannot be read.
            let ours = rule_tests::run(file, &|_| true).map(|report| report.passed());
            if ours.as_ref().ok() != Some(&passed) {
                wrong.push(format!("{}: memsentry: {ours:?}\n{}", file.display(), told(file)));
            }
            if theirs.as_ref().is_some_and(|theirs| theirs[file] != passed) {
                wrong.push(format!("{}: promtool passed it: {}", file.display(), !passed));
            }
        }
    }
    assert!(seen >= 110, "only {seen} files");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn differences_of_versions_are_named_and_still_there() {
    let files = corpus("versions");
    assert!(files.len() >= 10, "{files:?}");
    for file in &files {
        let text = std::fs::read_to_string(file).expect("readable");
        assert!(text.starts_with("# ") && text.contains(": "), "{} gives no reason", file.display());
        assert!(passes(file), "{}:\n{}", file.display(), told(file));
    }
    let Some(theirs) = promtool(&files) else { return };
    let agreed: Vec<_> = theirs.iter().filter(|(_, passed)| **passed).collect();
    assert!(agreed.is_empty(), "promtool passes what it is not to understand: {agreed:?}");
}

/// What a change of a test does to its verdict.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Change {
    /// A test that passed fails.
    Breaks,
    /// Nobody knows but the two programs.
    Unknown,
}

/// A random change of one expectation; `None` if the file has nothing to change.
fn changed(file: &Value, random: &mut StdRng) -> Option<(Value, Change, String)> {
    let mut places = Vec::new();
    expectations(file, String::new(), &mut places);
    let place = places.choose(random)?.clone();
    let mut file = file.clone();
    let value = file.pointer_mut(&place)?;
    let key = place.rsplit('/').next().unwrap_or_default().to_owned();
    let before = value.clone();
    let change = match (key.as_str(), &mut *value) {
        ("eval_time", time) => {
            // Below the look-back, where the versions differ.
            let steps = random.random_range(0..7);
            *time = format!("{}s", steps * 45).into();
            Change::Unknown
        }
        // A long gap ends at the edge of the look-back, where the versions differ.
        ("values", Value::String(values)) if values.contains("_x") => return None,
        ("values", Value::String(values)) => {
            *values = format!("{} {values}", ["_", "stale", "0", "1", "_x3"].choose(random)?);
            Change::Unknown
        }
        ("value", number) => {
            *number = (number.as_f64()? + 1.0).into();
            Change::Breaks
        }
        ("labels", Value::String(labels)) => {
            *labels = match labels.strip_suffix('}') {
                Some(open) if open.ends_with('{') => format!("{open}zzz=\"1\"}}"),
                Some(open) => format!("{open},zzz=\"1\"}}"),
                None => format!("{labels}{{zzz=\"1\"}}"),
            };
            Change::Breaks
        }
        ("exp_alerts", Value::Array(alerts)) => {
            match alerts.pop() {
                Some(_) if random.random() => {}
                Some(last) => alerts.extend([last.clone(), last]),
                None => alerts.push(serde_json::json!({"exp_labels": {"zzz": "1"}})),
            }
            Change::Breaks
        }
        (_, text) => {
            *text = format!("{}x", text.as_str().map_or_else(|| text.to_string(), str::to_owned)).into();
            // The alert's name is filled in, whatever is said.
            if key == "alertname" { Change::Unknown } else { Change::Breaks }
        }
    };
    Some((file.clone(), change, format!("{place}: {before} -> {}", file.pointer(&place)?)))
}

/// JSON pointers of everything that a test expects, and of its series and times.
fn expectations(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let below = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                let inside = at.contains("/exp_labels") || at.contains("/exp_annotations");
                if inside || ["eval_time", "values", "value", "labels", "exp_alerts"].contains(&key.as_str()) {
                    found.push(below.clone());
                }
                expectations(value, below, found);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| expectations(item, format!("{at}/{i}"), found));
        }
        _ => {}
    }
}

/// The same text with a millisecond off each range. 2.42 counts a sample at the very beginning of a range, 3.x and we do
/// not; with this no sample stands there, and both see the same ones.
fn without_left_edges(text: &str) -> String {
    let range = regex::Regex::new(r"\[(\d+[a-z]\w*)([:\]])").expect("a pattern");
    let shorter = |found: &regex::Captures<'_>| {
        let length: Duration = found[1].parse().expect("a duration");
        format!("[{}ms{}", length.std().as_millis() - 1, &found[2])
    };
    range.replace_all(text, shorter).into_owned()
}

/// The file with copies of its rule files in `folder`, so that it can be read from anywhere; no range has a left edge.
fn readable_anywhere(file: &Path, folder: &Path) -> Option<Value> {
    let text = without_left_edges(&std::fs::read_to_string(file).ok()?);
    let mut value: Value = serde_yaml::from_str(&text).ok()?;
    for name in value.get_mut("rule_files").and_then(Value::as_array_mut).into_iter().flatten() {
        let rules = file.parent()?.join(name.as_str()?);
        let Ok(rules) = rules.canonicalize() else {
            // A pattern; promtool takes an absolute path as it is, with all its detours.
            *name = rules.display().to_string().replace("/./", "/").into();
            continue;
        };
        let copy = folder.join(rules.to_str()?.replace('/', "_"));
        std::fs::write(&copy, without_left_edges(&std::fs::read_to_string(rules).ok()?)).ok()?;
        *name = copy.display().to_string().into();
    }
    Some(value)
}

#[test]
fn a_changed_expectation_fails_for_both_and_a_changed_time_has_one_verdict() {
    let seed = std::env::var("MEMSENTRY_DIFFERENTIAL_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| rand::rng().random());
    let rounds: usize =
        std::env::var("MEMSENTRY_RULE_TEST_CHANGES").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(150);
    println!("seed {seed}, {rounds} changes");
    let mut random = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let files: Vec<(PathBuf, Value)> = [corpus("good"), yaml_files("tests/rules")]
        .concat()
        .into_iter()
        .filter_map(|file| Some((file.clone(), readable_anywhere(&file, folder.path())?)))
        .collect();
    assert!(files.len() > 90, "{}", files.len());
    let mut written = BTreeMap::new();
    for round in 0..rounds {
        let (file, value) = files.choose(&mut random).expect("files");
        let Some((value, change, what)) = changed(value, &mut random) else { continue };
        let path = folder.path().join(format!("{round:05}.yaml"));
        std::fs::write(&path, value.to_string()).expect("written");
        written.insert(path, (change, format!("{}: {what}", file.display())));
    }
    let paths: Vec<PathBuf> = written.keys().cloned().collect();
    let theirs = promtool(&paths);
    let mut wrong = Vec::new();
    for (path, (change, what)) in &written {
        let ours = passes(path);
        if *change == Change::Breaks && ours {
            wrong.push(format!("memsentry passed {what}"));
        }
        if let Some(theirs) = theirs.as_ref().filter(|theirs| theirs[path] != ours) {
            wrong.push(format!("memsentry {ours}, promtool {}: {what}\n{}", theirs[path], told(path)));
        }
    }
    assert!(wrong.is_empty(), "seed {seed}: {} differences\n{}", wrong.len(), wrong.join("\n"));
}
