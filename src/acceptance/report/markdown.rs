//! Markdown that says what it was given and nothing else.
//!
//! A [`Line`] can only be made of text, and text is escaped as it enters, so that nothing a service answers can become a
//! link, a heading, a table or HTML.

use super::words::{cut, inert};
use super::{Report, words};

/// Characters of outside text that one code span shows.
const MOST_CODE: usize = 300;

/// One line of Markdown.
#[derive(Debug, Clone, Default)]
pub(super) struct Line(String);

/// One document.
pub(super) struct Page(String);

impl Line {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Adds text.
    pub(super) fn text(mut self, text: &str) -> Self {
        let escaped = escaped(&inert(text), self.0.is_empty());
        self.0.push_str(&escaped);
        self
    }

    /// Adds another line.
    pub(super) fn joined(mut self, other: Self) -> Self {
        self.0.push_str(&other.0);
        self
    }

    /// Adds text in bold.
    pub(super) fn strong(mut self, text: &str) -> Self {
        let text = inert(text);
        if !text.trim().is_empty() {
            self.0.push_str(&format!("**{}**", escaped(text.trim(), false)));
        }
        self
    }

    /// Adds text as it is, in a code span.
    pub(super) fn code(mut self, text: &str) -> Self {
        let text = cut(&inert(text), MOST_CODE);
        if text.trim().is_empty() {
            self.0.push_str("(empty)");
            return self;
        }
        // The fence is longer than any row of backticks inside.
        let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(longest + 1);
        let pad = if longest > 0 || text.starts_with(' ') || text.ends_with(' ') { " " } else { "" };
        self.0.push_str(&format!("{fence}{pad}{text}{pad}{fence}"));
        self
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self::new().text(text)
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Self::new().text(&text)
    }
}

/// Escapes what Markdown, or GitHub's form of it, would read as more than text. Bars are left to tables.
fn escaped(text: &str, at_start: bool) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len() + 8);
    let is_word = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(|c| c.is_alphanumeric());
    let digits = chars.iter().take_while(|c| c.is_ascii_digit()).count();
    for (at, c) in chars.iter().enumerate() {
        let starts = at_start && at == 0 && matches!(c, '#' | '+' | '-' | '=' | ':');
        let ends = chars.get(at + 1).is_none_or(|next| next.is_whitespace());
        let numbers = at_start && at == digits && digits > 0 && ends && matches!(c, '.' | ')');
        // An underscore inside a word means nothing, and names are full of them.
        let underscore = *c == '_' && !(is_word(at.checked_sub(1)) && is_word(Some(at + 1)));
        let address = *c == ':' && chars.get(at + 1) == Some(&'/') && chars.get(at + 2) == Some(&'/');
        let www = *c == '.' && at >= 3 && chars[at - 3..at].iter().collect::<String>().eq_ignore_ascii_case("www");
        let always = matches!(c, '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '&' | '~' | '$');
        if starts || numbers || underscore || address || www || always {
            out.push('\\');
        }
        out.push(*c);
    }
    out
}

impl Page {
    /// A title, and which run this is about.
    pub(super) fn new(title: &str, report: &Report) -> Self {
        let mut page = Self(String::new());
        page.heading(1, title);
        let target = &report.target;
        let run = Line::new().text("Target ").strong(&target.name).text(" at ").code(&target.url);
        let run = match &target.version {
            Some(version) => run.text(", version ").code(version),
            None => run.text(", which tells no version"),
        };
        let length = words::seconds(report.ended.since(report.began).as_secs_f64());
        let when = format!(". It began {} and took {length}. ", words::moment(report.began));
        page.paragraph(
            run.text(". Run ")
                .code(&report.run_id)
                .text(&when)
                .text("Written by memsentry ")
                .text(&report.memsentry)
                .text("."),
        );
        page
    }

    /// A heading.
    pub(super) fn heading(&mut self, level: usize, text: impl Into<Line>) {
        self.0.push_str(&format!("{} {}\n\n", "#".repeat(level), text.into().0));
    }

    /// A paragraph.
    pub(super) fn paragraph(&mut self, text: impl Into<Line>) {
        self.0.push_str(&text.into().0);
        self.0.push_str("\n\n");
    }

    /// A list; nothing if it is empty.
    pub(super) fn list<L: Into<Line>>(&mut self, items: impl IntoIterator<Item = L>) {
        let before = self.0.len();
        for item in items {
            self.0.push_str(&format!("- {}\n", item.into().0));
        }
        if self.0.len() > before {
            self.0.push('\n');
        }
    }

    /// A table; nothing if it has no rows.
    pub(super) fn table<const N: usize>(&mut self, head: [&str; N], rows: impl IntoIterator<Item = [Line; N]>) {
        let row = |cells: [Line; N]| {
            let cells = cells.map(|cell| cell.0.replace('|', "\\|"));
            format!("| {} |\n", cells.join(" | "))
        };
        let mut rows = rows.into_iter().map(row).peekable();
        if rows.peek().is_none() {
            return;
        }
        self.0.push_str(&row(head.map(Line::from)));
        self.0.push_str(&format!("|{}\n", " --- |".repeat(N)));
        self.0.extend(rows);
        self.0.push('\n');
    }

    /// The text, with one line end at its end.
    pub(super) fn finish(self) -> String {
        format!("{}\n", self.0.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As HTML, by a parser that knows tables and strikethrough.
    fn shown(line: &Line) -> String {
        let options = pulldown_cmark::Options::ENABLE_TABLES | pulldown_cmark::Options::ENABLE_STRIKETHROUGH;
        let mut html = String::new();
        pulldown_cmark::html::push_html(&mut html, pulldown_cmark::Parser::new_ext(&line.0, options));
        html
    }

    #[test]
    fn text_comes_out_as_it_went_in() {
        let hostile = [
            "# not a heading",
            "- no list",
            "1. no number",
            "[no](http://evil.example/) ![img](x)",
            "<script>alert(1)</script> &amp; &lt;",
            "`code` *bold* _it_ __b__ ~~gone~~ user_confirmed",
            "http://evil.example www.evil.example",
            "a\\*b | c",
            "+ plus",
            "===",
            "> quote",
        ];
        for text in hostile {
            let expected = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            assert_eq!(shown(&Line::from(text)), format!("<p>{expected}</p>\n"), "{text}");
            let html = shown(&Line::new().text("x ").code(text));
            assert_eq!(html, format!("<p>x <code>{expected}</code></p>\n"), "{text}");
        }
        assert_eq!(Line::from("91.24 %").0, "91.24 %");
        assert!(Line::from("user_confirmed").0 == "user_confirmed" && Line::from("see http://x").0 == "see http\\://x");
    }

    #[test]
    fn a_cell_cannot_leave_its_cell() {
        let mut page = Page(String::new());
        page.table(["a", "b"], [[Line::from("x | y\n| z"), Line::new().code("``|`")]]);
        let lines: Vec<&str> = page.0.trim_end().lines().collect();
        assert_eq!(lines, ["| a | b |", "| --- | --- |", "| x \\| y \\| z | ``` ``\\|` ``` |"]);
    }
}
