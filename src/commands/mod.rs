//! What a person types: one file per subcommand, one row per subcommand in [`ALL`].
//!
//! Standard output is data, standard error is talk. The exit code says whose turn it is: 0 fine, 1 the answer
//! is no, 2 your input, 3 no verdict, 70 our bug.

mod alerts;
mod check;
mod demo;
mod drill;
mod guard;
mod leftovers;
mod load;
mod logging;
mod metrics;
mod output;
mod probe;
mod remote;
mod route;
mod run;
mod silence;
mod slo;
mod test_rules;
mod validate;

use clap::ArgMatches;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked, and the answer is yes.
    Fine,
    /// It did what was asked, and the answer is no.
    No,
    /// What the user gave cannot be used.
    Input,
    /// It could not be found out: of a load whose generator was saturated, or that was another than intended.
    NoVerdict,
    /// Our own bug.
    Bug,
}

impl Exit {
    /// The number for the shell.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::No => 1,
            Self::Input => 2,
            Self::NoVerdict => 3,
            Self::Bug => 70,
        }
    }
}

/// One subcommand: its name, what it is for, its arguments, its code.
pub struct Subcommand {
    name: &'static str,
    about: &'static str,
    arguments: fn(clap::Command) -> clap::Command,
    run: fn(&ArgMatches) -> Exit,
}

/// Every subcommand, in the order of the help.
pub const ALL: &[Subcommand] = &[
    run::COMMAND,
    check::COMMAND,
    route::COMMAND,
    slo::COMMAND,
    test_rules::COMMAND,
    probe::COMMAND,
    validate::COMMAND,
    load::COMMAND,
    alerts::COMMAND,
    silence::COMMAND,
    drill::COMMAND,
    demo::COMMAND,
    metrics::COMMAND,
    guard::COMMAND,
];

/// The whole command line.
#[must_use]
pub fn command_line() -> clap::Command {
    let base = clap::Command::new("memsentry")
        .version(env!("CARGO_PKG_VERSION"))
        .about(env!("CARGO_PKG_DESCRIPTION"))
        .subcommand_required(true)
        .arg_required_else_help(true);
    ALL.iter().fold(base, |base, command| {
        base.subcommand((command.arguments)(clap::Command::new(command.name)).about(command.about))
    })
}

/// Runs the subcommand that the arguments name.
#[must_use]
pub fn dispatch(matches: &ArgMatches) -> Exit {
    let chosen = matches
        .subcommand()
        .and_then(|(name, rest)| ALL.iter().find(|command| command.name == name).map(|command| (command.run)(rest)));
    chosen.unwrap_or(Exit::Input)
}

/// Runs a subcommand with its arguments, which were declared by the same type.
fn with<A: clap::FromArgMatches>(matches: &ArgMatches, run: fn(A) -> Exit) -> Exit {
    match A::from_arg_matches(matches) {
        Ok(arguments) => run(arguments),
        Err(error) => {
            output::talk(&error.to_string());
            Exit::Input
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command_line().debug_assert();
    }

    #[test]
    fn a_mistyped_argument_exits_with_2() {
        let error = command_line().try_get_matches_from(["memsentry", "rnu"]).expect_err("unknown");
        assert_eq!(error.exit_code(), 2);
    }
}
