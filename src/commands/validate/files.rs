//! What is written at the end of a run, and the earlier report that it is compared with.

use std::path::Path;

use crate::acceptance::Report;
use crate::commands::{Exit, output};
use crate::model::Problem;

use super::Arguments;
use super::stage::refused;

/// An earlier report, read before anything is done.
pub(super) fn earlier(path: Option<&Path>) -> Result<Option<Report>, Exit> {
    let Some(path) = path else { return Ok(None) };
    let wrong = |why: String| refused(&Problem::at("--against", format!("{}: {why}", path.display())));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let report: Report = serde_json::from_str(&text).map_err(|error| wrong(format!("no report: {error}")))?;
    Ok(Some(report))
}

/// Writes what was asked for.
pub(super) fn write(arguments: &Arguments, report: &Report, _against: Option<&Report>) -> Result<(), Exit> {
    if let Some(folder) = &arguments.report_dir {
        let path = folder.join("report.json");
        let text = serde_json::to_string(report).unwrap_or_default();
        std::fs::write(&path, text).map_err(|error| {
            output::talk(&format!("error: {}: {error}", path.display()));
            Exit::Input
        })?;
        output::talk(&format!("wrote {}", path.display()));
    }
    Ok(())
}
