//! The only file that reads the environment: variables and systemd credentials.

use std::path::{Path, PathBuf};

use crate::model::Secret;
use crate::yaml::SecretSource;

/// Longest secret file, in bytes. Longer is not a secret but the wrong file.
const LONGEST: u64 = 64 * 1024;

/// Reads an environment variable; `None` if it is not set or not UTF-8.
#[allow(clippy::disallowed_methods)]
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Reads a secret from where the user says it is. Files are relative to `base`; one newline at the end of a
/// file is not part of the secret.
///
/// # Errors
/// What is wrong, without the secret.
pub fn secret(source: &SecretSource, base: &Path) -> Result<Secret, String> {
    let value = match source {
        SecretSource::Env(name) => variable(name).ok_or_else(|| format!("environment variable {name} is not set"))?,
        SecretSource::File(path) => read(&base.join(path))?,
        SecretSource::Credential(name) => {
            let folder = variable("CREDENTIALS_DIRECTORY")
                .ok_or("systemd passed no credentials (CREDENTIALS_DIRECTORY is not set)")?;
            if name.contains('/') {
                return Err(format!("a credential's name has no slash: {name:?}"));
            }
            read(&PathBuf::from(folder).join(name))?
        }
    };
    if value.is_empty() { Err("the secret is empty".to_owned()) } else { Ok(Secret::new(value)) }
}

fn read(path: &Path) -> Result<String, String> {
    let told = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let length = std::fs::metadata(path).map_err(told)?.len();
    if length > LONGEST {
        return Err(format!("{} has {length} bytes, a secret has at most {LONGEST}", path.display()));
    }
    let mut value = std::fs::read_to_string(path).map_err(told)?;
    if value.ends_with('\n') {
        value.truncate(value.len() - if value.ends_with("\r\n") { 2 } else { 1 });
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_file_loses_one_newline_and_no_more() {
        let folder = tempfile::tempdir().expect("a folder");
        for (content, secret_text) in [("pw\n", "pw"), ("pw\n\n", "pw\n"), (" pw", " pw"), ("pw\r\n", "pw")] {
            std::fs::write(folder.path().join("pw"), content).expect("written");
            let read = secret(&SecretSource::File("pw".into()), folder.path()).expect("a secret");
            assert_eq!(read.expose(), secret_text);
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let folder = tempfile::tempdir().expect("a folder");
        let told = |source| secret(&source, folder.path()).expect_err("refused");
        assert!(told(SecretSource::File("missing".into())).contains("missing: No such file"));
        assert!(told(SecretSource::Env("MEMSENTRY_NOT_SET".into())).contains("MEMSENTRY_NOT_SET is not set"));
        std::fs::write(folder.path().join("empty"), "\n").expect("written");
        assert_eq!(told(SecretSource::File("empty".into())), "the secret is empty");
    }
}
