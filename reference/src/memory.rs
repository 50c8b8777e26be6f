//! What a chat's memory is, how big it may be and what a snippet may contain.
//!
//! Tokens are characters / 4, rounded up: near enough to tell a long chat from a short one.

use serde_json::{Map, Value, json};

/// Characters of a snippet that are kept; the rest is cut without a word.
pub const SNIPPET_LIMIT: usize = 8_000;

/// What the summary of a chat says that has outgrown its memory.
pub const START_A_NEW_CHAT: &str = "This chat has become too long to be remembered. Please start a new chat.";

/// The three fields of a chat.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Memory {
    pub user_confirmed: Map<String, Value>,
    pub llm_inferred: Map<String, Value>,
    pub general_summary: String,
}

impl Memory {
    /// The three fields as one JSON object, in the contract's order.
    pub fn to_json(&self) -> Value {
        json!({
            "user_confirmed": self.user_confirmed,
            "llm_inferred": self.llm_inferred,
            "general_summary": self.general_summary,
        })
    }

    /// How many tokens the three fields are.
    pub fn tokens(&self) -> u32 {
        let facts = [&self.user_confirmed, &self.llm_inferred].map(|facts| Value::Object(facts.clone()).to_string());
        tokens(&facts[0]).saturating_add(tokens(&facts[1])).saturating_add(tokens(&self.general_summary))
    }
}

/// How many tokens `text` is, about.
pub fn tokens(text: &str) -> u32 {
    u32::try_from(text.chars().count().div_ceil(4)).unwrap_or(u32::MAX)
}

/// `snippet` without control characters (line feed and tab stay) and at most [`SNIPPET_LIMIT`] characters long.
pub fn sanitise(snippet: &str) -> String {
    snippet.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).take(SNIPPET_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_go_and_text_of_every_script_stays() {
        assert_eq!(sanitise("a\u{0}b\u{1b}[31m\u{7f}\u{85}\tc\r\nd"), "ab[31m\tc\nd");
        assert_eq!(sanitise("żółć 你好 👩‍🔬"), "żółć 你好 👩‍🔬");
    }

    #[test]
    fn a_long_snippet_is_cut_at_8000_characters_not_bytes() {
        assert_eq!(sanitise(&"é".repeat(9_000)).chars().count(), 8_000);
    }

    #[test]
    fn four_characters_are_a_token_and_a_rest_counts() {
        assert_eq!((tokens(""), tokens("abcd"), tokens("abcde"), tokens("éééé")), (0, 1, 2, 1));
    }
}
