//! What a user says about a command.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::model::{Duration, Problem};

use super::super::http;

/// One entry of `command_configs`; refused unless `allow_commands` is set at the top of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The program's path, relative to the configuration's folder, and its arguments. No shell reads it.
    pub command: Vec<String>,
    /// Whether it is told when alerts are over; true unless set.
    #[serde(default = "yes")]
    pub send_resolved: bool,
    /// Most alerts in one message, the rest only counted; 0, the default, stands for as many as there are.
    #[serde(default)]
    pub max_alerts: usize,
    /// Longest time that it may take; 10s unless set, at most 5m. Then it and all that it started is killed.
    #[serde(default = "http::default_timeout")]
    pub timeout: Duration,
}

const fn yes() -> bool {
    true
}

impl Settings {
    /// What is wrong.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.command.first().is_none_or(String::is_empty) {
            problems.push(Problem::at("command", "no program").note("a list: [/path/to/program, argument]"));
        }
        problems.extend(http::timeout_problem(self.timeout));
        problems
    }

    /// The program, if it is a file.
    pub(super) fn program(&self) -> Result<PathBuf, Box<Problem>> {
        let program = PathBuf::from(self.command.first().map_or("", String::as_str));
        if program.is_file() {
            return Ok(program);
        }
        Err(Box::new(Problem::at("command[0]", format!("{} is not a file", program.display()))))
    }

    /// Puts a relative path below `folder`.
    pub(in crate::notify) fn resolve_paths(&mut self, folder: &Path) {
        if let Some(program) = self.command.first_mut() {
            *program = folder.join(&program).display().to_string();
        }
    }
}
