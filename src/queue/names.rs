//! Turns configured names and outside text into SQL: always quoted, never as they are.
//!
//! The plain statements that a pooler demands take no parameters, so quoting is all that stands between a value
//! and the statement; it is done here only.

use super::settings::Settings;

/// Longest name that Postgres keeps, in bytes; it cuts longer ones silently.
pub(super) const MAX_NAME: usize = 63;

/// A name as identifier, with its case kept.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('\0', "").replace('"', "\"\""))
}

/// Text as a string constant, whatever `standard_conforming_strings` says.
pub(super) fn literal(text: &str) -> String {
    let quoted = text.replace('\0', "").replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// The tables as statements name them.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) queue: String,
    pub(super) chat_metadata: String,
    /// In the order in which they are tried.
    pub(super) conversations: Vec<String>,
}

impl Names {
    pub(super) fn new(settings: &Settings) -> Self {
        let qualified = |table: &str| format!("{}.{}", identifier(&settings.schema), identifier(table));
        let tables = &settings.tables;
        Self {
            queue: qualified(&tables.chat_context_queue),
            chat_metadata: qualified(&tables.chat_metadata),
            conversations: match &tables.conversations {
                Some(table) => vec![qualified(table)],
                None => vec![qualified("conversations"), qualified("chats")],
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_quotes() {
        for (text, as_identifier, as_literal) in [
            ("queue", "\"queue\"", "'queue'"),
            ("a\"; drop table x; --", "\"a\"\"; drop table x; --\"", "'a\"; drop table x; --'"),
            ("it's", "\"it's\"", "'it''s'"),
            ("\\' or 1=1", "\"\\' or 1=1\"", "E'\\\\'' or 1=1'"),
            ("nul\0", "\"nul\"", "'nul'"),
        ] {
            assert_eq!(identifier(text), as_identifier);
            assert_eq!(literal(text), as_literal);
        }
    }
}
