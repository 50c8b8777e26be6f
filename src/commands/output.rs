//! The two streams of a terminal, and how problems look there. The only file of the commands that prints.

use std::io::{BufRead, IsTerminal, Write};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::model::Problem;

/// A line of data on standard output. A reader that went away, such as `head`, is no failure of ours.
pub(super) fn data(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// A line of talk on standard error.
pub(super) fn talk(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", line.trim_end());
}

/// Asks at the terminal, and waits for the answer: yes only if it begins with a y. `None` without a terminal.
pub(super) fn confirmed(question: &str) -> Option<bool> {
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return None;
    }
    let _ = write!(std::io::stderr().lock(), "{question} ");
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    Some(read.is_ok() && answer.trim_start().starts_with(['y', 'Y']))
}

/// Text from outside in one line that no terminal takes for a command.
pub(super) fn inert(text: &str) -> String {
    let shown = |c: char| if c.is_control() { if c == '\n' || c == '\t' { ' ' } else { '\u{fffd}' } } else { c };
    text.chars().map(shown).collect()
}

/// Columns of the terminal on standard output; `None` if there is none.
pub(super) fn width() -> Option<u16> {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    rustix::termios::tcgetwinsize(&stdout).ok().map(|size| size.ws_col).filter(|columns| *columns > 0)
}

/// Problems on standard error, each with an excerpt of the file it is in, where that can be read.
pub(super) fn problems(problems: &[Problem]) {
    problems.iter().for_each(|found| problem(found, true, ""));
}

/// One problem on standard error; a warning unless it is an error, behind the name of what found it.
pub(super) fn problem(problem: &Problem, is_error: bool, name: &str) {
    match problem.place.and_then(|_| std::fs::read_to_string(&problem.file).ok()) {
        Some(text) => talk(&excerpt(problem, &text, is_error, name)),
        None => talk(&format!("{}{name}: {problem}", if is_error { "error" } else { "warning" })),
    }
}

/// One problem for a program.
pub(super) fn json(problem: &Problem) -> serde_json::Value {
    serde_json::json!({
        "file": problem.file,
        "line": problem.place.map(|place| place.line),
        "column": problem.place.map(|place| place.column),
        "path": problem.path,
        "message": problem.message,
        "notes": problem.notes,
        "hint": problem.hint,
    })
}

/// One problem with the line it is about, a caret under it, what was allowed and what to do.
pub(super) fn excerpt(problem: &Problem, text: &str, is_error: bool, name: &str) -> String {
    let level = if is_error { Level::ERROR } else { Level::WARNING };
    let Some(place) = problem.place else { return format!("error: {problem}") };
    let start: usize = text.split_inclusive('\n').take(place.line - 1).map(str::len).sum();
    let line = text.get(start..).unwrap_or("").lines().next().unwrap_or("");
    let offset: usize = line.chars().take(place.column - 1).map(char::len_utf8).sum();
    let rest = line.get(offset..).unwrap_or("").trim_end();
    // Inside brackets a value ends where the next begins; elsewhere a comment may follow it.
    let bracketed = line.get(..offset).is_some_and(|before| before.contains(['{', '[']));
    let end = if bracketed { rest.find([',', ']', '}']) } else { rest.find(" #") };
    let length = end.unwrap_or(rest.len()).max(usize::from(!rest.is_empty()));
    let text = &masked(text);
    let name = if name.is_empty() { String::new() } else { format!("{name} ") };
    let title = if problem.path.is_empty() {
        format!("{name}{}", problem.message)
    } else {
        format!("{name}{}: {}", problem.path, problem.message)
    };
    let at = start + offset;
    let snippet = Snippet::source(text)
        .path(problem.file.as_str())
        .annotation(AnnotationKind::Primary.span(at..(at + length).min(text.len())));
    let notes = problem.notes.iter().map(|note| Level::NOTE.message(note.as_str()));
    let hints = problem.hint.iter().map(|hint| Level::HELP.message(hint.as_str()));
    let group = Group::with_title(level.primary_title(title.as_str())).element(snippet);
    let group = group.elements(notes).elements(hints);
    Renderer::plain().render(&[group])
}

/// What a secret looks like in a file: the value of a key that calls itself one, or the password inside a URL.
const SECRETS: &str = r#"(?im)["']?[\w-]*(?:password|secret|token|routing_key|service_key|credentials)["']?[ \t]*:[ \t]*(?:(?P<quoted>"(?:[^"\\\n]|\\.)*"?|'(?:[^'\n]|'')*'?)|(?P<plain>[^\s,}\]][^,}\]\n]*))|postgres(?:ql)?://[^\s/:@"']*:(?P<database>[^\s@"']+)@|://[^\s/:@"']*:(?P<url>[^\s@/"']+)@"#;

/// A file's text with stars for its secrets: one that stands in the wrong place must not be shown by the very message
/// that says so. Every byte keeps its place.
fn masked(text: &str) -> String {
    let hidden = || "*".repeat(text.len());
    let Ok(secrets) = regex::Regex::new(SECRETS) else { return hidden() };
    let mut masked = text.as_bytes().to_vec();
    for found in secrets.captures_iter(text) {
        let value = ["quoted", "plain", "database", "url"].into_iter().find_map(|name| Some((name, found.name(name)?)));
        let Some((name, value)) = value else { continue };
        let mut place = value.range();
        let line = text.get(..place.start).and_then(|before| before.rsplit('\n').next()).unwrap_or("");
        // Outside of braces a comma belongs to the value.
        if name == "plain" && !line.contains(['{', '[']) {
            place.end =
                text.get(place.start..).and_then(|rest| rest.find('\n')).map_or(text.len(), |at| place.start + at);
        }
        if let Some(place) = masked.get_mut(place) {
            place.fill(b'*');
        }
    }
    String::from_utf8(masked).unwrap_or_else(|_| hidden())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Place;

    #[test]
    fn an_excerpt_shows_the_line_the_place_and_the_way_out() {
        let mut problem = Problem::at("probes[0].kind", "unknown probe kind \"roundtrp\"")
            .note("known kinds: health, roundtrip")
            .hint("did you mean \"roundtrip\"?");
        problem.file = "m.yaml".into();
        problem.place = Some(Place { line: 2, column: 11 });
        let shown = excerpt(&problem, "probes:\n  - kind: roundtrp\n", true, "");
        for part in ["m.yaml:2:11", "  - kind: roundtrp", "^^^^^^^^", "known kinds: health, roundtrip", "did you mean"]
        {
            assert!(shown.contains(part), "{part} in\n{shown}");
        }
    }

    #[test]
    fn a_secret_in_the_wrong_place_is_not_shown_by_the_message_about_it() {
        let shown = "a: {email: m@x, password: hunter2, pasword_file: pw}";
        assert_eq!(masked(shown), "a: {email: m@x, password: *******, pasword_file: pw}");
        for line in [
            r#"{"service": {"login": {"password": "hunter2, really", "email": "m@x"}}}"#,
            "auth_password: 'it''s hunter2'  # old",
            "token: hunter2",
            "url: postgres://u:hunter2@db/memory",
            "routing_key: a,hunter2 # b",
            "url: https://u:hunter2@host/x",
            "password: \"hunter2",
            "bearer_token: ümlaut-hunter2",
        ] {
            let masked = masked(line);
            assert!(!masked.contains("hunter2") && masked.len() == line.len(), "{masked}");
        }
        for line in
            ["password_file: secrets/pw", "token_env: TOKEN", "url: https://a:8080/x@y", "password:", "max_tokens: 5"]
        {
            assert_eq!(masked(line), line);
        }
        let mut problem = Problem::at("login.password", "a secret does not stand in this file");
        problem.file = "m.yaml".into();
        problem.place = Some(Place { line: 1, column: 27 });
        let shown = excerpt(&problem, "a: {email: m@x, password: hunter2}\n", true, "");
        assert!(!shown.contains("hunter2") && shown.contains("*******"), "{shown}");
    }
}
