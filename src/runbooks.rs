//! Runbooks: markdown by alert name, rendered for mail, page and terminal.

/// One runbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runbook {
    /// The alert it belongs to.
    pub name: String,
    /// As written.
    pub markdown: String,
}

impl Runbook {
    /// As HTML without raw HTML of its own and with links restricted to http, https, mailto and relative.
    #[must_use]
    pub fn html(&self) -> String {
        String::new()
    }
    /// As plain text for mails and terminals.
    #[must_use]
    pub fn text(&self) -> String {
        self.markdown.clone()
    }
    /// The first paragraph under its title.
    #[must_use]
    pub fn summary(&self) -> String {
        String::new()
    }
}

/// All runbooks by alert name: the shipped ones, overlaid by the user's directory.
#[derive(Debug, Clone, Default)]
pub struct Runbooks(());

impl Runbooks {
    /// The runbook of an alert.
    #[must_use]
    pub fn get(&self, _alert: &str) -> Option<&Runbook> {
        None
    }
    /// Every name, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }
}
