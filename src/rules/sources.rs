//! Reads the rule files that the settings name. The only file of this module that touches the disk.

use std::path::Path;

use crate::model::Problem;

use super::file::Source;
use super::{SHIPPED, SHIPPED_NAME, Settings};

/// A rule file larger than this is refused.
const MAX_BYTES: u64 = 16 << 20;

/// The files of `settings`, or the shipped rules where it names none.
pub(super) fn sources(settings: &Settings, base: &Path) -> Result<Vec<Source>, Vec<Problem>> {
    if settings.files.is_empty() {
        return Ok(vec![Source { name: SHIPPED_NAME.to_owned(), text: SHIPPED.to_owned() }]);
    }
    read_sources(&settings.files, base)
        .map_err(|problems| problems.into_iter().map(|problem| problem.below("rules.files")).collect())
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

/// The files that `pattern` means, sorted; wildcards only in the last part of the path.
fn matching(base: &Path, pattern: &str) -> Result<Vec<String>, String> {
    if !pattern.contains(['*', '?']) {
        return Ok(vec![pattern.to_owned()]);
    }
    let (folder, last) = pattern.rsplit_once('/').map_or(("", pattern), |(folder, last)| (folder, last));
    if folder.contains(['*', '?']) {
        return Err(format!("{pattern:?} has a wildcard before its last part, where none is looked for"));
    }
    let entries = std::fs::read_dir(base.join(if folder.is_empty() { "." } else { folder }))
        .map_err(|error| format!("cannot list {folder:?}: {error}"))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| glob(last.as_bytes(), name.as_bytes()))
        .map(|name| if folder.is_empty() { name } else { format!("{folder}/{name}") })
        .collect();
    names.sort();
    Ok(names)
}

/// Whether a shell's pattern of `*` and `?` means `name`.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    // Where to go on if the last star has to take one byte more.
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == name[n] => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, n) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_what_it_means_in_a_shell() {
        for (pattern, name, matches) in [
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "a.yml", false),
            ("a?c*", "abcd", true),
            ("*a*b", "xaxb", true),
            ("*a*b", "xaxbx", false),
            ("", "", true),
        ] {
            assert_eq!(glob(pattern.as_bytes(), name.as_bytes()), matches, "{pattern} {name}");
        }
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
