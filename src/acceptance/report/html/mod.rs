//! The whole validation on one page that needs nothing else: no script, no other file, no network.
//!
//! The verdict stands first, as a sentence; then every criterion, folded; then the charts. Colours come in pairs for
//! light and dark, and nothing is said by colour alone.

mod axis;
mod comparison;
mod criteria;
mod distribution;
mod evidence;
mod timeline;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::assumptions::{Standing, assumptions};
use super::recommendation::Recommendation;
use super::words::{inert, moment, seconds};
use super::{Report, Verdict, test_update};

const STYLE: &str = include_str!("style.css");

/// The page.
pub(super) fn write(report: &Report) -> String {
    let recommendation = Recommendation::of(report);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // The page fetches nothing, whatever stands in it.
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { (if recommendation.go { "Go" } else { "No go" }) ": validation of " (inert(&report.target.name)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p.kicker { "Validation of " strong { (inert(&report.target.name)) } }
                    (verdict(report, &recommendation))
                }
                main {
                    @if let Some(comparison) = &report.comparison { (comparison::section(comparison)) }
                    (criteria::section(report))
                    (timeline::section(report))
                    (distribution::section(report))
                    (trust(report))
                }
                footer { (facts(report)) }
            }
        }
    };
    page.into_string()
}

/// The sentence, the numbers, and what to read with it.
fn verdict(report: &Report, recommendation: &Recommendation) -> Markup {
    let open = report.count(Verdict::NotJudged);
    let class = match (recommendation.go, open) {
        (false, _) => "banner fail",
        (true, 0) => "banner pass",
        (true, _) => "banner pass partly",
    };
    html! {
        div class=(class) {
            h1 { (recommendation.sentence) }
            p { "Run on " (moment(report.began)) " against " span.address { (inert(&report.target.url)) } ", "
                (seconds(report.ended.since(report.began).as_secs_f64())) " long." }
        }
        ul.tiles {
            @for (verdict, label) in [(Verdict::Pass, "kept"), (Verdict::Fail, "broken"), (Verdict::NotJudged, "not judged")] {
                li class=(class_of(verdict)) {
                    span.sign aria-hidden="true" { (sign(verdict)) }
                    strong { (report.count(verdict)) } " " (label)
                }
            }
        }
        @if report.count(Verdict::Fail) > 0 {
            section.conditions {
                h2 { "What is broken" }
                ul { @for result in report.ended(Verdict::Fail) {
                    li { a href={ "#" (inert(&result.id)) } { (inert(&result.promise)) } " " span.quiet { "Found: " (inert(&result.summary)) "." } }
                } }
            }
        }
        @if !recommendation.conditions.is_empty() {
            section.conditions {
                h2 { "To be read with it" }
                ul { @for condition in &recommendation.conditions { li { (condition) } } }
            }
        }
    }
}

/// What the measurement took for granted.
fn trust(report: &Report) -> Markup {
    let standing = |standing: Standing| match standing {
        Standing::Confirmed => ("pass", sign(Verdict::Pass)),
        Standing::Refuted => ("fail", sign(Verdict::Fail)),
        Standing::Remaining => ("open", sign(Verdict::NotJudged)),
    };
    html! {
        section {
            h2 { "How far to trust it" }
            p { "What every figure here takes for granted, and what the run itself saw of that." }
            ul.plain {
                @for assumption in assumptions(report) {
                    @let (class, sign) = standing(assumption.standing);
                    li class=(class) {
                        span.sign aria-hidden="true" { (sign) }
                        span { strong { (test_update::standing(assumption.standing)) } ": that " (assumption.what)
                            span.quiet { " (" (assumption.why) ")" } }
                    }
                }
            }
            @if !report.interference.remarks.is_empty() {
                h3 { "Remarks of the run" }
                ul { @for remark in &report.interference.remarks { li { (inert(remark)) } } }
            }
            p.quiet { "Intervals hold the true value with 95 % confidence: those of quantiles by the order statistics around them, \
                those of shares by Wilson's score. It is one run: what takes longer than "
                (seconds(report.ended.since(report.began).as_secs_f64())) " to appear was not seen." }
        }
    }
}

fn facts(report: &Report) -> Markup {
    let target = &report.target;
    html! {
        dl {
            dt { "Run" } dd { code { (inert(&report.run_id)) } @if report.resumed { ", resumed" } }
            dt { "Service" } dd { span.address { (inert(&target.url)) } ", version " (target.version.as_deref().map_or_else(|| "unknown".into(), inert)) }
            dt { "Began, ended" } dd { (moment(report.began)) ", " (moment(report.ended)) }
            dt { "Users" } dd { (target.users) }
            dt { "Database read" } dd { (if target.database { "yes" } else { "no" }) }
            dt { "Faults injected" } dd { (if report.chaos { "yes" } else { "no" }) }
            dt { "Written by" } dd { "memsentry " (inert(&report.memsentry)) ", from report.json beside it" }
        }
    }
}

/// What tells verdicts apart without colour.
const fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Fail => "✗",
        Verdict::NotJudged => "?",
    }
}

const fn class_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::NotJudged => "open",
    }
}
