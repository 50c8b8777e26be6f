//! Finds `initdb` and `postgres`, which most distributions keep out of PATH.
//!
//! Looked for in `--pg-bin`, `PG_BIN`, PATH, then where distributions put them, newest version first.

use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::settings::environment;

/// Where distributions and hand-made installations keep a version's programs.
const USUAL_PLACES: &[(&str, &str)] = &[
    ("/usr/lib/postgresql", "bin"),
    ("/usr", "bin"),
    ("/usr/local", "bin"),
    ("/usr/local/pgsql", "bin"),
    ("/opt/homebrew/opt", "bin"),
];

const HINT: &str = "hint: install the Debian package postgresql (apt-get install postgresql), name the directory of \
initdb by --pg-bin or PG_BIN, or give a database by --database-url";

/// The two programs that make a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// Makes the files of a cluster.
    pub initdb: PathBuf,
    /// The server.
    pub postgres: PathBuf,
}

impl Programs {
    /// Finds them; `asked` is `--pg-bin`, which is final when given, as is `PG_BIN`.
    pub fn find(asked: Option<&Path>) -> anyhow::Result<Self> {
        let asked = asked.map(Path::to_owned).or_else(|| environment("PG_BIN").map(PathBuf::from));
        if let Some(directory) = asked {
            return match Self::within(&directory) {
                Some(found) => Ok(found),
                None => bail!("{} does not hold initdb and postgres\n{HINT}", directory.display()),
            };
        }
        let path = environment("PATH").unwrap_or_default();
        let on_path = std::env::split_paths(&path).find_map(|directory| Self::within(&directory));
        on_path.or_else(|| USUAL_PLACES.iter().find_map(|(root, bin)| Self::newest(Path::new(root), bin))).map_or_else(
            || bail!("no PostgreSQL found: initdb is neither in PATH nor under /usr/lib/postgresql\n{HINT}"),
            Ok,
        )
    }

    fn within(directory: &Path) -> Option<Self> {
        let found = Self { initdb: directory.join("initdb"), postgres: directory.join("postgres") };
        (found.initdb.is_file() && found.postgres.is_file()).then_some(found)
    }

    /// `root/bin` itself, or `root/<version>/bin` with the highest version.
    fn newest(root: &Path, bin: &str) -> Option<Self> {
        let mut versions: Vec<_> = std::fs::read_dir(root)
            .ok()?
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let number: f64 = name.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().ok()?;
                Some((number, entry.path()))
            })
            .collect();
        versions.sort_by(|a, b| b.0.total_cmp(&a.0));
        Self::within(&root.join(bin)).or_else(|| versions.iter().find_map(|(_, path)| Self::within(&path.join(bin))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(directory: &Path) {
        std::fs::create_dir_all(directory).unwrap();
        for program in ["initdb", "postgres"] {
            std::fs::write(directory.join(program), "").unwrap();
        }
    }

    #[test]
    fn the_newest_version_is_taken() {
        let root = tempfile::tempdir().unwrap();
        for version in ["9.6", "15", "17"] {
            install(&root.path().join(version).join("bin"));
        }
        let found = Programs::newest(root.path(), "bin").unwrap();
        assert_eq!(found.initdb, root.path().join("17/bin/initdb"));
    }

    #[test]
    fn a_directory_that_was_asked_for_is_final() {
        let root = tempfile::tempdir().unwrap();
        let error = Programs::find(Some(root.path())).unwrap_err().to_string();
        assert!(error.contains("does not hold initdb"), "{error}");
        install(root.path());
        assert!(Programs::find(Some(root.path())).is_ok());
    }
}
