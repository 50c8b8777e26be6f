//! Text of every script is queued as it was sent, without its control characters.

use std::time::Duration as StdDuration;

use super::super::steps::nonce;
use super::super::{Area, Chat, Criterion, Evidence, Finding, Need, Obstacle, Scene};
use crate::memory_api::{RawRequest, Route};

/// Names and texts. Escapes where an editor would show nothing, or something else.
const TEXTS: [(&str, &str); 24] = [
    ("accents, composed", "Żółć, façade, Größe, señor"),
    ("accents, combining", "Z\u{307}o\u{301}\u{142}c\u{301}, fac\u{327}ade"),
    (
        "many combining marks on one letter",
        "Z\u{351}\u{36b}\u{343}\u{36a}\u{302}\u{36b}\u{33d}\u{34f}\u{334}\u{319}\u{324}\u{31e}",
    ),
    ("Greek and Cyrillic", "Ὀδυσσεύς, ёжик, Київ"),
    ("Arabic", "مرحبا بالعالم، كيف الحال؟"),
    ("Hebrew with points", "שָׁלוֹם עוֹלָם"),
    ("both directions in one line", "abc مرحبا 123 שלום xyz"),
    ("marks of direction", "a\u{202e}b\u{202c}c \u{2067}d\u{2069} \u{200f}e\u{200e}"),
    ("Devanagari and Tamil", "नमस्ते दुनिया, வணக்கம்"),
    ("Thai, without blanks", "สวัสดีชาวโลก"),
    ("Chinese and Japanese", "你好，世界。こんにちは、世界"),
    ("Hangul, as syllables and as letters", "안녕 \u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}"),
    ("characters beyond 16 bits", "𝕏 𝔘𝔫𝔦 𠀀𠮷 𐍈 𓀀"),
    ("emoji of several parts", "👩‍🔬 👨‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇨🇭 1️⃣"),
    ("variants of one character", "☎\u{fe0e}☎\u{fe0f} 葛\u{e0100}"),
    ("joiners", "می\u{200c}خواهم क्\u{200d}ष"),
    ("blanks of many kinds", "a\u{a0}b\u{2003}c\u{202f}d\u{3000}e\u{2028}f\u{2029}g"),
    ("a byte order mark inside", "a\u{feff}b"),
    ("private and unassigned characters", "\u{e000} \u{10fffd} \u{378}"),
    ("noncharacters", "\u{fffe}a\u{ffff}b\u{1fffe}"),
    ("letters that change length with their case", "İstanbul ß ﬁ ŉ ǰ"),
    ("the replacement character", "a\u{fffd}b"),
    ("quotes, backslashes, percent signs", "\"a\" 'b' \\c \\\\ %d %% \\u0041 `e`"),
    ("line ends and tabs", "a\tb\nc"),
];
/// Texts with control characters, which the contract has stripped.
const CONTROLS: [(&str, &str); 6] = [
    ("NUL", "a\u{0}b"),
    ("bell and backspace", "a\u{7}b\u{8}c"),
    ("escape sequences of a terminal", "a\u{1b}[31mb\u{1b}[0m"),
    ("separators of ASCII", "a\u{1c}b\u{1d}c\u{1e}d\u{1f}e"),
    ("delete", "a\u{7f}b"),
    ("every one below a blank", "\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}\u{b}\u{c}\u{e}\u{f}\u{10}\u{11}\u{12}\u{18}\u{1a}x"),
];

pub(super) const CRITERION: Criterion = Criterion {
    id: "text-kept",
    area: Area::Edges,
    promise: "Text of every script is kept as it was sent; control characters are stripped, and nothing else is.",
    method: "Thirty snippets (scripts, directions, combining marks, characters beyond 16 bits, control characters) are compared, character \
             by character, with the queue's rows. Blanks at the ends do not count; a control character is stripped or refused with a 4xx.",
    needs: &[Need::Database],
    estimate: |scene| scene.paced(31, 1) + StdDuration::from_secs(1),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let user = scene.users.freest().clone();
    let chat = scene.chat(&user, evidence).await?;
    let (mut kept, mut broken) = (0_u64, Vec::new());
    for (name, text) in TEXTS.iter().chain(&CONTROLS) {
        let problem = one_text(scene, &chat, text, evidence).await?;
        kept += u64::from(problem.is_none());
        let got = problem.clone().unwrap_or_else(|| "kept".to_owned());
        evidence.case(name, "kept, without control characters", got, Some(problem.is_none()));
        broken.extend(problem.map(|problem| format!("{name}: {problem}")));
    }
    let whole = (TEXTS.len() + CONTROLS.len()) as u64;
    evidence.share("texts kept", kept, whole, Some(1.0));
    match broken.first() {
        Some(first) => Ok(Finding::fail(format!("{} of {whole} texts were not kept; {first}", broken.len()))),
        None => Ok(Finding::pass(format!(
            "{kept} of {whole} texts are in the queue character by character as they were sent"
        ))),
    }
}

/// What happened to the text that should not have; `None` if it was kept.
async fn one_text(scene: &Scene, chat: &Chat, text: &str, evidence: &mut Evidence) -> Result<Option<String>, Obstacle> {
    let database = scene.database()?;
    let (before, after) = (nonce(), nonce());
    // Between two words, so that nothing is at an end where blanks do not count.
    let sent = format!("{before} {text} {after}");
    let body = serde_json::json!({"chat_id": chat.id, "context_snippet": sent, "trigger_source": "test"});
    let request = RawRequest::post(Route::MemoryUpdate, body.to_string());
    let answer = scene.tried(&request, chat, evidence).await?;
    let controls = text.contains(is_stripped);
    if (400..500).contains(&answer.status) && controls {
        return Ok(None);
    }
    if answer.status != 201 {
        return Ok(Some(format!("it was answered with {}", answer.status)));
    }
    let queue_id = answer.json()["queue_id"].as_str().unwrap_or_default().to_owned();
    let rows = database.queued_texts(std::slice::from_ref(&chat.id)).await?;
    let Some(row) = rows.iter().find(|row| row.id == queue_id) else {
        return Ok(Some("it was accepted, and the queue does not hold it".to_owned()));
    };
    Ok(difference(&sent, &row.text))
}

/// A control character that no text needs. What is above ASCII is left to the service.
fn is_stripped(c: char) -> bool {
    c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r')
}

fn difference(sent: &str, stored: &str) -> Option<String> {
    if let Some(control) = stored.chars().find(|c| is_stripped(*c)) {
        return Some(format!("the control character {:?} was not stripped", control));
    }
    let expected: Vec<char> = sent.chars().filter(|c| !is_stripped(*c)).collect();
    let stored: Vec<char> = stored.chars().collect();
    let at = expected.iter().zip(&stored).position(|(one, other)| one != other);
    match at.or((expected.len() != stored.len()).then(|| expected.len().min(stored.len()))) {
        None => None,
        Some(at) => {
            let shown = |characters: &[char]| characters.get(at).map_or("the end".to_owned(), |c| format!("{c:?}"));
            Some(format!("character {} is {} and was {}", at + 1, shown(&stored), shown(&expected)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_compared_by_characters_without_what_is_to_be_stripped() {
        assert_eq!(difference("a\u{0}b é", "ab é"), None);
        assert_eq!(difference("e\u{301}", "é").as_deref(), Some("character 1 is 'é' and was 'e'"));
        assert_eq!(difference("ab", "a").as_deref(), Some("character 2 is the end and was 'b'"));
        assert_eq!(
            difference("a\u{1b}", "a\u{1b}").as_deref(),
            Some("the control character '\\u{1b}' was not stripped")
        );
    }
}
