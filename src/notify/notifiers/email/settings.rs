//! What a user says about mail, in Alertmanager's words where it has them.

use std::collections::BTreeMap;

use lettre::address::AddressError;
use lettre::message::{Mailbox, Mailboxes};
use serde::Deserialize;

use crate::model::{Duration, Problem, Secret};

use super::super::http::{self, TlsConfig};
use super::super::text::{self, Text};

/// Most recipients of one entry.
const MOST_RECIPIENTS: usize = 100;
/// Headers that memsentry writes itself.
const OWN_HEADERS: &[&str] = &[
    "From",
    "To",
    "Cc",
    "Bcc",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Auto-Submitted",
];

/// One entry of `email_configs`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Who is told: one or more addresses with commas between.
    pub to: String,
    /// Who tells: one address.
    pub from: String,
    /// The mail server as `host:port`.
    pub smarthost: String,
    /// How the connection is protected: `starttls`, `implicit` or `none`. Unless set `implicit` on port 465,
    /// otherwise `starttls`. A server that does not offer it gets no mail.
    #[serde(default)]
    pub tls: Option<Encryption>,
    /// Alertmanager's word for `tls`: `false` is `none`.
    #[serde(default)]
    pub require_tls: Option<bool>,
    /// The name to log in with; no login unless set.
    #[serde(default)]
    pub auth_username: Option<String>,
    /// Its password.
    #[serde(default)]
    pub auth_password: Option<Secret>,
    /// How memsentry introduces itself; this machine's name unless set.
    #[serde(default)]
    pub hello: Option<String>,
    /// Whether it is told when alerts are over; true unless set. Alertmanager's default is false.
    #[serde(default = "yes")]
    pub send_resolved: bool,
    /// Further headers, and `Subject`; their values may hold templates.
    #[serde(default)]
    pub headers: BTreeMap<String, Text>,
    /// The plain text, a template, in place of memsentry's.
    #[serde(default)]
    pub text: Option<Text>,
    /// The HTML, a template, in place of memsentry's; what it takes from alerts must go through `html`.
    #[serde(default)]
    pub html: Option<Text>,
    /// Whom to trust; Mozilla's list unless set.
    #[serde(default)]
    pub tls_config: TlsConfig,
    /// Longest wait for one conversation with the server; 30s unless set, at most 5m.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// Begun in the clear and protected before anything is said; refused if the server cannot.
    Starttls,
    /// Protected from the first byte.
    Implicit,
    /// Not at all.
    None,
}

const fn yes() -> bool {
    true
}

const fn default_timeout() -> Duration {
    Duration::from_secs(30)
}

impl Settings {
    /// What is wrong.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        problems.extend(self.to().err().map(|problem| *problem));
        problems.extend(self.from().err().map(|problem| *problem));
        problems.extend(self.server().err().map(|problem| *problem));
        problems.extend(http::timeout_problem(self.timeout));
        problems.extend(self.tls_config.problems("tls_config"));
        if self.tls.is_some() && self.require_tls.is_some() {
            problems.push(Problem::at("require_tls", "tls and require_tls exclude each other"));
        }
        problems.extend(self.login_problems());
        let clear = |text: &str| !text.is_empty() && !text.chars().any(|c| c.is_control() || c.is_whitespace());
        if self.hello.as_ref().is_some_and(|hello| !clear(hello)) {
            problems.push(Problem::at("hello", "is not a host name"));
        }
        for name in self.headers.keys() {
            let at = format!("headers.{name}");
            if OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name)) {
                problems.push(Problem::at(at, "memsentry writes this header itself"));
            } else if !name.bytes().all(|b| b.is_ascii_graphic() && b != b':') || name.is_empty() {
                problems.push(Problem::at(at, "is not a header name"));
            }
        }
        let headers = self.headers.iter().map(|(name, value)| (format!("headers.{name}"), value));
        let bodies = [("text", &self.text), ("html", &self.html)];
        let bodies = bodies.into_iter().filter_map(|(at, text)| Some((at.to_owned(), text.as_ref()?)));
        problems.extend(text::problems(headers.chain(bodies)));
        problems
    }

    /// The subject, if the user wrote one.
    pub(super) fn subject(&self) -> Option<&Text> {
        self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("Subject")).map(|(_, text)| text)
    }

    /// The headers but the subject.
    pub(super) fn further_headers(&self) -> impl Iterator<Item = (&String, &Text)> {
        self.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("Subject"))
    }

    fn login_problems(&self) -> Option<Problem> {
        let host = self.server().map(|(host, _)| host).unwrap_or_default();
        let here = matches!(host.as_str(), "localhost" | "127.0.0.1" | "::1");
        match (&self.auth_username, &self.auth_password) {
            (Some(_), None) => Some(Problem::at("auth_username", "a name without auth_password")),
            (None, Some(_)) => Some(Problem::at("auth_password", "a password without auth_username")),
            (Some(_), Some(_)) if self.encryption() == Encryption::None && !here => {
                let message = format!("the password would cross the network to {host} unprotected");
                Some(Problem::at("auth_password", message).hint("set tls to starttls or implicit"))
            }
            _ => None,
        }
    }

    /// How the connection is to be protected.
    pub(super) fn encryption(&self) -> Encryption {
        let port = self.server().map(|(_, port)| port).unwrap_or_default();
        match (self.tls, self.require_tls) {
            (Some(tls), _) => tls,
            (None, Some(false)) => Encryption::None,
            (None, _) if port == 465 => Encryption::Implicit,
            (None, _) => Encryption::Starttls,
        }
    }

    pub(super) fn from(&self) -> Result<Mailbox, Box<Problem>> {
        let wrong = |error| Problem::at("from", format!("{:?} is not an address: {error}", self.from));
        self.from.parse().map_err(|error: AddressError| Box::new(wrong(error)))
    }

    pub(super) fn to(&self) -> Result<Vec<Mailbox>, Box<Problem>> {
        let wrong = |why: String| Box::new(Problem::at("to", why));
        let boxes: Mailboxes =
            self.to.parse().map_err(|error| wrong(format!("{:?} is not a list of addresses: {error}", self.to)))?;
        let boxes: Vec<Mailbox> = boxes.into_iter().collect();
        match boxes.len() {
            0 => Err(wrong("nobody to tell".to_owned())),
            1..=MOST_RECIPIENTS => Ok(boxes),
            many => Err(wrong(format!("{many} recipients are more than {MOST_RECIPIENTS}"))),
        }
    }

    /// Host and port.
    pub(super) fn server(&self) -> Result<(String, u16), Box<Problem>> {
        let wrong = || Box::new(Problem::at("smarthost", format!("{:?} is not host:port", self.smarthost)));
        let (host, port) = self.smarthost.rsplit_once(':').ok_or_else(wrong)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
        if host.is_empty() { Err(wrong()) } else { Ok((host.to_owned(), port)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(yaml: &str) -> Vec<String> {
        let settings: Settings = serde_yaml::from_str(yaml).expect("valid YAML");
        settings.problems().iter().map(|problem| problem.message.clone()).collect()
    }

    #[test]
    fn protection_follows_from_the_port_unless_set() {
        for (more, encryption) in [
            ("smarthost: 'mx:587'", Encryption::Starttls),
            ("smarthost: 'mx:465'", Encryption::Implicit),
            ("smarthost: 'mx:25', require_tls: false", Encryption::None),
            ("smarthost: 'mx:25', tls: implicit", Encryption::Implicit),
        ] {
            let settings: Settings =
                serde_yaml::from_str(&format!("{{to: a@b.c, from: d@e.f, {more}}}")).expect("valid YAML");
            assert_eq!(settings.encryption(), encryption, "{more}");
            assert!(settings.problems().is_empty() && settings.send_resolved);
        }
    }

    #[test]
    fn mistakes_are_told() {
        for (yaml, told) in [
            ("{to: '', from: d@e.f, smarthost: 'mx:25'}", "nobody to tell"),
            ("{to: a@b.c, from: x, smarthost: 'mx:25'}", "\"x\" is not an address"),
            ("{to: a@b.c, from: d@e.f, smarthost: mx}", "\"mx\" is not host:port"),
            ("{to: a@b.c, from: d@e.f, smarthost: 'mx:25', headers: {date: x}}", "writes this header itself"),
            (
                "{to: a@b.c, from: d@e.f, smarthost: 'mx:25', headers: {Subject: '{{ .Nothing }}'}}",
                "can't evaluate field Nothing",
            ),
            ("{to: a@b.c, from: d@e.f, smarthost: 'mx:25', auth_username: u}", "without auth_password"),
            (
                "{to: a@b.c, from: d@e.f, smarthost: 'mx:25', tls: none, auth_username: u, auth_password: p}",
                "would cross the network to mx unprotected",
            ),
        ] {
            let problems = problems(yaml);
            assert!(problems.iter().any(|problem| problem.contains(told)), "{yaml}: {problems:?}");
        }
    }
}
