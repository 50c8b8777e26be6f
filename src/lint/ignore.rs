//! What the author of a file has looked at and wants to stay so.
//!
//! `# memsentry-lint: ignore NAME, NAME` holds for the line that it ends, or, on a line of its own, for the next
//! line; in a rule file for the whole rule that it stands in or before; above everything, for the whole file. An
//! alert may also carry the annotation `memsentry_lint_ignore`.

use std::collections::BTreeMap;

use super::Found;
use super::world::World;

/// The annotation of an alert that names lints.
pub(super) const ANNOTATION: &str = "memsentry_lint_ignore";
const COMMENT: &str = "memsentry-lint: ignore";

/// One comment.
pub(super) struct Comment {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) lints: Vec<String>,
    /// The lines that it is about, both included.
    scope: (usize, usize),
}

/// All of them.
pub(super) struct Ignored {
    comments: Vec<Comment>,
    by_rule: Vec<Vec<String>>,
}

impl Ignored {
    pub(super) fn new(world: &World<'_>) -> Self {
        let by_rule = world.rules.iter().map(|rule| {
            let lists = rule.annotations().filter(|(name, _)| *name == ANNOTATION);
            lists.flat_map(|(_, list)| names(list)).collect()
        });
        Self { comments: comments(world), by_rule: by_rule.collect() }
    }

    pub(super) fn ignores(&self, lint: &str, found: &Found) -> bool {
        let of_rule = found.rule.and_then(|rule| self.by_rule.get(rule));
        let line = found.problem.place.map_or(0, |place| place.line);
        let covers = |comment: &Comment| {
            comment.file == found.problem.file
                && (comment.scope.0..=comment.scope.1).contains(&line)
                && comment.lints.iter().any(|name| name == lint)
        };
        of_rule.is_some_and(|lints| lints.iter().any(|name| name == lint)) || self.comments.iter().any(covers)
    }
}

pub(super) fn names(list: &str) -> Vec<String> {
    list.split([',', ' ']).map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The comments of all files that can have some.
pub(super) fn comments(world: &World<'_>) -> Vec<Comment> {
    let mut starts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for rule in &world.rules {
        let place = world.documents.get(rule.file).and_then(|document| document.locate(&rule.path));
        starts.entry(rule.file).or_default().extend(place.map(|place| place.line));
    }
    let files = world.input.rule_files.iter().map(|source| (source.name.as_str(), source.text.as_str()));
    let config = world.input.config;
    let files = files.chain([(config.name(), config.text())]);
    files.flat_map(|(file, text)| of_file(file, text, starts.get(file).map_or(&[], Vec::as_slice))).collect()
}

fn of_file(file: &str, text: &str, starts: &[usize]) -> Vec<Comment> {
    let lines: Vec<&str> = text.lines().collect();
    let mut comments = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some((before, list)) = line.split_once('#').filter(|(_, rest)| rest.trim_start().starts_with(COMMENT))
        else {
            continue;
        };
        let list = list.trim_start().strip_prefix(COMMENT).unwrap_or("");
        let is_alone = |line: &&str| line.trim().is_empty() || line.trim_start().starts_with('#');
        let number = at + 1;
        // The line that it is about.
        let about = if before.trim().is_empty() {
            number + 1 + lines[number..].iter().take_while(|line| is_alone(line)).count()
        } else {
            number
        };
        let first_rule = starts.first().copied().unwrap_or(usize::MAX);
        let scope = match starts.iter().rposition(|start| *start <= about) {
            Some(rule) => (starts[rule], starts.get(rule + 1).map_or(usize::MAX, |next| next - 1)),
            None if number < first_rule && lines[..at].iter().all(is_alone) => (0, usize::MAX),
            None => (about, about),
        };
        comments.push(Comment { file: file.to_owned(), line: number, lints: names(list), scope });
    }
    comments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_about_its_rule_its_line_or_the_whole_file() {
        let text = "\
# memsentry-lint: ignore whole
groups:
  - name: g   # memsentry-lint: ignore line
    rules:
      # memsentry-lint: ignore before, also
      - alert: A
        expr: a
        # memsentry-lint: ignore inside
        labels: {}
      - alert: B  # memsentry-lint: ignore second
";
        let scopes: Vec<_> =
            of_file("f", text, &[6, 10]).into_iter().map(|comment| (comment.lints.join(" "), comment.scope)).collect();
        let pair = |name: &str, scope| (name.to_owned(), scope);
        assert_eq!(
            scopes,
            [
                pair("whole", (0, usize::MAX)),
                pair("line", (3, 3)),
                pair("before also", (6, 9)),
                pair("inside", (6, 9)),
                pair("second", (10, usize::MAX)),
            ]
        );
    }
}
