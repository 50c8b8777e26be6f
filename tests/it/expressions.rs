//! Every expression that ships, in dashboards and runbooks, reads metrics that exist; every SQL in a runbook runs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use memsentry::app::catalogue;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::stage::shared_reference;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The names of all series that a scrape or a rule can bring about.
fn known() -> BTreeSet<String> {
    let mut names = BTreeSet::from(["ALERTS".to_owned(), "ALERTS_FOR_STATE".to_owned(), "up".to_owned()]);
    for definition in catalogue::areas().into_iter().flat_map(|(_, definitions)| definitions) {
        match definition.kind.as_str() {
            "histogram" => names.extend(["bucket", "sum", "count"].map(|end| format!("{}_{end}", definition.name))),
            _ => drop(names.insert(definition.name.to_owned())),
        }
    }
    // What the shipped objectives record.
    let recorded = memsentry::rules::slo::rules_text(&memsentry::rules::slo::shipped());
    names.extend(recorded.lines().filter_map(|line| line.trim().strip_prefix("- record: ")).map(str::to_owned));
    names
}

/// What is wrong with an expression, `place` before it.
fn wrong(place: &str, text: &str, known: &BTreeSet<String>) -> Vec<String> {
    match memsentry::promql::parse(text) {
        Err(error) => vec![format!("{place}: {error}: {text}")],
        Ok(expr) => {
            let unknown = expr.metric_names().into_iter().filter(|name| !known.contains(name));
            unknown.map(|name| format!("{place}: there is no metric {name}: {text}")).collect()
        }
    }
}

/// All texts under the key `expr`, and those of queries behind variables, with the title they stand under.
fn expressions(value: &Value, title: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(entries) => {
            let title = entries.get("title").and_then(Value::as_str).unwrap_or(title);
            for (key, value) in entries {
                if let (true, Value::String(text)) = (key == "expr", value) {
                    found.push((title.to_owned(), text.clone()));
                }
                expressions(value, title, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, title, found)),
        _ => {}
    }
}

#[test]
fn dashboards_show_metrics_that_exist() {
    let known = known();
    let mut problems = Vec::new();
    let files = std::fs::read_dir(root().join("grafana")).expect("dashboards").map(|entry| entry.expect("one").path());
    for file in files.filter(|path| path.extension().is_some_and(|end| end == "json")) {
        let text = std::fs::read_to_string(&file).expect("readable");
        let dashboard: Value = serde_json::from_str(&text).expect("JSON");
        let mut found = Vec::new();
        expressions(&dashboard, "", &mut found);
        assert!(found.len() > 10, "{}: {} expressions", file.display(), found.len());
        for (title, expr) in found {
            let expr = expr.replace("$__rate_interval", "5m").replace("$__range", "1h").replace("$__interval", "1m");
            problems.extend(wrong(&title, &expr.replace("$target", "main"), &known));
        }
        for rest in text.split("label_values(").skip(1) {
            let name = rest.split([',', ')', '{']).next().unwrap_or_default();
            if !known.contains(name) {
                problems.push(format!("a variable asks for {name}, which does not exist"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The blocks of this language in all runbooks, with the runbook's name.
fn blocks(language: &str) -> Vec<(String, String)> {
    let folder = std::fs::read_dir(root().join("runbooks")).expect("runbooks");
    let files: Vec<PathBuf> = folder.map(|entry| entry.expect("one").path()).collect();
    let mut found = Vec::new();
    for file in files.into_iter().filter(|path| path.extension().is_some_and(|end| end == "md")) {
        let name = file.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        if name == "README" {
            continue;
        }
        let mut block: Option<String> = None;
        for line in std::fs::read_to_string(&file).expect("readable").lines() {
            match &mut block {
                Some(text) if line.trim() == "```" => {
                    found.push((name.clone(), std::mem::take(text)));
                    block = None;
                }
                Some(text) => *text = format!("{text}{line}\n"),
                None if line.trim() == format!("```{language}")
                    || line.trim().starts_with(&format!("```{language} diagnostic")) =>
                {
                    block = Some(String::new());
                }
                None => {}
            }
        }
    }
    found
}

#[test]
fn runbooks_ask_for_metrics_that_exist() {
    let (blocks, known) = (blocks("promql"), known());
    assert!(blocks.len() > 30, "{} blocks", blocks.len());
    let problems: Vec<String> = blocks.iter().flat_map(|(name, text)| wrong(name, text, &known)).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[tokio::test]
async fn the_sql_of_runbooks_runs_with_memsentrys_role_and_changes_nothing() {
    let blocks = blocks("sql");
    assert!(blocks.len() > 10, "{} blocks", blocks.len());
    let mut connection = PgConnection::connect(&shared_reference().database_url).await.expect("connected");
    let limits = "set default_transaction_read_only = on; set statement_timeout = '2s'; set lock_timeout = '500ms'";
    sqlx::raw_sql(limits).execute(&mut connection).await.expect("a guest's limits");
    let mut problems = Vec::new();
    for (name, sql) in blocks {
        if let Err(error) = sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut connection).await {
            problems.push(format!("{name}: {error}:\n{sql}"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
