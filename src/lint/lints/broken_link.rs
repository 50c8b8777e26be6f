//! Links that lead nowhere: from one runbook to another or to a heading, and from an alert to memsentry's own pages.
//! Links to other sites are not followed.

use crate::lint::world::World;
use crate::lint::{Found, runbook_file};
use crate::model::{Place, Problem};
use crate::runbooks::Link;

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for name in world.input.runbooks.names() {
        let Some(runbook) = world.input.runbooks.get(name) else { continue };
        for Link { target, line } in runbook.links() {
            let Some((message, hint)) = broken(world, name, &target) else { continue };
            let mut problem = Problem::at("", format!("{target:?}: {message}"));
            problem.file = runbook_file(world.input, name);
            problem.place = Some(Place { line, column: 1 });
            problem.hint = hint;
            found.push(Found::new(problem));
        }
    }
    for (number, rule) in world.rules.iter().enumerate() {
        for (_, url) in rule.annotations().filter(|(name, text)| *name == "runbook_url" && !text.contains("{{")) {
            let base = world.input.external_url.trim_end_matches('/');
            let own = Some(url.as_str()).filter(|_| !base.is_empty()).and_then(|url| url.strip_prefix(base));
            let path = own.or_else(|| url.starts_with('/').then_some(url.as_str()));
            let Some(page) = path.and_then(|path| path.strip_prefix("/runbooks/")) else { continue };
            if let Some((message, hint)) = to_runbook(world, page) {
                let mut problem = world.in_rule(rule, "annotations.runbook_url", format!("{url:?}: {message}"));
                problem.hint = hint;
                found.push(Found::of_rule(problem, number));
            }
        }
    }
    found
}

type Why = (String, Option<String>);

/// Why a link of runbook `from` leads nowhere, if it does.
fn broken(world: &World<'_>, from: &str, target: &str) -> Option<Why> {
    if let Some(anchor) = target.strip_prefix('#') {
        return anchor_of(world, from, anchor);
    }
    if target.split('/').next().is_some_and(|first| first.contains(':')) {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    match path.strip_suffix(".md").map(|path| path.strip_prefix("./").unwrap_or(path)) {
        Some(neighbour) if !neighbour.contains('/') => {
            let link = if anchor.is_empty() { neighbour.to_owned() } else { format!("{neighbour}#{anchor}") };
            to_runbook(world, &link)
        }
        _ if target.starts_with("/runbooks/") => to_runbook(world, &target["/runbooks/".len()..]),
        _ if target.starts_with('/') => None,
        _ => {
            let hint = "link to another runbook as Name.md, or write the whole URL";
            Some(("memsentry serves no such page beside the runbook".to_owned(), Some(hint.to_owned())))
        }
    }
}

/// `Name` or `Name#anchor`.
fn to_runbook(world: &World<'_>, link: &str) -> Option<Why> {
    let (name, anchor) = link.split_once('#').unwrap_or((link, ""));
    if world.input.runbooks.get(name).is_none() {
        let names = world.input.runbooks.names();
        return Some((format!("there is no runbook {name:?}"), Problem::at("", "").suggest(name, names).hint));
    }
    if anchor.is_empty() { None } else { anchor_of(world, name, anchor) }
}

fn anchor_of(world: &World<'_>, name: &str, anchor: &str) -> Option<Why> {
    let anchors = world.input.runbooks.get(name)?.anchors();
    if anchors.iter().any(|known| known == anchor) {
        return None;
    }
    let message = format!("runbook {name} has no heading with the anchor {anchor:?}");
    Some((message, Problem::at("", "").suggest(anchor, anchors.iter().map(String::as_str)).hint))
}
