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
    // Relative, because messages name files. Tests run in the package's folder.
    let folder = Path::new("tests/fixtures/bad");
    let entries = std::fs::read_dir(folder).expect("the fixtures").map(|entry| entry.expect("an entry").path());
    let files: BTreeSet<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    assert!(files.len() >= 12, "{files:?}");
    let mut wrong = Vec::new();
    for file in files {
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
        let told = messages(name, &std::fs::read_to_string(&file).expect("a fixture"), folder);
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

/// The example in a folder of its own, with the secrets that it names.
fn example() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string(root().join("memsentry.example.yaml")).expect("the example");
    std::fs::create_dir(folder.path().join("secrets")).expect("a folder");
    for rest in text.split("_file: secrets/").skip(1) {
        let name = rest.split([' ', ',', '}', '\n']).next().expect("a name");
        let secret = match name {
            _ if name.starts_with("database") => "postgres://memsentry:secret@127.0.0.1/memory",
            _ if name.ends_with("url") => "https://example.com/hook",
            "pagerduty-key" => "0123456789abcdef0123456789abcdef",
            _ => "secret",
        };
        std::fs::write(folder.path().join("secrets").join(name), secret).expect("written");
    }
    std::fs::write(folder.path().join("memsentry.yaml"), &text).expect("written");
    (folder, text)
}

/// `text` with every setting in force that is commented out; prose stays a comment.
fn uncommented(text: &str) -> String {
    let setting = regex::Regex::new(r"(?m)^(\s*)# ?(\s*)(?:# (\s*))?((?:- )?[a-z_]+:(?: .*)?)$");
    // A list's items are commented out once, what is optional in them twice.
    setting.expect("an expression").replace_all(text, "$1$2$3$4").into_owned()
}

#[test]
fn the_example_passes_the_check_as_it_is() {
    let (folder, _) = example();
    let path = folder.path().join("memsentry.yaml");
    let output = crate::stage::memsentry(&["check", "--config", path.to_str().expect("UTF-8")]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.is_empty(), "{told}");
}

#[test]
fn the_example_is_right_with_every_commented_setting_in_force() {
    let (folder, text) = example();
    let text = uncommented(&text);
    let problems = config::parse("example", &text, folder.path()).map(|_| ()).err().unwrap_or_default();
    // The example shows two ways to log in to a webhook, of which one is to be chosen.
    let told = |problem: &&Problem| !problem.message.contains("exclude each other");
    let problems: Vec<String> = problems.iter().filter(told).map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{}\nin\n{text}", problems.join("\n"));
}

#[test]
fn the_example_shows_every_setting() {
    let (folder, text) = example();
    let document = yaml(&uncommented(&text));
    let (mut known, mut shown) = (BTreeSet::new(), BTreeSet::new());
    for path in mappings(&document, String::new()) {
        // The items of a list are alike; it is enough that one shows a setting.
        let place: String = path.chars().filter(|c| !c.is_ascii_digit()).collect();
        shown.extend(keys(&document, &path).into_iter().map(|key| (place.clone(), key)));
        known.extend(known_keys(&document, &path, folder.path()).into_iter().map(|key| (place.clone(), key)));
    }
    let seen = known.len();
    known.retain(|(place, key)| {
        let given = shown.iter().any(|(at, name)| at == place && (name == key || is_secret_form(name, key)));
        // What excludes another setting stands in the text beside it.
        let named = ["", "_file"].iter().any(|end| text.contains(&format!("`{key}{end}")));
        !given && !named
    });
    let missing: Vec<String> = known.iter().map(|(place, key)| format!("{place}/{key}")).collect();
    assert!(seen > 80, "only {seen} settings were found in the decoder's answers");
    assert!(missing.is_empty(), "memsentry.example.yaml does not show {}", missing.join(", "));
}

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).expect("YAML")
}

fn is_secret_form(name: &str, key: &str) -> bool {
    name.strip_prefix(key).is_some_and(|end| ["_file", "_env", "_credential"].contains(&end))
}

/// JSON pointers of all mappings in `value`.
fn mappings(value: &Value, at: String) -> Vec<String> {
    match value {
        Value::Object(entries) => {
            let below = entries.iter().flat_map(|(key, value)| mappings(value, format!("{at}/{key}"))).collect();
            [vec![at.clone()], below].concat()
        }
        Value::Array(items) => {
            items.iter().enumerate().flat_map(|(index, item)| mappings(item, format!("{at}/{index}"))).collect()
        }
        _ => Vec::new(),
    }
}

fn keys(document: &Value, path: &str) -> Vec<String> {
    let object = document.pointer(path).and_then(Value::as_object).expect("a mapping");
    object.keys().cloned().collect()
}

/// The keys that the mapping at `path` may have, from the answer to one that it may not have; none for a mapping
/// with free keys.
fn known_keys(document: &Value, path: &str, folder: &Path) -> Vec<String> {
    let mut document = document.clone();
    let object = document.pointer_mut(path).and_then(Value::as_object_mut).expect("a mapping");
    object.insert("zzz".to_owned(), Value::Null);
    let problems = config::parse("example", &document.to_string(), folder).map(|_| ()).err().unwrap_or_default();
    let problem = problems.iter().find(|problem| problem.path.ends_with("zzz"));
    let note = problem.and_then(|problem| problem.notes.first()).and_then(|note| note.split_once(": "));
    note.map(|(_, known)| known.split(", ").map(str::to_owned).collect()).unwrap_or_default()
}
