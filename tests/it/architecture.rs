//! Conventions that a reader relies on: who imports whom, how long a file and a function may be, that every
//! file says what it is for. `docs/architecture.md` explains the table.

use std::path::{Path, PathBuf};

const LONGEST_FILE: usize = 400;
const LONGEST_FUNCTION: usize = 60;

/// Module and what it may import besides `model` and `metrics`.
const IMPORTS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("metrics", &[]),
    ("yaml", &[]),
    ("template", &[]),
    ("memory_api", &[]),
    ("queue", &[]),
    ("probes", &["memory_api", "queue"]),
    ("store", &[]),
    ("tsdb", &["store"]),
    ("scrape", &["tsdb"]),
    ("promql", &["tsdb"]),
    ("rules", &["promql", "tsdb", "store", "yaml", "template"]),
    ("runbooks", &[]),
    ("notify", &["store", "runbooks", "template"]),
    ("evidence", &["memory_api", "probes", "queue", "tsdb", "promql", "runbooks", "notify", "template"]),
    ("heartbeat", &["notify"]),
    ("rule_tests", &["rules", "promql", "tsdb", "yaml"]),
    ("lint", &["promql", "rules", "runbooks", "yaml"]),
    ("traffic", &["memory_api", "queue"]),
    ("acceptance", &["traffic", "memory_api", "queue"]),
    ("web", &["probes", "tsdb", "promql", "rules", "notify", "runbooks", "traffic"]),
    (
        "config",
        &[
            "yaml",
            "memory_api",
            "queue",
            "probes",
            "store",
            "tsdb",
            "scrape",
            "rules",
            "runbooks",
            "notify",
            "evidence",
            "heartbeat",
            "acceptance",
            "traffic",
            "web",
        ],
    ),
    (
        "app",
        &[
            "config",
            "yaml",
            "memory_api",
            "queue",
            "probes",
            "store",
            "tsdb",
            "scrape",
            "promql",
            "rules",
            "runbooks",
            "notify",
            "evidence",
            "heartbeat",
            "web",
            "template",
        ],
    ),
    (
        "commands",
        &[
            "app",
            "config",
            "yaml",
            "memory_api",
            "queue",
            "probes",
            "store",
            "tsdb",
            "scrape",
            "promql",
            "rules",
            "rule_tests",
            "lint",
            "runbooks",
            "notify",
            "evidence",
            "traffic",
            "acceptance",
            "web",
            "template",
        ],
    ),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file of the workspace that is ours, with its path below the root.
fn files() -> Vec<(String, String)> {
    let mut folders: Vec<PathBuf> =
        ["src", "reference", "tests", "examples", "benches"].iter().map(|folder| root().join(folder)).collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).expect("a readable source file");
                files.push((path.strip_prefix(root()).expect("below the root").display().to_string(), text));
            }
        }
    }
    assert!(files.len() > 20, "found only {} source files", files.len());
    files
}

fn module(path: &str) -> Option<&str> {
    let below = path.strip_prefix("src/")?;
    let first = below.split('/').next()?;
    Some(first.trim_end_matches(".rs"))
}

#[test]
fn every_module_imports_only_what_the_table_allows() {
    let mut wrong = Vec::new();
    for (path, text) in files() {
        let Some(module) = module(&path).filter(|module| !matches!(*module, "lib" | "main")) else { continue };
        let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!("{path}: module {module} is not in the table"));
            continue;
        };
        for imported in imported(&text) {
            let own = imported == module || imported == "model" || (imported == "metrics" && module != "model");
            if !own && !allowed.contains(&imported.as_str()) {
                wrong.push(format!("{path}: imports crate::{imported}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The first segments of all `crate::…` paths, also of `use crate::{a, b::c}`.
fn imported(text: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>();
    let mut found = Vec::new();
    for line in text.split("crate::").skip(1) {
        if let Some(list) = line.strip_prefix('{') {
            let mut depth = 1;
            let mut start = true;
            for (at, c) in list.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 1 => start = true,
                    c if start && !c.is_whitespace() => {
                        found.push(word(&list[at..]));
                        start = false;
                    }
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
        } else {
            found.push(word(line));
        }
    }
    found.retain(|name| name.chars().next().is_some_and(|c| c.is_ascii_lowercase()));
    found
}

#[test]
fn every_file_is_short_and_says_what_it_is_for() {
    let mut wrong = Vec::new();
    for (path, text) in files() {
        let lines = text.lines().count();
        if lines > LONGEST_FILE {
            wrong.push(format!("{path}: {lines} lines, at most {LONGEST_FILE}"));
        }
        if !text.starts_with("//! ") {
            wrong.push(format!("{path}: does not start with a //! header"));
        }
        for (name, length) in functions(&text).into_iter().filter(|(_, length)| *length > LONGEST_FUNCTION) {
            wrong.push(format!("{path}: function {name} has {length} lines, at most {LONGEST_FUNCTION}"));
        }
    }
    wrong.sort();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Functions by name with their length, from `fn` to the brace at the same indentation.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let starts = ["fn ", "pub fn ", "async fn ", "pub async fn ", "pub(super) fn ", "pub(crate) fn ", "const fn "];
        let Some(name) = starts.iter().find_map(|start| code.strip_prefix(start)) else { continue };
        let name = name.split(['(', '<']).next().unwrap_or(name).to_owned();
        let end = lines[at..].iter().position(|l| indent(l) == indent(line) && l.trim_start().starts_with('}'));
        let signature_only =
            lines[at..].iter().take(12).any(|l| l.trim_end().ends_with(';') && indent(l) == indent(line));
        if let (Some(end), false) = (end, signature_only) {
            found.push((name, end + 1));
        }
    }
    found
}

#[test]
fn names_that_say_nothing_are_not_used() {
    let banned = ["common", "utils", "util", "helpers", "helper", "manager", "misc"];
    for (path, _) in files() {
        let stem = Path::new(&path).file_stem().and_then(|stem| stem.to_str()).unwrap_or("");
        assert!(!banned.contains(&stem), "{path}");
    }
}

#[test]
fn only_the_named_files_read_the_clock_spawn_or_read_the_environment() {
    let rules: &[(&[&str], &[&str])] = &[
        (&["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now"], &["src/model/clock.rs"]),
        // `spawn_blocking` is left out: who calls it awaits its result in place.
        (&["tokio::spawn", "task::spawn(", "thread::spawn", "spawn_local"], &["src/app/tasks.rs"]),
        (&["env::var(", "env::vars(", "env::var_os("], &["src/config/env.rs"]),
    ];
    let mut wrong = Vec::new();
    for (path, text) in files().into_iter().filter(|(path, _)| path.starts_with("src/") && !path.contains("tests")) {
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or("");
        for (words, allowed) in rules {
            for word in words.iter().filter(|word| code.contains(**word) && !allowed.contains(&path.as_str())) {
                wrong.push(format!("{path}: {word} belongs in {}", allowed.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_checks_of_this_file_can_fail() {
    assert_eq!(imported("use crate::{model::x, web};\ncrate::rules::y(); crate::Foo"), ["model", "web", "rules"]);
    let long = format!("fn long() {{\n{}}}\n", "    x();\n".repeat(70));
    assert_eq!(functions(&long), [("long".to_owned(), 72)]);
}
