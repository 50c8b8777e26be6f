//! `/silences/new`: what is to be silenced and for how long, then how many alerts that is, then the button.
//!
//! The first form only asks (GET). The second carries what was shown, not what may have been typed since, and is the
//! only one that changes anything (POST). Messages and alerts link here with `filter` filled in.

use std::time::Duration as StdDuration;

use maud::{Markup, html};

use crate::model::{Condition, Duration, Matcher, parse_conditions, parse_matchers};
use crate::notify::{Draft, Silence, SilenceState, matches_every_value};

use super::super::Sources;
use super::phrases;

/// Offered lengths.
const LENGTHS: [&str; 8] = ["30m", "1h", "2h", "4h", "8h", "1d", "3d", "7d"];
/// Most alerts that the preview lists.
const MOST_LISTED: usize = 50;

/// What the two forms carry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields {
    /// Matchers as text.
    pub(super) filter: String,
    /// How long from now on.
    pub(super) length: String,
    pub(super) author: String,
    pub(super) comment: String,
    /// The silence to change.
    pub(super) id: String,
    /// Whether its maker knows that it silences everything.
    pub(super) all: bool,
}

impl Fields {
    /// From a query string or a form; several `filter`s are joined.
    pub(super) fn read(pairs: &[(String, String)]) -> Self {
        let get = |name: &str| pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
        let filters = pairs.iter().filter(|(name, value)| name == "filter" && !value.trim().is_empty());
        let inner = |text: &str| {
            let text = text.trim();
            let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
            inner.trim().trim_end_matches(',').to_owned()
        };
        let filters: Vec<String> = filters.map(|(_, value)| inner(value)).collect();
        let typed = filters.join(", ");
        // As it reads best; what cannot be read stays as it was typed.
        let tidy = parse_matchers(&typed).map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
        Self {
            filter: tidy.unwrap_or(typed),
            length: get("duration").filter(|text| !text.is_empty()).unwrap_or_else(|| "1h".to_owned()),
            author: get("author").unwrap_or_default(),
            comment: get("comment").unwrap_or_default(),
            id: get("id").unwrap_or_default(),
            all: get("all").is_some_and(|all| all == "yes"),
        }
    }

    /// What the silence that is to be changed says, where nothing else was given.
    pub(super) fn filled_from(mut self, silence: &Silence) -> Self {
        let or = |given: String, known: &str| if given.trim().is_empty() { known.to_owned() } else { given };
        self.filter = or(self.filter, silence.matcher_text().trim_start_matches('{').trim_end_matches('}'));
        self.author = or(self.author, &silence.created_by);
        self.comment = or(self.comment, &silence.comment);
        self
    }

    fn conditions(&self) -> Result<(Vec<Condition>, Vec<Matcher>), String> {
        let conditions = parse_conditions(&self.filter).map_err(|error| error.to_string())?;
        let matchers = conditions.iter().map(Condition::compiled).collect::<Result<_, _>>()?;
        Ok((conditions, matchers))
    }

    fn length(&self) -> Result<StdDuration, String> {
        let length: Duration = self.length.trim().parse().map_err(|error| format!("{error}"))?;
        if length.is_zero() { Err("it must hold for some time".to_owned()) } else { Ok(length.std()) }
    }

    /// The silence that is asked for.
    pub(super) fn draft(&self, sources: &Sources) -> Result<Draft, Vec<String>> {
        let mut problems = Vec::new();
        let conditions = self.conditions().map_err(|problem| problems.push(problem)).ok();
        let length = self.length().map_err(|problem| problems.push(problem)).ok();
        for (name, value) in [("your name", &self.author), ("a reason", &self.comment)] {
            if value.trim().is_empty() {
                problems.push(format!("{name} is missing"));
            }
        }
        if let Some((_, matchers)) = &conditions
            && matches_every_value(matchers)
            && !self.all
        {
            problems.push("this silences everything; narrow it, or confirm that you mean it".to_owned());
        }
        let now = sources.clock.now();
        let old = sources.notify.silence(&self.id).filter(|_| !self.id.is_empty());
        match (conditions, length) {
            (Some((conditions, _)), Some(length)) if problems.is_empty() => Ok(Draft {
                id: Some(self.id.clone()).filter(|id| !id.is_empty()),
                matchers: conditions,
                // What has begun keeps its beginning, or it would be another silence.
                starts_at: old
                    .filter(|(_, state)| *state == SilenceState::Active)
                    .map_or(now, |(silence, _)| silence.starts_at),
                ends_at: now + length,
                created_by: self.author.trim().to_owned(),
                comment: self.comment.trim().to_owned(),
                annotations: std::collections::BTreeMap::new(),
            }),
            _ => Err(problems),
        }
    }
}

pub(super) fn body(sources: &Sources, fields: &Fields, problems: &[String]) -> Markup {
    let title = if fields.id.is_empty() { "New silence" } else { "Change a silence" };
    html! {
        h1 { (title) }
        @if !problems.is_empty() {
            section.problem { h2 { "This silence was not made" } ul { @for line in problems { li { (line) } } } }
        }
        form.fields method="get" action="/silences/new" {
            @if !fields.id.is_empty() { input type="hidden" name="id" value=(fields.id); }
            label for="filter" { "Which alerts, all of these matchers" }
            textarea id="filter" name="filter" rows="3" required autocapitalize="none" autocomplete="off" spellcheck="false"
                placeholder="alertname=\"QueueStalled\", target=~\"a|b\"" { (fields.filter) }
            label for="duration" { "For how long, from now on" }
            input id="duration" name="duration" list="lengths" required value=(fields.length) autocomplete="off";
            datalist id="lengths" { @for length in LENGTHS { option value=(length) {} } }
            input type="hidden" name="author" value=(fields.author);
            input type="hidden" name="comment" value=(fields.comment);
            button.act type="submit" { "Show what that silences" }
        }
        @if !fields.filter.is_empty() { (preview(sources, fields)) }
    }
}

/// What it silences, and the form that makes it.
fn preview(sources: &Sources, fields: &Fields) -> Markup {
    let (matchers, length) = match (fields.conditions(), fields.length()) {
        (Ok((_, matchers)), Ok(length)) => (matchers, length),
        (matchers, length) => {
            let problems = [matchers.err(), length.err()];
            return html! { @for problem in problems.iter().flatten() { p.problem { (problem) } } };
        }
    };
    let now = sources.clock.now();
    let alerts = sources.notify.alert_views(&|labels| matchers.iter().all(|matcher| matcher.matches_labels(labels)));
    let count = match alerts.len() {
        0 => "No alert that fires now".to_owned(),
        1 => "1 alert that fires now".to_owned(),
        count => format!("{count} alerts that fire now"),
    };
    html! {
        section.preview {
            h2 { (count) ", until " (phrases::clock(now + length, now)) }
            ul {
                @for view in alerts.iter().take(MOST_LISTED) {
                    li {
                        strong { (view.alert.name()) } " "
                        @for (label, value) in view.alert.labels.iter().filter(|(l, _)| *l != "alertname") {
                            span.label { (label) "=" (value) } " "
                        }
                        @if !view.silenced_by.is_empty() { span.quiet { "silenced already" } }
                    }
                }
            }
            @if alerts.len() > MOST_LISTED { p { "and " (alerts.len() - MOST_LISTED) " more" } }
            form.fields method="post" action="/silences" {
                input type="hidden" name="filter" value=(fields.filter);
                input type="hidden" name="duration" value=(fields.length);
                input type="hidden" name="id" value=(fields.id);
                label for="comment" { "Why, for whoever is on call next" }
                input id="comment" name="comment" required value=(fields.comment) autocomplete="off";
                label for="author" { "Your name" }
                input id="author" name="author" required value=(fields.author) autocomplete="name";
                @if matches_every_value(&matchers) {
                    label.check { input type="checkbox" name="all" value="yes" required; " This silences everything, and I mean it" }
                }
                button.act.go type="submit" { "Silence for " (fields.length) }
            }
        }
    }
}

/// Where an alert with these labels is silenced.
pub(super) fn link(labels: &crate::model::Labels) -> String {
    let matchers: Vec<String> = labels.iter().map(|(name, value)| Matcher::equal(name, value).to_string()).collect();
    format!("/silences/new?filter={}", phrases::path_part(&format!("{{{}}}", matchers.join(","))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Labels;

    #[test]
    fn an_alerts_link_fills_the_form_with_matchers_that_match_it() {
        let labels = Labels::from_pairs([("alertname", "A&B"), ("target", "a \"b\"\\c{}")]);
        let link = link(&labels);
        let query = link.split_once("?filter=").expect("a query").1;
        let bytes: Vec<u8> = query.split('%').enumerate().fold(Vec::new(), |mut out, (index, part)| {
            let rest = match index {
                0 => part,
                _ => {
                    out.push(u8::from_str_radix(&part[..2], 16).expect("hexadecimal"));
                    &part[2..]
                }
            };
            out.extend(rest.bytes());
            out
        });
        let filter = String::from_utf8(bytes).expect("UTF-8");
        let fields = Fields::read(&[("filter".into(), filter)]);
        let matchers = parse_matchers(&fields.filter).expect("matchers");
        assert!(matchers.len() == 2 && matchers.iter().all(|matcher| matcher.matches_labels(&labels)), "{fields:?}");
    }

    #[test]
    fn several_filters_are_one_and_the_length_has_a_default() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let fields = Fields::read(&[
            pair("filter", "{a=b,}"),
            pair("filter", " c=d "),
            pair("filter", ""),
            pair("duration", ""),
        ]);
        assert_eq!((fields.filter.as_str(), fields.length.as_str()), ("a=\"b\", c=\"d\"", "1h"));
        assert_eq!(Fields::read(&[pair("filter", "a=b c")]).filter, "a=b c", "so that it can be mended");
    }
}
