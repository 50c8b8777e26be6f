//! What is written at the end of a run, and the earlier report that it is compared with.

use std::path::{Path, PathBuf};

use crate::acceptance::Report;
use crate::acceptance::report::{junit, write_all};
use crate::commands::{Exit, output};
use crate::model::Problem;

use super::Arguments;
use super::stage::refused;

/// An earlier report, read before anything is done.
pub(super) fn earlier(path: Option<&Path>) -> Result<Option<Report>, Exit> {
    let Some(path) = path else { return Ok(None) };
    let wrong = |why: String| refused(&Problem::at("--against", format!("{} {why}", path.display())));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    Report::read(&text).map(Some).map_err(|error| wrong(error.to_string()))
}

/// Writes what was asked for. One file that cannot be written does not keep the others from it.
pub(super) fn write(arguments: &Arguments, report: &Report) -> Result<(), Exit> {
    let mut written: Vec<std::io::Result<Vec<PathBuf>>> = Vec::new();
    if let Some(folder) = &arguments.report_dir {
        written.push(write_all(report, folder));
    }
    if let Some(path) = &arguments.junit {
        let named = |error: std::io::Error| std::io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let done = std::fs::write(path, junit::document(report)).map_err(named);
        written.push(done.map(|()| vec![path.clone()]));
    }
    let mut all = Ok(());
    for result in written {
        match result {
            Ok(paths) => paths.iter().for_each(|path| output::talk(&format!("wrote {}", path.display()))),
            Err(error) => {
                output::talk(&format!("error: {error}"));
                all = Err(Exit::Input);
            }
        }
    }
    all
}
