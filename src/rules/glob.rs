//! A shell's patterns for one part of a path, as Go's `filepath.Match` reads them: `*`, `?`, `[a-z]`, `[^a]`, `\\c`.

/// What makes a part of a path a pattern.
pub(super) const WILDCARDS: [char; 3] = ['*', '?', '['];

/// A parsed pattern.
pub(super) struct Glob(Vec<Piece>);

enum Piece {
    /// `*`
    Any,
    /// `?`
    One,
    Char(char),
    /// `[…]`: whether what is listed is left out, and the ranges.
    Class(bool, Vec<(char, char)>),
}

impl Glob {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut pieces = Vec::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            pieces.push(match c {
                '*' => Piece::Any,
                '?' => Piece::One,
                '\\' => Piece::Char(chars.next().ok_or("a backslash at the end")?),
                '[' => {
                    let negated = chars.next_if_eq(&'^').is_some();
                    let mut ranges = Vec::new();
                    let one = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| match chars.next() {
                        Some('\\') => chars.next().ok_or("a bracket that is not closed"),
                        c => c.ok_or("a bracket that is not closed"),
                    };
                    loop {
                        if !ranges.is_empty() && chars.next_if_eq(&']').is_some() {
                            break;
                        }
                        let first = one(&mut chars)?;
                        let last = if chars.next_if_eq(&'-').is_some() { one(&mut chars)? } else { first };
                        ranges.push((first, last));
                    }
                    Piece::Class(negated, ranges)
                }
                c => Piece::Char(c),
            });
        }
        Ok(Self(pieces))
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        // Where to go on if the last star has to take one character more.
        let (mut p, mut n, mut star) = (0, 0, None);
        while n < name.len() {
            match self.0.get(p) {
                Some(Piece::Any) => {
                    star = Some((p, n));
                    p += 1;
                }
                Some(piece) if piece.is(name[n]) => (p, n) = (p + 1, n + 1),
                _ => match star {
                    Some((at, taken)) => {
                        star = Some((at, taken + 1));
                        (p, n) = (at + 1, taken + 1);
                    }
                    None => return false,
                },
            }
        }
        self.0[p..].iter().all(|piece| matches!(piece, Piece::Any))
    }
}

impl Piece {
    fn is(&self, c: char) -> bool {
        match self {
            Self::Any => false,
            Self::One => true,
            Self::Char(own) => *own == c,
            Self::Class(negated, ranges) => {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&c)) != *negated
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_what_it_means_in_a_shell() {
        for (pattern, name, matches) in [
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "a.yml", false),
            ("a?c*", "abcd", true),
            ("*a*b", "xaxb", true),
            ("*a*b", "xaxbx", false),
            ("", "", true),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
        ] {
            assert_eq!(Glob::parse(pattern).unwrap().matches(name), matches, "{pattern} {name}");
        }
        assert!(Glob::parse("[a").is_err() && Glob::parse("a\\").is_err());
    }
}
