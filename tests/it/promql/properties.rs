//! Properties of parsing, printing and evaluating that must hold for any query.
#![allow(clippy::panic, clippy::expect_used)]

use memsentry::metrics::Registry;
use memsentry::model::{Duration, Labels, STALE_MARKER, Timestamp};
use memsentry::promql::{self, EvalError, Limits, Value};
use memsentry::tsdb::{Settings, Tsdb};
use proptest::prelude::*;

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<f64>().prop_map(|n| if n.is_finite() { format!("{n}") } else { "NaN".to_owned() }),
        (0_u32..100).prop_map(|n| n.to_string()),
        Just("-Inf".to_owned()),
        Just("1h30m".to_owned()),
        Just("time()".to_owned()),
        Just("(2 ^ -1)".to_owned()),
        Just("scalar(a)".to_owned()),
    ]
}

fn shift() -> impl Strategy<Value = &'static str> {
    prop_oneof![5 => Just(""), 1 => Just(" offset 1m"), 1 => Just(" offset -30s"), 1 => Just(" @ 120"), 1 => Just(" @ end() offset 15")]
}

fn selector() -> impl Strategy<Value = String> {
    let matcher = prop_oneof![
        Just(String::new()),
        Just("{x=\"1\"}".to_owned()),
        Just("{x!=\"1\", y=~\"p|q\"}".to_owned()),
        Just("{x!~\"\\\\d\", 'y'!=\"\"}".to_owned()),
    ];
    prop_oneof![
        4 => (prop::sample::select(vec!["a", "b", "c_total", "sum", "nothing"]), matcher).prop_map(|(n, m)| format!("{n}{m}")),
        1 => Just("{__name__=~\"a|b\"}".to_owned()),
        1 => Just("{\"odd name\", \"odd.label\"=\"1\"}".to_owned()),
    ]
}

fn modifier() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        "",
        " on (x)",
        " ignoring (y)",
        " on (x) group_left (y)",
        " ignoring (y) group_right ()",
        " fill (0)",
    ])
}

/// Pieces of queries, whole and broken.
fn token() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "a",
        "sum",
        "by",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "5m",
        "1",
        ":",
        ",",
        "=",
        "=~",
        "\"x\"",
        "-",
        "+",
        "^",
        "or",
        "on",
        "offset",
        "@",
        "start",
        "group_left",
        "bool",
        "rate",
        "topk",
        "fill",
        "'",
        "`",
        "0x",
        "1e",
        "#",
        "\n",
        "\\",
        "\u{e9}",
        "{{",
        "",
        " ",
        "*",
        "Inf",
        "@ 5",
        "[1m]",
        "[1m:]",
    ])
}

/// Well-typed instant vector expressions.
fn vector() -> impl Strategy<Value = String> {
    let leaf = (selector(), shift()).prop_map(|(selector, shift)| format!("{selector}{shift}"));
    leaf.prop_recursive(5, 40, 3, |inner| {
        let arithmetic = prop::sample::select(vec!["+", "-", "*", "/", "%", "^", "atan2"]);
        let comparison = prop::sample::select(vec![">", "<=", "==", "!= bool", ">= bool"]);
        let set = prop::sample::select(vec!["and", "or", "unless", "and on (x)", "or ignoring (y)"]);
        let aggregate =
            prop::sample::select(vec!["sum", "avg by (x)", "max without (y)", "count", "stddev", "group by (x, y)"]);
        let parametric = prop::sample::select(vec!["quantile(0.3, ", "quantile by (y) (0.9, ", "limit_ratio(-0.5, "]);
        let over = prop::sample::select(vec![
            "rate",
            "increase",
            "avg_over_time",
            "max_over_time",
            "changes",
            "last_over_time",
            "deriv",
            "absent_over_time",
        ]);
        let map = prop::sample::select(vec!["abs", "round", "ln", "sgn", "timestamp", "minute", "absent"]);
        prop_oneof![
            (inner.clone(), arithmetic, modifier(), inner.clone()).prop_map(|(l, o, m, r)| {
                if m.is_empty() { format!("{l} {o} ({r})") } else { format!("({l}) {o}{m} ({r})") }
            }),
            (inner.clone(), comparison, scalar()).prop_map(|(l, o, r)| format!("({l}) {o} {r}")),
            (scalar(), inner.clone()).prop_map(|(l, r)| format!("{l} - ({r})")),
            (inner.clone(), set, inner.clone()).prop_map(|(l, o, r)| format!("{l} {o} ({r})")),
            (aggregate, inner.clone()).prop_map(|(o, v)| format!("{o} ({v})")),
            (parametric, inner.clone()).prop_map(|(o, v)| format!("{o}{v})")),
            (over.clone(), selector(), shift()).prop_map(|(f, s, shift)| format!("{f}({s}[2m]{shift})")),
            (over, inner.clone()).prop_map(|(f, v)| format!("{f}(({v})[2m:30s])")),
            (map, inner.clone()).prop_map(|(f, v)| format!("{f}({v})")),
            inner.clone().prop_map(|v| format!("-({v})")),
            inner.clone().prop_map(|v| format!("label_replace({v}, \"z\", \"$1\", \"x\", \"(.*)\")")),
            (scalar(), inner).prop_map(|(q, v)| format!("histogram_quantile({q}, {v})")),
        ]
    })
}

/// Vectors as the whole of a query. What picks or orders elements stands outermost: float sums depend on the order.
fn query() -> impl Strategy<Value = String> {
    let wrap = prop::sample::select(vec!["topk(2, ", "bottomk by (x) (1, ", "sort_desc("]);
    prop_oneof![4 => vector(), 1 => (wrap, vector()).prop_map(|(wrap, vector)| format!("{wrap}{vector})"))]
}

/// Series with gaps, staleness markers, NaN and resets, one sample every 15s for ten minutes.
fn store() -> Tsdb {
    let settings = Settings { retention: Duration::from_secs(86_400), max_series: 100, ..Settings::default() };
    let tsdb = Tsdb::new(&settings, &Registry::new());
    for step in 0..40_u32 {
        let value = |seed: u32| match (step * 7 + seed * 13) % 23 {
            0 => None,
            1 => Some(STALE_MARKER),
            2 => Some(f64::NAN),
            n => Some(f64::from(n) - 5.0),
        };
        let series = [
            ("a", "1", "p"),
            ("a", "2", "q"),
            ("b", "1", "p"),
            ("b", "1", "q"),
            ("c_total", "2", "p"),
            ("sum", "1", ""),
        ];
        let batch = series.into_iter().zip(0..).filter_map(|((name, x, y), seed)| {
            Some((Labels::from_pairs([("__name__", name), ("x", x), ("y", y)]), value(seed)?))
        });
        tsdb.append(Timestamp::from_millis(i64::from(step) * 15_000), batch);
    }
    tsdb
}

fn limits() -> Limits {
    Limits { max_samples: 1_000_000, timeout: Duration::from_secs(60), lookback: Duration::from_secs(300) }
}

/// Elements by labels, values as bits so that NaN equals NaN.
fn elements(value: Value, at: Timestamp) -> Vec<(Labels, u64)> {
    let bits = |value: f64| if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() };
    let mut elements: Vec<(Labels, u64)> = match value {
        Value::Vector(vector) => vector.into_iter().map(|s| (s.labels, bits(s.sample.value))).collect(),
        Value::Matrix(matrix) => matrix
            .into_iter()
            .filter_map(|series| {
                let sample = series.samples.iter().find(|sample| sample.at == at)?;
                Some((series.labels, bits(sample.value)))
            })
            .collect(),
        other => panic!("neither vector nor matrix: {other:?}"),
    };
    elements.sort();
    elements
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_an_expression_prints_reads_back_as_the_same(text in query()) {
        let expr = promql::parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        let printed = expr.to_string();
        let again = promql::parse(&printed).map_err(|error| TestCaseError::fail(format!("{printed}: {error}")))?;
        prop_assert_eq!(&again, &expr, "{}", printed);
        prop_assert_eq!(again.to_string(), printed);
        let broken = format!("{expr:#}");
        prop_assert_eq!(promql::parse(&broken).ok(), Some(expr), "{}", broken);
    }

    #[test]
    fn what_is_left_of_a_damaged_query_prints_and_reads_back_too(
        text in query(), cut in any::<(prop::sample::Index, prop::sample::Index)>(), token in token()
    ) {
        let chars: Vec<char> = text.chars().collect();
        let (a, b) = (cut.0.index(chars.len() + 1), cut.1.index(chars.len() + 1));
        let (start, end) = (a.min(b), a.max(b).min(a.min(b) + 4));
        let damaged: String = chars[..start].iter().collect::<String>() + token + &chars[end..].iter().collect::<String>();
        if let Ok(expr) = promql::parse(&damaged) {
            let printed = expr.to_string();
            prop_assert_eq!(promql::parse(&printed).ok(), Some(expr.clone()), "{} from {}", printed, damaged);
            let _ = promql::instant(&expr, &store(), Timestamp::from_millis(300_000), &limits());
        }
    }

    #[test]
    fn the_span_of_every_node_holds_its_text(text in query()) {
        let expr = promql::parse(&text).expect("generated queries parse");
        let mut wrong = Vec::new();
        expr.root().walk(&mut |node| {
            if promql::parse(&text[node.span.clone()]).is_ok_and(|own| own.root() != node) {
                wrong.push(text[node.span.clone()].to_owned());
            }
        });
        prop_assert!(wrong.is_empty(), "{:?} in {}", wrong, text);
    }

    #[test]
    fn a_range_query_answers_at_each_step_what_an_instant_query_answers(text in query(), minute in 1_i64..9) {
        // The two differ on purpose in `@ end()`, which speaks of the query's own range.
        let text = text.replace("end()", "300");
        let expr = promql::parse(&text).expect("generated queries parse");
        let tsdb = store();
        let at = Timestamp::from_millis(minute * 60_000);
        let (start, end) = (Timestamp::from_millis(at.millis() - 60_000), Timestamp::from_millis(at.millis() + 60_000));
        let whole = promql::range(&expr, &tsdb, start, end, Duration::from_secs(60), &limits());
        let single = promql::instant(&expr, &tsdb, at, &limits());
        match (whole, single) {
            (Ok(whole), Ok(single)) => prop_assert_eq!(elements(whole.value, at), elements(single.value, at), "{}", text),
            // Another step of the range may be at fault, but one that fails alone fails in the range.
            (Err(EvalError::Execution(_)), _) => {}
            (whole, single) => prop_assert!(false, "{}: {:?} but alone {:?}", text, whole, single),
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let _ = promql::parse(&text);
        let _ = promql::scale_durations(&text, 3);
        let _ = promql::series_notation::parse_series(&text);
    }

    #[test]
    fn no_order_of_tokens_makes_the_parser_panic(tokens in prop::collection::vec(token(), 0..30)) {
        let text = tokens.join(" ");
        if let Err(error) = promql::parse(&text) {
            prop_assert!(error.span.start <= error.span.end && error.span.end <= text.len(), "{:?} in {:?}", error, text);
        }
        let _ = promql::parse(&tokens.concat());
        let _ = promql::series_notation::parse_series(&text);
    }
}

#[test]
fn the_deepest_expression_evaluates_on_a_small_stack() {
    let tsdb = store();
    for (open, inside, close) in [
        ("abs(", "a", ")"),
        ("-", "a", ""),
        ("(a or ", "b", ")"),
        ("sum(", "a", ")"),
        ("a + on (x) group_left () (", "a", ")"),
    ] {
        let text = format!("{}{inside}{}", open.repeat(95), close.repeat(95));
        let expr = promql::parse(&text).expect(open);
        let again = promql::parse(&expr.to_string()).expect("prints to something that parses");
        assert_eq!(again, expr);
        let _ = promql::instant(&expr, &tsdb, Timestamp::from_millis(60_000), &limits());
    }
    let chain = format!("a{}", " or a".repeat(190));
    let expr = promql::parse(&chain).expect("a chain of 190 operators");
    assert!(promql::instant(&expr, &tsdb, Timestamp::from_millis(60_000), &limits()).is_ok());
}

#[test]
fn a_query_that_would_hold_too_much_or_take_too_long_is_refused() {
    let tsdb = store();
    let small = Limits { max_samples: 1_000, ..limits() };
    let day = |limits: &Limits, text: &str| {
        let expr = promql::parse(text).expect(text);
        promql::range(
            &expr,
            &tsdb,
            Timestamp::from_millis(0),
            Timestamp::from_millis(86_400_000),
            Duration::from_secs(1),
            limits,
        )
    };
    for text in ["1", "a", "sum(a)", "count_values(\"v\", a)", "max_over_time(vector(1)[1y:1s])", "rate(a[1m])"] {
        assert!(matches!(day(&small, text), Err(EvalError::Limit(_))), "{text}");
    }
    let instant = Limits { timeout: Duration::from_millis(0), ..limits() };
    assert!(matches!(day(&instant, "sum(a) + sum(a)"), Err(EvalError::Timeout(_))));
    let huge = promql::parse("a").expect("parses");
    let whole = (Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX));
    let refused = promql::range(&huge, &tsdb, whole.0, whole.1, Duration::from_millis(1), &limits());
    assert!(matches!(refused, Err(EvalError::Limit(_))));
    for text in [
        "predict_linear(a[1m] @ 60, 1)",
        "rate(a[292y])",
        "a offset -292y",
        "sum_over_time(a[292y:291y])",
        "range() + end()",
    ] {
        for at in [i64::MIN, i64::MAX] {
            let _ = promql::instant(&promql::parse(text).expect(text), &tsdb, Timestamp::from_millis(at), &limits());
        }
    }
}
