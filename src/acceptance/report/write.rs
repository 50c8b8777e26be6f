//! Writes the documents into a folder: one row per document.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Report, debt, decisions, final_status, html, notes, test_update};

/// One document of a validation.
#[derive(Debug)]
pub struct Document {
    /// Its name in the folder.
    pub file: &'static str,
    /// What it is for, as a line.
    pub about: &'static str,
    /// Its whole text.
    pub write: fn(&Report) -> String,
}

/// Every document, in the order in which one reads them.
pub const DOCUMENTS: &[Document] = &[
    Document {
        file: "TODO001_phase4_final_status.md",
        about: "go or no-go, and every criterion with its verdict and evidence",
        write: final_status::write,
    },
    Document {
        file: "TODO001_phase4_notes.md",
        about: "what was run, in which order, and what was measured",
        write: notes::write,
    },
    Document {
        file: "TODO001_phase4_decisions.md",
        about: "how everything was measured, and why so",
        write: decisions::write,
    },
    Document {
        file: "TODO001_phase4_test_update.md",
        about: "every test with its figures, cases and requests; assumptions confirmed and remaining",
        write: test_update::write,
    },
    Document {
        file: "DEBT001.md",
        about: "limits, open assumptions, and where it pays to improve",
        write: debt::write,
    },
    Document { file: "report.html", about: "all of it on one page, with charts", write: html::write },
    Document { file: "report.json", about: "the data, for programs and for --against", write: json },
];

fn json(report: &Report) -> String {
    // A report holds neither maps with keys that are no text nor anything else that JSON cannot write.
    serde_json::to_string(report)
        .map_or_else(|error| format!("{{\"error\":{:?}}}\n", error.to_string()), |text| text + "\n")
}

/// Writes every document into `dir`, which is made if it is missing, and answers with their paths. Each file is there
/// whole or not at all; earlier ones of the same names are replaced.
///
/// # Errors
/// The folder or a file cannot be written. What was written before stays.
pub fn write_all(report: &Report, dir: &Path) -> io::Result<Vec<PathBuf>> {
    fs::create_dir_all(dir)?;
    DOCUMENTS.iter().map(|document| whole(dir, document.file, &(document.write)(report))).collect()
}

/// Under another name first, so that nobody reads half of it.
fn whole(dir: &Path, name: &str, text: &str) -> io::Result<PathBuf> {
    let (draft, path) = (dir.join(format!(".{name}.part")), dir.join(name));
    let written = File::create(&draft).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &path)
    });
    match written {
        Ok(()) => Ok(path),
        Err(error) => {
            let _ = fs::remove_file(&draft);
            Err(io::Error::new(error.kind(), format!("{}: {error}", path.display())))
        }
    }
}
