//! Markdown as plain text: what a mail's text part and a terminal show.

use pulldown_cmark::{Event, Tag, TagEnd};

use super::sections::parser;

/// Width to which paragraphs are wrapped.
const WIDTH: usize = 78;

/// Renders.
pub(super) fn render(markdown: &str) -> String {
    let mut writer = Writer::default();
    for event in parser(markdown) {
        writer.event(event);
    }
    writer.finish()
}

#[derive(Default)]
struct Writer {
    out: String,
    /// The paragraph, heading or row being collected.
    line: String,
    /// Numbers of the open lists; `None` for bullets.
    lists: Vec<Option<u64>>,
    /// What stands before the next line of an item.
    marker: Option<String>,
    link: Option<(String, usize)>,
    code: bool,
}

impl Writer {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.code => {
                for line in text.lines() {
                    self.out.push_str(&format!("{}    {line}\n", self.indent()));
                }
            }
            Event::Text(text) | Event::Code(text) | Event::Html(text) | Event::InlineHtml(text) => {
                self.line.push_str(&text);
            }
            Event::SoftBreak => self.line.push(' '),
            Event::HardBreak => self.line.push('\n'),
            Event::Rule => self.out.push_str("---\n\n"),
            _ => {}
        }
    }

    fn indent(&self) -> String {
        "   ".repeat(self.lists.len())
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::CodeBlock(_) => {
                self.flush();
                self.code = true;
            }
            Tag::List(first) => {
                self.flush();
                self.lists.push(first);
            }
            Tag::Item => {
                let marker = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => "-  ".to_owned(),
                };
                self.marker = Some(marker);
            }
            Tag::Link { dest_url, .. } => self.link = Some((dest_url.into_string(), self.line.len())),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => {
                let title = std::mem::take(&mut self.line);
                let rule = if level as u8 == 1 { "=" } else { "-" };
                let rule = rule.repeat(title.chars().count().min(WIDTH));
                self.out.push_str(&format!("{title}\n{rule}\n\n"));
            }
            TagEnd::Paragraph | TagEnd::HtmlBlock => {
                self.flush();
                self.gap();
            }
            TagEnd::CodeBlock => {
                self.code = false;
                self.gap();
            }
            TagEnd::Item => self.flush(),
            TagEnd::List(_) => {
                self.lists.pop();
                if self.lists.is_empty() {
                    self.gap();
                }
            }
            TagEnd::TableCell => self.line.push_str("  |  "),
            TagEnd::TableRow | TagEnd::TableHead => {
                let row = std::mem::take(&mut self.line);
                self.out.push_str(&format!("{}\n", row.trim_end_matches([' ', '|'])));
            }
            TagEnd::Table => self.gap(),
            TagEnd::Link => {
                let outside = |link: &str| link.starts_with("http") || link.starts_with("mailto:");
                if let Some((link, start)) = self.link.take().filter(|(link, _)| outside(link))
                    && self.line.get(start..) != Some(link.as_str())
                {
                    self.line.push_str(&format!(" ({link})"));
                }
            }
            _ => {}
        }
    }

    /// Ends the paragraph with one empty line.
    fn gap(&mut self) {
        while self.out.ends_with('\n') {
            self.out.pop();
        }
        if !self.out.is_empty() {
            self.out.push_str("\n\n");
        }
    }

    /// Writes the collected words, wrapped, behind the item's marker.
    fn flush(&mut self) {
        let text = std::mem::take(&mut self.line);
        if text.trim().is_empty() {
            return;
        }
        let hang = self.indent();
        let first = match self.marker.take() {
            Some(marker) => format!("{}{marker}", "   ".repeat(self.lists.len().saturating_sub(1))),
            None => hang.clone(),
        };
        let mut line = first;
        let mut empty = true;
        for word in text.split_whitespace() {
            if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.out.push_str(line.trim_end());
                self.out.push('\n');
                (line, empty) = (hang.clone(), true);
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
        self.out.push_str(&line);
        self.out.push('\n');
    }

    fn finish(mut self) -> String {
        self.flush();
        self.gap();
        format!("{}\n", self.out.trim_end())
    }
}
