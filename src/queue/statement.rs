//! What a diagnostic's statement may be: one, reading, and without a function that does something.
//!
//! The first of three fences. The second is the protocol, which takes exactly one statement with its parameters
//! apart; the third the read-only transaction with its time-outs. Neither keeps `pg_terminate_backend` or `pg_sleep`
//! away, so this one does.

/// What a statement may begin with.
const BEGINNINGS: [&str; 4] = ["select", "with", "show", "explain"];

/// Words that no reading statement has outside of quotes.
const WRITING: [&str; 12] =
    ["insert", "update", "delete", "merge", "into", "copy", "call", "truncate", "create", "drop", "alter", "grant"];

/// Functions whose names begin with `pg_` that only look. Others may end sessions, sleep, lock or read files.
const LOOKING: [&str; 22] = [
    "pg_backend_pid",
    "pg_blocking_pids",
    "pg_safe_snapshot_blocking_pids",
    "pg_column_size",
    "pg_conf_load_time",
    "pg_current_wal_lsn",
    "pg_database_size",
    "pg_get_expr",
    "pg_get_indexdef",
    "pg_indexes_size",
    "pg_is_in_recovery",
    "pg_last_wal_receive_lsn",
    "pg_last_wal_replay_lsn",
    "pg_last_xact_replay_timestamp",
    "pg_postmaster_start_time",
    "pg_relation_size",
    "pg_size_pretty",
    "pg_table_is_visible",
    "pg_table_size",
    "pg_total_relation_size",
    "pg_typeof",
    "pg_wal_lsn_diff",
];

/// Beginnings of the names of other functions that do something.
const DOING: [&str; 8] =
    ["dblink", "lo_", "set_config", "setval", "nextval", "query_to_xml", "txid_current", "pg_stat_reset"];

/// One piece of a statement that matters here; quoted things and comments are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Word(&'a str),
    Parameter(usize),
    Mark(char),
}

/// Why a statement is not run; `None` if it may be.
#[must_use]
pub fn refusal(sql: &str) -> Option<String> {
    let pieces = match pieces(sql) {
        Ok(pieces) => pieces,
        Err(what) => return Some(format!("{what} does not end")),
    };
    let body = pieces.strip_suffix(&[Piece::Mark(';')]).unwrap_or(&pieces);
    let words: Vec<String> = body
        .iter()
        .filter_map(|piece| if let Piece::Word(word) = piece { Some(word.to_ascii_lowercase()) } else { None })
        .collect();
    let first = words.first().map(String::as_str);
    if body.is_empty() {
        return Some("there is no statement".to_owned());
    }
    if body.contains(&Piece::Mark(';')) {
        return Some("more than one statement".to_owned());
    }
    let begins = body.iter().find(|piece| **piece != Piece::Mark('('));
    let allowed = matches!(begins, Some(Piece::Word(_))) && first.is_some_and(|word| BEGINNINGS.contains(&word));
    let in_parentheses = body.first() == Some(&Piece::Mark('(')) && !is_query(sql);
    if !allowed || in_parentheses {
        let known = BEGINNINGS.join(", ");
        return Some(format!("begins with {:?}; allowed are {known}", first.unwrap_or("no word")));
    }
    if first == Some("explain") && words.iter().any(|word| word == "analyze" || word == "analyse") {
        return Some("explain analyze runs what it explains; leave out analyze".to_owned());
    }
    if let Some(word) = words.iter().find(|word| WRITING.contains(&word.as_str())) {
        return Some(format!("{word:?} writes, or locks what it reads"));
    }
    unbalanced(body).or_else(|| called(body))
}

/// Whether a statement is one that can stand inside another: `select` or `with`, maybe in parentheses.
pub(super) fn is_query(sql: &str) -> bool {
    let first = pieces(sql).unwrap_or_default().into_iter().find(|piece| *piece != Piece::Mark('('));
    matches!(first, Some(Piece::Word(word)) if ["select", "with"].iter().any(|known| word.eq_ignore_ascii_case(known)))
}

/// A statement without the semicolon at its end and what follows it.
pub(super) fn without_end(sql: &str) -> &str {
    match sql.rsplit_once(';') {
        Some((before, after)) if pieces(after).is_ok_and(|pieces| pieces.is_empty()) => before,
        _ => sql,
    }
}

/// A closing parenthesis too many would get out of what the statement is wrapped in.
fn unbalanced(body: &[Piece<'_>]) -> Option<String> {
    let mut depth = 0i64;
    for piece in body {
        match piece {
            Piece::Mark('(') => depth += 1,
            Piece::Mark(')') => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return Some("a closing parenthesis without its opening one".to_owned());
        }
    }
    (depth > 0).then(|| "an opening parenthesis without its closing one".to_owned())
}

fn called(body: &[Piece<'_>]) -> Option<String> {
    body.windows(2).find_map(|pair| {
        let [Piece::Word(name), Piece::Mark('(')] = pair else { return None };
        let name = name.to_ascii_lowercase();
        let looks = LOOKING.contains(&name.as_str()) || name.starts_with("pg_stat_get_");
        let does = (name.starts_with("pg_") && !looks) || DOING.iter().any(|prefix| name.starts_with(prefix));
        does.then(|| format!("function {name} is not among those that only look"))
    })
}

/// The highest number of a parameter, `$1` and so on; 0 without any.
#[must_use]
pub fn parameters(sql: &str) -> usize {
    let numbers = pieces(sql).unwrap_or_default().into_iter();
    numbers.map(|piece| if let Piece::Parameter(number) = piece { number } else { 0 }).max().unwrap_or(0)
}

/// Whether these words stand in a statement outside of text constants, in whatever case.
pub(super) fn mentions(sql: &str, names: &[&str]) -> bool {
    // What cannot be read might mention anything.
    let Ok(pieces) = pieces(sql) else { return true };
    let named = |word: &str| names.iter().any(|name| name.eq_ignore_ascii_case(word));
    pieces.iter().any(|piece| matches!(piece, Piece::Word(word) if named(word)))
        || names.iter().any(|name| sql.contains(&format!("\"{name}\"")))
}

/// Cuts a statement into pieces; answers what does not end otherwise.
fn pieces(sql: &str) -> Result<Vec<Piece<'_>>, &'static str> {
    let mut found = Vec::new();
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or("");
        rest = if rest.starts_with("--") {
            rest.split_once('\n').map_or("", |(_, rest)| rest)
        } else if let Some(inner) = rest.strip_prefix("/*") {
            comment(inner).ok_or("a comment")?
        } else if c == '\'' {
            // A backslash escapes in E'…' only; taking it so everywhere at worst refuses a statement.
            let escapes = matches!(found.last(), Some(Piece::Word("e" | "E")));
            quoted(after, '\'', escapes).ok_or("a text constant")?
        } else if c == '"' {
            quoted(after, '"', false).ok_or("a quoted name")?
        } else if c == '$' {
            let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            match after.get(..digits).and_then(|number| number.parse().ok()) {
                Some(number) => {
                    found.push(Piece::Parameter(number));
                    after.get(digits..).unwrap_or("")
                }
                None => dollar_quoted(rest).ok_or("a dollar-quoted text")?,
            }
        } else if c.is_alphabetic() || c == '_' {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len());
            let (word, behind) = rest.split_at(end);
            found.push(Piece::Word(word));
            behind
        } else {
            if !c.is_whitespace() {
                found.push(Piece::Mark(c));
            }
            after
        };
    }
    Ok(found)
}

/// What stands behind a comment that may hold others.
fn comment(mut rest: &str) -> Option<&str> {
    let mut depth = 1;
    while depth > 0 {
        let (opens, closes) = (rest.find("/*"), rest.find("*/")?);
        let opens = opens.filter(|at| *at < closes);
        depth += if opens.is_some() { 1 } else { -1 };
        rest = rest.get(opens.unwrap_or(closes) + 2..)?;
    }
    Some(rest)
}

/// What stands behind the closing quote; a doubled one does not close.
fn quoted(mut rest: &str, quote: char, escapes: bool) -> Option<&str> {
    loop {
        let at = rest.find(|c| c == quote || (escapes && c == '\\'))?;
        let behind = rest.get(at + 1..)?;
        if rest.get(at..)?.starts_with('\\') {
            let skipped = behind.chars().next()?.len_utf8();
            rest = behind.get(skipped..)?;
        } else if let Some(doubled) = behind.strip_prefix(quote) {
            rest = doubled;
        } else {
            return Some(behind);
        }
    }
}

/// What stands behind `$tag$…$tag$`.
fn dollar_quoted(rest: &str) -> Option<&str> {
    let tag_end = rest.get(1..)?.find('$')? + 2;
    let (tag, inner) = rest.split_at(tag_end);
    let name = tag.trim_matches('$');
    if !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    inner.split_once(tag).map(|(_, behind)| behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_statements_may_run() {
        for sql in [
            "select 1",
            "-- first\n(select 1) union all (select 2);",
            "SELECT status, count(*) from q where status = 'a;b' group by 1;\n",
            "with x as (select 1) select * from x -- done; really",
            "show work_mem",
            "explain select * from q",
            "select pg_size_pretty(pg_total_relation_size('q'::regclass)), pg_stat_get_live_tuples(1::oid)",
            "select $1::uuid, \"update\" from q where e = E'it\\'s; ' /* a; /* b */ */",
            "select $tag$ a; delete $tag$, left(error_message, 80), updated_at, pg_stat_activity.pid from pg_stat_activity",
        ] {
            assert_eq!(refusal(sql), None, "{sql}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_reason() {
        for (sql, why) in [
            ("", "there is no statement"),
            ("-- nothing", "there is no statement"),
            ("select 1; select 2", "more than one statement"),
            ("delete from q", "begins with \"delete\"; allowed are select, with, show, explain"),
            ("(show a)", "begins with \"show\"; allowed are select, with, show, explain"),
            ("explain (analyze) select 1", "explain analyze runs what it explains; leave out analyze"),
            ("with x as (delete from q returning 1) select 1", "\"delete\" writes, or locks what it reads"),
            ("select * from q for update", "\"update\" writes, or locks what it reads"),
            ("select 1 into x", "\"into\" writes, or locks what it reads"),
            ("select 1) a; drop table q; select (2", "more than one statement"),
            ("select 1) a, (select 2", "a closing parenthesis without its opening one"),
            ("select (1", "an opening parenthesis without its closing one"),
            ("select pg_terminate_backend(1)", "function pg_terminate_backend is not among those that only look"),
            ("select PG_SLEEP (9)", "function pg_sleep is not among those that only look"),
            ("select set_config('a', 'b', false)", "function set_config is not among those that only look"),
            ("select 'a", "a text constant does not end"),
            ("select /* a /* b */", "a comment does not end"),
            ("select \"a", "a quoted name does not end"),
            ("select $x$ a", "a dollar-quoted text does not end"),
        ] {
            assert_eq!(refusal(sql).as_deref(), Some(why), "{sql}");
        }
    }

    #[test]
    fn parameters_and_names_are_found_outside_of_quotes() {
        assert_eq!(parameters("select $2, '$7', $1::uuid -- $9"), 2);
        assert_eq!(parameters("select 1"), 0);
        let names = ["new_context_snippet"];
        assert!(mentions("select left(q.New_Context_Snippet, 5)", &names));
        assert!(mentions("select \"new_context_snippet\"", &names));
        assert!(!mentions("select 'new_context_snippet' -- new_context_snippet", &names));
        assert!(mentions("select 'broken", &names));
    }

    #[test]
    fn an_end_is_taken_off_wherever_it_stands() {
        for (sql, without) in [
            ("select 1; -- done\n", "select 1"),
            ("select 1", "select 1"),
            ("select ';' as a", "select ';' as a"),
            ("select 1 -- a; b", "select 1 -- a; b"),
        ] {
            assert_eq!(without_end(sql), without);
        }
        assert!(is_query("(SELECT 1)") && !is_query("show a"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_strange(sql in "\\PC{0,80}") {
            let _ = (refusal(&sql), parameters(&sql), mentions(&sql, &["a"]));
        }
    }
}
