//! Runs scripts in the public PromQL test language against memsentry's evaluator.
//!
//! `cargo run --example promqltest -- [--skip-native-histograms] FILE…` prints `FILE passed/total` for each
//! file, then a total; failures with what was expected and what came go to standard error. Exit code 0 if
//! every statement passed, 1 if not, 2 if a file cannot be read or the arguments are wrong.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "promqltest/annotations.rs"]
mod annotations;
#[path = "promqltest/compare.rs"]
mod compare;
#[path = "promqltest/run.rs"]
mod run;
#[path = "promqltest/script.rs"]
mod script;
#[path = "promqltest/variants.rs"]
mod variants;

use std::process::ExitCode;

use memsentry::promql::Options;

const USAGE: &str = "usage: promqltest [--skip-native-histograms] [--immediate-name-removal] FILE...";

fn main() -> ExitCode {
    // The public scripts are written for an engine that keeps metric names until the end.
    let mut settings = run::Settings {
        skip_native_histograms: false,
        options: Options { delayed_name_removal: true, ..Options::default() },
    };
    let mut files = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--skip-native-histograms" => settings.skip_native_histograms = true,
            "--immediate-name-removal" => settings.options.delayed_name_removal = false,
            "--help" | "-h" => {
                println!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            flag if flag.starts_with('-') => {
                eprintln!("error: unknown flag {flag}\n{USAGE}");
                return ExitCode::from(2);
            }
            _ => files.push(argument),
        }
    }
    if files.is_empty() {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    }
    run_all(&files, &settings)
}

fn run_all(files: &[String], settings: &run::Settings) -> ExitCode {
    let mut sum = run::Report::default();
    for file in files {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => {
                eprintln!("error: {file}: {error}");
                return ExitCode::from(2);
            }
        };
        let report = run::run(&text, settings);
        println!("{file} {}/{}{}", report.passed, report.total, left_out(&report));
        for failure in &report.failures {
            eprintln!("FAIL {file}:{failure}\n");
        }
        sum.passed += report.passed;
        sum.total += report.total;
        sum.left_out += report.left_out;
        sum.failures.extend(report.failures);
    }
    println!("total {}/{}{}", sum.passed, sum.total, left_out(&sum));
    if sum.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn left_out(report: &run::Report) -> String {
    if report.left_out == 0 {
        String::new()
    } else {
        format!(" ({} about native histograms left out)", report.left_out)
    }
}
