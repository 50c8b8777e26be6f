//! Whether the diagnostics of runbooks can be run, before anybody is woken up by them.
//!
//! [`problems`] needs no database: marking, expressions, templates, and what a statement may be. [`live`] lets a
//! database look at every statement without running it.

use std::path::Path;

use crate::model::{Labels, Place, Problem, Timestamp};
use crate::promql::{self, Expr};
use crate::queue::{self, Database};
use crate::runbooks::{Diagnostic, Language, Runbook, Runbooks};
use crate::template::Value;

use super::diagnostics::expanded;

/// What is wrong with the diagnostics of all runbooks, each with its file and line. `dir` is the directory that was
/// laid over the shipped ones.
#[must_use]
pub fn problems(runbooks: &Runbooks, dir: Option<&Path>) -> Vec<Problem> {
    let books = runbooks.names().filter_map(|name| runbooks.get(name));
    let found = books.flat_map(|book| {
        let file = file(&book.name, dir);
        book_problems(book).into_iter().map(move |mut problem| {
            problem.file.clone_from(&file);
            problem
        })
    });
    found.collect()
}

/// Lets the database look at every statement: whether tables, columns and grants are there. Each mistake comes with the
/// runbook's file and line; a database that cannot be reached is one mistake.
pub async fn live(runbooks: &Runbooks, dir: Option<&Path>, target: &str, database: &Database) -> Vec<Problem> {
    let mut problems = Vec::new();
    for book in runbooks.names().filter_map(|name| runbooks.get(name)) {
        for diagnostic in book.diagnostics().iter().filter(|one| one.language == Language::Sql) {
            match database.check_diagnostic(&diagnostic.text, diagnostic.labels.len()).await {
                Ok(()) => {}
                Err(queue::DatabaseError::Refused(error)) => {
                    let message = format!("diagnostic {:?} does not run on {target}: {error}", diagnostic.title);
                    problems.push(placed(message, diagnostic.place, &file(&book.name, dir)));
                }
                Err(error) => {
                    return vec![Problem::at("", format!("diagnostics cannot be tried on {target}: {error}"))];
                }
            }
        }
    }
    problems
}

/// Every expression of a runbook's diagnostics, as it would be for sample labels, with its place; those that cannot be
/// read are left out.
#[must_use]
pub fn expressions(book: &Runbook) -> Vec<(Place, Expr)> {
    let diagnostics = book.diagnostics().into_iter().filter(|one| one.language == Language::Promql);
    diagnostics.filter_map(|one| Some((one.place, expression(&one).ok()?))).collect()
}

fn file(name: &str, dir: Option<&Path>) -> String {
    let own = dir.map(|dir| dir.join(format!("{name}.md"))).filter(|path| path.exists());
    own.map_or_else(|| format!("runbooks/{name}.md"), |path| path.display().to_string())
}

fn placed(message: String, place: Place, file: &str) -> Problem {
    let mut problem = Problem::at("", message);
    problem.place = Some(place);
    file.clone_into(&mut problem.file);
    problem
}

fn book_problems(book: &Runbook) -> Vec<Problem> {
    let mut problems = book.problems();
    for diagnostic in book.diagnostics() {
        let wrong = match diagnostic.language {
            Language::Promql => expression(&diagnostic).err(),
            Language::Sql => statement(&diagnostic),
        };
        let wrong =
            wrong.map(|wrong| placed(format!("diagnostic {:?}: {wrong}", diagnostic.title), diagnostic.place, ""));
        problems.extend(wrong);
    }
    problems
}

fn expression(diagnostic: &Diagnostic) -> Result<Expr, String> {
    let labels = Labels::from_pairs([("alertname", "Sample"), ("target", "sample"), ("probe", "health")]);
    let text = expanded(&diagnostic.text, &labels, Timestamp::default())?;
    promql::parse(&text).map_err(|error| {
        let (line, column) = error.place(&text);
        format!("{line}:{column}: {}", error.message)
    })
}

fn statement(diagnostic: &Diagnostic) -> Option<String> {
    let (asked, given) = (queue::parameters(&diagnostic.text), diagnostic.labels.len());
    let miscounted =
        (asked != given).then(|| format!("has {asked} parameters ($1 and so on), but names {given} labels for them"));
    queue::refusal(&diagnostic.text).or(miscounted)
}

/// What a diagnostic's template sees.
pub(super) fn data<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
    let none: [(&str, &str); 0] = [];
    Value::fields([
        ("Labels", Value::texts(labels)),
        ("ExternalLabels", Value::texts(none)),
        ("ExternalURL", Value::text("")),
        ("Value", Value::Float(0.0)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_told_with_file_and_line() {
        let book = "# Own\n\nX.\n\n```sql diagnostic title=\"a\"\ndelete from q\n```\n\n```promql diagnostic title=\"b\"\n\
                    sum(\n```\n\n```promql diagnostic title=\"c\"\nup{x=\"{{ $label.x }}\"}\n```\n\n\
                    ```sql diagnostic title=\"d\"\nselect $2\n```\n\n```sql diagnostic\nselect 1\n```\n\n\
                    ```promql diagnostic title=\"e\"\nup{target=\"{{ $labels.target }}\"}\n```\n";
        let told: Vec<String> =
            problems(&Runbooks::from_iter([("Own", book)]), None).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "runbooks/Own.md:21:1: a diagnostic needs a title\nhint: write title=\"Oldest rows\" behind it",
                "runbooks/Own.md:5:1: diagnostic \"a\": begins with \"delete\"; allowed are select, with, show, explain",
                "runbooks/Own.md:9:1: diagnostic \"b\": 1:5: unexpected end of input, expected an expression",
                "runbooks/Own.md:13:1: diagnostic \"c\": undefined variable \"$label\"",
                "runbooks/Own.md:17:1: diagnostic \"d\": has 2 parameters ($1 and so on), but names 0 labels for them",
            ]
        );
    }

    #[test]
    fn the_shipped_diagnostics_are_right() {
        let runbooks = Runbooks::load(None).expect("shipped");
        assert_eq!(problems(&runbooks, None), []);
        let expressions: usize =
            runbooks.names().filter_map(|name| runbooks.get(name)).map(|book| expressions(book).len()).sum();
        assert!(expressions > 3, "{expressions}");
    }
}
