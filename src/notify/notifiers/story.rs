//! A notification in words: what notifiers for people say alike, whatever their form.

use std::time::Duration as StdDuration;

use crate::model::labels::ALERT_NAME;
use crate::model::{AlertStatus, Labels, Timestamp};
use crate::runbooks::{Runbook, Runbooks};

use super::super::drill::is_drill;
use super::super::evidence::{Evidence, Measured, Unit};
use super::super::links;
use super::super::message::{Collapsed, Notification, Told};
use super::super::reason::Reason;

/// Most alerts that are written out; the rest are counted.
pub(super) const MOST_SHOWN: usize = 10;

/// What the subject of a message begins with, in the place of the severity, when all of it is over.
pub const OVER: &str = "[RESOLVED]";

/// A notification with its runbook and what stands behind it.
pub(super) struct Story<'a> {
    pub notification: &'a Notification,
    pub runbook: Option<&'a Runbook>,
    pub evidence: Option<&'a Evidence>,
}

impl<'a> Story<'a> {
    pub fn new(notification: &'a Notification, runbooks: &'a Runbooks) -> Self {
        let runbook = notification.runbook.as_ref().and_then(|name| runbooks.get(name));
        Self { notification, runbook, evidence: None }
    }

    /// With what stands behind it.
    pub fn with(self, evidence: &'a Evidence) -> Self {
        Self { evidence: Some(evidence), ..self }
    }

    /// Whether any alert fires.
    pub fn fires(&self) -> bool {
        self.notification.status() == AlertStatus::Firing
    }

    /// How urgent, where, what: `[CRITICAL] main: QueueDepthHigh`, with the number of alerts behind it if there are
    /// several.
    pub fn subject(&self) -> String {
        let urgency = match self.severity() {
            _ if !self.fires() => OVER.to_owned(),
            Some(severity) => format!("[{}]", severity.to_uppercase()),
            None => "[FIRING]".to_owned(),
        };
        let place = self.place().map_or_else(String::new, |place| format!("{place}: "));
        let several = Some(self.count()).filter(|count| *count > 1).map(|count| format!(" ({count})"));
        let subject = format!("{urgency} {place}{}{}", self.title(), several.unwrap_or_default());
        subject.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
    }

    /// How many alerts it is about: those that fire, or all if none does.
    pub fn count(&self) -> usize {
        let hidden = self.notification.truncated_alerts;
        match self.fires() {
            true if self.notification.resolved().next().is_none() => self.notification.firing().count() + hidden,
            true => self.notification.firing().count(),
            false => self.notification.alerts.len() + hidden,
        }
    }

    /// The alerts' name, or what they have in common.
    pub fn title(&self) -> String {
        if let Some(name) = self.notification.common_labels.get(ALERT_NAME) {
            let test = if is_drill(&self.notification.common_labels) { "TEST " } else { "" };
            return format!("{test}{name}");
        }
        let values: Vec<&str> = self.notification.group_labels.iter().map(|(_, value)| value).collect();
        match values.is_empty() {
            true => format!("{} alerts", self.notification.alerts.len() + self.notification.truncated_alerts),
            false => values.join(" "),
        }
    }

    /// The services concerned, if the alerts say so: up to three names.
    pub fn place(&self) -> Option<String> {
        let fires = self.fires();
        let shown = self.notification.alerts.iter().filter(|alert| !fires || alert.status == AlertStatus::Firing);
        let mut places: Vec<&str> = shown.filter_map(|alert| alert.labels.get("target")).collect();
        places.sort_unstable();
        places.dedup();
        match places.len() {
            0 => None,
            1..=3 => Some(places.join(", ")),
            many => Some(format!("{many} targets")),
        }
    }

    /// The severity that all alerts share.
    pub fn severity(&self) -> Option<&str> {
        self.notification.common_labels.get("severity")
    }

    /// What is wrong, in one sentence; the runbook's own words if the alerts have none in common. What is over is
    /// not told as if it still were.
    pub fn headline(&self) -> String {
        if let Some((start, end)) = self.lasted() {
            return format!("Over after {}.", length(end.since(start)));
        }
        let alerts = &self.notification.alerts;
        let mut firing = alerts.iter().filter(|alert| alert.status == AlertStatus::Firing);
        let own = firing.next().filter(|_| firing.next().is_none()).and_then(summary);
        let shared = self.notification.common_annotations.get("summary").map(String::as_str);
        let book = || self.runbook.map(Runbook::summary);
        own.or(shared).map(str::to_owned).or_else(book).unwrap_or_default()
    }

    /// Why this message comes now.
    pub fn occasion(&self) -> String {
        if let Some(Collapsed { messages, since }) = self.notification.collapsed {
            let since = clock(since, self.notification.decided_at);
            return format!("{messages} messages since {since} could not be delivered; this one tells them all.");
        }
        let known = |count: usize, what: &str| format!("{count} {}{what}", if count == 1 { "alert" } else { "alerts" });
        match self.notification.reason {
            Reason::FirstNotification => "New: not told before.".to_owned(),
            Reason::NewAlerts => "More alerts fire than you were told before.".to_owned(),
            Reason::SomeResolved => {
                format!("{}, others fire on.", known(self.notification.resolved().count(), " over"))
            }
            Reason::AllResolved => "All over.".to_owned(),
            Reason::Repeat => "Still firing, told again.".to_owned(),
        }
    }

    /// What is known about an alert's value.
    pub fn measured(&self, alert: &Told) -> Option<&'a Measured> {
        self.evidence?.of(alert)?.measured.as_ref()
    }

    /// An alert's value in the unit that it has.
    pub fn show(&self, alert: &Told, value: f64) -> String {
        self.measured(alert).map_or_else(Unit::default, |measured| measured.unit).show(value)
    }

    /// The value that counts now: the one with which the alert ended, or else the one with which it fires.
    pub fn value(&self, alert: &Told) -> Option<String> {
        let over = alert.status == AlertStatus::Resolved;
        let ended = || alert.resolved_value.or_else(|| self.measured(alert)?.latest);
        let value = if over { ended() } else { alert.value };
        value.map(|value| self.show(alert, value))
    }

    /// The values in one line: `142 rows, fires at over 100 rows`.
    pub fn values(&self, alert: &Told) -> Option<String> {
        let limit = self.measured(alert).and_then(Measured::limit).map(|limit| format!("fires at {limit}"));
        let over = alert.status == AlertStatus::Resolved;
        let before = alert.value.filter(|_| over).map(|value| format!("{} while it fired", self.show(alert, value)));
        let parts: Vec<String> = [self.value(alert), before, limit].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// The smallest and the largest value of several alerts that fire and measure the same, and their threshold.
    pub fn spread(&self) -> Option<(String, String, Option<String>)> {
        let values: Vec<(&Told, f64)> =
            self.notification.firing().filter_map(|alert| Some((alert, alert.value?))).collect();
        let (first, _) = values.first().filter(|_| values.len() > 1)?;
        let measured = self.measured(first)?;
        let same = |other: &Measured| other.expression == measured.expression && other.threshold == measured.threshold;
        let shown = self.notification.alerts.iter().filter_map(|alert| self.evidence?.of(alert));
        if !shown.filter_map(|evidence| evidence.measured.as_ref()).all(same) {
            return None;
        }
        let (low, high) =
            values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), (_, v)| (l.min(*v), h.max(*v)));
        Some((measured.unit.show(low), measured.unit.show(high), measured.limit()))
    }

    /// The label set by which a silence or an acknowledgement is offered: that of the only alert, or what all share.
    pub fn subject_labels(&self) -> &'a Labels {
        match self.notification.alerts.as_slice() {
            [only] => &only.labels,
            _ => &self.notification.common_labels,
        }
    }

    /// What a person can do about it, as words on a button and where it leads.
    pub fn actions(&self) -> Vec<(&'static str, String)> {
        let home = self.notification.external_url.as_str();
        let mut actions = Vec::new();
        if self.fires() {
            let firing: Vec<&str> = self.notification.firing().map(|alert| alert.fingerprint.as_str()).collect();
            // A name stands for any number of alerts.
            let name = self.notification.common_labels.get(ALERT_NAME).filter(|_| firing.len() > MOST_SHOWN);
            let taken = name.map_or(firing, |name| vec![name]);
            actions.push(("Acknowledge", links::acknowledge(home, taken.into_iter().take(MOST_SHOWN))));
        }
        actions.extend(self.runbook_url().map(|url| ("Runbook", url.to_owned())));
        if self.fires() {
            actions.push(("Silence", links::silence(home, self.subject_labels())));
        }
        let rule = self.notification.alerts.first().map(|alert| alert.generator_url.clone());
        actions.extend(rule.map(|url| ("Alert", url)));
        if let ([only], false) = (self.notification.alerts.as_slice(), self.fires()) {
            actions.push(("History", links::history(home, &only.fingerprint)));
        }
        actions.retain(|(_, url)| is_link(url));
        actions
    }

    /// Since when the oldest alert fires, or fired.
    pub fn since(&self) -> Option<Timestamp> {
        let firing = self.notification.firing().map(|alert| alert.starts_at).min();
        firing.or_else(|| self.notification.alerts.iter().map(|alert| alert.starts_at).min())
    }

    /// From the first beginning to the last end, if all is over.
    pub fn lasted(&self) -> Option<(Timestamp, Timestamp)> {
        if self.fires() {
            return None;
        }
        let end = self.notification.alerts.iter().filter_map(|alert| alert.ends_at).max()?;
        Some((self.since()?, end))
    }

    /// Where the runbook is served.
    pub fn runbook_url(&self) -> Option<&str> {
        let first = self.notification.alerts.first().and_then(|alert| alert.annotations.get("runbook_url"));
        let shared = self.notification.common_annotations.get("runbook_url");
        shared.or(first).map(String::as_str).filter(|url| is_link(url))
    }

    /// What stands before links to other runbooks; empty if memsentry's address is unknown.
    pub fn runbook_base(&self) -> String {
        match self.notification.external_url.as_str() {
            "" => String::new(),
            url => format!("{url}/runbooks/"),
        }
    }

    /// The labels of an alert that nothing else of the message says.
    pub fn further_labels(&self, alert: &Told) -> Labels {
        let text = summary(alert).unwrap_or("");
        let common = &self.notification.common_labels;
        alert.labels.without(|name| match name {
            ALERT_NAME | "severity" | "target" if common.get(name).is_some() => true,
            "target" => alert.labels.get(name).is_some_and(|target| text.contains(target)),
            _ => false,
        })
    }
}

/// Whether it can be followed from a mail.
pub(super) fn is_link(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

/// What an alert says of itself in one sentence.
pub(super) fn summary(alert: &Told) -> Option<&str> {
    alert.annotations.get("summary").map(|text| text.trim()).filter(|text| !text.is_empty())
}

/// The longer text of an alert.
pub(super) fn description(alert: &Told) -> Option<&str> {
    ["description", "message"].iter().find_map(|name| alert.annotations.get(*name)).map(|text| text.trim())
}

/// `02:14 UTC`, with the day if it is not that of `now`.
pub(super) fn clock(at: Timestamp, now: Timestamp) -> String {
    let zoned = |at: Timestamp| {
        jiff::Timestamp::from_millisecond(at.millis()).ok().map(|t| t.to_zoned(jiff::tz::TimeZone::UTC))
    };
    match (zoned(at), zoned(now)) {
        (Some(at), Some(now)) if at.date() == now.date() => at.strftime("%H:%M UTC").to_string(),
        (Some(at), _) => at.strftime("%a %-d %b %H:%M UTC").to_string(),
        _ => at.rfc3339(),
    }
}

/// `under a minute`, `12 min`, `3 h 5 min`, `2 days 4 h`.
pub(super) fn length(duration: StdDuration) -> String {
    let minutes = duration.as_secs() / 60;
    let (hours, days) = (minutes / 60, minutes / 1440);
    let unit = |number: u64, unit: &str| if number == 0 { String::new() } else { format!(" {number} {unit}") };
    match minutes {
        0 => match duration.as_secs() {
            0 => "under a second".to_owned(),
            seconds => format!("{seconds} s"),
        },
        1..60 => format!("{minutes} min"),
        60..1440 => format!("{hours} h{}", unit(minutes % 60, "min")),
        _ => format!("{days} {}{}", if days == 1 { "day" } else { "days" }, unit(hours % 24, "h")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_short() {
        for (seconds, text) in [
            (0, "under a second"),
            (59, "59 s"),
            (60, "1 min"),
            (3600, "1 h"),
            (11_100, "3 h 5 min"),
            (187_200, "2 days 4 h"),
        ] {
            assert_eq!(length(StdDuration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_time_of_another_day_says_which() {
        let at = |text| Timestamp::parse_rfc3339(text).expect("a time");
        let now = at("2026-11-23T03:00:00Z");
        assert_eq!(clock(at("2026-11-23T02:14:09Z"), now), "02:14 UTC");
        assert_eq!(clock(at("2026-11-22T23:14:00Z"), now), "Sun 22 Nov 23:14 UTC");
    }
}
