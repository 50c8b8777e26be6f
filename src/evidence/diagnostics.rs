//! Runs the diagnostics of a runbook for one message.
//!
//! One after the other in the runbook's order, because they share a connection. Each may use half of the time that is
//! left, so that one that hangs does not take all of it. A database that did not answer is left alone for a while.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration as StdDuration;

use crate::model::{Duration, Labels, Stopwatch, Timestamp};
use crate::notify::evidence::{Diagnosis, Table};
use crate::promql;
use crate::queue::{Database, DatabaseError, MOST_ROWS};
use crate::runbooks::{Diagnostic, Language};
use crate::template;
use crate::tsdb::Tsdb;

use super::cells::cell;
use super::fresh::Fresh;
use super::metrics::Metrics;
use super::{reading, settings::Settings};

/// Answers that are kept for other messages.
const MOST_ANSWERS: usize = 64;

/// How long a database that was silent is not asked again.
const LEFT_ALONE: StdDuration = StdDuration::from_secs(30);

/// Most columns of a table that is shown in a mail.
const MOST_COLUMNS: usize = 8;

/// The alert on whose behalf diagnostics are run.
pub(super) struct Subject<'a> {
    pub labels: &'a Labels,
    /// Its target's name and database, or why there is none.
    pub database: Result<(String, Database), String>,
    pub settings: Settings,
    pub at: Timestamp,
}

/// Runs diagnostics and remembers their answers for a few seconds.
pub(super) struct Runner {
    tsdb: Tsdb,
    metrics: Metrics,
    answers: Fresh<Result<Table, String>>,
    /// Targets whose database did not answer, and since when.
    silent: Mutex<BTreeMap<String, Stopwatch>>,
}

impl Runner {
    pub fn new(tsdb: Tsdb, metrics: Metrics) -> Self {
        Self { tsdb, metrics, answers: Fresh::new(MOST_ANSWERS), silent: Mutex::default() }
    }

    /// All answers, within `limit`.
    pub async fn run(&self, diagnostics: &[Diagnostic], subject: &Subject<'_>, limit: StdDuration) -> Vec<Diagnosis> {
        let watch = Stopwatch::start();
        let mut answers = Vec::with_capacity(diagnostics.len());
        for (at, diagnostic) in diagnostics.iter().enumerate() {
            let left = limit.saturating_sub(watch.elapsed());
            let share = if at + 1 < diagnostics.len() { left / 2 } else { left };
            let answer = self.answer(diagnostic, subject, share).await;
            answers.push(Diagnosis { title: diagnostic.title.clone(), answer });
        }
        answers
    }

    async fn answer(
        &self,
        diagnostic: &Diagnostic,
        subject: &Subject<'_>,
        limit: StdDuration,
    ) -> Result<Table, String> {
        if limit < StdDuration::from_millis(20) {
            return Err("no time was left for it".to_owned());
        }
        let (language, work) = match diagnostic.language {
            Language::Sql => ("sql", self.sql(diagnostic, subject, limit).await),
            Language::Promql => ("promql", self.promql(diagnostic, subject, limit).await),
        };
        self.metrics.diagnosed(language, work.is_ok());
        if let Err(error) = &work {
            tracing::warn!(title = diagnostic.title, language, error, "a diagnostic failed");
        }
        work
    }

    async fn sql(&self, diagnostic: &Diagnostic, subject: &Subject<'_>, limit: StdDuration) -> Result<Table, String> {
        let (target, database) = subject.database.as_ref().map_err(Clone::clone)?;
        let parameters: Vec<Option<String>> =
            diagnostic.labels.iter().map(|label| subject.labels.get(label).map(str::to_owned)).collect();
        let key = format!("sql\0{target}\0{}\0{parameters:?}\0{:?}", diagnostic.text, subject.settings);
        let ask = || async {
            if self.is_silent(target) {
                return Err(format!("the database of {target} did not answer a moment ago and was left alone"));
            }
            let (text, texts) = (&diagnostic.text, subject.settings.show_texts);
            match database.diagnose(text, &parameters, texts, Duration::from(limit)).await {
                Ok((rows, more)) => Ok(table(&rows, more)),
                Err(error) => {
                    if !matches!(error, DatabaseError::Refused(_)) {
                        self.silent().insert(target.clone(), Stopwatch::start());
                    }
                    Err(error.to_string())
                }
            }
        };
        Result::clone(&*self.answers.get(&key, ask).await)
    }

    fn silent(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Stopwatch>> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_silent(&self, target: &str) -> bool {
        let mut silent = self.silent();
        silent.retain(|_, since| since.elapsed() < LEFT_ALONE);
        silent.contains_key(target)
    }

    async fn promql(
        &self,
        diagnostic: &Diagnostic,
        subject: &Subject<'_>,
        limit: StdDuration,
    ) -> Result<Table, String> {
        let text = expanded(&diagnostic.text, subject.labels, subject.at)?;
        let ask = || async {
            let expr = promql::parse(&text).map_err(|error| error.to_string())?;
            let asked = reading::instant(&expr, &self.tsdb, subject.at);
            match tokio::time::timeout(limit, asked).await {
                Ok(found) => Ok(elements(&found?)),
                Err(_) => Err(format!("no answer within {}", Duration::from(limit))),
            }
        };
        Result::clone(&*self.answers.get(&format!("promql\0{text}"), ask).await)
    }
}

/// The expression for an alert: a template over its labels, whose values cannot get out of the quotes they stand in.
pub(super) fn expanded(text: &str, labels: &Labels, at: Timestamp) -> Result<String, String> {
    if !text.contains("{{") {
        return Ok(text.trim().to_owned());
    }
    let parsed = template::Template::parse(text.trim(), &template::PROMETHEUS).map_err(|error| error.to_string())?;
    let quoted = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let labels: Vec<(&str, String)> = labels.iter().map(|(name, value)| (name, quoted(value))).collect();
    let no_query = |_: &str| Err("a diagnostic's template cannot ask a query of its own".to_owned());
    let environment = template::Environment { now: at, external_url: "", query: &no_query };
    let data = super::check::data(labels.iter().map(|(name, value)| (*name, value.as_str())));
    parsed.render(&data, &environment, &template::Limits::default()).map_err(|error| error.to_string())
}

fn table(rows: &[crate::queue::CellRow], more: bool) -> Table {
    let columns: Vec<String> =
        rows.first().into_iter().flatten().take(MOST_COLUMNS).map(|(name, _)| cell(Some(name))).collect();
    let cells = |row: &crate::queue::CellRow| {
        let cells = row.iter().take(columns.len()).map(|(_, value)| cell(value.as_deref()));
        let mut cells: Vec<String> = cells.collect();
        cells.resize(columns.len(), String::new());
        cells
    };
    Table { rows: rows.iter().map(cells).collect(), columns, more }
}

/// The elements of a vector: a column for each label that any of them has, then the value.
fn elements(found: &[(Labels, f64)]) -> Table {
    let mut names: Vec<&str> = Vec::new();
    for (labels, _) in found.iter().take(MOST_ROWS) {
        for (name, _) in labels.iter() {
            if !names.contains(&name) && names.len() + 1 < MOST_COLUMNS {
                names.push(name);
            }
        }
    }
    let row = |(labels, value): &(Labels, f64)| {
        let cells = names.iter().map(|name| cell(labels.get(name)));
        cells.chain([crate::notify::evidence::Unit::Plain.show(*value)]).collect()
    };
    let columns = names.iter().map(|name| (*name).to_owned()).chain(["value".to_owned()]).collect();
    let rows: Vec<Vec<String>> = found.iter().take(MOST_ROWS).map(row).collect();
    Table { columns: if rows.is_empty() { Vec::new() } else { columns }, rows, more: found.len() > MOST_ROWS }
}

/// Shared by all messages.
pub(super) type Shared = Arc<Runner>;
