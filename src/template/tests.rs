//! What templates render to; expected texts were read off Debian's `promtool`.

use super::*;

fn data(value: f64) -> Value {
    Value::fields([
        ("Labels", Value::texts([("a", "b"), ("instance", "db.example:5432")])),
        ("ExternalLabels", Value::texts([("cluster", "x")])),
        ("ExternalURL", Value::text("http://monitor/prefix")),
        ("Value", Value::Float(value)),
    ])
}

fn render(text: &str) -> Result<String, String> {
    let query =
        |_: &str| Ok(vec![(Labels::from_pairs([("a", "node10")]), 1.0), (Labels::from_pairs([("a", "node2")]), 2.0)]);
    let environment =
        Environment { now: Timestamp::from_millis(1_500), external_url: "http://monitor/prefix", query: &query };
    let template = Template::parse(text, &PROMETHEUS).map_err(|error| error.to_string())?;
    template.render(&data(1_234_567.0), &environment, &Limits::default()).map_err(|error| error.to_string())
}

#[test]
fn values_print_as_go_prints_them() {
    for (text, printed) in [
        (
            "{{ 123456789.0 }} {{ 100000.0 }} {{ 1e6 }} {{ 0.00001 }} {{ $value }}",
            "1.23456789e+08 100000 1e+06 1e-05 1.234567e+06",
        ),
        (r#"{{ printf "%g %v %.3g" 1234567.0 1e7 1234567.0 }}"#, "1.234567e+06 1e+07 1.23e+06"),
        (
            r#"{{ printf "%6.2f|%-8s|%q %x %5d %t %T" 3.14159 "ab" "c" "hi" 42 true 1 }}"#,
            "  3.14|ab      |\"c\" 6869    42 true int",
        ),
        (r#"{{ printf "%d" 1.5 }} {{ printf "%s" 5 }}"#, "%!d(float64=1.5) %!s(int=5)"),
        ("{{ $labels }}", "map[a:b instance:db.example:5432]"),
        (r#"{{ (toTime 1700000000.0).Format "2006-01-02 15:04" }}"#, "2023-11-14 22:13"),
        ("{{ humanizeTimestamp 1700000000.5 }}", "2023-11-14 22:13:20.5 +0000 UTC"),
        ("{{ $labels.nope }}|{{ .Labels.a }}|{{ $externalLabels.cluster }}", "|b|x"),
    ] {
        assert_eq!(render(text).as_deref(), Ok(printed), "{text}");
    }
}

#[test]
fn numbers_are_humanized_as_prometheus_does() {
    for (text, printed) in [
        (
            "{{ humanize 1234567.0 }} {{ humanize 0.005 }} {{ humanize 0.0 }} {{ humanize -999.95 }}",
            "1.235M 5m 0 -1000",
        ),
        ("{{ humanize1024 1048576.0 }} {{ humanize1024 1000.0 }}", "1Mi 1000"),
        (
            "{{ humanizeDuration 93784 }} {{ humanizeDuration 0.0105 }} {{ humanizeDuration 61.5 }}",
            "1d 2h 3m 4s 10.5ms 1m 1s",
        ),
        ("{{ humanizeDuration 3.14159 }} {{ humanizeDuration -7200 }} {{ humanizeDuration 0 }}", "3.142s -2h 0m 0s 0s"),
        ("{{ humanizePercentage 0.12345 }} {{ \"0.5\" | humanizePercentage }}", "12.35% 50%"),
        ("{{ now }} {{ parseDuration \"1h30m\" }} {{ toDuration 90 }}", "1.5 5400 1m30s"),
    ] {
        assert_eq!(render(text).as_deref(), Ok(printed), "{text}");
    }
}

#[test]
fn control_flow_follows_go() {
    for (text, printed) in [
        ("{{ if gt $value 1.0 }}high{{ else }}low{{ end }}", "high"),
        ("{{ if false }}a{{ else if $labels.a }}b{{ else }}c{{ end }}", "b"),
        ("{{ with $labels.nope }}a{{ else }}b{{ end }}", "b"),
        (
            "{{ range $i, $s := query \"x\" | sortByLabel \"a\" }}{{ $i }}={{ $s.Labels.a }};{{ end }}",
            "0=node10;1=node2;",
        ),
        ("{{ range query \"x\" }}{{ .Value }}{{ break }}{{ end }}", "1"),
        ("{{ query \"x\" | first | value }}{{ query \"x\" | first | label \"a\" }}", "1node10"),
        ("{{ $n := 0 }}{{ range query \"x\" }}{{ $n = .Value }}{{ end }}{{ $n }}", "2"),
        (
            "{{ define \"t\" }}<{{ .arg0 }}>{{ end }}{{ template \"t\" args 5 }}{{ tmpl \"t\" (args 6) | toUpper }}",
            "<5><6>",
        ),
        ("a {{- /* gone */ -}} b{{ `{{` }}", "ab{{"),
        ("{{ range $labels }}{{ . }},{{ end }}", "b,db.example:5432,"),
        ("{{ and $labels.a \"x\" }}{{ or $labels.nope \"y\" }}{{ not true }}{{ eq 1 2 1 }}", "xyfalsetrue"),
        ("{{ len \"abc\" }}{{ index $labels \"a\" }}{{ slice \"abc\" 1 2 }}{{ print 1 2 \"x\" 3 }}", "3bb1 2x3"),
    ] {
        assert_eq!(render(text).as_deref(), Ok(printed), "{text}");
    }
}

#[test]
fn text_functions_follow_prometheus() {
    for (text, printed) in [
        (
            "{{ reReplaceAll \"(.*):.*\" \"$1\" $labels.instance }} {{ match \"^db\" $labels.instance }}",
            "db.example true",
        ),
        (
            "{{ stripPort $labels.instance }} {{ stripDomain $labels.instance }} {{ stripDomain \"10.0.0.1:80\" }}",
            "db.example db:5432 10.0.0.1:80",
        ),
        ("{{ title \"aa it's CC\" }} {{ toUpper \"x\" }}", "Aa It'S CC X"),
        (
            "{{ graphLink \"up == 0\" }} {{ tableLink \"up\" }}",
            "/graph?g0.expr=up+%3D%3D+0&g0.tab=0 /graph?g0.expr=up&g0.tab=1",
        ),
        (
            "{{ externalURL }} {{ pathPrefix }} {{ $externalURL }}",
            "http://monitor/prefix /prefix http://monitor/prefix",
        ),
        ("{{ html \"<a&b>\" }} {{ urlquery \"a b&c\" }}", "&lt;a&amp;b&gt; a+b%26c"),
    ] {
        assert_eq!(render(text).as_deref(), Ok(printed), "{text}");
    }
}

#[test]
fn mistakes_that_need_no_data_are_found_when_the_template_is_read() {
    for (text, message) in [
        ("{{ $value", "unclosed action"),
        ("{{ nope 1 }}", "function \"nope\" not defined"),
        ("{{ $nope }}", "undefined variable \"$nope\""),
        ("{{ if true }}x", "unexpected EOF: a block is not closed by {{end}}"),
        ("{{ end }}", "unexpected {{end}} or {{else}}"),
        ("{{ \"x }}", "unterminated quoted string"),
        ("{{ /* x }}", "unclosed comment"),
        ("{{ }}", "missing value for command"),
        ("{{ ( 1 }}", "unclosed left paren"),
        ("{{ break }}", "{{break}} outside {{range}}"),
        ("{{ 12x }}", "bad number syntax: \"12x\""),
    ] {
        assert_eq!(Template::parse(text, &PROMETHEUS).map(|_| ()).unwrap_err().message, message, "{text}");
    }
}

#[test]
fn mistakes_that_show_with_data_say_what_was_wrong() {
    for (text, message) in [
        ("{{ if eq $value 1 }}{{ end }}", "error calling eq: incompatible types for comparison"),
        ("{{ toUpper 5 }}", "error calling toUpper: wrong type for value; expected string; got int"),
        ("{{ .Nope }}", "can't evaluate field Nope in type struct"),
        ("{{ humanize \"x\" }}", "error calling humanize: can't convert \"x\" to float"),
        ("{{ template \"x\" }}", "template \"x\" not defined"),
        ("{{ nil }}", "nil is not a command"),
        ("{{ reReplaceAll \"(\" \"\" \"\" }}", "error calling reReplaceAll: invalid regular expression \"(\""),
    ] {
        assert_eq!(render(text).unwrap_err(), message, "{text}");
    }
}

#[test]
fn no_template_runs_for_ever_or_fills_the_memory() {
    for text in [
        "{{ define \"t\" }}{{ template \"t\" . }}{{ end }}{{ template \"t\" . }}",
        "{{ range 100000000 }}{{ range 100000000 }}x{{ end }}{{ end }}",
        "{{ define \"t\" }}{{ template \"u\" . }}{{ template \"u\" . }}{{ end }}{{ define \"u\" }}{{ template \"t\" . }}{{ end }}{{ template \"t\" . }}",
        "{{ range 100000 }}{{ printf \"%4000d\" 1 }}{{ end }}",
    ] {
        assert!(render(text).is_err(), "{text}");
    }
    assert!(Template::parse(&"{{ if true }}".repeat(10_000), &PROMETHEUS).is_err());
    assert!(Template::parse(&format!("{{{{ {} }}}}", "(".repeat(10_000)), &PROMETHEUS).is_err());
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_engine_panic(text in "([a-z ]|\\{\\{-?|-?\\}\\}|[$.|():=,\"`'0-9%-]|if|range|end|else|with|define|template|printf|query|\\$labels|é){0,40}") {
        let _ = render(&text);
        let _ = render(&format!("{{{{ {text} }}}}"));
    }
}
