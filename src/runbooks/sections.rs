//! A runbook's parts: headings with their anchors, sections, the first paragraph.

use std::ops::Range;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// One heading.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Heading {
    /// 1 to 6.
    pub level: u8,
    pub text: String,
    /// Unique on the page.
    pub anchor: String,
    /// Where its markdown stands.
    pub at: Range<usize>,
}

pub(super) fn parser(markdown: &str) -> Parser<'_> {
    Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH)
}

pub(super) fn level(level: HeadingLevel) -> u8 {
    level as u8
}

/// All headings in order.
pub(super) fn headings(markdown: &str) -> Vec<Heading> {
    let mut headings: Vec<Heading> = Vec::new();
    let mut open: Option<Heading> = None;
    for (event, at) in parser(markdown).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level: l, .. }) => {
                open = Some(Heading { level: level(l), text: String::new(), anchor: String::new(), at });
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some(mut heading) = open.take() {
                    heading.anchor = anchor(&heading.text, &headings);
                    headings.push(heading);
                }
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut open {
                    heading.text.push_str(&text);
                }
            }
            _ => {}
        }
    }
    headings
}

/// As GitHub makes them: lower case, blanks to hyphens, a number behind repeats.
fn anchor(text: &str, earlier: &[Heading]) -> String {
    let kept = text.trim().chars().filter_map(|c| match c {
        ' ' | '-' => Some('-'),
        c if c.is_alphanumeric() || c == '_' => Some(c),
        _ => None,
    });
    let slug: String = kept.flat_map(char::to_lowercase).collect();
    let taken = |anchor: &str| earlier.iter().any(|heading| heading.anchor == anchor);
    let numbered = (1..).map(|number| format!("{slug}-{number}"));
    std::iter::once(slug.clone()).chain(numbered).find(|anchor| !taken(anchor)).unwrap_or(slug)
}

/// Where a heading stands, and where the next of its level or above begins.
fn extent(markdown: &str, heading: &str) -> Option<(Range<usize>, usize)> {
    let headings = headings(markdown);
    let at = headings.iter().position(|found| found.text.eq_ignore_ascii_case(heading))?;
    let (start, rest) = (headings.get(at)?, headings.get(at + 1..)?);
    let end = rest.iter().find(|next| next.level <= start.level).map_or(markdown.len(), |next| next.at.start);
    Some((start.at.clone(), end))
}

/// What stands below a heading.
pub(super) fn section(markdown: &str, heading: &str) -> Option<String> {
    let (start, end) = extent(markdown, heading)?;
    markdown.get(start.end..end).map(|text| text.trim().to_owned())
}

/// What stands below the title, if it begins with one.
pub(super) fn body(markdown: &str) -> String {
    let title = headings(markdown).into_iter().next().filter(|first| first.level == 1);
    let start = title.map_or(0, |title| title.at.end);
    markdown.get(start..).unwrap_or(markdown).trim_start().to_owned()
}

/// What is left without a heading and what stands below it.
pub(super) fn without(markdown: &str, heading: &str) -> String {
    match extent(markdown, heading) {
        Some((start, end)) => [markdown.get(..start.start), markdown.get(end..)].into_iter().flatten().collect(),
        None => markdown.to_owned(),
    }
}

/// The first paragraph, on one line.
pub(super) fn summary(markdown: &str) -> String {
    let mut text = String::new();
    let mut open = false;
    for event in parser(markdown) {
        match event {
            Event::Start(Tag::Paragraph) => open = true,
            Event::End(TagEnd::Paragraph) => break,
            Event::Text(part) | Event::Code(part) if open => text.push_str(&part),
            Event::SoftBreak | Event::HardBreak if open => text.push(' '),
            _ => {}
        }
    }
    text
}
