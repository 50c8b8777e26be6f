//! What stands behind one verdict: figures with their intervals, cases, requests, rows, remarks.

use maud::{Markup, html};

use super::super::words::{counted, cut, inert, moment, seconds, told};
use super::super::{Case, CriterionResult, ExchangeSeen, Figure, RowSeen, figures};
use super::distribution;

/// Requests and rows that are shown; the JSON has all that were kept.
const MOST: usize = 10;
/// Characters of an answer that are shown.
const MOST_EXCERPT: usize = 300;

pub(super) fn all(result: &CriterionResult) -> Markup {
    let seen = &result.evidence;
    html! {
        @if !seen.figures.is_empty() { (table_of_figures(&seen.figures)) }
        div.charts {
            @for (at, figure) in seen.figures.iter().enumerate() {
                @if figure.promised.is_none() && figures::distribution(figure).is_some_and(|all| all.count > 1) {
                    (distribution::chart(figure, &format!("{}-{at}", result.id), &figure.name))
                }
            }
        }
        @if !seen.cases.is_empty() { (cases(&seen.cases)) }
        @if !seen.exchanges.is_empty() { (exchanges(&seen.exchanges, seen.exchanges_total)) }
        @if !seen.rows.is_empty() { (rows(&seen.rows, seen.rows_total)) }
        @if !seen.notes.is_empty() { ul.notes { @for note in &seen.notes { li { (inert(note)) } } } }
    }
}

fn table_of_figures(figures: &[Figure]) -> Markup {
    html! {
        div.scroll { table {
            caption { "Figures" }
            thead { tr { th { "Figure" } th { "Value" } th { "95 % interval" } th { "Samples" } th { "Promised" } } }
            tbody { @for figure in figures {
                @let told = told(figure);
                tr { th scope="row" { (inert(&figure.name)) } td { (told.value) } td { (told.confidence) } td.number { (told.samples) } td { (told.promised) } }
            } }
        } }
    }
}

fn cases(cases: &[Case]) -> Markup {
    let wrong = cases.iter().filter(|case| case.ok == Some(false)).count();
    let untried = cases.iter().filter(|case| case.ok.is_none()).count();
    html! {
        div.scroll { table {
            caption { (counted(cases.len(), "case", "cases")) ", " (wrong) " not as expected, " (untried) " not tried" }
            thead { tr { th { "" } th { "Case" } th { "Expected" } th { "Got" } } }
            tbody { @for case in cases {
                @let (class, sign, word) = match case.ok { Some(true) => ("pass", "✓", "as expected"), Some(false) => ("fail", "✗", "not as expected"), None => ("open", "?", "not tried") };
                tr class=(class) { td.sign { span aria-hidden="true" { (sign) } span.spoken { (word) } } th scope="row" { (inert(&case.name)) } td { (inert(&case.expected)) } td { code { (cut(&inert(&case.got), MOST_EXCERPT)) } } }
            } }
        } }
    }
}

fn exchanges(seen: &[ExchangeSeen], total: u64) -> Markup {
    let shown = seen.len().min(MOST);
    html! {
        div.scroll { table {
            caption { (of(shown, total, "request", "requests")) }
            thead { tr { th { "Request" } th { "Status" } th { "Took" } th { "Request id" } th { "Answer" } } }
            tbody { @for one in seen.iter().take(MOST) {
                tr {
                    td { code { (inert(&one.method)) " " (inert(&one.path)) } }
                    td.number { @match one.status { Some(status) => (status), None => "no answer" } }
                    td.number { (seconds(one.seconds)) }
                    td { code { (inert(&one.request_id)) } }
                    td { @if !one.excerpt.is_empty() { code.excerpt { (cut(&inert(&one.excerpt), MOST_EXCERPT)) } } }
                }
            } }
        } }
    }
}

fn rows(seen: &[RowSeen], total: u64) -> Markup {
    let shown = seen.len().min(MOST);
    html! {
        div.scroll { table {
            caption { (of(shown, total, "queue row", "queue rows")) }
            thead { tr { th { "Row" } th { "Status" } th { "Queued" } th { "Until processed" } th { "Retries" } th { "Error" } } }
            tbody { @for row in seen.iter().take(MOST) {
                tr {
                    td { code { (inert(&row.id)) } }
                    td { (inert(&row.status)) }
                    td { (moment(row.created_at)) }
                    td.number { @match row.processed_at { Some(at) => (seconds(at.since(row.created_at).as_secs_f64())), None => "not recorded" } }
                    td.number { (row.retry_count) }
                    td { @if let Some(error) = &row.error_message { code.excerpt { (cut(&inert(error), MOST_EXCERPT)) } } }
                }
            } }
        } }
    }
}

/// `10 of 312 requests`, `3 requests`.
fn of(shown: usize, total: u64, one: &str, many: &str) -> String {
    let all = counted(usize::try_from(total).unwrap_or(usize::MAX), one, many);
    if (shown as u64) < total { format!("The first {shown} of {all}") } else { all }
}
