//! Which alerts are asked for: `active`, `silenced`, `inhibited`, `unprocessed`, `muted`, `filter`, `receiver` and
//! `receiver_matchers`.

use regex::Regex;

use crate::model::{Labels, Matcher, parse_matchers};
use crate::notify::AlertView;

use super::{Parameters, Refused};

/// What is asked for; everything unless something narrows it.
pub(super) struct Filter {
    active: bool,
    silenced: bool,
    inhibited: bool,
    muted: bool,
    matchers: Vec<Matcher>,
    receiver: Option<Regex>,
    receiver_matchers: Vec<Matcher>,
}

impl Filter {
    pub(super) fn read(parameters: &Parameters) -> Result<Self, Refused> {
        let receiver = parameters.iter().find(|(name, value)| name == "receiver" && !value.is_empty());
        let receiver = receiver.map(|(_, pattern)| Regex::new(&format!("^(?:{pattern})$"))).transpose();
        // Every alert that is known has been processed: what is unprocessed elsewhere does not exist here.
        boolean(parameters, "unprocessed")?;
        Ok(Self {
            active: boolean(parameters, "active")?,
            silenced: boolean(parameters, "silenced")?,
            inhibited: boolean(parameters, "inhibited")?,
            muted: boolean(parameters, "muted")?,
            matchers: matchers(parameters, "filter")?,
            receiver: receiver.map_err(|error| Refused::bad(format!("failed to parse receiver param: {error}")))?,
            receiver_matchers: matchers(parameters, "receiver_matchers")?,
        })
    }

    /// Whether an alert with these labels is asked for.
    pub(super) fn wants(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches_labels(labels))
    }

    /// Whether this receiver's alerts are asked for. A receiver has one label here, its `name`.
    pub(super) fn wants_receiver(&self, receiver: &str) -> bool {
        let labels = Labels::from_pairs([("name", receiver)]);
        self.receiver.as_ref().is_none_or(|regex| regex.is_match(receiver))
            && self.receiver_matchers.iter().all(|matcher| matcher.matches_labels(&labels))
    }

    /// Whether an alert that stands like this is asked for.
    pub(super) fn wants_status(&self, alert: &AlertView) -> bool {
        (self.active || alert.is_suppressed())
            && (self.silenced || alert.silenced_by.is_empty())
            && (self.inhibited || alert.inhibited_by.is_empty())
            && (self.muted || alert.muted_by.is_empty())
    }
}

/// The matchers of every parameter of this name.
pub(super) fn matchers(parameters: &Parameters, name: &str) -> Result<Vec<Matcher>, Refused> {
    let mut all = Vec::new();
    for (_, text) in parameters.iter().filter(|(other, text)| other == name && !text.is_empty()) {
        all.extend(parse_matchers(text).map_err(|error| Refused::bad(format!("{name}: {error}")))?);
    }
    Ok(all)
}

/// True unless the parameter says otherwise.
pub(super) fn boolean(parameters: &Parameters, name: &str) -> Result<bool, Refused> {
    match parameters.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str()) {
        None | Some("" | "true" | "1" | "t" | "True" | "TRUE") => Ok(true),
        Some("false" | "0" | "f" | "False" | "FALSE") => Ok(false),
        Some(other) => Err(Refused::bad(format!("parameter {name}: {other:?} is neither true nor false"))),
    }
}
