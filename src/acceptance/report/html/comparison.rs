//! What got better or worse since an earlier run.

use maud::{Markup, html};

use super::super::compare::{Comparison, Direction};
use super::super::words::{counted, inert};

pub(super) fn section(comparison: &Comparison) -> Markup {
    html! {
        section {
            h2 { "Since the earlier run" }
            p { strong { (comparison.sentence()) } " "
                (counted(comparison.within_noise, "verdict, case or figure", "verdicts, cases and figures")) " the same within noise." }
            @for (direction, class, sign) in [(Direction::Worse, "fail", "▼"), (Direction::Better, "pass", "▲"), (Direction::Unclear, "open", "◆")] {
                ul.plain {
                    @for (criterion, words) in comparison.told(direction) {
                        li class=(class) {
                            span.sign aria-hidden="true" { (sign) }
                            span { strong { (direction.as_str()) } ": " code { (criterion) } " " (words) }
                        }
                    }
                }
            }
            @if !comparison.incomparable.is_empty() {
                details {
                    summary { (counted(comparison.incomparable.len(), "thing", "things")) " could not be compared" }
                    ul { @for item in &comparison.incomparable { li { (item.words()) } } }
                }
            }
            @if !comparison.remarks.is_empty() {
                ul.notes { @for remark in &comparison.remarks { li { (inert(remark)) } } }
            }
        }
    }
}
