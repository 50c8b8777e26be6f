//! What every document must say, and what none may.

use pulldown_cmark::{Event, Options, Parser, Tag};

use super::recommendation::Recommendation;
use super::*;

pub(crate) mod fixture;

use fixture::{HOSTILE, ready, rich};

fn text(file: &str, report: &Report) -> String {
    let document = DOCUMENTS.iter().find(|document| document.file == file).expect("a document");
    (document.write)(report)
}

/// The parts of a Markdown document that are read: text, code and cells, without its marks.
fn events(markdown: &str) -> Vec<Event<'_>> {
    Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH).collect()
}

fn read(markdown: &str) -> String {
    let mut out = String::new();
    for event in events(markdown) {
        match event {
            Event::Text(text) | Event::Code(text) => out.push_str(&text),
            Event::End(_) => out.push('\n'),
            _ => {}
        }
    }
    out
}

#[test]
fn every_document_is_written_whole_and_replaces_an_earlier_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().join("deep/report");
    for _ in 0..2 {
        let paths = write_all(&rich(), &folder).expect("written");
        assert_eq!(paths.len(), DOCUMENTS.len());
    }
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .expect("there")
        .flatten()
        .map(|entry| entry.file_name().display().to_string())
        .collect();
    names.sort();
    let expected = [
        "DEBT001.md",
        "TODO001_phase4_decisions.md",
        "TODO001_phase4_final_status.md",
        "TODO001_phase4_notes.md",
        "TODO001_phase4_test_update.md",
        "report.html",
        "report.json",
    ];
    assert_eq!(names, expected);
    let json = std::fs::read_to_string(folder.join("report.json")).expect("there");
    assert_eq!(Report::read(&json).expect("a report").results.len(), rich().results.len());
    let blocked = dir.path().join("file");
    std::fs::write(&blocked, "").expect("written");
    assert!(write_all(&rich(), &blocked).is_err());
}

#[test]
fn every_criterion_stands_in_the_final_status_with_its_verdict_and_summary() {
    let report = rich();
    let status = read(&text("TODO001_phase4_final_status.md", &report));
    for result in &report.results {
        assert!(
            status.contains(&result.id) && status.contains(&words::inert(&result.summary)),
            "{}\n{status}",
            result.id
        );
    }
    assert!(
        status.contains("No go: 2 of 8 judged promises are broken. 1 further promise could not be judged."),
        "{status}"
    );
    assert!(status.contains("user-isolation: fail") && status.contains("rate-limit\nnot judged"), "{status}");
    for file in
        ["TODO001_phase4_notes.md", "TODO001_phase4_decisions.md", "TODO001_phase4_test_update.md", "report.html"]
    {
        let text = text(file, &report);
        assert!(report.results.iter().all(|result| text.contains(&result.id)), "{file}");
    }
}

#[test]
fn counts_add_up() {
    let status = text("TODO001_phase4_final_status.md", &rich());
    let rows = status.lines().filter(|line| line.starts_with("| ")).map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        (cells[0].to_owned(), cells[1..].iter().map_while(|cell| cell.parse::<usize>().ok()).collect::<Vec<_>>())
    });
    let counts: Vec<(String, Vec<usize>)> = rows.filter(|(_, numbers)| numbers.len() == 4).collect();
    let (name, all) = counts.last().expect("a row for all");
    assert_eq!((name.as_str(), all.as_slice()), ("All", &[6, 2, 1, 9][..]));
    for column in 0..4 {
        assert_eq!(counts[..counts.len() - 1].iter().map(|(_, numbers)| numbers[column]).sum::<usize>(), all[column]);
    }
    assert!(counts.iter().all(|(_, n)| n[0] + n[1] + n[2] == n[3]));
}

#[test]
fn what_was_not_judged_never_counts_as_passed() {
    let mut report = ready();
    assert_eq!(Recommendation::of(&report).sentence, "Go: all 6 promises are kept.");
    assert_eq!(Recommendation::of(&report).conditions, Vec::<String>::new());
    report.results[0].verdict = Verdict::NotJudged;
    let some = Recommendation::of(&report);
    assert!(
        some.go && some.sentence.starts_with("Go, as far as was judged: all 5 judged promises are kept. 1 further"),
        "{some:?}"
    );
    assert!(some.conditions[0].contains("service-answers"), "{some:?}");
    report.results.iter_mut().for_each(|result| result.verdict = Verdict::NotJudged);
    let none = Recommendation::of(&report);
    assert!(!none.go && none.sentence.starts_with("No go: nothing could be judged."), "{none:?}");
    report.results.clear();
    assert!(!Recommendation::of(&report).go);
    let mut partial = ready();
    partial.left_out = vec!["rate-limit".into()];
    assert!(Recommendation::of(&partial).sentence.starts_with("Go, as far as was judged"));
    assert!(Recommendation::of(&partial).conditions[0].contains("left out on request: rate-limit"));
}

#[test]
fn hostile_answers_are_text_in_every_document() {
    let report = rich();
    for document in DOCUMENTS.iter().filter(|document| document.file != "report.json") {
        let written = (document.write)(&report);
        let controls = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!written.contains(controls), "{} has control characters", document.file);
        if !document.file.ends_with(".md") {
            continue;
        }
        for event in events(&written) {
            match event {
                Event::Html(_) | Event::InlineHtml(_) | Event::Start(Tag::Link { .. } | Tag::Image { .. }) => {
                    panic!("{}: {event:?}", document.file)
                }
                Event::Text(_) | Event::Code(_) | Event::Start(_) | Event::End(_) | Event::SoftBreak => {}
                other => panic!("{}: {other:?}", document.file),
            }
        }
        assert!(written.contains("evil.example"), "{} does not show it at all", document.file);
    }
    let html = text("report.html", &report);
    assert!(
        !html.contains("<script")
            && html.split("href=").skip(1).all(|rest| rest.starts_with("\"#"))
            && !html.contains("src="),
        "{html}"
    );
    assert!(html.contains("&lt;script&gt;alert(1)"));
    let xml = junit::document(&report);
    assert!(xml.contains("&lt;script&gt;") && !xml.contains("<script") && !xml.contains(HOSTILE));
}

#[test]
fn the_page_is_well_formed_and_complete() {
    let mut report = rich();
    report.comparison = Some(compare(&ready(), &report));
    let html = text("report.html", &report);
    for part in [
        "No go: 2 of 8",
        "Since the earlier run",
        "Criteria",
        "The run and the queue",
        "How long things took",
        "promised ≤ 2 s",
    ] {
        assert!(html.contains(part), "{part}");
    }
    assert_eq!(html.matches("<svg").count(), html.matches("<desc").count());
    let ids: Vec<&str> = html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let unique: std::collections::BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(ids.len(), unique.len(), "ids repeat");
    for labelled in html.split("aria-labelledby=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(labelled.split(' ').all(|id| ids.contains(&id)), "{labelled}");
    }
    for element in html.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
        assert!(element.matches(" class=").count() < 2, "only the first class counts: {element}");
    }
    let numbers = html.split(&['"', ' ']).filter(|word| word.contains("NaN") || *word == "inf");
    assert_eq!(numbers.count(), 0);
}

#[test]
fn build_servers_count_not_judged_apart() {
    let xml = junit::document(&rich());
    assert!(
        xml.contains(
            "<testsuites name=\"memsentry validate main\" tests=\"9\" failures=\"2\" errors=\"0\" time=\"397.000\">"
        ),
        "{xml}"
    );
    assert_eq!(
        [xml.matches("<testcase ").count(), xml.matches("<failure ").count(), xml.matches("<skipped ").count()],
        [9, 2, 1]
    );
    for tag in ["testsuites", "testsuite", "testcase", "failure", "properties", "system-out"] {
        let open = xml.matches(&format!("<{tag} ")).count() + xml.matches(&format!("<{tag}>")).count();
        assert_eq!(open, xml.matches(&format!("</{tag}>")).count(), "{tag}");
    }
    assert!(xml.contains("timestamp=\"2026-"), "{xml}");
}

#[test]
fn debt_comes_from_the_data() {
    let debt = read(&text("DEBT001.md", &rich()));
    for part in [
        "processed_at: expected filled on completion, found null in 40 of 40",
        "update visible: its p99 of",
        "facts kept: after 116 of 120 (96.67 %) the true share may still be as low as 91.74 %",
        "rate-limit: The promise of rate-limit. Not judged: no second user",
        "That the database's clock agrees with ours: it was not measured.",
        "others queued 3 rows during the run",
        "begins with wait",
        "Each is one reading, which may be another one next time: 3.2 s (recovers-from-agent-hang: recovery).",
        "200 of read (retrieval-latency)",
    ] {
        assert!(debt.contains(part), "{part} in\n{debt}");
    }
    let none = read(&text("DEBT001.md", &ready()));
    assert!(!none.contains("Broken promises\nTo be") && !none.contains("processed_at"), "{none}");
}

#[test]
fn a_report_goes_out_as_json_and_comes_back() {
    let mut report = rich();
    report.comparison = Some(compare(&ready(), &report));
    let back = Report::read(&text("report.json", &report)).expect("a report");
    let said = |report: &Report| -> Vec<String> {
        report.results.iter().flat_map(|result| &result.evidence.figures).map(figures::sentence).collect()
    };
    assert_eq!(said(&back), said(&report));
    assert_eq!(compare(&report, &back).changes, []);
    for document in DOCUMENTS.iter().filter(|document| document.file != "report.json") {
        assert!((document.write)(&back) == (document.write)(&report), "{} can be made again", document.file);
    }
    // The last digit of a long fraction may be another one; all else is the same.
    let without_fractions = |mut report: Report| {
        report.results.iter_mut().for_each(|result| result.evidence.figures.clear());
        report
    };
    assert_eq!(without_fractions(back), without_fractions(report));
}

#[test]
fn what_is_no_report_of_this_format_is_refused_with_the_reason() {
    let refused = |text: &str| Report::read(text).expect_err("refused").to_string();
    assert!(
        refused("{\"format\": 2, \"shape\": []}")
            .starts_with("is a report of format 2, and this memsentry reads format 1")
    );
    assert!(refused("{\"format\": 1}").starts_with("is no report of a validation: missing field"));
    assert!(refused("nothing").starts_with("is no report of a validation: expected"));
}

#[test]
fn an_empty_run_is_written_too() {
    let mut report = ready();
    report.results.clear();
    report.timeline.clear();
    for document in DOCUMENTS {
        let text = (document.write)(&report);
        assert!(text.contains("No go") || !document.file.contains("final"), "{text}");
    }
    assert!(junit::document(&report).contains("tests=\"0\""));
}
