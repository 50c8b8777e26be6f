//! Reads an agent's answer: JSON with exactly the three fields, repaired or refused.
//!
//! Repaired: a code fence or prose around the object, further fields. Refused: anything without the three fields in
//! their types. Facts of the prior memory stay unless the answer sets them anew or to null, so that no answer,
//! however poor, wipes what the user said.

use serde_json::{Map, Value};

use super::AgentError;
use crate::memory::Memory;

/// Facts kept per field.
pub const FACT_LIMIT: usize = 200;
/// Characters kept of one fact's text.
pub const FACT_LENGTH: usize = 400;
/// Texts kept in one fact that is a list.
pub const LIST_LIMIT: usize = 50;
/// Characters kept of a summary; beyond the token limit on purpose, so that a chat can outgrow it.
pub const SUMMARY_LENGTH: usize = 40_000;

/// The memory that `text` describes, on top of `prior`.
pub fn read(text: &str, prior: &Memory) -> Result<Memory, AgentError> {
    let answer = parse(text)?;
    Ok(Memory {
        user_confirmed: overlay(&prior.user_confirmed, answer.user_confirmed),
        llm_inferred: overlay(&prior.llm_inferred, answer.llm_inferred),
        general_summary: last_characters(&answer.general_summary, SUMMARY_LENGTH),
    })
}

/// What a careless deployment makes of any answer: if it is not JSON, there are no facts and the text is the summary.
pub fn read_carelessly(text: &str, prior: &Memory) -> Memory {
    read(text, prior).unwrap_or_else(|_| Memory { general_summary: text.to_owned(), ..Memory::default() })
}

/// The answer alone, without the prior memory.
pub fn parse(text: &str) -> Result<Memory, AgentError> {
    let Some(object) = outermost_object(text) else {
        return Err(malformed("no JSON object in it", text));
    };
    let mut fields: Map<String, Value> = serde_json::from_str(object).map_err(|_| malformed("broken JSON", text))?;
    let mut facts = |name: &str| match fields.remove(name) {
        Some(Value::Object(facts)) => Ok(facts),
        Some(_) => Err(malformed(&format!("{name} is not an object"), text)),
        None => Err(malformed(&format!("{name} is missing"), text)),
    };
    let (user_confirmed, llm_inferred) = (facts("user_confirmed")?, facts("llm_inferred")?);
    match fields.remove("general_summary") {
        Some(Value::String(general_summary)) => Ok(Memory { user_confirmed, llm_inferred, general_summary }),
        Some(_) => Err(malformed("general_summary is not a string", text)),
        None => Err(malformed("general_summary is missing", text)),
    }
}

fn malformed(what: &str, text: &str) -> AgentError {
    let beginning: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
    AgentError::Malformed(format!("{what}; it begins with {beginning:?}"))
}

/// From the first `{` to the last `}`: drops a fence and talk around the object.
fn outermost_object(text: &str) -> Option<&str> {
    let (start, end) = (text.find('{')?, text.rfind('}')?);
    text.get(start..=end)
}

fn overlay(prior: &Map<String, Value>, answer: Map<String, Value>) -> Map<String, Value> {
    let mut facts = prior.clone();
    for (name, value) in answer {
        let name: String = name.chars().filter(|c| !c.is_control()).take(100).collect();
        match bounded(value) {
            Value::Null => drop(facts.shift_remove(&name)),
            value => drop(facts.insert(name, value)),
        }
    }
    // The oldest facts give way, but never to nothing.
    let surplus = facts.len().saturating_sub(FACT_LIMIT);
    facts.into_iter().skip(surplus).collect()
}

/// `value` in a size that can be stored; Postgres' jsonb refuses the NUL character.
fn bounded(value: Value) -> Value {
    match value {
        Value::String(text) => text.chars().filter(|c| *c != '\0').take(FACT_LENGTH).collect::<String>().into(),
        Value::Array(values) => {
            let surplus = values.len().saturating_sub(LIST_LIMIT);
            values.into_iter().skip(surplus).map(bounded).collect()
        }
        Value::Object(_) => {
            let text = value.to_string();
            if text.len() <= FACT_LENGTH && !text.contains("\\u0000") { value } else { bounded(Value::String(text)) }
        }
        plain => plain,
    }
}

fn last_characters(text: &str, limit: usize) -> String {
    let text: Vec<char> = text.chars().filter(|c| *c != '\0').collect();
    text.iter().skip(text.len().saturating_sub(limit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn prior() -> Memory {
        Memory {
            user_confirmed: json!({"name": "Ada", "city": "Bern"}).as_object().unwrap().clone(),
            llm_inferred: json!({"mood": "calm"}).as_object().unwrap().clone(),
            general_summary: "Before.".to_owned(),
        }
    }

    #[test]
    fn facts_stay_unless_the_answer_changes_or_retracts_them() {
        let text =
            r#"{"user_confirmed": {"city": "Rome"}, "llm_inferred": {"mood": null}, "general_summary": "After."}"#;
        let memory = read(text, &prior()).unwrap();
        assert_eq!(Value::Object(memory.user_confirmed), json!({"name": "Ada", "city": "Rome"}));
        assert!(memory.llm_inferred.is_empty());
        assert_eq!(memory.general_summary, "After.");
    }

    #[test]
    fn a_fence_prose_and_further_fields_are_repaired() {
        let text = "Here you are:\n```json\n{\"user_confirmed\": {}, \"llm_inferred\": {}, \"general_summary\": \"S\", \
                    \"confidence\": 1}\n```\nAnything else?";
        assert_eq!(read(text, &prior()).unwrap().general_summary, "S");
    }

    #[test]
    fn anything_without_the_three_fields_in_their_types_is_refused() {
        for bad in [
            "",
            "I cannot do that.",
            "[]",
            "{}",
            "}{",
            r#"{"user_confirmed": {}, "llm_inferred": {}}"#,
            r#"{"user_confirmed": [], "llm_inferred": {}, "general_summary": ""}"#,
            r#"{"user_confirmed": {}, "llm_inferred": {}, "general_summary": null}"#,
            r#"{"user_confirmed": {}, "llm_inferred": {}, "general_summary": "cut o"#,
        ] {
            assert!(matches!(read(bad, &prior()), Err(AgentError::Malformed(_))), "{bad}");
        }
    }

    #[test]
    fn a_careless_reader_wipes_the_facts() {
        let memory = read_carelessly("Sorry!", &prior());
        assert!(memory.user_confirmed.is_empty() && memory.llm_inferred.is_empty());
        assert_eq!(memory.general_summary, "Sorry!");
    }

    #[test]
    fn an_answer_of_any_size_is_stored_in_bounds() {
        let many: Map<String, Value> = (0..300).map(|n| (format!("fact {n}"), json!("x\0".repeat(1_000)))).collect();
        let answer = json!({"user_confirmed": many, "llm_inferred": {"list": vec![json!({"a": "b".repeat(900)}); 300]},
                            "general_summary": "s".repeat(100_000)});
        let memory = read(&answer.to_string(), &prior()).unwrap();
        assert_eq!(memory.user_confirmed.len(), FACT_LIMIT);
        assert!(memory.user_confirmed.contains_key("fact 299"));
        assert!(memory.to_json().to_string().chars().count() < 250_000);
    }
}
