//! Checks of names: targets and the instance.

use crate::model::Problem;

use super::Config;

/// Longest name, so that labels and markers stay short.
const LONGEST: usize = 63;

/// What is wrong with the names in `config`.
pub(super) fn problems(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    if config.targets.is_empty() {
        problems.push(Problem::at("targets", "there is no target").hint("name at least one service to watch"));
    }
    problems.extend(name("instance", &config.instance));
    for (index, target) in config.targets.iter().enumerate() {
        let at = format!("targets[{index}].name");
        problems.extend(name(&at, &target.name));
        if config.targets[..index].iter().any(|earlier| earlier.name == target.name) {
            problems.push(Problem::at(at, format!("there is already a target named {:?}", target.name)));
        }
    }
    problems
}

fn name(at: &str, name: &str) -> Option<Problem> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty() && name.len() <= LONGEST && name.chars().all(allowed) {
        return None;
    }
    let rule = format!("a name has 1 to {LONGEST} letters, digits, '-', '_' or '.'");
    Some(Problem::at(at, format!("{name:?} is not a name")).note(rule))
}
