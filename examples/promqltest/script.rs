//! Reads scripts of the PromQL test language into commands, each with its line.

use memsentry::model::{Duration, Labels, Timestamp};
use memsentry::promql::series_notation::{SequenceValue, parse_series};
use regex::Regex;

/// One command and the line it starts at, counted from 1.
pub struct Command {
    pub line: usize,
    pub kind: Kind,
}

pub enum Kind {
    Clear,
    Load(Load),
    Eval(Box<Eval>),
}

/// Series to add; a later definition of the same series replaces an earlier one.
pub struct Load {
    pub gap: i64,
    pub with_nhcb: bool,
    pub series: Vec<(Labels, Vec<SequenceValue>)>,
}

/// When to evaluate.
#[derive(Clone, Copy)]
pub enum When {
    Instant(Timestamp),
    Range { start: Timestamp, end: Timestamp, step: Duration },
}

/// How an annotation or error must read.
pub enum Text {
    Any,
    Exactly(String),
    Matching(Regex),
}

impl Text {
    pub fn accepts(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(wanted) => wanted == text,
            Self::Matching(regex) => regex.is_match(text),
        }
    }

    pub fn describe(&self) -> String {
        match self {
            Self::Any => "anything".to_owned(),
            Self::Exactly(wanted) => format!("{wanted:?}"),
            Self::Matching(regex) => format!("a match of {:?}", regex.as_str()),
        }
    }
}

/// What the result must be.
#[derive(Default)]
pub struct Expected {
    pub fail: Option<Text>,
    pub warns: Vec<Text>,
    pub infos: Vec<Text>,
    pub no_warn: bool,
    pub no_info: bool,
    pub ordered: bool,
    pub scalar: Option<f64>,
    pub string: Option<String>,
    /// Times of the samples of a range vector: start, end, step.
    pub range_vector: Option<(i64, i64, i64)>,
    pub series: Vec<(Labels, Vec<SequenceValue>)>,
}

pub struct Eval {
    pub query: String,
    pub when: When,
    pub expected: Expected,
}

impl Eval {
    /// Whether a native histogram is expected.
    pub fn expects_histogram(&self) -> bool {
        self.expected.series.iter().any(|(_, values)| values.contains(&SequenceValue::Histogram))
    }
}

/// Reads a script. A command that cannot be read is an error with its line.
pub fn parse(text: &str) -> Result<Vec<Command>, (usize, String)> {
    let lines: Vec<&str> =
        text.lines().map(str::trim).map(|line| if line.starts_with('#') { "" } else { line }).collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let first = lines[at];
        let line = at + 1;
        at += 1;
        let word = first.split_whitespace().next().unwrap_or("").to_ascii_lowercase();
        let block_end = at + lines[at..].iter().take_while(|line| !line.is_empty()).count();
        let kind = if word.is_empty() {
            continue;
        } else if word == "clear" {
            Kind::Clear
        } else if word.starts_with("load") {
            let load = load(first, &lines[at..block_end]).map_err(|(offset, message)| (line + offset, message))?;
            at = block_end;
            Kind::Load(load)
        } else if word.starts_with("eval") {
            let (eval, used) =
                eval(first, &lines[at..block_end]).map_err(|(offset, message)| (line + offset, message))?;
            at += used;
            Kind::Eval(Box::new(eval))
        } else {
            return Err((line, format!("invalid command {first:?}")));
        };
        commands.push(Command { line, kind });
    }
    Ok(commands)
}

type Failed = (usize, String);

fn millis(text: &str) -> Result<i64, Failed> {
    let duration: Duration = text.parse().map_err(|error| (0, format!("{error}")))?;
    Ok(i64::try_from(duration.std().as_millis()).unwrap_or(i64::MAX))
}

fn time(text: &str) -> Result<Timestamp, Failed> {
    millis(text).map(Timestamp::from_millis)
}

fn load(first: &str, lines: &[&str]) -> Result<Load, Failed> {
    let (word, gap) = first.split_once(char::is_whitespace).ok_or((0, "load needs an interval".to_owned()))?;
    let mut load = Load { gap: millis(gap.trim())?, with_nhcb: word.ends_with("_with_nhcb"), series: Vec::new() };
    for (number, line) in lines.iter().enumerate() {
        let (labels, values) = parse_series(line).map_err(|error| (number + 1, format!("{error} in {line:?}")))?;
        load.series.retain(|(other, _)| *other != labels);
        load.series.push((labels, values));
    }
    Ok(load)
}

/// Takes the next word, which must be `keyword`, and the word after it.
fn after_keyword<'a>(text: &'a str, keyword: &str) -> Result<(&'a str, &'a str), Failed> {
    let wrong = || (0, format!("expected {keyword:?} in {text:?}"));
    let rest = text.trim_start().strip_prefix(keyword).ok_or_else(wrong)?.trim_start();
    let end = rest.find(char::is_whitespace).ok_or_else(wrong)?;
    Ok((&rest[..end], &rest[end..]))
}

fn eval(first: &str, lines: &[&str]) -> Result<(Eval, usize), Failed> {
    let (word, rest) = first.split_once(char::is_whitespace).ok_or((0, "eval needs a query".to_owned()))?;
    let rest = rest.trim_start();
    let (when, query) = if let Some(rest) = rest.strip_prefix("instant") {
        let (at, query) = after_keyword(rest, "at")?;
        (When::Instant(time(at)?), query)
    } else if let Some(rest) = rest.strip_prefix("range") {
        let (start, rest) = after_keyword(rest, "from")?;
        let (end, rest) = after_keyword(rest, "to")?;
        let (step, query) = after_keyword(rest, "step")?;
        let step = step.parse().map_err(|error| (0, format!("{error}")))?;
        (When::Range { start: time(start)?, end: time(end)?, step }, query)
    } else {
        return Err((0, format!("expected instant or range in {first:?}")));
    };
    let mut expected = Expected::default();
    match word.to_ascii_lowercase().strip_prefix("eval") {
        Some("") => {}
        Some("_fail") => expected.fail = Some(Text::Any),
        Some("_warn") => expected.warns.push(Text::Any),
        Some("_info") => expected.infos.push(Text::Any),
        Some("_ordered") => expected.ordered = true,
        _ => return Err((0, format!("invalid command {word:?}"))),
    }
    let mut eval = Eval { query: query.trim().to_owned(), when, expected };
    for (number, line) in lines.iter().enumerate() {
        let last = expectation(&mut eval, line).map_err(|message| (number + 1, message))?;
        if last {
            return Ok((eval, number + 1));
        }
    }
    Ok((eval, lines.len()))
}

/// Reads one line below `eval`; answers whether it is the last.
fn expectation(eval: &mut Eval, line: &str) -> Result<bool, String> {
    let expected = &mut eval.expected;
    if let Some(message) = line.strip_prefix("expected_fail_message") {
        expected.fail = Some(Text::Exactly(message.trim().to_owned()));
        return Ok(true);
    }
    if let Some(pattern) = line.strip_prefix("expected_fail_regexp") {
        expected.fail = Some(Text::Matching(Regex::new(pattern.trim()).map_err(|error| error.to_string())?));
        return Ok(true);
    }
    if let Some(rest) = line.strip_prefix("expect range vector") {
        let read = || -> Result<_, Failed> {
            let (start, rest) = after_keyword(rest, "from")?;
            let (end, rest) = after_keyword(rest, "to")?;
            let step = rest.trim_start().strip_prefix("step").unwrap_or("").trim();
            Ok((millis(start)?, millis(end)?, millis(step)?))
        };
        expected.range_vector = Some(read().map_err(|(_, message)| message)?);
        return Ok(false);
    }
    if let Some(literal) = line.strip_prefix("expect string") {
        expected.string = Some(string_literal(literal.trim())?);
        return Ok(false);
    }
    if line == "expect" || line.starts_with("expect ") || line.starts_with("expect\t") {
        expect_line(expected, line["expect".len()..].trim())?;
        return Ok(false);
    }
    if let Some(number) = go_number(line) {
        expected.scalar = Some(number);
        return Ok(true);
    }
    let (labels, values) = parse_series(line).map_err(|error| format!("{error} in {line:?}"))?;
    let instant = matches!(eval.when, When::Instant(_));
    if instant && expected.range_vector.is_none() && values.len() != 1 {
        return Err(format!("expected one value in instant evaluation: {line:?}"));
    }
    expected.series.retain(|(other, _)| *other != labels);
    expected.series.push((labels, values));
    Ok(false)
}

/// A string literal, read as the whole of a query.
fn string_literal(text: &str) -> Result<String, String> {
    match memsentry::promql::parse(text).map(|expr| expr.root().kind.clone()) {
        Ok(memsentry::promql::ast::Kind::String(text)) => Ok(text),
        _ => Err(format!("not a quoted string: {text:?}")),
    }
}

fn expect_line(expected: &mut Expected, rest: &str) -> Result<(), String> {
    let (kind, detail) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let detail = detail.trim();
    let text = if detail.is_empty() {
        Text::Any
    } else if let Some(message) = detail.strip_prefix("msg:") {
        Text::Exactly(message.trim().to_owned())
    } else if let Some(pattern) = detail.strip_prefix("regex:") {
        Text::Matching(Regex::new(pattern.trim()).map_err(|error| error.to_string())?)
    } else {
        return Err(format!("invalid expect line {rest:?}"));
    };
    match kind {
        "fail" => expected.fail = Some(text),
        "warn" => expected.warns.push(text),
        "info" => expected.infos.push(text),
        "no_warn" => expected.no_warn = true,
        "no_info" => expected.no_info = true,
        "ordered" => expected.ordered = true,
        _ => return Err(format!("invalid expect line {rest:?}")),
    }
    Ok(())
}

/// A number alone on its line.
fn go_number(text: &str) -> Option<f64> {
    text.replace('_', "").parse().ok()
}
