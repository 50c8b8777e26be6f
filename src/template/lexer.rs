//! Cuts a template's text into tokens; knows delimiters, trim markers and comments, but no grammar.

use std::sync::Arc;

use super::TemplateError;
use super::value::Value;

/// A token with the byte at which it begins.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub kind: Kind,
    pub offset: usize,
    /// Whether blanks stand before it: `$x .y` are two words, `$x.y` is one.
    pub spaced: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// Text outside of actions.
    Text(String),
    /// `{{`
    Open,
    /// `}}`
    Close,
    /// A word: keyword or function.
    Word(String),
    /// `.name`
    Field(String),
    /// `$name`, without `$`.
    Variable(String),
    /// A literal.
    Constant(Value),
    /// `.`
    Dot,
    /// One of `|`, `,`, `(`, `)`, `=`, and `:` for `:=`.
    Sign(char),
}

/// All tokens of a text.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, TemplateError> {
    let mut out = Vec::new();
    let mut at = 0;
    let mut trim = false;
    while at < text.len() {
        let open = text[at..].find("{{").map_or(text.len(), |found| at + found);
        let inside = (open + 2).min(text.len());
        let trims_before = text[inside..].starts_with('-') && text[inside + 1..].starts_with([' ', '\t', '\r', '\n']);
        let mut plain = &text[at..open];
        if trim {
            plain = plain.trim_start_matches(BLANKS);
        }
        if trims_before {
            plain = plain.trim_end_matches(BLANKS);
        }
        if !plain.is_empty() {
            out.push(Token { kind: Kind::Text(plain.to_owned()), offset: at, spaced: false });
        }
        if open == text.len() {
            break;
        }
        let start = if trims_before { inside + 1 } else { inside };
        (at, trim) = match text[start..].trim_start_matches(BLANKS).starts_with("/*") {
            true => comment(text, start)?,
            false => action(text, open, start, &mut out)?,
        };
    }
    Ok(out)
}

const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// Skips a comment; answers where it ends and whether it trims what follows.
fn comment(text: &str, start: usize) -> Result<(usize, bool), TemplateError> {
    let end = text[start..].find("*/").ok_or_else(|| TemplateError::new("unclosed comment", start))? + start + 2;
    let rest = text[end..].trim_start_matches(BLANKS);
    let at = text.len() - rest.len();
    if let Some(after) = rest.strip_prefix("}}") {
        return Ok((text.len() - after.len(), false));
    }
    match rest.strip_prefix("-}}") {
        Some(after) if at > end => Ok((text.len() - after.len(), true)),
        _ => Err(TemplateError::new("comment ends before closing delimiter", at)),
    }
}

/// Reads the inside of an action; answers where it ends and whether it trims what follows.
fn action(text: &str, open: usize, start: usize, out: &mut Vec<Token>) -> Result<(usize, bool), TemplateError> {
    out.push(Token { kind: Kind::Open, offset: open, spaced: false });
    let mut at = start;
    loop {
        let rest = text[at..].trim_start_matches(BLANKS);
        let spaced = text.len() - rest.len() > at;
        at = text.len() - rest.len();
        if rest.is_empty() {
            return Err(TemplateError::new("unclosed action", open));
        }
        if rest.starts_with("}}") {
            out.push(Token { kind: Kind::Close, offset: at, spaced });
            return Ok((at + 2, false));
        }
        if spaced && rest.starts_with("-}}") {
            out.push(Token { kind: Kind::Close, offset: at, spaced });
            return Ok((at + 3, true));
        }
        let (kind, length) = token(rest).map_err(|message| TemplateError::new(message, at))?;
        out.push(Token { kind, offset: at, spaced });
        at += length;
    }
}

/// The token at the start of `rest`, and its length in bytes.
fn token(rest: &str) -> Result<(Kind, usize), String> {
    let Some(first) = rest.chars().next() else { return Err("unclosed action".into()) };
    let second = rest[first.len_utf8()..].chars().next().unwrap_or('}');
    match first {
        '"' | '`' | '\'' => quoted(rest, first),
        ':' if second == '=' => Ok((Kind::Sign(':'), 2)),
        '|' | ',' | '(' | ')' | '=' => Ok((Kind::Sign(first), 1)),
        '$' => {
            let name = word(&rest[1..]);
            Ok((Kind::Variable(name.to_owned()), 1 + name.len()))
        }
        '.' if !second.is_ascii_digit() => {
            let name = word(&rest[1..]);
            if name.is_empty() { Ok((Kind::Dot, 1)) } else { Ok((Kind::Field(name.to_owned()), 1 + name.len())) }
        }
        '0'..='9' | '.' => number(rest),
        '+' | '-' if second.is_ascii_digit() || second == '.' => number(rest),
        _ if first.is_alphabetic() || first == '_' => {
            let name = word(rest);
            let kind = match name {
                "true" => Kind::Constant(Value::Bool(true)),
                "false" => Kind::Constant(Value::Bool(false)),
                "nil" => Kind::Constant(Value::Nil),
                _ => Kind::Word(name.to_owned()),
            };
            Ok((kind, name.len()))
        }
        _ => Err(format!("unexpected {first:?} in action")),
    }
}

fn word(rest: &str) -> &str {
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
    &rest[..end]
}

fn number(rest: &str) -> Result<(Kind, usize), String> {
    let mut end = 0;
    let mut before = ' ';
    for c in rest.chars() {
        let sign = matches!(c, '+' | '-') && (end == 0 || matches!(before, 'e' | 'E' | 'p' | 'P'));
        if !(c.is_ascii_alphanumeric() || c == '.' || c == '_' || sign) {
            break;
        }
        end += c.len_utf8();
        before = c;
    }
    let text = &rest[..end];
    let plain = text.replace('_', "");
    let (negative, digits) = match plain.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let radix = match digits.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => 16,
        Some("0o") => 8,
        Some("0b") => 2,
        _ => 10,
    };
    let is_octal = digits.len() > 1 && digits.starts_with('0') && digits.chars().all(|c| c.is_digit(8));
    let (radix, digits) = match radix {
        10 if is_octal => (8, digits),
        10 => (10, digits),
        _ => (radix, &digits[2..]),
    };
    let value = match i64::from_str_radix(digits, radix) {
        Ok(whole) => Value::Int(if negative { -whole } else { whole }),
        Err(_) => match digits.parse::<f64>() {
            Ok(float) if radix == 10 && digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
                Value::Float(if negative { -float } else { float })
            }
            _ => return Err(format!("bad number syntax: {text:?}")),
        },
    };
    Ok((Kind::Constant(value), end))
}

fn quoted(rest: &str, quote: char) -> Result<(Kind, usize), String> {
    let unclosed = || match quote {
        '`' => "unterminated raw quoted string".to_owned(),
        '"' => "unterminated quoted string".to_owned(),
        _ => "unterminated character constant".to_owned(),
    };
    let mut out = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c == quote => {
                let length = at + 1;
                if quote != '\'' {
                    return Ok((Kind::Constant(Value::Text(Arc::from(out))), length));
                }
                let mut one = out.chars();
                return match (one.next(), one.next()) {
                    (Some(c), None) => Ok((Kind::Constant(Value::Int(i64::from(u32::from(c)))), length)),
                    _ => Err("malformed character constant".into()),
                };
            }
            '\n' if quote != '`' => return Err(unclosed()),
            '\\' if quote != '`' => out.push(escape(&mut chars).ok_or("invalid escape in string")?),
            c => out.push(c),
        }
    }
    Err(unclosed())
}

fn escape(chars: &mut impl Iterator<Item = (usize, char)>) -> Option<char> {
    let digits = match chars.next()?.1 {
        'n' => return Some('\n'),
        't' => return Some('\t'),
        'r' => return Some('\r'),
        'a' => return Some('\u{7}'),
        'b' => return Some('\u{8}'),
        'f' => return Some('\u{c}'),
        'v' => return Some('\u{b}'),
        c @ ('\\' | '"' | '\'') => return Some(c),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return None,
    };
    let text: String = chars.take(digits).map(|(_, c)| c).collect();
    u32::from_str_radix(&text, 16).ok().filter(|_| text.len() == digits).and_then(char::from_u32)
}
