//! A mistake in somebody's input: where, what, what was allowed, what to do.
//!
//! Checks collect problems instead of stopping at the first, so that one run shows all of them.

use std::fmt;

/// A place in a text file. Both count from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file's name as the user gave it; empty until the reader of the file fills it in.
    pub file: String,
    /// Where in the document, such as `probes[4].timeout`; empty for the document itself.
    pub path: String,
    /// Where in the text, once known.
    pub place: Option<Place>,
    /// What is wrong, with the wrong value; lower case, no full stop.
    pub message: String,
    /// What would have been allowed, one line each, such as `known kinds: health, roundtrip`.
    pub notes: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    /// A mistake at a path of the document.
    pub fn at(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            file: String::new(),
            path: path.into(),
            place: None,
            message: message.into(),
            notes: Vec::new(),
            hint: None,
        }
    }

    /// Adds a line about what was allowed.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the nearest of the `known` words as hint, if one is near.
    #[must_use]
    pub fn suggest<'a>(self, wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let near = known
            .into_iter()
            .map(|word| (strsim::damerau_levenshtein(wrong, word), word))
            .min()
            .filter(|(distance, word)| *distance <= 1 + word.len() / 4);
        match near {
            Some((_, word)) => self.hint(format!("did you mean {word:?}?")),
            None => self,
        }
    }

    /// Puts the mistake below `prefix`: `timeout` below `probes[4]` is `probes[4].timeout`.
    #[must_use]
    pub fn below(mut self, prefix: &str) -> Self {
        self.path = match (prefix.is_empty(), self.path.is_empty()) {
            (true, _) => self.path,
            (_, true) => prefix.to_owned(),
            _ if self.path.starts_with('[') => format!("{prefix}{}", self.path),
            _ => format!("{prefix}.{}", self.path),
        };
        self
    }
}

/// One line for the mistake, then notes indented, then the hint.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(place) = self.place {
            write!(f, ":{}:{}", place.line, place.column)?;
        }
        if !self.file.is_empty() {
            f.write_str(": ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        for note in &self.notes {
            write!(f, "\n  {note}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_where_what_what_was_allowed_and_what_to_do() {
        let known = ["health", "retrieval", "roundtrip"];
        let mut problem = Problem::at("kind", "unknown probe kind \"roundtip\"")
            .note("known kinds: health, retrieval, roundtrip")
            .suggest("roundtip", known)
            .below("probes[2]");
        problem.file = "memsentry.yaml".into();
        problem.place = Some(Place { line: 12, column: 11 });
        assert_eq!(
            problem.to_string(),
            "memsentry.yaml:12:11: probes[2].kind: unknown probe kind \"roundtip\"\n  \
             known kinds: health, retrieval, roundtrip\nhint: did you mean \"roundtrip\"?"
        );
    }

    #[test]
    fn a_word_that_is_near_nothing_brings_no_hint() {
        assert_eq!(Problem::at("", "x").suggest("zzz", ["health"]).hint, None);
    }
}
