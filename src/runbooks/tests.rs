//! What a reader sees of a runbook, and what a directory may hold.

use super::*;

const BOOK: &str = "# QueueStalled\n\nNothing is\n`completed`. For long.\n\n## First steps\n\n1. Look at the\n   [worker](WorkerStalled.md).\n2. Go on.\n\n## Remedy\n\n<script>alert(1)</script>\n\nA <b>bold</b> [x](javascript:alert(1)) ![p](http://t/x.png)\n\n```sql\nselect a < b;\n```\n";

fn book() -> Runbook {
    named(("QueueStalled", BOOK.to_owned())).1
}

#[test]
fn a_page_has_anchors_and_nothing_that_runs() {
    let html = book().html();
    assert!(html.contains("<h2 id=\"first-steps\">First steps</h2>"), "{html}");
    assert!(html.contains("<a href=\"WorkerStalled\">worker</a>"), "{html}");
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{html}");
    assert!(html.contains("A &lt;b&gt;bold&lt;/b&gt; x p"), "{html}");
    assert!(!html.contains("<script") && !html.contains("javascript") && !html.contains("<img"), "{html}");
    assert!(html.contains("<pre><code class=\"language-sql\">select a &lt; b;"), "{html}");
}

#[test]
fn the_text_is_readable_in_a_terminal() {
    assert_eq!(
        book().text(),
        "QueueStalled\n============\n\nNothing is completed. For long.\n\nFirst steps\n-----------\n\n1. Look at the worker.\n\
         2. Go on.\n\nRemedy\n------\n\n<script>alert(1)</script>\n\nA <b>bold</b> x p\n\n    select a < b;\n"
    );
}

#[test]
fn the_summary_is_the_first_paragraph_and_a_section_ends_at_the_next() {
    assert_eq!(book().summary(), "Nothing is completed. For long.");
    let steps = book().section("first steps").expect("there");
    assert_eq!(steps.text(), "1. Look at the worker.\n2. Go on.\n");
    assert_eq!(book().section("Nowhere"), None);
    assert_eq!(book().without("First steps").anchors(), ["queuestalled", "remedy"]);
    assert_eq!(book().without("Nowhere"), book());
    assert_eq!(book().anchors(), ["queuestalled", "first-steps", "remedy"]);
}

#[test]
fn every_shipped_runbook_is_embedded_and_has_its_parts() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
    let mut files: Vec<String> = std::fs::read_dir(dir)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().trim_end_matches(".md").to_owned())
        .filter(|name| name != "README")
        .collect();
    files.sort();
    let runbooks = Runbooks::load(None).expect("loads");
    assert_eq!(runbooks.names().collect::<Vec<_>>(), files);
    for name in &files {
        let book = runbooks.get(name).expect("there");
        assert!(!book.summary().is_empty(), "{name} has no summary");
        assert!(book.section("First steps").is_some(), "{name} has no first steps");
    }
}

#[test]
fn links_between_shipped_runbooks_lead_somewhere() {
    let runbooks = Runbooks::load(None).expect("loads");
    for name in runbooks.names() {
        let html = runbooks.get(name).expect("there").mail_html("book:");
        for link in html.split("href=\"book:").skip(1).filter_map(|rest| rest.split('"').next()) {
            let (page, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = runbooks.get(page).unwrap_or_else(|| panic!("{name} links to {page}"));
            assert!(anchor.is_empty() || target.anchors().iter().any(|a| a == anchor), "{name} links to {link}");
        }
    }
}

#[test]
fn a_directory_is_laid_over_the_shipped_runbooks_and_its_mistakes_are_told_at_once() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("Watchdog.md"), "# Watchdog\n\nOurs.\n").expect("written");
    std::fs::write(dir.path().join("Own.md"), "# Own\n\nNew.\n").expect("written");
    let runbooks = Runbooks::load(Some(dir.path())).expect("loads");
    assert_eq!(runbooks.get("Watchdog").map(Runbook::summary).as_deref(), Some("Ours."));
    assert!(runbooks.get("Own").is_some() && runbooks.get("QueueDepthHigh").is_some());

    std::fs::write(dir.path().join("Own.md"), "# Other\n").expect("written");
    std::fs::write(dir.path().join("Watchdog.md"), "no title").expect("written");
    let problems = Runbooks::load(Some(dir.path())).expect_err("two mistakes");
    let mut told: Vec<String> = problems.iter().map(|problem| problem.message.clone()).collect();
    told.sort();
    assert_eq!(told, ["does not begin with the title \"# Watchdog\"", "its title is \"Other\", its name \"Own\""]);
    assert!(Runbooks::load(Some(Path::new("/nowhere"))).is_err());
}
