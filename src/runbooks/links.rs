//! Which links a runbook may hold, and where those to its neighbours lead.

use pulldown_cmark::{Event, Tag};

/// Where a link leads, or nothing if it must not be followed. `Other.md` and `Other.md#part` are neighbours
/// and lead below `base`; `#part` stays on the page; http, https and mailto stay as they are.
pub(super) fn target(link: &str, base: &str) -> Option<String> {
    let link = link.trim();
    if link.chars().any(char::is_control) {
        return None;
    }
    if link.starts_with('#') {
        return Some(link.to_owned());
    }
    if let Some((scheme, _)) = link.split_once(':')
        && !scheme.contains(['/', '?', '#'])
    {
        let scheme = scheme.to_ascii_lowercase();
        return matches!(scheme.as_str(), "http" | "https" | "mailto").then(|| link.to_owned());
    }
    let (path, anchor) = link.split_once('#').map_or((link, ""), |(path, anchor)| (path, anchor));
    match path.strip_suffix(".md") {
        Some(neighbour) if !neighbour.contains('/') => {
            let anchor = if anchor.is_empty() { String::new() } else { format!("#{anchor}") };
            Some(format!("{base}{neighbour}{anchor}"))
        }
        // Two slashes at the beginning would leave the site.
        _ if link.starts_with("//") || link.starts_with('\\') => None,
        _ => Some(link.to_owned()),
    }
}

/// A link and the line that it stands in, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where it leads, as written.
    pub target: String,
    /// The line.
    pub line: usize,
}

/// All links of a page, in their order.
pub(super) fn of(markdown: &str) -> Vec<Link> {
    let mut links = Vec::new();
    for (event, at) in super::sections::parser(markdown).into_offset_iter() {
        if let Event::Start(Tag::Link { dest_url, .. }) = event {
            let line = markdown.get(..at.start).unwrap_or("").matches('\n').count() + 1;
            links.push(Link { target: dest_url.into_string(), line });
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::target;

    #[test]
    fn only_harmless_links_are_followed() {
        for (link, expected) in [
            ("https://a.example/x?y#z", Some("https://a.example/x?y#z")),
            ("HTTP://a", Some("HTTP://a")),
            ("mailto:a@b", Some("mailto:a@b")),
            ("#remedy", Some("#remedy")),
            ("WorkerStalled.md", Some("/runbooks/WorkerStalled")),
            ("WorkerStalled.md#remedy", Some("/runbooks/WorkerStalled#remedy")),
            ("/alerts", Some("/alerts")),
            ("javascript:alert(1)", None),
            ("JaVaScRiPt:alert(1)", None),
            ("java\nscript:alert(1)", None),
            ("data:text/html,x", None),
            ("vbscript:x", None),
            ("//evil.example", None),
            ("\\\\evil.example", None),
        ] {
            assert_eq!(target(link, "/runbooks/").as_deref(), expected, "{link}");
        }
    }
}
