//! Runbooks: markdown by alert name, rendered for page, mail and terminal.
//!
//! The shipped ones are embedded; a directory of the user's is laid over them, file by file. Everything that
//! is rendered treats raw HTML as text and follows only harmless links, because a runbook may come from
//! anywhere. `runbooks/README.md` says how one is written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::model::Problem;

mod diagnostics;
mod embedded;
mod html;
mod links;
mod sections;
mod text;

pub use diagnostics::{Diagnostic, Language};
pub use links::Link;

/// Largest file that is taken for a runbook, in bytes.
const LARGEST: u64 = 256 * 1024;
/// Most files that are read from one directory.
const MOST_FILES: usize = 1000;

/// Where runbooks are.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// A directory of `<AlertName>.md` laid over the shipped runbooks; the shipped ones alone unless set.
    #[serde(default)]
    pub dir: Option<PathBuf>,
}

/// One runbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runbook {
    /// The alert it belongs to.
    pub name: String,
    /// As written.
    pub markdown: String,
}

impl Runbook {
    /// As HTML without raw HTML of its own, with links restricted to http, https, mailto and relative ones,
    /// and with an `id` on every heading. Links to other runbooks are their bare names: serve all in one folder.
    #[must_use]
    pub fn html(&self) -> String {
        html::render(&self.markdown, "", html::Style::Page)
    }

    /// The same with inline styles, for mail clients that drop style sheets. `base` stands before links to other
    /// runbooks, such as `https://memsentry.example/runbooks/`.
    #[must_use]
    pub fn mail_html(&self, base: &str) -> String {
        html::render(&self.markdown, base, html::Style::Mail)
    }

    /// As plain text for mails and terminals, wrapped at 78 columns.
    #[must_use]
    pub fn text(&self) -> String {
        text::render(&self.markdown)
    }

    /// The first paragraph under its title, on one line.
    #[must_use]
    pub fn summary(&self) -> String {
        sections::summary(&self.markdown)
    }

    /// The section under this heading, without the heading, as a runbook of its own.
    #[must_use]
    pub fn section(&self, heading: &str) -> Option<Self> {
        let markdown = sections::section(&self.markdown, heading)?;
        Some(Self { name: self.name.clone(), markdown })
    }

    /// Everything below the title, as a runbook of its own.
    #[must_use]
    pub fn body(&self) -> Self {
        Self { name: self.name.clone(), markdown: sections::body(&self.markdown) }
    }

    /// Everything but this section, as a runbook of its own.
    #[must_use]
    pub fn without(&self, heading: &str) -> Self {
        Self { name: self.name.clone(), markdown: sections::without(&self.markdown, heading) }
    }

    /// Every link in it, in order.
    #[must_use]
    pub fn links(&self) -> Vec<Link> {
        links::of(&self.markdown)
    }

    /// The blocks that are run when its alert is told, in order; those whose marking is wrong are left out.
    #[must_use]
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        diagnostics::read(&self.markdown).0
    }

    /// What is wrong with the marking of its diagnostics, with places in its text.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        diagnostics::read(&self.markdown).1
    }

    /// What can be linked to: the `id` of every heading, in order.
    #[must_use]
    pub fn anchors(&self) -> Vec<String> {
        sections::headings(&self.markdown).into_iter().map(|heading| heading.anchor).collect()
    }
}

/// All runbooks by alert name.
#[derive(Debug, Clone, Default)]
pub struct Runbooks(BTreeMap<String, Runbook>);

impl Runbooks {
    /// The shipped runbooks, overlaid by those in `dir`.
    ///
    /// # Errors
    /// Everything that is wrong with the directory and its files.
    pub fn load(dir: Option<&Path>) -> Result<Self, Vec<Problem>> {
        let mut all: BTreeMap<String, Runbook> =
            embedded::ALL.iter().map(|(name, markdown)| (*name, (*markdown).to_owned())).map(named).collect();
        if let Some(dir) = dir {
            all.extend(read(dir)?);
        }
        Ok(Self(all))
    }

    /// The runbook of an alert.
    #[must_use]
    pub fn get(&self, alert: &str) -> Option<&Runbook> {
        self.0.get(alert)
    }

    /// Every name, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Runbooks from name and markdown, for tests and tools.
impl<N: Into<String>, M: Into<String>> FromIterator<(N, M)> for Runbooks {
    fn from_iter<I: IntoIterator<Item = (N, M)>>(books: I) -> Self {
        Self(books.into_iter().map(|(name, markdown)| named((name, markdown.into()))).collect())
    }
}

fn named((name, markdown): (impl Into<String>, String)) -> (String, Runbook) {
    let name = name.into();
    (name.clone(), Runbook { name, markdown })
}

fn read(dir: &Path) -> Result<Vec<(String, Runbook)>, Vec<Problem>> {
    let wrong = |path: &Path, message: String| {
        let mut problem = Problem::at("", message);
        problem.file = path.display().to_string();
        problem
    };
    let entries =
        std::fs::read_dir(dir).map_err(|error| vec![Problem::at("dir", format!("{}: {error}", dir.display()))])?;
    let (mut books, mut problems) = (Vec::new(), Vec::new());
    for entry in entries.flatten() {
        let path = entry.path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("").to_owned();
        let markdown = path.extension().is_some_and(|ending| ending == "md");
        if !markdown || name.is_empty() || name == "README" || name.starts_with('.') || !path.is_file() {
            continue;
        }
        if books.len() >= MOST_FILES {
            problems.push(Problem::at("dir", format!("{}: more than {MOST_FILES} runbooks", dir.display())));
            break;
        }
        if entry.metadata().is_ok_and(|data| data.len() > LARGEST) {
            problems.push(wrong(&path, format!("larger than {LARGEST} bytes")));
            continue;
        }
        match std::fs::read_to_string(&path) {
            Ok(text) => match sections::headings(&text).first() {
                Some(first) if first.level == 1 && first.text == name => books.push(named((name, text))),
                Some(first) if first.level == 1 => {
                    let message = format!("its title is {:?}, its name {name:?}", first.text);
                    problems.push(wrong(&path, message).hint("a runbook's title is exactly its alert's name"));
                }
                _ => problems.push(wrong(&path, format!("does not begin with the title \"# {name}\""))),
            },
            Err(error) => problems.push(wrong(&path, error.to_string())),
        }
    }
    if problems.is_empty() { Ok(books) } else { Err(problems) }
}

#[cfg(test)]
mod tests;
