//! Bodies that are no JSON, no object, or not in an encoding that JSON has.

use super::case::Expected::{RefusedOrTaken, Schema};
use super::case::{Asked, Input};

/// How deep "deep nesting" is: more than parsers with a stack of their own endure.
const DEEP: usize = 20_000;

pub(super) fn cases(asked: &Asked) -> Vec<Input> {
    let good = format!(r#"{{"chat_id":"{}","context_snippet":"It rained.","trigger_source":"test"}}"#, asked.chat);
    [syntax(asked, &good), encodings(asked, &good)].concat()
}

fn syntax(asked: &Asked, good: &str) -> Vec<Input> {
    let inner = good.trim_end_matches('}').to_owned();
    let with = |from: &str, to: &str| good.replacen(from, to, 1);
    vec![
        asked.update("no body", "", Schema),
        asked.update("blanks for a body", "  \n ", Schema),
        asked.update("a body of NUL bytes", vec![0; 16], Schema),
        asked.update("a body that is cut off", good[..good.len() - 3].to_owned(), Schema),
        asked.update("an opening brace", "{", Schema),
        asked.update("a closing brace too many", format!("{good}}}"), Schema),
        asked.update("two objects", format!("{good}{good}"), Schema),
        asked.update("a comma too many", format!("{inner},}}"), Schema),
        asked.update("a comma that is missing", with("\",\"trigger", "\" \"trigger"), Schema),
        asked.update("a colon that is missing", with("\"chat_id\":", "\"chat_id\" "), Schema),
        asked.update("single quotes", good.replace('"', "'"), Schema),
        asked.update("a name without quotes", with("\"chat_id\"", "chat_id"), Schema),
        asked.update("a comment", with("{", "{/* x */"), Schema),
        asked.update("a line break inside a text", with("It rained", "It\nrained"), RefusedOrTaken),
        asked.update("an escape that does not exist", with("It rained", "It \\x rained"), Schema),
        asked.update("an unfinished Unicode escape", with("It rained", "It \\u12 rained"), Schema),
        asked.update("NaN", format!("{inner},\"x\":NaN}}"), RefusedOrTaken),
        asked.update("a number with 400 digits", format!("{inner},\"x\":{}}}", "9".repeat(400)), RefusedOrTaken),
        asked.update("a number beyond every range", format!("{inner},\"x\":1e999999}}"), RefusedOrTaken),
        asked.update(
            "a field that comes twice",
            format!("{inner},\"context_snippet\":\"It snowed.\"}}"),
            RefusedOrTaken,
        ),
        asked.update("an array for the object", format!("[{good}]"), Schema),
        asked.update("a text for the object", "\"update\"", Schema),
        asked.update("a number for the object", "42", Schema),
        asked.update("null for the object", "null", Schema),
        asked.update("true for the object", "true", Schema),
        asked.update("an empty object", "{}", Schema),
        asked.update("a form", "chat_id=1&context_snippet=x&trigger_source=test", Schema),
        asked.update("XML", "<?xml version=\"1.0\"?><update/>", Schema),
        asked.update("arrays, nested deep", "[".repeat(DEEP), Schema),
        asked.update(
            "an unknown field, nested deep",
            format!("{inner},\"x\":{}{}}}", "[".repeat(DEEP), "]".repeat(DEEP)),
            RefusedOrTaken,
        ),
        asked.conversation("a conversation without a body", "", Schema),
        asked.conversation("a conversation of broken JSON", "{\"metadata\": {", Schema),
        asked.login("a login without a body", ""),
        asked.login("a login of broken JSON", "{\"email\": "),
    ]
}

fn encodings(asked: &Asked, good: &str) -> Vec<Input> {
    let little: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = good.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let snippet = |bytes: &[u8]| {
        let (before, after) = good.split_once("It rained.").unwrap_or_default();
        [before.as_bytes(), bytes, after.as_bytes()].concat()
    };
    vec![
        asked.update("a byte that is no UTF-8", snippet(b"It \xff rained."), Schema),
        asked.update("UTF-8 that is cut off", snippet(b"It rained \xe2\x82"), Schema),
        asked.update("UTF-8 longer than needed", snippet(b"It \xc0\xaf rained."), Schema),
        asked.update("a surrogate in UTF-8", snippet(b"It \xed\xa0\x80 rained."), Schema),
        asked.update("Latin-1", snippet(b"Es regnete sch\xf6n."), Schema),
        asked.update("a byte order mark", [b"\xef\xbb\xbf", good.as_bytes()].concat(), RefusedOrTaken),
        asked.update("UTF-16, little end first", [b"\xff\xfe".to_vec(), little].concat(), RefusedOrTaken),
        asked.update("UTF-16, big end first", [b"\xfe\xff".to_vec(), big].concat(), RefusedOrTaken),
        asked.update("half of a surrogate pair", snippet(b"It \\ud83d rained."), RefusedOrTaken),
        asked.update("a surrogate pair the wrong way round", snippet(b"It \\ude00\\ud83d rained."), RefusedOrTaken),
        asked.update("a megabyte of snippet", snippet(&vec![b'a'; 1024 * 1024]), RefusedOrTaken),
        asked.update("a megabyte of blanks around it", format!("{}{good}", " ".repeat(1024 * 1024)), RefusedOrTaken),
    ]
}
