//! What an Alertmanager file says that memsentry says otherwise, or not at all.
//!
//! `global` gives its defaults to the receivers' entries that do not set them. A key that means nothing here is told
//! with what to do instead.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::model::{Duration, Problem};
use crate::yaml::Inherited;

/// Defaults for receivers, in Alertmanager's words. Each is judged where it is used.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Global {
    /// The mail server, for `smarthost` of `email_configs`.
    #[serde(default)]
    pub smtp_smarthost: Option<IgnoredAny>,
    /// For `from` of `email_configs`.
    #[serde(default)]
    pub smtp_from: Option<IgnoredAny>,
    /// For `hello` of `email_configs`.
    #[serde(default)]
    pub smtp_hello: Option<IgnoredAny>,
    /// For `auth_username` of `email_configs`.
    #[serde(default)]
    pub smtp_auth_username: Option<IgnoredAny>,
    /// For `auth_password_file` of `email_configs`.
    #[serde(default)]
    pub smtp_auth_password_file: Option<IgnoredAny>,
    /// For `auth_password_env` of `email_configs`.
    #[serde(default)]
    pub smtp_auth_password_env: Option<IgnoredAny>,
    /// For `auth_password_credential` of `email_configs`.
    #[serde(default)]
    pub smtp_auth_password_credential: Option<IgnoredAny>,
    /// For `require_tls` of `email_configs`.
    #[serde(default)]
    pub smtp_require_tls: Option<IgnoredAny>,
    /// For `tls_config` of `email_configs`.
    #[serde(default)]
    pub smtp_tls_config: Option<IgnoredAny>,
    /// For `api_url` of `slack_configs`.
    #[serde(default)]
    pub slack_api_url: Option<IgnoredAny>,
    /// For `api_url_file` of `slack_configs`.
    #[serde(default)]
    pub slack_api_url_file: Option<IgnoredAny>,
    /// For `api_url_env` of `slack_configs`.
    #[serde(default)]
    pub slack_api_url_env: Option<IgnoredAny>,
    /// For `api_url_credential` of `slack_configs`.
    #[serde(default)]
    pub slack_api_url_credential: Option<IgnoredAny>,
    /// For `url` of `pagerduty_configs`.
    #[serde(default)]
    pub pagerduty_url: Option<IgnoredAny>,
    /// For `http_config` of `webhook_configs`, `slack_configs` and `pagerduty_configs`.
    #[serde(default)]
    pub http_config: Option<IgnoredAny>,
    /// How long an alert that others report counts as firing unless they say until when; only 5m, the default.
    #[serde(default)]
    pub resolve_timeout: Option<Duration>,
}

const fn inherited(from: &'static str, list: &'static str, to: &'static str) -> Inherited {
    Inherited { from, list, to, or: "" }
}

/// What receivers' entries take from `global`.
pub(super) const INHERITED: &[Inherited] = &[
    inherited("smtp_smarthost", "email_configs", "smarthost"),
    inherited("smtp_from", "email_configs", "from"),
    inherited("smtp_hello", "email_configs", "hello"),
    inherited("smtp_auth_username", "email_configs", "auth_username"),
    inherited("smtp_auth_password", "email_configs", "auth_password"),
    Inherited { from: "smtp_require_tls", list: "email_configs", to: "require_tls", or: "tls" },
    inherited("smtp_tls_config", "email_configs", "tls_config"),
    inherited("slack_api_url", "slack_configs", "api_url"),
    inherited("pagerduty_url", "pagerduty_configs", "url"),
    inherited("http_config", "webhook_configs", "http_config"),
    inherited("http_config", "slack_configs", "http_config"),
    inherited("http_config", "pagerduty_configs", "http_config"),
];

const OTHER_KINDS: &str = "memsentry has no such notifier: write a webhook_configs entry with a payload, or hand the \
    alerts to an Alertmanager that has it with alertmanager_configs";

/// Beginnings of Alertmanager's keys, and what to do instead.
const INSTEAD: &[(&str, &str)] = &[
    ("templates", "memsentry reads no template files: write the text into the receiver's own fields"),
    ("smtp_auth_password", "a secret never stands in the file: give smtp_auth_password_file or smtp_auth_password_env"),
    ("smtp_auth_", "memsentry logs in with smtp_auth_username and smtp_auth_password_file"),
    ("slack_app_", "memsentry tells Slack through incoming webhooks: give slack_api_url_file"),
    ("opsgenie_", OTHER_KINDS),
    ("victorops_", OTHER_KINDS),
    ("pushover_", OTHER_KINDS),
    ("wechat_", OTHER_KINDS),
    ("telegram_", OTHER_KINDS),
    ("discord_", OTHER_KINDS),
    ("webex_", OTHER_KINDS),
    ("msteams", OTHER_KINDS),
    ("sns_", OTHER_KINDS),
    ("jira_", OTHER_KINDS),
    ("rocketchat_", OTHER_KINDS),
    ("mattermost_", OTHER_KINDS),
    ("incidentio_", OTHER_KINDS),
    ("tracing", "memsentry sends no traces: leave it out"),
    ("event_recorder", "memsentry keeps its history in its store: leave it out"),
];

/// Says what to do about unknown keys that are Alertmanager's.
pub(super) fn advise(problems: &mut [Problem]) {
    for problem in problems {
        let key = problem.message.strip_prefix("unknown key \"").and_then(|rest| rest.strip_suffix('"'));
        let advice = key.and_then(|key| INSTEAD.iter().find(|(beginning, _)| key.starts_with(beginning)));
        if let Some((_, instead)) = advice {
            problem.hint = Some((*instead).to_owned());
        }
    }
}

/// What is wrong with `global` itself.
pub(super) fn problems(global: &Global) -> Vec<Problem> {
    let other = global.resolve_timeout.filter(|timeout| *timeout != Duration::from_secs(300));
    let problem = |timeout: Duration| {
        Problem::at("resolve_timeout", format!("resolve_timeout is 5m here and cannot be {timeout}"))
            .hint("leave it out; who reports alerts may say until when each is valid (endsAt)")
    };
    other.map(problem).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::parse;

    const TARGET: &str = "targets: [{name: a, service: {url: 'https://a', token_env: PATH}}]\n";

    #[test]
    fn global_gives_its_defaults_to_receivers() {
        let text = format!(
            "{TARGET}global: {{smtp_smarthost: 'mx:25', smtp_from: a@b.c, smtp_require_tls: false, resolve_timeout: 5m}}\n\
             receivers: [{{name: a, email_configs: [{{to: d@e.f}}, {{to: d@e.f, from: g@h.i}}]}}]"
        );
        let (config, _) = parse("m.yaml", &text, Path::new("")).expect("a good configuration");
        let mails = &config.receivers[0].email_configs;
        assert_eq!((mails[0].from.as_str(), mails[0].smarthost.as_str()), ("a@b.c", "mx:25"));
        assert_eq!((mails[1].from.as_str(), mails[1].require_tls), ("g@h.i", Some(false)));
    }

    #[test]
    fn what_memsentry_does_not_have_is_named_with_what_to_do() {
        let text = format!(
            "{TARGET}templates: ['*.tmpl']\nglobal: {{opsgenie_api_url: x, smtp_auth_password: p}}\n\
             receivers: [{{name: a, opsgenie_configs: [{{}}]}}]"
        );
        let problems = parse("m.yaml", &text, Path::new("")).expect_err("mistakes");
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        for (path, hint) in [
            ("templates: unknown key", "reads no template files"),
            ("global.opsgenie_api_url: unknown key", "alertmanager_configs"),
            ("global.smtp_auth_password: unknown key", "smtp_auth_password_file"),
            ("receivers[0].opsgenie_configs: unknown key", "webhook_configs"),
        ] {
            let found = told.iter().any(|told| told.contains(path) && told.contains(hint));
            assert!(found, "{path} and {hint} in {told:#?}");
        }
        let problems = parse("m.yaml", &format!("{TARGET}global: {{resolve_timeout: 1m}}"), Path::new(""));
        let told = problems.map(|_| ()).expect_err("a mistake")[0].to_string();
        assert!(told.contains("global.resolve_timeout: resolve_timeout is 5m here and cannot be 1m"), "{told}");
    }
}
