//! Matchers as people and tools write them: `{severity="critical", target=~"a|b"}`, as Alertmanager reads them.
//!
//! Braces are optional, both or none; matchers are separated by commas, one more at the end is fine. Names and values
//! are bare or in double quotes with Go's escapes. Bare ones hold no blank and none of ``{}!=~,\"'` ``; an empty bare
//! value stands for the empty string. Follows `matcher/parse` of prometheus/alertmanager.

use super::{MatchOp, Matcher};

/// Longest text that is read, in bytes.
const LONGEST: usize = 64 * 1024;

/// The text is not a list of matchers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}, at byte {at} of {text:?}; write for example severity=\"critical\" or target=~\"a|b\"")]
pub struct ParseMatcherError {
    /// What is wrong.
    message: String,
    /// Where, counted from 0.
    at: usize,
    text: String,
}

/// One matcher before its regular expression is compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The label; not empty.
    pub name: String,
    /// How it compares.
    pub op: MatchOp,
    /// With what.
    pub value: String,
}

impl Condition {
    /// The matcher.
    ///
    /// # Errors
    /// The regular expression does not compile, on one line.
    pub fn compiled(&self) -> Result<Matcher, String> {
        Matcher::new(self.name.as_str(), self.op, self.value.as_str()).map_err(|error| {
            let why = error.to_string();
            let last = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            format!("{}{}{:?} is not a regular expression: {last}", self.name, self.op, self.value)
        })
    }
}

/// Reads matchers, at least one.
///
/// # Errors
/// What is wrong, and where.
pub fn parse_matchers(text: &str) -> Result<Vec<Matcher>, ParseMatcherError> {
    let compiled = |condition: Condition| {
        condition.compiled().map_err(|message| ParseMatcherError { message, at: 0, text: text.to_owned() })
    };
    parse_conditions(text)?.into_iter().map(compiled).collect()
}

/// Reads matchers, at least one, without compiling their regular expressions.
///
/// # Errors
/// What is wrong, and where.
pub fn parse_conditions(text: &str) -> Result<Vec<Condition>, ParseMatcherError> {
    let error = |message: &str, at: usize| ParseMatcherError {
        message: message.to_owned(),
        at,
        text: text.chars().take(200).collect(),
    };
    if text.len() > LONGEST {
        return Err(error(&format!("more than {LONGEST} bytes"), LONGEST));
    }
    let mut reader = Reader { text, at: 0 };
    let read = reader.all();
    match read {
        Ok(conditions) if conditions.is_empty() => Err(error("there is no matcher", 0)),
        Ok(conditions) => Ok(conditions),
        Err(message) => Err(error(&message, reader.at)),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// What a bare word must not hold, besides blanks.
const RESERVED: &str = "{}!=~,\\\"'`";

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip_blanks();
        let there = self.rest().starts_with(token);
        if there {
            self.at += token.len();
        }
        there
    }

    fn all(&mut self) -> Result<Vec<Condition>, String> {
        let braces = self.take("{");
        let mut conditions = Vec::new();
        loop {
            self.skip_blanks();
            if self.rest().is_empty() || self.rest().starts_with('}') {
                break;
            }
            conditions.push(self.condition()?);
            if !self.take(",") {
                break;
            }
        }
        let closed = self.take("}");
        self.skip_blanks();
        match (braces, closed, self.rest().is_empty()) {
            (true, false, _) => Err("the opening brace is not closed".to_owned()),
            (false, true, _) => {
                self.at -= 1;
                Err("a closing brace without an opening one".to_owned())
            }
            (_, _, false) => Err("a comma or the end is expected".to_owned()),
            _ => Ok(conditions),
        }
    }

    fn condition(&mut self) -> Result<Condition, String> {
        let name = self.word("a label name")?;
        if name.is_empty() {
            return Err("a label name is expected".to_owned());
        }
        self.skip_blanks();
        let operators =
            [("=~", MatchOp::Regex), ("!~", MatchOp::NotRegex), ("!=", MatchOp::NotEqual), ("=", MatchOp::Equal)];
        let op = operators.into_iter().find(|(sign, _)| self.take(sign)).map(|(_, op)| op);
        let op = op.ok_or("one of =, !=, =~, !~ is expected")?;
        let value = self.word("a value")?;
        Ok(Condition { name, op, value })
    }

    /// A quoted or bare word; a bare one may be empty.
    fn word(&mut self, what: &str) -> Result<String, String> {
        self.skip_blanks();
        if self.rest().starts_with('"') {
            return self.quoted();
        }
        let end = self.rest().find(|c: char| c.is_whitespace() || RESERVED.contains(c));
        let word = self.rest().get(..end.unwrap_or(self.rest().len())).unwrap_or("");
        let next = self.rest().get(word.len()..).and_then(|rest| rest.chars().next());
        if next.is_some_and(|c| "\\'\"`".contains(c)) || (what == "a value" && next.is_some_and(|c| "!=~{".contains(c)))
        {
            self.at += word.len();
            return Err(format!("{what} with such a character must stand in double quotes"));
        }
        self.at += word.len();
        Ok(word.to_owned())
    }

    fn quoted(&mut self) -> Result<String, String> {
        let mut value: Vec<u8> = Vec::new();
        let inside = self.rest().get(1..).unwrap_or("");
        let mut chars = inside.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += at + 2;
                    return String::from_utf8(value).map_err(|_| "the quoted text is not UTF-8".to_owned());
                }
                '\n' => return Err("a line ends inside the quotes".to_owned()),
                '\\' => {
                    let escape = inside.get(at + 1..).unwrap_or("");
                    let Some((bytes, length)) = unescape(escape) else {
                        self.at += at + 1;
                        return Err("this escape is not known".to_owned());
                    };
                    value.extend_from_slice(&bytes);
                    // What was read is ASCII, so characters are bytes.
                    for _ in 0..length {
                        chars.next();
                    }
                }
                _ => value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        Err("the quotes are not closed".to_owned())
    }
}

/// The bytes that one of Go's escapes stands for, and its length behind the backslash.
fn unescape(text: &str) -> Option<(Vec<u8>, usize)> {
    let number = |from: usize, digits: usize, radix: u32| {
        let digits = text.get(from..from + digits)?;
        let plain = digits.chars().all(|c| c.is_digit(radix));
        plain.then(|| u32::from_str_radix(digits, radix).ok()).flatten()
    };
    let character = |code: u32| Some(char::from_u32(code)?.encode_utf8(&mut [0; 4]).as_bytes().to_vec());
    let byte = |code: u32| Some(vec![u8::try_from(code).ok()?]);
    Some(match text.chars().next()? {
        'a' => (vec![7], 1),
        'b' => (vec![8], 1),
        'f' => (vec![12], 1),
        'n' => (vec![b'\n'], 1),
        'r' => (vec![b'\r'], 1),
        't' => (vec![b'\t'], 1),
        'v' => (vec![11], 1),
        '\\' => (vec![b'\\'], 1),
        '"' => (vec![b'"'], 1),
        'x' => (byte(number(1, 2, 16)?)?, 3),
        'u' => (character(number(1, 4, 16)?)?, 5),
        'U' => (character(number(1, 8, 16)?)?, 9),
        '0'..='7' => (byte(number(0, 3, 8)?)?, 3),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<(String, String, String)> {
        let read = parse_conditions(text).unwrap_or_else(|error| panic!("{error}"));
        read.into_iter().map(|c| (c.name, c.op.to_string(), c.value)).collect()
    }

    #[test]
    fn what_alertmanager_reads_is_read_alike() {
        let one = |op: &str, value: &str| vec![("foo".to_owned(), op.to_owned(), value.to_owned())];
        for (text, op, value) in [
            ("foo=bar", "=", "bar"),
            ("{foo=bar}", "=", "bar"),
            (" { foo = bar , } ", "=", "bar"),
            ("foo=\"bar\"", "=", "bar"),
            ("\"foo\"=\"bar\"", "=", "bar"),
            ("foo!=bar,", "!=", "bar"),
            ("foo=~bar.*", "=~", "bar.*"),
            ("foo!~\"a|b\"", "!~", "a|b"),
            ("foo=\"a,b}\"", "=", "a,b}"),
            ("foo=", "=", ""),
            ("foo=\"\"", "=", ""),
            (r#"foo="\"\\\n\x41\u00e4\U0001F600\101""#, "=", "\"\\\nAä😀A"),
            (r#"foo="\xc3\xa4""#, "=", "ä"),
            ("foo=🙂", "=", "🙂"),
            ("foo=a:b/c-d(1|2)[x]", "=", "a:b/c-d(1|2)[x]"),
        ] {
            assert_eq!(told(text), one(op, value), "{text}");
        }
        assert_eq!(told("a=1,b!=2 , c=~\"3\"").len(), 3);
    }

    #[test]
    fn what_alertmanager_refuses_is_refused_with_its_place() {
        for (text, why) in [
            ("", "there is no matcher, at byte 0"),
            ("{}", "there is no matcher"),
            ("foo", "one of =, !=, =~, !~ is expected, at byte 3"),
            ("=bar", "a label name is expected, at byte 0"),
            ("{foo=bar", "the opening brace is not closed"),
            ("foo=bar}", "a closing brace without an opening one, at byte 7"),
            ("foo=bar baz", "a comma or the end is expected, at byte 8"),
            ("foo=\"bar", "the quotes are not closed"),
            ("foo='bar'", "must stand in double quotes, at byte 4"),
            ("foo=a\"b", "must stand in double quotes"),
            ("foo=a=b", "must stand in double quotes"),
            (r#"foo="\q""#, "this escape is not known, at byte 5"),
            (r#"foo="\xff""#, "not UTF-8"),
            ("foo==bar", "must stand in double quotes"),
            (",", "a label name is expected"),
            ("foo=bar,,", "a label name is expected"),
            ("{foo=bar}}", "a comma or the end is expected"),
        ] {
            let error = parse_conditions(text).expect_err(text).to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        let error = parse_matchers("foo=~\"(\"").expect_err("no expression").to_string();
        assert!(error.contains("foo=~\"(\" is not a regular expression: unclosed group"), "{error}");
    }

    #[test]
    fn a_matcher_reads_as_it_prints() {
        for value in ["", "a b", "q\"uo\\te", "line\nbreak", "tab\tä🙂", "\u{1}\u{200b}"] {
            let matcher = Matcher::equal("na me", value);
            assert_eq!(parse_matchers(&matcher.to_string()), Ok(vec![matcher]), "{value:?}");
        }
    }
}
