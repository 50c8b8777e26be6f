//! What parses, what does not, and where the mistake is said to be.

use crate::promql::parse;

#[test]
fn operators_bind_as_in_prometheus() {
    for (text, same) in [
        ("1 + 2 * 3", "1 + (2 * 3)"),
        ("2 ^ 3 ^ 2", "2 ^ (3 ^ 2)"),
        ("1 - 2 - 3", "(1 - 2) - 3"),
        ("a or b and c", "a or (b and c)"),
        ("a > 1 and b", "(a > 1) and b"),
    ] {
        let shape = |text: &str| parse(text).unwrap().root().clone();
        let strip = |text: &str| format!("{:?}", unparenthesised(&shape(text)));
        assert_eq!(strip(text), strip(same), "{text}");
    }
    assert_eq!(parse("-a ^ b").unwrap().to_string(), "-a ^ b");
    assert!(matches!(parse("-a ^ b").unwrap().root().kind, crate::promql::ast::Kind::Unary { .. }));
}

/// The tree as text, operators and operands only.
fn unparenthesised(node: &crate::promql::ast::Node) -> String {
    use crate::promql::ast::Kind;
    match &node.unwrapped().kind {
        Kind::Binary(b) => format!("[{} {} {}]", unparenthesised(&b.left), b.op.text(), unparenthesised(&b.right)),
        Kind::Number(n) => n.0.to_string(),
        Kind::Selector(s) => s.name.clone().unwrap_or_default(),
        other => format!("{other:?}"),
    }
}

#[test]
fn mistakes_are_pointed_at_and_say_what_was_expected() {
    for (text, span, message) in [
        ("", 0..0, "no expression found in input"),
        ("sum(", 4..4, "unexpected end of input, expected an expression"),
        ("a{b=}", 4..5, "unexpected \"}\", expected a string in label matching"),
        ("rate(a)", 5..6, "expected type range vector in call to function \"rate\", got instant vector"),
        ("a + rat(b[5m])", 4..7, "unknown function with name \"rat\", did you mean \"rate\"?"),
        ("1 == 1", 1..5, "comparisons between scalars must use BOOL modifier"),
        ("{a=\"\"}", 0..6, "vector selector must contain at least one non-empty matcher"),
        ("a[5m] offset 1m offset 2m", 0..25, "offset may not be set multiple times"),
        ("sum(a)[5m]", 6..10, "ranges only allowed for vector selectors"),
        ("a{__name__=\"b\"}", 0..15, "metric name must not be set twice: \"a\" or \"b\""),
        ("a and 1", 0..7, "set operator \"and\" not allowed in binary scalar expression"),
        ("a[0s]", 2..4, "duration must be greater than 0"),
        ("topk(a)", 0..7, "wrong number of arguments for aggregate expression provided, expected 2, got 1"),
        ("a b", 2..3, "unexpected \"b\", expected an operator or the end"),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!((error.span, error.message.as_str()), (span, message), "{text}");
    }
}

#[test]
fn words_that_modify_elsewhere_may_name_metrics() {
    for text in [
        "sum",
        "by",
        "offset",
        "and and and",
        "fill + fill(0) fill",
        "start",
        "sum by (by) (without)",
        "count{a=\"b\"}",
    ] {
        assert!(parse(text).is_ok(), "{text}");
    }
    assert!(parse("on").is_err());
}

#[test]
fn no_nesting_exhausts_the_stack() {
    for (open, inside, close) in [("(", "a", ")"), ("-", "a", ""), ("abs(", "a", ")"), ("sum by (x) (", "a", ")")] {
        let text = format!("{}{inside}{}", open.repeat(4000), close.repeat(4000));
        assert!(parse(&text).unwrap_err().message.contains("nested deeper"), "{open}");
        let fine = format!("{}{inside}{}", open.repeat(90), close.repeat(90));
        assert!(parse(&fine).is_ok(), "{open}");
    }
    for chain in ["1+", "a or ", "2^"] {
        assert!(parse(&format!("{}a", chain.repeat(10_000))).unwrap_err().message.contains("nested deeper"));
    }
    assert!(parse(&" ".repeat(70_000)).unwrap_err().message.contains("bytes long"));
}
