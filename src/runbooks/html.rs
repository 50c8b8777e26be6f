//! Markdown as HTML that is safe to serve and to mail.

use pulldown_cmark::{CodeBlockKind, CowStr, Event, Tag, TagEnd};

use super::links::target;
use super::sections::{headings, level, parser};

/// For whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// A page with a style sheet and anchors.
    Page,
    /// A mail client: everything inline.
    Mail,
}

/// Inline styles by element, for mail.
const MAIL: &[(&str, &str)] = &[
    ("h1", "font-size:18px;line-height:24px;margin:20px 0 8px;color:#1f2328"),
    ("h2", "font-size:16px;line-height:22px;margin:20px 0 6px;color:#1f2328"),
    ("h3", "font-size:15px;line-height:21px;margin:16px 0 6px;color:#1f2328"),
    ("p", "margin:0 0 10px"),
    ("ul", "margin:0 0 10px;padding-left:22px"),
    ("ol", "margin:0 0 10px;padding-left:22px"),
    ("li", "margin:0 0 6px"),
    ("a", "color:#0b57d0"),
    (
        "pre",
        "background:#f3f4f6;border-radius:6px;padding:10px;margin:0 0 10px;font:12px/17px ui-monospace,Menlo,Consolas,monospace;\
         white-space:pre-wrap;overflow-wrap:anywhere",
    ),
    ("code", "font:0.92em ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere"),
    ("table", "border-collapse:collapse;margin:0 0 10px"),
    ("th", "border:1px solid #d0d7de;padding:4px 8px;text-align:left"),
    ("td", "border:1px solid #d0d7de;padding:4px 8px;text-align:left;vertical-align:top"),
    ("blockquote", "border-left:3px solid #d0d7de;margin:0 0 10px;padding-left:12px;color:#57606a"),
];

/// Renders; `base` stands before links to neighbours.
pub(super) fn render(markdown: &str, base: &str, style: Style) -> String {
    let mut writer =
        Writer { out: String::with_capacity(markdown.len() * 2), style, base, head: false, links: Vec::new() };
    let mut anchors = headings(markdown).into_iter().map(|heading| heading.anchor);
    for event in parser(markdown) {
        writer.event(event, &mut anchors);
    }
    writer.out
}

struct Writer<'a> {
    out: String,
    style: Style,
    base: &'a str,
    /// Within a table's head.
    head: bool,
    /// Whether each open link was written.
    links: Vec<bool>,
}

impl Writer<'_> {
    fn event(&mut self, event: Event<'_>, anchors: &mut impl Iterator<Item = String>) {
        match event {
            Event::Start(tag) => self.start(tag, anchors),
            Event::End(tag) => self.end(tag),
            // Raw HTML is text: whoever wrote it may read it, nobody's browser runs it.
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.text(&text),
            Event::Code(text) => {
                self.open("code", "");
                self.text(&text);
                self.out.push_str("</code>");
            }
            Event::SoftBreak => self.out.push('\n'),
            Event::HardBreak => self.out.push_str("<br>\n"),
            Event::Rule => self.out.push_str("<hr>\n"),
            _ => {}
        }
    }

    fn open(&mut self, element: &str, attributes: &str) {
        let inline = MAIL.iter().find(|(name, _)| *name == element && self.style == Style::Mail);
        let inline = inline.map_or_else(String::new, |(_, css)| format!(" style=\"{css}\""));
        self.out.push_str(&format!("<{element}{attributes}{inline}>"));
    }

    fn text(&mut self, text: &str) {
        escape(text, &mut self.out);
    }

    fn start(&mut self, tag: Tag<'_>, anchors: &mut impl Iterator<Item = String>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.open("p", ""),
            Tag::Heading { level: l, .. } => {
                let anchor = anchors.next().unwrap_or_default();
                let id = if self.style == Style::Page { attribute("id", &anchor) } else { String::new() };
                self.open(&format!("h{}", level(l)), &id);
            }
            Tag::BlockQuote(_) => self.open("blockquote", ""),
            Tag::CodeBlock(kind) => {
                let language = match kind {
                    CodeBlockKind::Fenced(language) => language,
                    CodeBlockKind::Indented => CowStr::Borrowed(""),
                };
                let word = language.split_whitespace().next().unwrap_or("");
                let class = if self.style == Style::Page && !word.is_empty() {
                    attribute("class", &format!("language-{word}"))
                } else {
                    String::new()
                };
                self.open("pre", "");
                self.out.push_str(&format!("<code{class}>"));
            }
            Tag::List(Some(1)) => self.open("ol", ""),
            Tag::List(Some(first)) => self.open("ol", &attribute("start", &first.to_string())),
            Tag::List(None) => self.open("ul", ""),
            Tag::Item => self.open("li", ""),
            Tag::Table(_) => self.open("table", ""),
            Tag::TableHead => {
                self.head = true;
                self.out.push_str("<thead><tr>");
            }
            Tag::TableRow => self.out.push_str("<tr>"),
            Tag::TableCell => self.open(if self.head { "th" } else { "td" }, ""),
            Tag::Emphasis => self.out.push_str("<em>"),
            Tag::Strong => self.out.push_str("<strong>"),
            Tag::Strikethrough => self.out.push_str("<del>"),
            Tag::Link { dest_url, .. } => {
                let target = target(&dest_url, self.base);
                if let Some(target) = &target {
                    self.open("a", &attribute("href", target));
                }
                self.links.push(target.is_some());
            }
            // A picture from elsewhere would tell its host who reads the page; its description stays.
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        let text = match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock => "</p>\n",
            TagEnd::Heading(l) => {
                self.out.push_str(&format!("</h{}>\n", level(l)));
                return;
            }
            TagEnd::BlockQuote(_) => "</blockquote>\n",
            TagEnd::CodeBlock => "</code></pre>\n",
            TagEnd::List(true) => "</ol>\n",
            TagEnd::List(false) => "</ul>\n",
            TagEnd::Item => "</li>\n",
            TagEnd::Table => "</tbody></table>\n",
            TagEnd::TableHead => {
                self.head = false;
                "</tr></thead><tbody>\n"
            }
            TagEnd::TableRow => "</tr>\n",
            TagEnd::TableCell if self.head => "</th>",
            TagEnd::TableCell => "</td>",
            TagEnd::Emphasis => "</em>",
            TagEnd::Strong => "</strong>",
            TagEnd::Strikethrough => "</del>",
            TagEnd::Link if self.links.pop() == Some(true) => "</a>",
            _ => "",
        };
        self.out.push_str(text);
    }
}

fn attribute(name: &str, value: &str) -> String {
    let mut escaped = String::new();
    escape(value, &mut escaped);
    format!(" {name}=\"{escaped}\"")
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}
