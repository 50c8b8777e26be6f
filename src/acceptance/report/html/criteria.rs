//! Every criterion as a line that folds out: what was promised, what was found, and all of the evidence.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::super::words::{area, inert, took};
use super::super::{Area, CriterionResult, Report, Verdict};
use super::{class_of, evidence, sign};

pub(super) fn section(report: &Report) -> Markup {
    let mut areas: BTreeMap<Area, Vec<&CriterionResult>> = BTreeMap::new();
    for result in &report.results {
        areas.entry(result.area).or_default().push(result);
    }
    html! {
        section {
            h2 { "Criteria" }
            p.quiet.screen { "Each line folds out to its evidence. What failed is open." }
            @if areas.is_empty() { p { "Nothing was asked for." } }
            @for (part, results) in &areas {
                h3 { (area(*part)) }
                @for result in results { (criterion(result)) }
            }
        }
    }
}

fn criterion(result: &CriterionResult) -> Markup {
    html! {
        details class={ "criterion " (class_of(result.verdict)) } id=(inert(&result.id)) open[result.verdict == Verdict::Fail] {
            summary {
                span.sign aria-hidden="true" { (sign(result.verdict)) }
                span.what {
                    strong { (inert(&result.promise)) }
                    span.found { (inert(&result.summary)) }
                }
                span.verdict { (result.verdict.as_str()) }
            }
            div.inside {
                dl {
                    dt { "Criterion" } dd { code { (inert(&result.id)) } }
                    dt { "Measured" } dd { (inert(&result.method)) }
                    dt { "Took" } dd { (took(result.took)) }
                }
                (evidence::all(result))
            }
        }
    }
}
