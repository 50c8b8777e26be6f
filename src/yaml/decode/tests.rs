//! What decoding says of good and bad documents.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::{Duration, Problem, Secret};
use crate::yaml::{Document, SecretSource};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Root {
    listen: String,
    #[serde(default)]
    probes: Vec<Probe>,
    login: Option<Login>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Probe {
    kind: Kind,
    interval: Duration,
    #[serde(default)]
    retries: u32,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Health,
    Roundtrip,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    password: Secret,
}

fn decode(text: &str) -> Result<Root, Vec<Problem>> {
    let secrets = |source: &SecretSource| match source {
        SecretSource::Env(name) if name == "PW" => Ok(Secret::new("hunter2".into())),
        SecretSource::Env(name) => Err(format!("environment variable {name} is not set")),
        SecretSource::File(_) | SecretSource::Credential(_) => Err("no such file".to_owned()),
    };
    Document::parse("m.yaml", text)?.decode_with(&secrets)
}

fn told(text: &str) -> String {
    let problems = decode(text).expect_err("a mistake");
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_good_document_decodes() {
    let text =
        "listen: 9464\nprobes:\n  - {kind: health, interval: 15s}\nlogin: {password_env: PW}\nlabels: {a: 1.50}\n";
    let root = decode(text).expect("decodes");
    assert_eq!(root.listen, "9464");
    assert_eq!(root.probes[0].kind, Kind::Health);
    assert_eq!(root.probes[0].interval, Duration::from_secs(15));
    assert_eq!(root.probes[0].retries, 0);
    assert_eq!(root.login.expect("login").password.expose(), "hunter2");
    assert_eq!(root.labels["a"], "1.50");
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let text = "\
listn: x
listen: here
probes:
  - kind: roundtrp
    interval: 15s
  - kind: health
    interval: soon
    retries: many
  - kind: health
";
    assert_eq!(
        told(text),
        "\
m.yaml:1:1: listn: unknown key \"listn\"
  known keys: listen, probes, login, labels
hint: did you mean \"listen\"?
m.yaml:4:11: probes[0].kind: unknown value \"roundtrp\"
  known values: health, roundtrip
hint: did you mean \"roundtrip\"?
m.yaml:7:15: probes[1].interval: not a valid duration: \"soon\", write for example 15s, 5m or 1h30m
m.yaml:8:14: probes[1].retries: expected a whole number from 0 on, found \"many\"
m.yaml:9:5: probes[2]: missing key \"interval\""
    );
}

#[test]
fn a_secret_in_the_file_is_refused_without_being_repeated() {
    let told = told("listen: x\nlogin:\n  password: hunter2\n");
    assert!(told.contains("m.yaml:3:13: login.password: a secret does not stand in this file"), "{told}");
    assert!(told.contains("use password_file, password_env or password_credential"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn a_secret_that_cannot_be_had_is_told_once() {
    assert_eq!(
        told("listen: x\nlogin:\n  password_env: NOPE\n"),
        "m.yaml:3:17: login.password_env: environment variable NOPE is not set"
    );
}

#[test]
fn a_wrong_shape_says_what_was_found() {
    assert_eq!(told("listen: x\nprobes: 5\n"), "m.yaml:2:9: probes: expected a list, found 5");
    assert_eq!(told("- a\n"), "m.yaml:1:1: expected a mapping, found a list");
}

/// A value that is a secret only for some.
#[derive(Debug, PartialEq)]
struct Either(String);

impl<'de> Deserialize<'de> for Either {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> serde::de::Visitor<'de> for Text {
            type Value = Either;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("text")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Either, E> {
                Ok(Either(text.to_owned()))
            }
            fn visit_newtype_struct<D: serde::Deserializer<'de>>(self, inner: D) -> Result<Either, D::Error> {
                String::deserialize(inner).map(Either)
            }
        }
        deserializer.deserialize_newtype_struct(crate::model::secret::PLAIN_OR_SECRET_MARKER, Text)
    }
}

#[test]
fn what_is_a_secret_only_for_some_may_stand_in_the_file_or_elsewhere() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Hook {
        url: Either,
    }
    let secrets = |_: &SecretSource| Ok(Secret::new("from elsewhere".into()));
    let url = |text| {
        let hook: Result<Hook, _> = Document::parse("m.yaml", text).and_then(|document| document.decode_with(&secrets));
        hook.map(|hook| hook.url.0)
    };
    assert_eq!(url("url: http://here"), Ok("http://here".to_owned()));
    assert_eq!(url("url_file: there"), Ok("from elsewhere".to_owned()));
    assert_eq!(url("url_env: THERE"), Ok("from elsewhere".to_owned()));
}
