//! The end of a run on standard output: a table of verdicts, and what it comes to.

use comfy_table::{ColumnConstraint, ContentArrangement, LineStyle, Table, Width, presets};

use crate::acceptance::report::{Comparison, Recommendation};
use crate::acceptance::{Report, Verdict};
use crate::commands::output;

/// Shows it.
pub(super) fn show(report: &Report, strict: bool) {
    table(report, output::width()).lines().for_each(|line| output::data(line.trim_end()));
    output::data("");
    conclusion(report, strict).iter().for_each(|line| output::data(line));
}

/// On a terminal of this width; elsewhere each criterion is one line, for programs that read lines.
fn table(report: &Report, width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none())).set_header([
        "criterion",
        "verdict",
        "took",
        "why",
    ]);
    match width {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    for result in &report.results {
        let verdict = match result.verdict {
            Verdict::Fail => "FAIL",
            other => other.as_str(),
        };
        let took = format!("{:.1} s", result.took.std().as_secs_f64());
        table.add_row([output::inert(&result.id), verdict.to_owned(), took, output::inert(&result.summary)]);
    }
    // Only the reasons are broken into lines.
    for column in 0..3 {
        if let Some(column) = table.column_mut(column) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    if let (Some(_), Some(column)) = (width, table.column_mut(3)) {
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(30)));
    }
    table.to_string()
}

fn conclusion(report: &Report, strict: bool) -> Vec<String> {
    let [pass, fail, open] = [Verdict::Pass, Verdict::Fail, Verdict::NotJudged].map(|verdict| report.count(verdict));
    let left_out = match report.left_out.len() {
        0 => String::new(),
        some => format!(", {some} left out"),
    };
    let mut lines = vec![format!("{pass} pass, {fail} fail, {open} not judged{left_out}")];
    lines.extend(report.interference.remarks.iter().map(|remark| format!("note: {}", output::inert(remark))));
    lines.extend(report.comparison.iter().flat_map(Comparison::lines));
    if report.interrupted {
        lines.push("The run was interrupted: this is no verdict on the whole.".to_owned());
    }
    if strict && open > 0 && fail == 0 {
        lines.push(format!("Not accepted: {open} criteria were not judged, and --strict asks for all."));
    }
    lines.push(format!("{}: {}", report.target.name, Recommendation::of(report).sentence));
    lines
}
