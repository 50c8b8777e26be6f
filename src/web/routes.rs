//! Everything that the web server answers, in one table, and what holds for every answer.

use std::sync::Arc;
use std::time::Duration as StdDuration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use http::{HeaderValue, StatusCode, header};

use super::{Sources, api, api_v2, health, metrics, ours, pages, same_site};

/// One thing that is answered.
pub struct Route {
    /// Its path; `{…}` stands for a part that varies. Also the label `route` of the requests metric.
    pub path: &'static str,
    /// What it is, for the reference and the home page of the API.
    pub about: &'static str,
    handler: fn() -> MethodRouter<Arc<Sources>>,
}

/// A request body's greatest length: a form with a query in it.
const BODY_BYTES: usize = 256 * 1024;

/// The label `route` of a request that met no row of the table.
const NO_ROUTE: &str = "none";

/// No script, nothing from elsewhere, nobody else's frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The table.
pub static ROUTES: &[Route] = &[
    Route { path: "/", about: "how everything stands", handler: || get(pages::home) },
    Route { path: "/alerts", about: "rules and their alerts", handler: || get(pages::alerts) },
    Route {
        path: "/alerts/history",
        about: "what happened to alerts, and who was told",
        handler: || get(pages::history),
    },
    Route {
        path: "/acknowledge",
        about: "to say that one takes care of alerts",
        handler: || get(pages::acknowledge).post(pages::acknowledge_now),
    },
    Route { path: "/graph", about: "where links of alerts lead: to the rules", handler: || get(pages::graph) },
    Route {
        path: "/probes/{target}/{probe}",
        about: "the last runs and failures of a probe, step by step",
        handler: || get(pages::probe),
    },
    Route {
        path: "/silences",
        about: "which alerts are not told; POST: makes a silence",
        handler: || get(pages::silences).post(pages::make_silence),
    },
    Route {
        path: "/silences/new",
        about: "the form for a silence, with what it would silence",
        handler: || get(pages::silence_form),
    },
    Route { path: "/silences/{id}/end", about: "POST: ends a silence", handler: || post(pages::end_silence) },
    Route { path: "/runbooks", about: "every runbook", handler: || get(pages::runbooks) },
    Route { path: "/runbooks/", about: "every runbook", handler: || get(pages::runbooks) },
    Route { path: "/runbooks/{alert}", about: "what to do about an alert", handler: || get(pages::runbook) },
    Route { path: "/style.css", about: "how pages look", handler: || get(pages::style) },
    Route { path: "/metrics", about: "every metric as text, for Prometheus", handler: || get(health::metrics) },
    Route { path: "/-/healthy", about: "200 while the process answers", handler: || get(health::healthy) },
    Route {
        path: "/-/ready",
        about: "200 once everything runs, otherwise 503 and what is missing",
        handler: || get(health::ready),
    },
    Route { path: "/-/reload", about: "POST: loads the configuration again", handler: || post(health::reload) },
    Route {
        path: "/api/v1/query",
        about: "PromQL at one time",
        handler: || get(api::query::instant).post(api::query::instant),
    },
    Route {
        path: "/api/v1/query_range",
        about: "PromQL over a range of time",
        handler: || get(api::query::range).post(api::query::range),
    },
    Route {
        path: "/api/v1/series",
        about: "series that match",
        handler: || get(api::series::series).post(api::series::series),
    },
    Route {
        path: "/api/v1/labels",
        about: "label names",
        handler: || get(api::series::labels).post(api::series::labels),
    },
    Route { path: "/api/v1/label/{name}/values", about: "values of a label", handler: || get(api::series::values) },
    Route { path: "/api/v1/metadata", about: "type and help of each metric", handler: || get(api::status::metadata) },
    Route {
        path: "/api/v1/status/buildinfo",
        about: "version, for tools that ask Prometheus",
        handler: || get(api::status::buildinfo),
    },
    Route { path: "/api/v1/alerts", about: "pending and firing alerts", handler: || get(api::rules::alerts) },
    Route { path: "/api/v1/rules", about: "rules and how they stand", handler: || get(api::rules::rules) },
    Route {
        path: "/api/v1/memsentry/alerts",
        about: "alerts with who is told, what mutes them and who takes care",
        handler: || get(ours::alerts::list),
    },
    Route {
        path: "/api/v1/memsentry/history",
        about: "what happened to alerts, and every attempt to tell somebody",
        handler: || get(ours::history::list),
    },
    Route {
        path: "/api/v1/memsentry/acknowledgements",
        about: "who takes care of what; POST: takes care",
        handler: || get(ours::acknowledge::list).post(ours::acknowledge::post),
    },
    Route {
        path: "/api/v1/memsentry/acknowledgements/{alert}",
        about: "who takes care of it; DELETE: takes the acknowledgement back",
        handler: || get(ours::acknowledge::one).delete(ours::acknowledge::delete),
    },
    Route {
        path: "/api/v1/memsentry/drills",
        about: "the last tests of receivers; POST: tests one",
        handler: || get(ours::drills::list).post(ours::drills::post),
    },
    Route {
        path: "/api/v1/memsentry/load",
        about: "load runs that go on; POST: how one goes, from the process that runs it",
        handler: || get(ours::load::list).post(ours::load::post).layer(DefaultBodyLimit::max(ours::load::MOST_BYTES)),
    },
    Route { path: "/api/v1/memsentry/drills/{id}", about: "how a test goes", handler: || get(ours::drills::get) },
    Route {
        path: "/api/v2/alerts",
        about: "Alertmanager's list of alerts; POST: takes alerts in",
        handler: || {
            let body = DefaultBodyLimit::max(api_v2::receive::MOST_BYTES);
            get(api_v2::alerts::list).post(api_v2::receive::post).layer(body)
        },
    },
    Route { path: "/api/v2/alerts/groups", about: "alerts as they are told", handler: || get(api_v2::alerts::groups) },
    Route {
        path: "/api/v2/silences",
        about: "silences; POST: makes or changes one",
        handler: || get(api_v2::silences::list).post(api_v2::silences::post),
    },
    Route {
        path: "/api/v2/silence/{id}",
        about: "a silence; DELETE: ends it",
        handler: || get(api_v2::silences::get).delete(api_v2::silences::delete),
    },
    Route { path: "/api/v2/status", about: "version, routes", handler: || get(api_v2::status::status) },
    Route { path: "/api/v2/receivers", about: "names of receivers", handler: || get(api_v2::status::receivers) },
];

/// All routes over these sources; an answer takes at most `exchange`.
pub(super) fn router(sources: Sources, exchange: StdDuration) -> Router {
    let requests = sources.registry.counter(&metrics::REQUESTS);
    for status in ["firing", "resolved"] {
        sources.registry.counter(&metrics::ALERTS_RECEIVED).with_label_values(&[status]).inc_by(0.0);
    }
    sources.registry.counter(&metrics::ALERTS_INVALID).with_label_values::<&str>(&[]).inc_by(0.0);
    sources.registry.gauge(&metrics::API_VERSION).with_label_values(&[api_v2::status::VERSION]).set(1.0);
    let mut router = Router::new();
    for route in ROUTES {
        router = router.route(route.path, (route.handler)());
        requests.with_label_values(&[route.path, "200"]).inc_by(0.0);
    }
    router
        .fallback(pages::not_found)
        .method_not_allowed_fallback(pages::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(middleware::from_fn(same_site::guard))
        .layer(middleware::from_fn_with_state((requests, exchange), around))
        .with_state(Arc::new(sources))
}

/// Bounds the time of an answer, gives it its headers and counts it.
async fn around(
    State((requests, exchange)): State<(crate::metrics::Counter, StdDuration)>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = match tokio::time::timeout(exchange, next.run(request)).await {
        Ok(response) => response,
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "this took too long\n").into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Not "no-referrer": a form's request would then come without the origin by which it is known as ours.
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    requests.with_label_values(&[route, response.status().as_str()]).inc();
    response
}
