//! `/runbooks` and `/runbooks/<AlertName>`: what to do, with the alert's present state above it.

use maud::{Markup, PreEscaped, html};

use crate::model::labels::ALERT_NAME;

use super::super::Sources;
use super::{alert_rows, phrases};

pub(super) fn list(sources: &Sources) -> Markup {
    let runbooks = sources.view.runbooks();
    let names: Vec<&str> = runbooks.names().collect();
    html! {
        h1 { "Runbooks" }
        @if names.is_empty() { p.quiet { "There are no runbooks." } }
        dl.runbooks {
            @for name in names {
                dt { a href={ "/runbooks/" (phrases::path_part(name)) } { (name) } }
                @if let Some(runbook) = runbooks.get(name) { dd { (runbook.summary()) } }
            }
        }
    }
}

pub(super) fn one(sources: &Sources, alert: &str) -> Option<Markup> {
    let runbooks = sources.view.runbooks();
    let runbook = runbooks.get(alert)?;
    let groups = sources.view.rule_groups();
    let active = alert_rows::in_order(&groups).into_iter().filter(|a| a.labels.get(ALERT_NAME) == Some(alert));
    Some(html! {
        p.quiet { a href="/runbooks" { "Runbooks" } " › " (alert) }
        // The link to this very page says nothing here.
        @for active in active { (alert_rows::row(active, None, sources)) }
        // Made from markdown with raw HTML taken as text and links restricted.
        article.runbook { (PreEscaped(runbook.html())) }
    })
}
