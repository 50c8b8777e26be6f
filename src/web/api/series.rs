//! `/api/v1/series`, `/api/v1/labels` and `/api/v1/label/<name>/values`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};

use crate::model::{Labels, Matcher, Timestamp};
use crate::promql::ast::Kind;
use crate::promql::{self, ParseError};

use super::super::Sources;
use super::{ApiError, Data, Params, query};

/// What is asked about: any of these selectors, between these times.
struct Scope {
    selectors: Vec<Vec<Matcher>>,
    from: Timestamp,
    to: Timestamp,
}

impl Scope {
    fn read(params: &Params) -> Result<Self, ApiError> {
        let from = params.time("start")?.unwrap_or(Timestamp::from_millis(i64::MIN));
        let to = params.time("end")?.unwrap_or(Timestamp::from_millis(i64::MAX));
        if to < from {
            return Err(ApiError::parameter("end", "end timestamp must not be before start time"));
        }
        Ok(Self { selectors: selectors(params)?, from, to })
    }

    /// The selectors, or the one that takes everything.
    fn or_everything(mut self) -> Self {
        if self.selectors.is_empty() {
            self.selectors.push(Vec::new());
        }
        self
    }
}

/// Every `match[]`.
pub(super) fn selectors(params: &Params) -> Result<Vec<Vec<Matcher>>, ApiError> {
    let parse =
        |text: &str| selector(text).map_err(|error| ApiError::parameter("match[]", query::at_place(text, &error)));
    params.all("match[]").map(parse).collect()
}

/// The matchers of one selector such as `up{target="main"}`.
fn selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    let expr = promql::parse(text)?;
    match &expr.root().kind {
        Kind::Selector(selector) if selector.offset == 0 && selector.at.is_none() => Ok(selector.matchers.clone()),
        _ => Err(ParseError { message: "expected a series selector and nothing else".into(), span: 0..text.len() }),
    }
}

pub(in crate::web) async fn series(State(sources): State<Arc<Sources>>, params: Params) -> Result<Data, ApiError> {
    let limit = params.limit("limit")?;
    let scope = Scope::read(&params)?;
    if scope.selectors.is_empty() {
        return Err(ApiError::BadData("no match[] parameter provided".into()));
    }
    let found = scope.selectors.iter().flat_map(|matchers| sources.tsdb.series(matchers, scope.from, scope.to));
    let unique: BTreeSet<Labels> = found.collect();
    Data::list(unique.into_iter().collect(), limit)
}

pub(in crate::web) async fn labels(State(sources): State<Arc<Sources>>, params: Params) -> Result<Data, ApiError> {
    let limit = params.limit("limit")?;
    let scope = Scope::read(&params)?.or_everything();
    let found = scope.selectors.iter().flat_map(|matchers| sources.tsdb.label_names(matchers, scope.from, scope.to));
    let unique: BTreeSet<Arc<str>> = found.collect();
    Data::list(unique.into_iter().collect(), limit)
}

pub(in crate::web) async fn values(
    State(sources): State<Arc<Sources>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Data, ApiError> {
    let limit = params.limit("limit")?;
    let scope = Scope::read(&params)?.or_everything();
    let values = |matchers: &Vec<Matcher>| sources.tsdb.label_values(&name, matchers, scope.from, scope.to);
    let unique: BTreeSet<Arc<str>> = scope.selectors.iter().flat_map(values).collect();
    Data::list(unique.into_iter().collect(), limit)
}
