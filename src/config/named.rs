//! The files that a configuration names, read from it even where the rest of it is wrong.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::yaml::Document;
use crate::{rules, runbooks};

/// Sections that name files; those with mistakes are left out.
pub struct Named {
    /// The rule files.
    pub rules: Option<rules::Settings>,
    /// The runbooks, their directory below the configuration's folder.
    pub runbooks: Option<runbooks::Settings>,
    /// The configuration's folder.
    pub folder: PathBuf,
    /// The configuration's text.
    pub document: Document,
}

/// The sections alone; what else stands in the file is not looked at.
#[derive(Deserialize)]
struct Sections {
    #[serde(default)]
    rules: rules::Settings,
    #[serde(default)]
    runbooks: runbooks::Settings,
}

/// What the configuration at `path` names; `None` if it is no YAML.
#[must_use]
pub fn named_files(path: &Path) -> Option<Named> {
    let text = std::fs::read_to_string(path).ok()?;
    let document = Document::parse(path.display().to_string(), text).ok()?;
    let decoded = document.decode_partly::<Sections>(&|_| Err(String::new()));
    let whole = |section: &str| !decoded.has_gaps(section);
    let (rules_whole, runbooks_whole) = (whole("rules"), whole("runbooks"));
    let Sections { rules, mut runbooks } = decoded.value?;
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    runbooks.dir = runbooks.dir.map(|dir| folder.join(dir));
    Some(Named {
        rules: Some(rules).filter(|rules| rules_whole && rules.problems().is_empty()),
        runbooks: Some(runbooks).filter(|_| runbooks_whole),
        folder,
        document,
    })
}
