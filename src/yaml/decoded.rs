//! What decoding brought: the value as far as it could be read, the mistakes, and what was left out because of them.

use std::collections::BTreeSet;

use crate::model::Problem;

/// What came of decoding: the value without the parts that were left out, if that is one, and every mistake.
pub struct Decoded<T> {
    /// The value; whole where there is no problem.
    pub value: Option<T>,
    /// Every mistake.
    pub problems: Vec<Problem>,
    /// Paths that were left out.
    pub left_out: BTreeSet<String>,
}

impl<T> Decoded<T> {
    /// Whether a check of the value at `path` can be believed: the numbering of its lists is that of the file.
    #[must_use]
    pub fn is_numbered_right(&self, path: &str) -> bool {
        let lists = self.left_out.iter().filter_map(|left_out| left_out.strip_suffix(']')?.rsplit_once('['));
        !lists.into_iter().any(|(list, _)| path.strip_prefix(list).is_some_and(|rest| rest.starts_with('[')))
    }

    /// Whether a check that failed at `path` may have failed only because something in it or beside it was left out:
    /// it then saw a default, or nothing.
    #[must_use]
    pub fn is_beside_a_gap(&self, path: &str) -> bool {
        let section = path.rsplit_once('.').map(|(section, _)| section);
        self.left_out.iter().filter_map(|gap| gap.rsplit_once('.')).any(|(around, _)| {
            Some(around) == section
                || around.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }

    /// Whether anything in the section `name` was left out.
    #[must_use]
    pub fn has_gaps(&self, name: &str) -> bool {
        self.left_out.iter().any(|path| path.split(['.', '[']).next() == Some(name))
    }
}
