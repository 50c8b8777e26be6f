//! A YAML file: its text, its tree, and the way from a path or an offset back to line and column.

use serde::de::DeserializeOwned;
use serde_yaml::{Spanned, options};

use crate::model::{Place, Problem, Secret};

use super::decode::{self, Decoder};
use super::decoded::Decoded;
use super::node::{Content, Node, Raw, place};

/// Where the user says a secret is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// `password_file`: a file, relative to the configuration file.
    File(String),
    /// `password_env`: an environment variable.
    Env(String),
    /// `password_credential`: a systemd credential.
    Credential(String),
}

/// A parsed YAML file.
#[derive(Debug)]
pub struct Document {
    name: String,
    text: String,
    pub(super) root: Node,
}

impl Document {
    /// Parses `text`; `name` is the file's name for messages. Refuses repeated keys, merge keys and a second
    /// document; size and nesting are bounded by the YAML reader's budget.
    ///
    /// # Errors
    /// The text is not YAML; a reader of YAML can find one such mistake only.
    pub fn parse(name: impl Into<String>, text: impl Into<String>) -> Result<Self, Vec<Problem>> {
        let (name, text) = (name.into(), text.into());
        let options = options! {
            duplicate_keys: serde_yaml::options::DuplicateKeyPolicy::Error,
            merge_keys: serde_yaml::options::MergeKeyPolicy::Error,
            strict_booleans: true,
            // As text, which only a field that wants text takes: no setting is infinite by accident.
            non_finite_float_policy: serde_yaml::options::NonFiniteFloatPolicy::AsString,
            with_snippet: false,
        };
        match serde_yaml::from_str_with_options::<Spanned<Raw>>(&text, options) {
            Ok(root) => Ok(Self { name, text, root: root.into() }),
            Err(error) => {
                let mut problem = Problem::at("", decode::plain(&error.without_snippet().to_string()));
                problem.place = error.location().map(place);
                problem.file = name;
                Err(vec![problem])
            }
        }
    }

    /// The file's name as given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text, for excerpts.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Decodes the whole document; secrets are refused.
    ///
    /// # Errors
    /// Every mistake, with its place.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Vec<Problem>> {
        self.decode_with(&|_| Err("a secret is not expected in this file".to_owned()))
    }

    /// Decodes the whole document; `secrets` answers where a field asks for one.
    ///
    /// # Errors
    /// Every mistake, with its place.
    pub fn decode_with<T: DeserializeOwned>(
        &self,
        secrets: &dyn Fn(&SecretSource) -> Result<Secret, String>,
    ) -> Result<T, Vec<Problem>> {
        let decoded = self.decode_partly(secrets);
        match decoded.value {
            Some(value) if decoded.problems.is_empty() => Ok(value),
            _ => Err(decoded.problems),
        }
    }

    /// Decodes as much as can be; for a caller that checks the rest too before it tells all mistakes.
    pub fn decode_partly<T: DeserializeOwned>(
        &self,
        secrets: &dyn Fn(&SecretSource) -> Result<Secret, String>,
    ) -> Decoded<T> {
        let mut decoded = Decoder::new(&self.text, secrets).decode(&self.root);
        decoded.problems = self.placed(decoded.problems);
        decoded
    }

    /// Fills in file, line and column of problems that know their path.
    #[must_use]
    pub fn placed(&self, mut problems: Vec<Problem>) -> Vec<Problem> {
        for problem in &mut problems {
            problem.file.clone_from(&self.name);
            if problem.place.is_none() {
                problem.place = self.locate(&problem.path);
            }
        }
        problems.sort_by_key(|problem| problem.place);
        problems
    }

    /// Where the value at `path` stands, or else the nearest thing around it.
    #[must_use]
    pub fn locate(&self, path: &str) -> Option<Place> {
        let (node, _) = self.find(path);
        Some(node.place)
    }

    /// Where byte `offset` of the string at `path` stands in the file, for an expression inside a scalar.
    ///
    /// Exact for plain and quoted scalars on one line and for block scalars; elsewhere the scalar's start.
    #[must_use]
    pub fn place_in_scalar(&self, path: &str, offset: usize) -> Option<Place> {
        let (node, whole) = self.find(path);
        let Content::String(value) = &node.content else { return Some(node.place) };
        if !whole {
            return Some(node.place);
        }
        let before = value.get(..offset).unwrap_or(value);
        let raw = self.text.get(node.bytes.clone()).unwrap_or("");
        let (line, column) = (before.matches('\n').count(), before.rsplit('\n').next().unwrap_or("").chars().count());
        if raw.starts_with(['|', '>']) || raw.contains('\n') {
            return self.place_in_block(node, value, line, column);
        }
        let quote = usize::from(raw.starts_with(['"', '\'']));
        Some(Place { line: node.place.line, column: node.place.column + quote + column })
    }

    fn place_in_block(&self, node: &Node, value: &str, line: usize, column: usize) -> Option<Place> {
        let first = value.lines().next().unwrap_or("");
        // The first line of the value is the first of the file, from the marker on, that ends with it.
        let start = (node.place.line..).zip(self.text.lines().skip(node.place.line.saturating_sub(1)));
        let found = start.take(16).find(|(_, text)| !first.is_empty() && text.trim_start() == first.trim_start());
        let Some((first_line, text)) = found else { return Some(node.place) };
        let indent = text.chars().count() - text.trim_start().chars().count();
        let indent = indent - (first.chars().count() - first.trim_start().chars().count()).min(indent);
        Some(Place { line: first_line + line, column: indent + column + 1 })
    }

    /// The node at `path`, and whether the whole path was found.
    fn find(&self, path: &str) -> (&Node, bool) {
        let mut node = &self.root;
        for step in decode::steps(path) {
            let next = match (&node.content, step) {
                (Content::Mapping(entries), decode::Step::Key(name)) => {
                    entries.iter().find(|(key, _)| decode::gives(&key.name, name)).map(|(_, value)| value)
                }
                (Content::Sequence(items), decode::Step::Index(at)) => items.get(at),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => return (node, false),
            }
        }
        (node, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_line_and_column() {
        let text = "probes:\n  - kind: health\n    timeout: 20s\n    token_env: T\n";
        let document = Document::parse("m.yaml", text).expect("yaml");
        assert_eq!(document.locate("probes[0].timeout"), Some(Place { line: 3, column: 14 }));
        assert_eq!(document.locate("probes[0].token"), Some(Place { line: 4, column: 16 }), "given by another name");
        assert_eq!(document.locate("probes[0].missing"), Some(Place { line: 2, column: 5 }));
    }

    #[test]
    fn an_offset_in_a_scalar_leads_to_line_and_column() {
        let text = "a: up == 0\nb: 'up == 0'\nc: |\n  up\n    == 0\n";
        let document = Document::parse("m.yaml", text).expect("yaml");
        assert_eq!(document.place_in_scalar("a", 3), Some(Place { line: 1, column: 7 }));
        assert_eq!(document.place_in_scalar("b", 3), Some(Place { line: 2, column: 8 }));
        assert_eq!(document.place_in_scalar("c", 5), Some(Place { line: 5, column: 5 }));
    }

    #[test]
    fn text_that_is_not_yaml_is_one_problem_with_a_place() {
        for text in ["a: [1, 2", "a: 1\na: 2\n", "a: 1\n---\nb: 2\n"] {
            let problems = Document::parse("m.yaml", text).expect_err(text);
            assert_eq!(problems.len(), 1, "{text}");
            assert!(problems[0].place.is_some(), "{text}: {}", problems[0]);
        }
    }
}
