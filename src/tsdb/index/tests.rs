//! What the index finds is what trying every matcher on every series finds.

use proptest::prelude::*;

use super::*;

const SERIES: &[&[(&str, &str)]] = &[
    &[("__name__", "up"), ("target", "main")],
    &[("__name__", "up"), ("target", "other")],
    &[("__name__", "up")],
    &[("__name__", "depth"), ("target", "main"), ("status", "failed")],
    &[("__name__", "depth"), ("target", "main"), ("status", "pending")],
    &[("__name__", "depth"), ("target", "ma*n"), ("status", "a|b")],
    &[("__name__", "depth"), ("status", "two\nlines")],
];

fn index() -> (Index, Vec<Labels>) {
    let all: Vec<Labels> = SERIES.iter().map(|pairs| Labels::from_pairs(pairs.iter().copied())).collect();
    let mut index = Index::default();
    for (id, labels) in (0..).zip(&all) {
        index.insert(id, labels);
    }
    (index, all)
}

fn check(matchers: &[Matcher]) {
    let (index, all) = index();
    let everything = || (0..).zip(&all).map(|(id, _)| id).collect();
    let expected: Vec<SeriesId> = (0..)
        .zip(&all)
        .filter(|(_, labels)| matchers.iter().all(|m| m.matches_labels(labels)))
        .map(|(id, _)| id)
        .collect();
    assert_eq!(index.resolve(matchers, everything), expected, "{matchers:?}");
}

fn any_matcher() -> impl Strategy<Value = Matcher> {
    let names = prop::sample::select(vec!["__name__", "target", "status", "absent"]);
    let ops = prop::sample::select(vec![MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex]);
    let values = prop::sample::select(vec![
        "",
        "up",
        "main",
        "other",
        "failed",
        ".*",
        ".+",
        "ma.*",
        "main|other",
        "main|main",
        "main|",
        "m?ain",
        "main?",
        "mai(n|x)",
        "(?i)MAIN",
        "ma\\*n",
        "f.*|p.*",
        "pend{1}ing",
        "two.lines",
        "^main$",
        "[mo].*",
        "a\\|b",
        "absent|up",
        "upp*",
    ]);
    (names, ops, values).prop_map(|(name, op, value)| Matcher::new(name, op, value).expect("compiles"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn the_index_finds_what_trying_every_series_finds(matchers in prop::collection::vec(any_matcher(), 0..4)) {
        check(&matchers);
    }
}

#[test]
fn a_prefix_ends_before_what_a_quantifier_takes() {
    for (pattern, prefix) in [
        ("main.*", "main"),
        ("main?", "mai"),
        ("mä*", "m"),
        ("a{0}", ""),
        ("ab+", "ab"),
        ("a|b", ""),
        ("(?i)a", ""),
        ("x", "x"),
    ] {
        assert_eq!(literal_prefix(pattern), prefix, "{pattern}");
    }
}

#[test]
fn a_removed_series_leaves_nothing_behind() {
    let (mut index, all) = index();
    for (id, labels) in (0..).zip(&all) {
        index.remove(id, labels);
    }
    drop(all);
    index.forget_unused_symbols();
    assert!(index.postings.is_empty() && index.symbols.is_empty(), "{index:?}");
}
