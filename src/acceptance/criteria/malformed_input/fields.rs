//! Bodies that are JSON objects with something wrong in a field, and texts that mean harm where they are not taken as text.

use serde_json::{Value, json};

use super::case::Expected::{EmptySnippet, Refused, RefusedOrTaken, Schema};
use super::case::{Asked, Input};

/// Longer than any id.
const LONG: usize = 10_000;

pub(super) fn cases(asked: &Asked) -> Vec<Input> {
    [schema(asked), snippets(asked), ids(asked), injections(asked), metadata(asked)].concat()
}

fn schema(asked: &Asked) -> Vec<Input> {
    let change = |name, field: &str, value: Value| asked.changed(name, json!({ field: value }), Schema);
    vec![
        change("no chat_id", "chat_id", json!("(missing)")),
        change("no context_snippet", "context_snippet", json!("(missing)")),
        change("no trigger_source", "trigger_source", json!("(missing)")),
        change("null for chat_id", "chat_id", Value::Null),
        change("a list for chat_id", "chat_id", json!(["a"])),
        change("an object for chat_id", "chat_id", json!({"$ne": null})),
        change("null for context_snippet", "context_snippet", Value::Null),
        change("a number for context_snippet", "context_snippet", json!(1)),
        change("a list for context_snippet", "context_snippet", json!(["It rained."])),
        change("an object for context_snippet", "context_snippet", json!({"text": "It rained."})),
        change("true for context_snippet", "context_snippet", json!(true)),
        change("an unknown trigger_source", "trigger_source", json!("cron")),
        change("capitals for trigger_source", "trigger_source", json!("TEST")),
        change("an empty trigger_source", "trigger_source", json!("")),
        change("null for trigger_source", "trigger_source", Value::Null),
        change("a list for trigger_source", "trigger_source", json!(["test"])),
        asked.changed("an unknown field", json!({"status": "complete", "id": 1}), RefusedOrTaken),
        asked.changed("__proto__ for a field", json!({"__proto__": {"admin": true}}), RefusedOrTaken),
    ]
}

fn snippets(asked: &Asked) -> Vec<Input> {
    let snippet = |name, text: &str, expected| asked.changed(name, json!({"context_snippet": text}), expected);
    vec![
        snippet("an empty snippet", "", EmptySnippet),
        snippet("a blank snippet", "   ", EmptySnippet),
        snippet("a snippet of line ends and tabs", "\r\n\t\n", EmptySnippet),
        snippet("a snippet of control characters", "\u{1}\u{2}\u{7f}", Refused),
        snippet("a snippet of NUL characters", "\u{0}\u{0}", Refused),
        snippet("a snippet with a NUL in it", "It\u{0} rained.", RefusedOrTaken),
        snippet("a snippet with escapes of a terminal", "\u{1b}[2J\u{1b}]0;x\u{7}It rained.", RefusedOrTaken),
        snippet("a snippet of zero-width characters", "\u{200b}\u{200d}\u{feff}", RefusedOrTaken),
        snippet("a snippet of one character, 100,000 times", &"🙂".repeat(100_000), RefusedOrTaken),
    ]
}

fn ids(asked: &Asked) -> Vec<Input> {
    let id = |name, text: &str| asked.changed(name, json!({"chat_id": text}), Refused);
    vec![
        id("an empty chat_id", ""),
        id("a blank chat_id", " "),
        id("a chat_id that is nobody's", "memsentry-no-such-chat"),
        id("a chat_id with a NUL in it", "a\u{0}b"),
        id("a chat_id of 10,000 characters", &"a".repeat(LONG)),
        id("a chat_id that is always true in SQL", "' OR '1'='1"),
        id("a chat_id that ends a statement", "'; SELECT pg_sleep(0); --"),
        id("a chat_id with a quote and a backslash", "\\' OR 1=1 --"),
        id("a chat_id that is a pattern", "%"),
        id("a chat_id that is a path", "../../health"),
        id("a chat_id in another script", "чат-一"),
    ]
}

/// Nothing here would do harm even where it works: what it would show is a row or a text that should not be there.
fn injections(asked: &Asked) -> Vec<Input> {
    vec![
        asked.text("SQL that would insert a row", "x'); INSERT INTO chat_context_queue (chat_id) VALUES ('x'); --"),
        asked.text("SQL that would be always true", "' OR '1'='1"),
        asked.text("SQL with a union", "' UNION SELECT id, user_id FROM conversations --"),
        asked.text("SQL in dollar quotes", "$$; SELECT pg_sleep(0); $$"),
        asked.text("SQL with a backslash", "\\'; SELECT version(); --"),
        asked.text("a script for a browser", "<script>alert(1)</script><img src=x onerror=alert(1)>"),
        asked.text("a template", "{{7*7}} ${7*7} <%= 7*7 %> #{7*7}"),
        asked.text("a lookup for a logger", "${jndi:ldap://127.0.0.1:1/a}"),
        asked.text("format specifiers", "%s %n %x {0} {0.__class__} %(x)s"),
        asked.text("a shell command", "$(id) `id` ; id | cat && id"),
        asked.text("a path", "../../../../etc/passwd"),
        asked.text("JSON inside the text", "\"}, {\"chat_id\": \"x\", \"context_snippet\": \"y\"}"),
    ]
}

fn metadata(asked: &Asked) -> Vec<Input> {
    let marked = |extra: Value| {
        let mut metadata = asked.metadata.clone();
        if let (Value::Object(all), Value::Object(extra)) = (&mut metadata, extra) {
            all.extend(extra);
        }
        json!({ "metadata": metadata }).to_string()
    };
    vec![
        asked.conversation("a conversation without metadata", "{}", Schema),
        asked.conversation("a list for metadata", r#"{"metadata": []}"#, Schema),
        asked.conversation("a text for metadata", r#"{"metadata": "x"}"#, Schema),
        asked.conversation("metadata with a NUL in it", marked(json!({"k": "\u{0}"})), RefusedOrTaken),
        asked.conversation("metadata with a long key", marked(json!({ "k".repeat(LONG): 1 })), RefusedOrTaken),
        asked.login("a login without a password", r#"{"email": "nobody@example.invalid"}"#),
        asked
            .login("a login with a list for the password", r#"{"email": "nobody@example.invalid", "password": ["x"]}"#),
        asked.login("a login with SQL", r#"{"email": "' OR '1'='1", "password": "' OR '1'='1"}"#),
    ]
}
