//! `/silences`: which alerts are not told, why, by whom, until when; each can be changed, made again, or ended.

use std::sync::Arc;

use maud::{Markup, html};

use crate::model::Timestamp;
use crate::notify::{Silence, SilenceState};

use super::super::Sources;
use super::phrases;

/// Most silences that are over and shown.
const MOST_OVER: usize = 20;

pub(super) fn body(sources: &Sources) -> Markup {
    let now = sources.clock.now();
    let all = sources.notify.silences();
    let of = |state| all.iter().filter(move |(_, other)| *other == state).map(|(silence, _)| silence);
    let alerts = sources.notify.alert_views(&|_| true);
    let count = |silence: &Silence| alerts.iter().filter(|alert| silence.matches(&alert.alert.labels)).count();
    let section = |title: &str, state, most: usize| {
        let shown: Vec<&Arc<Silence>> = of(state).take(most).collect();
        html! {
            @if !shown.is_empty() { h2 { (title) } }
            @for silence in shown { (one(silence, state, count(silence), now)) }
        }
    };
    html! {
        h1 { "Silences" }
        p { a.act href="/silences/new" { "New silence" } }
        @if of(SilenceState::Active).next().is_none() { p.quiet { "Nothing is silenced." } }
        (section("Active", SilenceState::Active, usize::MAX))
        (section("Not begun", SilenceState::Pending, usize::MAX))
        (section("Over", SilenceState::Expired, MOST_OVER))
        @if of(SilenceState::Expired).count() > MOST_OVER {
            p.quiet { (of(SilenceState::Expired).count() - MOST_OVER) " more that are over: memsentry silence query --expired" }
        }
    }
}

fn one(silence: &Silence, state: SilenceState, count: usize, now: Timestamp) -> Markup {
    let edit = format!("/silences/new?id={}", silence.id);
    html! {
        article.silence id=(silence.id) {
            h3.label { (silence.matcher_text()) }
            p { (silence.comment) }
            p.facts {
                @match state {
                    SilenceState::Active => span { "until " (phrases::clock(silence.ends_at, now)) ", " (phrases::rough(silence.ends_at.since(now))) " more" },
                    SilenceState::Pending => span { "from " (phrases::clock(silence.starts_at, now)) " to " (phrases::clock(silence.ends_at, now)) },
                    SilenceState::Expired => span { "ended " (phrases::ago(silence.ends_at, now)) },
                }
                span { "by " (silence.created_by) }
                @match (state, count) {
                    (SilenceState::Expired, _) => {}
                    (_, 0) => span { "no alert that fires now" },
                    (_, 1) => span { "1 alert that fires now" },
                    (_, count) => span { (count) " alerts that fire now" },
                }
            }
            div.actions {
                @if state == SilenceState::Expired { a.act href=(edit) { "Make again" } }
                @else {
                    a.act href=(edit) { "Change its end" }
                    form method="post" action=(format!("/silences/{}/end", silence.id)) {
                        button.act type="submit" { "End now" }
                    }
                }
            }
        }
    }
}
