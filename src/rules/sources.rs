//! Reads the rule files that the settings name. The only file of this module that touches the disk.

use std::path::Path;

use crate::model::Problem;

use super::file::Source;
use super::glob::{Glob, WILDCARDS};
use super::{SHIPPED, SHIPPED_NAME, Settings, slo};

/// A rule file larger than this is refused.
const MAX_BYTES: u64 = 16 << 20;

/// The files of `settings`, or the shipped rules where it names none, and what its objectives stand for. Relative paths
/// start at `base`.
///
/// # Errors
/// Files that cannot be read.
pub fn sources(settings: &Settings, base: &Path) -> Result<Vec<Source>, Vec<Problem>> {
    let mut sources = match settings.files.is_empty() {
        true => vec![Source { name: SHIPPED_NAME.to_owned(), text: SHIPPED.to_owned() }],
        false => read_sources(&settings.files, base)
            .map_err(|problems| problems.into_iter().map(|problem| problem.below("rules.files")).collect::<Vec<_>>())?,
    };
    if !settings.slos.is_empty() {
        sources.push(slo::source(&settings.slos));
    }
    Ok(sources)
}

/// The files that `patterns` mean, relative to `base`. Paths of problems are `[number of the pattern]`.
///
/// # Errors
/// Files that cannot be read.
pub fn read_sources(patterns: &[String], base: &Path) -> Result<Vec<Source>, Vec<Problem>> {
    let mut sources: Vec<Source> = Vec::new();
    let mut problems = Vec::new();
    for (i, pattern) in patterns.iter().enumerate() {
        let path = format!("[{i}]");
        match matching(base, pattern) {
            Ok(names) => {
                for name in names {
                    if sources.iter().any(|source| source.name == name) {
                        continue;
                    }
                    match read(&base.join(&name)) {
                        Ok(text) => sources.push(Source { name, text }),
                        Err(error) => problems.push(Problem::at(&path, format!("cannot read {name}: {error}"))),
                    }
                }
            }
            Err(problem) => problems.push(Problem::at(&path, problem)),
        }
    }
    if problems.is_empty() { Ok(sources) } else { Err(problems) }
}

fn read(path: &Path) -> Result<String, std::io::Error> {
    if std::fs::metadata(path)?.len() > MAX_BYTES {
        return Err(std::io::Error::other(format!("larger than {MAX_BYTES} bytes")));
    }
    std::fs::read_to_string(path)
}

/// The files that `pattern` means, sorted. A wildcard may stand in any part of the path; what it means must be there.
fn matching(base: &Path, pattern: &str) -> Result<Vec<String>, String> {
    if !pattern.contains(WILDCARDS) {
        return Ok(vec![pattern.to_owned()]);
    }
    let (root, rest) = match pattern.strip_prefix('/') {
        Some(rest) => ("/", rest),
        None => ("", pattern),
    };
    let mut names = vec![root.to_owned()];
    let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
    for (i, part) in parts.iter().enumerate() {
        let is_last = i + 1 == parts.len();
        let mut next = Vec::new();
        for folder in &names {
            let below = |name: &str| match folder.as_str() {
                "" | "/" => format!("{folder}{name}"),
                folder => format!("{folder}/{name}"),
            };
            if !part.contains(WILDCARDS) {
                next.extend(Some(below(part)).filter(|name| base.join(name).exists()));
                continue;
            }
            let part = Glob::parse(part).map_err(|error| format!("{pattern:?}: {error}"))?;
            let path = if folder.is_empty() { base.join(".") } else { base.join(folder) };
            let Ok(entries) = std::fs::read_dir(path) else { continue };
            let found = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            let found = found.filter(|name| part.matches(name)).map(|name| below(&name));
            next.extend(found.filter(|name| is_last || base.join(name).is_dir()));
        }
        names = next;
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_may_stand_anywhere_in_the_path() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a/one/x.yaml", "a/two/x.yaml", "b/one/x.yaml", "a/y.yaml"] {
            std::fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let found = |pattern: &str| matching(folder.path(), pattern).unwrap();
        assert_eq!(found("*/one/x.yaml"), ["a/one/x.yaml", "b/one/x.yaml"]);
        assert_eq!(found("a/*/*.yaml"), ["a/one/x.yaml", "a/two/x.yaml"]);
        assert_eq!(found("a/[xy].yaml"), ["a/y.yaml"]);
        assert!(found("c/*.yaml").is_empty());
        let absolute = format!("{}/b/*/x.yaml", folder.path().display());
        assert_eq!(found(&absolute), [absolute.replace('*', "one")]);
        assert!(matching(folder.path(), "a/[").is_err());
    }

    #[test]
    fn files_are_read_in_order_and_once() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.yaml", "a.yaml", "c.txt"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        let settings =
            Settings { files: vec!["b.yaml".into(), "*.yaml".into(), "nope.yaml".into()], ..Settings::default() };
        let problems = sources(&settings, folder.path()).unwrap_err();
        assert_eq!((problems.len(), problems[0].path.as_str()), (1, "rules.files[2]"));
        let settings = Settings { files: settings.files[..2].to_vec(), ..settings };
        let names: Vec<String> =
            sources(&settings, folder.path()).unwrap().into_iter().map(|source| source.name).collect();
        assert_eq!(names, ["b.yaml", "a.yaml"]);
    }
}
