//! What lints look at, taken apart once: files with their trees, rules, every expression with its place, routes.

use std::collections::{BTreeMap, BTreeSet};

use crate::metrics::Definition;
use crate::model::labels::METRIC_NAME;
use crate::model::{Duration, MatchOp, Matcher, Problem};
use crate::promql::Expr;
use crate::promql::ast::{Kind, Node, Selector};
use crate::rules::{GroupView, RuleKind, Source};
use crate::runbooks::Runbooks;
use crate::yaml::Document;

use super::Found;
use super::known::{Known, LabelValues};
use super::sites;

/// Everything that was read without a mistake, and what memsentry exposes.
pub struct Input<'a> {
    /// The rule files.
    pub rule_files: &'a [Source],
    /// Their groups, in the order of the files, and groups that no file holds.
    pub groups: &'a [GroupView],
    /// Every metric of memsentry.
    pub definitions: Vec<&'static Definition>,
    /// The closed sets of label values.
    pub values: Vec<LabelValues>,
    /// The configuration, to find places in.
    pub config: &'a Document,
    /// The root of the routes.
    pub route: Option<RouteNode>,
    /// Every receiver in its order, and whether it has a notifier.
    pub receivers: Vec<(String, bool)>,
    /// Receivers that something else than a route names, such as an escalation.
    pub also_told: BTreeSet<String>,
    /// The runbooks.
    pub runbooks: &'a Runbooks,
    /// The user's own runbooks by name, and their files.
    pub own_runbooks: BTreeMap<String, String>,
    /// Dashboards as Grafana exports them.
    pub dashboards: &'a [Source],
    /// Time between scrapes.
    pub scrape_interval: Duration,
    /// Where memsentry's pages are.
    pub external_url: &'a str,
}

/// A route, with what it inherited.
#[derive(Debug, Clone)]
pub struct RouteNode {
    /// Where it stands in the configuration: `route`, `route.routes[0]`.
    pub path: String,
    /// Whom it tells.
    pub receiver: String,
    /// Its own conditions.
    pub matchers: Vec<Matcher>,
    /// Whether what it takes is offered to the next one too.
    pub goes_on: bool,
    /// The routes below it.
    pub routes: Vec<RouteNode>,
}

/// A rule and where it stands.
pub(super) struct Rule<'a> {
    pub(super) file: &'a str,
    /// Such as `groups[0].rules[1]`.
    pub(super) path: String,
    pub(super) name: &'a str,
    pub(super) interval: Duration,
    pub(super) labels: &'a BTreeMap<String, String>,
    pub(super) kind: &'a RuleKind,
}

impl Rule<'_> {
    pub(super) fn is_alert(&self) -> bool {
        matches!(self.kind, RuleKind::Alerting { .. })
    }

    pub(super) fn annotations(&self) -> impl Iterator<Item = (&String, &String)> {
        let annotations = match self.kind {
            RuleKind::Alerting { annotations, .. } => Some(annotations),
            RuleKind::Recording => None,
        };
        annotations.into_iter().flatten()
    }

    /// A label's text, unless a template makes it.
    pub(super) fn static_label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str).filter(|text| !text.contains("{{"))
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// The rule with this number: it sees memsentry's own store.
    Rule(usize),
    /// Whoever looks at it may ask a Prometheus that scrapes memsentry.
    Dashboard,
    Runbook,
}

/// An expression and where it stands.
pub(super) struct Site {
    pub(super) asker: Asker,
    pub(super) expr: Expr,
    pub(super) file: String,
    pub(super) path: String,
    /// The line in which a runbook's block begins.
    pub(super) line: usize,
}

impl Site {
    /// A finding in it.
    pub(super) fn found(&self, problem: Problem) -> Found {
        match self.asker {
            Asker::Rule(number) => Found::of_rule(problem, number),
            Asker::Dashboard | Asker::Runbook => Found::new(problem),
        }
    }
}

/// What is to be looked at.
pub(super) struct World<'a> {
    pub(super) input: &'a Input<'a>,
    pub(super) documents: BTreeMap<&'a str, Document>,
    pub(super) rules: Vec<Rule<'a>>,
    pub(super) sites: Vec<Site>,
    /// Queries that cannot be read.
    pub(super) bad_queries: Vec<Problem>,
    pub(super) known: Known,
}

impl<'a> World<'a> {
    pub(super) fn new(input: &'a Input<'a>) -> Self {
        let sources = input.rule_files.iter().chain(input.dashboards);
        // Dashboards are JSON, which is YAML too.
        let documents = sources
            .filter_map(|source| Some((source.name.as_str(), Document::parse(&*source.name, &*source.text).ok()?)))
            .collect();
        let mut world = Self {
            input,
            documents,
            rules: rules(input.groups),
            sites: Vec::new(),
            bad_queries: Vec::new(),
            known: Known::new(&input.definitions, &input.values, input.groups),
        };
        let mut queries = sites::of_rules(input.groups);
        queries.extend(input.dashboards.iter().flat_map(sites::of_dashboard));
        queries.extend(sites::of_runbooks(input));
        for query in queries {
            match crate::promql::parse(&query.text) {
                Ok(expr) => world.sites.push(query.site(expr)),
                Err(error) => {
                    let place = world.place(&query.file, &query.path, query.line, &query.text, error.span.start);
                    let mut problem = Problem::at(&query.path, format!("could not parse expression: {error}"));
                    (problem.file, problem.place) = (query.file, place);
                    world.bad_queries.push(problem);
                }
            }
        }
        world
    }

    fn place(&self, file: &str, path: &str, line: usize, text: &str, offset: usize) -> Option<crate::model::Place> {
        match self.documents.get(file) {
            Some(document) => document.place_in_scalar(path, offset),
            None if line > 0 => {
                let before = text.get(..offset).unwrap_or("");
                let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
                Some(crate::model::Place { line: line + before.matches('\n').count(), column })
            }
            None => None,
        }
    }

    /// The metric that a selector names, and the selector.
    pub(super) fn named<'n>(&self, node: &'n Node) -> Option<(&'n str, &'n Selector)> {
        let (Kind::Selector(selector) | Kind::Range(selector, _)) = &node.kind else { return None };
        let named = selector.matchers.iter().find(|m| m.name() == METRIC_NAME && m.op() == MatchOp::Equal);
        Some((named?.value(), selector))
    }

    /// Whether a metric is a counter, or the buckets or sums of a histogram.
    pub(super) fn only_grows(&self, name: &str) -> bool {
        self.known.get(name).is_some_and(super::known::Metric::only_grows)
    }

    /// A problem at byte `offset` of an expression.
    pub(super) fn in_expression(&self, site: &Site, offset: usize, message: impl Into<String>) -> Problem {
        let mut problem = Problem::at(&site.path, message);
        problem.place = self.place(&site.file, &site.path, site.line, site.expr.text(), offset);
        problem.file.clone_from(&site.file);
        problem
    }

    /// A problem at a key of a rule, or at the rule itself.
    pub(super) fn in_rule(&self, rule: &Rule<'_>, key: &str, message: impl Into<String>) -> Problem {
        let path = if key.is_empty() { rule.path.clone() } else { format!("{}.{key}", rule.path) };
        self.in_file(rule.file, &path, message)
    }

    /// A problem at a path of a rule file.
    pub(super) fn in_file(&self, file: &str, path: &str, message: impl Into<String>) -> Problem {
        let mut problem = Problem::at(path, message);
        problem.place = self.documents.get(file).and_then(|document| document.locate(path));
        file.clone_into(&mut problem.file);
        problem
    }

    /// A problem at a path of the configuration.
    pub(super) fn in_config(&self, path: &str, message: impl Into<String>) -> Problem {
        let mut problem = Problem::at(path, message);
        problem.place = self.input.config.locate(path);
        self.input.config.name().clone_into(&mut problem.file);
        problem
    }
}

/// The rules with their paths: groups of one file are numbered in their order.
fn rules(groups: &[GroupView]) -> Vec<Rule<'_>> {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let mut rules = Vec::new();
    for group in groups {
        let number = numbers.entry(&group.file).or_default();
        for (r, rule) in group.rules.iter().enumerate() {
            rules.push(Rule {
                file: &group.file,
                path: format!("groups[{number}].rules[{r}]"),
                name: &rule.name,
                interval: group.interval,
                labels: &rule.labels,
                kind: &rule.kind,
            });
        }
        *number += 1;
    }
    rules
}
