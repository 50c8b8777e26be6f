//! Configuration files: what is wrong with one is told in these words, and the example is right and whole.
//!
//! `MEMSENTRY_BLESS=1 cargo test --test it -- config_files` writes the messages anew; read the difference.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use memsentry::config;
use memsentry::model::Problem;
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What the loader says to `text`, one problem after the other.
fn messages(name: &str, text: &str, folder: &Path) -> String {
    let problems = config::parse(name, text, folder).map(|_| ()).expect_err("a mistake");
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

#[test]
fn every_mistake_is_told_with_its_place_and_the_way_out() {
    let folder = root().join("tests/fixtures/bad");
    let entries = std::fs::read_dir(&folder).expect("the fixtures").map(|entry| entry.expect("an entry").path());
    let files: BTreeSet<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    assert!(files.len() >= 12, "{files:?}");
    let mut wrong = Vec::new();
    for file in files {
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
        let told = messages(name, &std::fs::read_to_string(&file).expect("a fixture"), &folder);
        let beside = file.with_extension("txt");
        if std::env::var("MEMSENTRY_BLESS").is_ok() {
            std::fs::write(&beside, &told).expect("written");
        }
        if std::fs::read_to_string(&beside).unwrap_or_default() != told {
            wrong.push(format!("--- {name}, now:\n{told}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
