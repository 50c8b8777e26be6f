//! A runbook's diagnostics: fenced blocks that memsentry runs when it tells somebody about the alert.
//!
//! ` ```sql diagnostic title="Oldest rows" ` and ` ```promql diagnostic title="…" `; a block without the word
//! `diagnostic` is for a person to type. Only the marking is read and checked here: whether the text is a good
//! statement or expression, and what it answers, is known elsewhere (`queue`, `promql`, `evidence`).

use pulldown_cmark::{CodeBlockKind, Event, Tag, TagEnd};

use crate::model::{Place, Problem};

use super::sections::parser;

/// Most diagnostics of one runbook; all of them share one time limit.
pub const MOST: usize = 6;

/// The word that marks a block.
const MARK: &str = "diagnostic";

/// What a diagnostic is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// One read-only statement for the service's Postgres.
    Sql,
    /// One expression over memsentry's own samples.
    Promql,
}

/// A block that is run when its alert is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What its answer is called in a message.
    pub title: String,
    /// What it is written in.
    pub language: Language,
    /// The statement or expression.
    pub text: String,
    /// For SQL: the alert's labels that stand for `$1`, `$2` and so on.
    pub labels: Vec<String>,
    /// Where the block begins in its file.
    pub place: Place,
}

/// All diagnostics of a runbook, and what is wrong with their marking.
pub(super) fn read(markdown: &str) -> (Vec<Diagnostic>, Vec<Problem>) {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    let mut open: Option<Diagnostic> = None;
    for (event, at) in parser(markdown).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(fence))) => {
                let place = place(markdown, at.start);
                match marking(&fence, place) {
                    Ok(diagnostic) => open = diagnostic,
                    Err(problem) => problems.push(*problem),
                }
            }
            Event::Text(text) => {
                if let Some(diagnostic) = &mut open {
                    diagnostic.text.push_str(&text);
                }
            }
            Event::End(TagEnd::CodeBlock) => found.extend(open.take()),
            _ => {}
        }
    }
    if let Some(one_too_many) = found.get(MOST) {
        let message = format!("{} diagnostics, {MOST} are allowed", found.len());
        problems
            .push(wrong(one_too_many.place, message).hint("all of them share 2 s; leave out the word `diagnostic`"));
    }
    (found, problems)
}

fn wrong(place: Place, message: impl Into<String>) -> Problem {
    let mut problem = Problem::at("", message);
    problem.place = Some(place);
    problem
}

fn place(text: &str, at: usize) -> Place {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    Place { line, column: before.rsplit('\n').next().unwrap_or("").chars().count() + 1 }
}

/// What the words behind a fence say; `None` for a block that is not marked.
fn marking(fence: &str, place: Place) -> Result<Option<Diagnostic>, Box<Problem>> {
    let (language, rest) = fence.trim().split_once(char::is_whitespace).unwrap_or((fence.trim(), ""));
    let Some(attributes) = rest.trim_start().strip_prefix(MARK).filter(|rest| !rest.starts_with(char::is_alphanumeric))
    else {
        return Ok(None);
    };
    let language = match language {
        "sql" => Language::Sql,
        "promql" => Language::Promql,
        other => {
            let message = format!("a diagnostic cannot be written in {other:?}");
            return Err(Box::new(wrong(place, message).note("known: sql, promql")));
        }
    };
    let (mut title, mut labels) = (None, Vec::new());
    let mut rest = attributes.trim_start();
    while !rest.is_empty() {
        let Some((name, value, behind)) = attribute(rest) else {
            let message = format!("cannot read {rest:?} behind `{MARK}`");
            return Err(Box::new(wrong(place, message).note("expected: title=\"…\", and for sql labels=\"a b\"")));
        };
        match name {
            "title" => title = Some(value.trim().to_owned()).filter(|title| !title.is_empty()),
            "labels" if language == Language::Sql => labels = value.split_whitespace().map(str::to_owned).collect(),
            "labels" => {
                let problem =
                    wrong(place, "labels are for sql only").hint("write {{ $labels.target }} in the expression");
                return Err(Box::new(problem));
            }
            other => {
                let problem =
                    wrong(place, format!("unknown attribute {other:?}")).note("known attributes: title, labels");
                return Err(Box::new(problem.suggest(other, ["title", "labels"])));
            }
        }
        rest = behind.trim_start();
    }
    let Some(title) = title else {
        return Err(Box::new(wrong(place, "a diagnostic needs a title").hint("write title=\"Oldest rows\" behind it")));
    };
    Ok(Some(Diagnostic { title, language, text: String::new(), labels, place }))
}

/// `name="value"` at the start of a text, and what stands behind it.
fn attribute(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.split_once('=')?;
    let (value, behind) = rest.strip_prefix('"')?.split_once('"')?;
    Some((name.trim(), value, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_marked_blocks_are_diagnostics() {
        let (found, problems) = read(
            "# A\n\n```sql\nselect 1;\n```\n\n```sql diagnostic title=\"Oldest rows\" labels=\"target  chat_id\"\nselect $1,\n\
             \x20 $2;\n```\n\n- in a list:\n\n  ```promql diagnostic title=\"Depth\"\n  depth > 1\n  ```\n\n\
             ```sql diagnostics\nselect 2\n```\n",
        );
        assert_eq!(problems, []);
        let seen: Vec<_> =
            found.iter().map(|d| (d.title.as_str(), d.language, d.text.as_str(), d.place.line)).collect();
        assert_eq!(
            seen,
            [("Oldest rows", Language::Sql, "select $1,\n  $2;\n", 7), ("Depth", Language::Promql, "depth > 1\n", 14)]
        );
        assert_eq!(found[0].labels, ["target", "chat_id"]);
    }

    #[test]
    fn every_mistake_of_the_marking_is_told_with_its_line() {
        let blocks = [
            "sh diagnostic title=\"x\"",
            "sql diagnostic",
            "sql diagnostic title=\" \"",
            "sql diagnostic tilte=\"x\"",
            "sql diagnostic title=x",
            "promql diagnostic title=\"x\" labels=\"target\"",
        ];
        let text: String = blocks.iter().map(|fence| format!("```{fence}\nx\n```\n\n")).collect();
        let (found, problems) = read(&text);
        assert_eq!(found, []);
        let told: Vec<String> =
            problems.iter().map(|p| format!("{}: {}", p.place.map_or(0, |p| p.line), p.message)).collect();
        assert_eq!(
            told,
            [
                "1: a diagnostic cannot be written in \"sh\"",
                "5: a diagnostic needs a title",
                "9: a diagnostic needs a title",
                "13: unknown attribute \"tilte\"",
                "17: cannot read \"title=x\" behind `diagnostic`",
                "21: labels are for sql only",
            ]
        );
        assert_eq!(problems[3].hint.as_deref(), Some("did you mean \"title\"?"));
        let many = "```promql diagnostic title=\"x\"\ny\n```\n\n".repeat(MOST + 1);
        assert_eq!(read(&many).1.len(), 1);
    }
}
