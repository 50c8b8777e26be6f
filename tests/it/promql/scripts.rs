//! Our own scripts, and the public ones where they lie beside the checkout.
#![allow(clippy::expect_used)]

use std::path::{Path, PathBuf};

use memsentry::promql::Options;

use super::run::{Settings, run};

fn scripts_in(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "test"));
    files.sort();
    files
}

/// Runs the scripts of a directory; answers how many statements passed.
fn pass_all(dir: &Path, delayed_name_removal: bool) -> usize {
    let options = Options { delayed_name_removal, ..Options::default() };
    let settings = Settings { skip_native_histograms: true, options };
    let mut passed = 0;
    for file in scripts_in(dir) {
        let report = run(&std::fs::read_to_string(&file).expect("readable script"), &settings);
        assert!(report.failures.is_empty(), "{}:{}", file.display(), report.failures.join("\n\n"));
        passed += report.passed;
    }
    passed
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn our_own_scripts_pass() {
    assert!(pass_all(&root().join("tests/promql"), true) > 150);
}

#[test]
fn the_public_scripts_pass_where_they_are_at_hand() {
    for shared in ["../shared/promqltest", "../../shared/promqltest"] {
        let dir = root().join(shared);
        if !scripts_in(&dir).is_empty() {
            assert!(pass_all(&dir, true) > 600);
        }
    }
}

#[test]
fn a_failing_statement_is_reported_with_line_expectation_and_result() {
    let script = "load 1m\n  a 1 2\n\neval instant at 1m a\n  a 3\n\neval instant at 1m a +\n  a 3\n";
    let report = run(script, &Settings { skip_native_histograms: false, options: Options::default() });
    assert_eq!((report.passed, report.total), (0, 2));
    assert_eq!(report.failures[0], "4: a\n  expected a [Float(3.0)]\n  got a 2");
    assert!(report.failures[1].starts_with("7: a +\n  does not parse: unexpected end of input"));
}

#[test]
fn native_histograms_are_left_out_on_request_and_fail_otherwise() {
    let script =
        "load 1m\n  h {{sum:1 count:1}}\n\neval instant at 0 h\n  h {{sum:1 count:1}}\n\neval instant at 0 1\n  1\n";
    let settings = |skip| Settings { skip_native_histograms: skip, options: Options::default() };
    let left_out = run(script, &settings(true));
    assert_eq!((left_out.passed, left_out.total, left_out.left_out), (1, 1, 1));
    assert_eq!(run(script, &settings(false)).failures.len(), 1);
}
