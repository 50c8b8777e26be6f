//! Summarises by rules: same input, same memory, no network.
//!
//! A sentence in which the user states something about themselves becomes a confirmed fact; a guess or question and
//! what the text is about becomes an inference; the rest joins the summary. Words are kept as they are written, so
//! an identifier in a snippet can be found again in the memory.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::reply::{LIST_LIMIT, SUMMARY_LENGTH};
use super::{Agent, AgentError, Answer};
use crate::memory::Memory;

/// How a statement about oneself begins, the fact's name, and whether there can be several.
const STATEMENTS: &[(&str, &str, Many)] = &[
    ("my name is ", "name", Many::No),
    ("call me ", "name", Many::No),
    ("i live in ", "home", Many::No),
    ("i am from ", "origin", Many::No),
    ("i'm from ", "origin", Many::No),
    ("i work at ", "employer", Many::No),
    ("i work as ", "occupation", Many::No),
    ("i work for ", "employer", Many::No),
    ("i prefer ", "preferences", Many::Yes),
    ("i like ", "likes", Many::Yes),
    ("i love ", "likes", Many::Yes),
    ("i dislike ", "dislikes", Many::Yes),
    ("i don't like ", "dislikes", Many::Yes),
    ("i have ", "has", Many::Yes),
    ("i need ", "needs", Many::Yes),
    ("i want ", "wants", Many::Yes),
    ("i speak ", "languages", Many::Yes),
    ("i am ", "is", Many::Yes),
    ("i'm ", "is", Many::Yes),
];

/// Words that mark a sentence as a guess.
const GUESSES: &[&str] = &["maybe", "perhaps", "probably", "possibly", "might", "seems", "guess", "apparently"];
/// Topics kept; the most frequent words of six letters and more.
const TOPICS: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Many {
    Yes,
    No,
}

/// The agent that works by rules.
pub struct Deterministic {
    delay: Duration,
}

impl Deterministic {
    /// One that takes `delay` for each answer.
    pub fn new(delay: Duration) -> Self {
        Self { delay }
    }
}

impl Agent for Deterministic {
    fn summarise<'a>(&'a self, prior: &'a Memory, snippet: &'a str) -> Answer<'a> {
        Box::pin(async move {
            // As a model does with an empty message.
            if snippet.trim().is_empty() {
                return Err(AgentError::Refused("the snippet is empty".to_owned()));
            }
            if !self.delay.is_zero() {
                tokio::time::sleep(self.delay).await;
            }
            Ok(merge(prior, snippet).to_json().to_string())
        })
    }
}

fn merge(prior: &Memory, snippet: &str) -> Memory {
    let mut memory = prior.clone();
    let mut told = Vec::new();
    let mut stated = Vec::new();
    for sentence in sentences(snippet) {
        if let Some((name, value, many)) = statement(sentence) {
            note(&mut memory.user_confirmed, &name, value, many);
            stated.push(name);
        } else if sentence.ends_with('?') {
            note(&mut memory.llm_inferred, "asks", sentence, Many::Yes);
        } else if words(sentence).any(|word| GUESSES.contains(&word.to_lowercase().as_str())) {
            note(&mut memory.llm_inferred, "possibly", sentence, Many::Yes);
        } else {
            told.push(sentence.to_owned());
        }
    }
    stated.dedup();
    if told.is_empty() && !stated.is_empty() {
        told.push(format!("The user spoke about: {}.", stated.join(", ")));
    }
    note_topics(&mut memory.llm_inferred, snippet);
    memory.general_summary = extend(&prior.general_summary, &told);
    memory
}

/// Splits after `.`, `!`, `?` before a blank, and at line ends; a dot inside a word ends nothing.
fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        if c == '\n' || (c.is_whitespace() && matches!(before, '.' | '!' | '?')) {
            found.push(&text[start..at]);
            start = at;
        }
        before = c;
    }
    found.push(&text[start..]);
    found.into_iter().map(str::trim).filter(|sentence| !sentence.is_empty()).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// Name and value of what the user states about themselves in `sentence`, if it does that.
fn statement(sentence: &str) -> Option<(String, &str, Many)> {
    if sentence.ends_with('?') {
        return None;
    }
    let sentence = sentence.strip_prefix("User: ").unwrap_or(sentence).trim_end_matches(['.', '!', ';', ',']);
    for (beginning, name, many) in STATEMENTS {
        if let Some(value) = after(sentence, beginning) {
            return Some(((*name).to_owned(), value, *many));
        }
    }
    // "My favourite colour is blue": the name is what stands between.
    let rest = after(sentence, "my ")?;
    let (name, value) = rest.split_once(" is ").or_else(|| rest.split_once(" are "))?;
    let name = name.to_lowercase().split_whitespace().collect::<Vec<_>>().join("_");
    let short = name.chars().count() <= 60 && !value.trim().is_empty();
    short.then(|| (name, value.trim(), Many::No))
}

fn after<'a>(sentence: &'a str, beginning: &str) -> Option<&'a str> {
    let head = sentence.get(..beginning.len())?;
    let value = sentence.get(beginning.len()..)?.trim();
    (head.eq_ignore_ascii_case(beginning) && !value.is_empty()).then_some(value)
}

fn note(facts: &mut Map<String, Value>, name: &str, value: &str, many: Many) {
    if many == Many::No {
        facts.insert(name.to_owned(), value.into());
        return;
    }
    let entry = facts.entry(name.to_owned()).or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(values) = entry {
        if !values.iter().any(|known| known == value) {
            values.push(value.into());
        }
        let surplus = values.len().saturating_sub(LIST_LIMIT);
        values.drain(..surplus);
    } else {
        *entry = Value::Array(vec![value.into()]);
    }
}

/// The words that `text` is made of most, for a reader who wants to know what it is about.
fn note_topics(inferred: &mut Map<String, Value>, text: &str) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for word in words(text).filter(|word| word.chars().count() >= 6 && word.chars().all(char::is_alphabetic)) {
        *counts.entry(word.to_lowercase()).or_default() += 1;
    }
    let mut topics: Vec<_> = counts.into_iter().collect();
    topics.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    for (topic, _) in topics.into_iter().take(TOPICS) {
        note(inferred, "topics", &topic, Many::Yes);
    }
}

/// `summary` with the new sentences behind it; the oldest sentences give way when it gets too long.
fn extend(summary: &str, told: &[String]) -> String {
    let mut summary = summary.to_owned();
    for sentence in told {
        if summary.contains(sentence.as_str()) {
            continue;
        }
        if !summary.is_empty() {
            summary.push(' ');
        }
        summary.push_str(sentence);
    }
    let surplus = summary.chars().count().saturating_sub(SUMMARY_LENGTH);
    summary.chars().skip(surplus).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn after_snippets(snippets: &[&str]) -> Memory {
        snippets.iter().fold(Memory::default(), |memory, snippet| merge(&memory, snippet))
    }

    #[test]
    fn sentences_are_sorted_into_the_three_fields() {
        let memory = after_snippets(&["My name is Ada. I live in Bern! Maybe it rains. Is it far? We met on Monday."]);
        assert_eq!(Value::Object(memory.user_confirmed), json!({"name": "Ada", "home": "Bern"}));
        assert_eq!(memory.llm_inferred["possibly"], json!(["Maybe it rains."]));
        assert_eq!(memory.llm_inferred["asks"], json!(["Is it far?"]));
        assert_eq!(memory.general_summary, "We met on Monday.");
    }

    #[test]
    fn later_snippets_build_on_the_prior_memory() {
        let memory =
            after_snippets(&["I live in Bern. I prefer tea.", "I prefer trains. It snowed.", "I live in Rome."]);
        assert_eq!(memory.user_confirmed["home"], "Rome");
        assert_eq!(memory.user_confirmed["preferences"], json!(["tea", "trains"]));
        assert!(memory.general_summary.contains("It snowed."));
    }

    #[test]
    fn an_identifier_is_kept_as_it_is_written() {
        for snippet in [
            "My verification code is memsentry-3f9a.77_Z.",
            "Note memsentry-3f9a.77_Z for later",
            "I have memsentry-3f9a.77_Z!",
            "What is memsentry-3f9a.77_Z?",
        ] {
            let text = after_snippets(&[snippet]).to_json().to_string();
            assert!(text.contains("memsentry-3f9a.77_Z"), "{snippet}: {text}");
        }
    }

    #[test]
    fn facts_alone_still_leave_a_summary() {
        assert_eq!(after_snippets(&["My name is Ada."]).general_summary, "The user spoke about: name.");
    }

    #[test]
    fn a_snippet_that_comes_twice_changes_nothing() {
        let text = "My name is Ada. I like tea. Maybe it rains. We met.";
        assert_eq!(after_snippets(&[text, text]), after_snippets(&[text]));
    }

    #[test]
    fn text_of_every_script_passes_without_harm() {
        for text in ["İ am 你好。", "ı", "my ｎａｍｅ is ß.", "👩‍🔬!!! ...", "I am é", "мой"] {
            after_snippets(&[text]);
        }
    }

    #[test]
    fn a_memory_does_not_grow_without_bound() {
        let memory = (0..300).fold(Memory::default(), |memory, n| {
            merge(&memory, &format!("I like thing {n}. {}", format!("sentence number {n} ").repeat(50)))
        });
        assert_eq!(memory.user_confirmed["likes"].as_array().map(Vec::len), Some(LIST_LIMIT));
        assert!(memory.general_summary.chars().count() <= SUMMARY_LENGTH);
    }
}
