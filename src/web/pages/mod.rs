//! Pages for people: no script, readable on a phone at night, in light and dark.
//!
//! Each page is a function from [`Sources`] to markup in the one [`layout`]. Times stand as "12 s ago" with the exact
//! time beside them; a page that lives, lives by being loaded again.

mod acknowledge;
mod alert_rows;
mod alerts;
mod history;
mod home;
mod phrases;
mod probe;
mod runbooks;
mod silence_form;
mod silences;

use std::sync::Arc;

use axum::extract::{Form, Path, Query, State};
use axum::response::{Html, IntoResponse, Response};
use http::{StatusCode, Uri, header};
use maud::{DOCTYPE, Markup, html};

use crate::notify::acknowledge::{Refused, Request};
use crate::notify::history::HistoryFilter;

use super::Sources;
use super::api::params::Params;

/// Seconds after which a page about the present is loaded again.
const REFRESH_SECONDS: u32 = 30;

/// What a page is called and whether it changes by itself.
struct Frame<'a> {
    title: &'a str,
    /// The path of the entry in the navigation that it belongs to.
    section: &'a str,
    live: bool,
}

pub(super) async fn home(State(sources): State<Arc<Sources>>) -> Html<String> {
    page(&Frame { title: "Overview", section: "/", live: true }, &sources, &home::body(&sources))
}

pub(super) async fn alerts(State(sources): State<Arc<Sources>>) -> Html<String> {
    page(&Frame { title: "Alerts", section: "/alerts", live: true }, &sources, &alerts::body(&sources))
}

/// Where messages lead whoever takes care. Only asks; see [`acknowledge_now`].
pub(super) async fn acknowledge(State(sources): State<Arc<Sources>>, params: Params) -> Html<String> {
    let wanted: Vec<String> = params.all("alert").map(str::to_owned).collect();
    let body = acknowledge::body(&sources, &wanted, &acknowledge::Filled::default(), None);
    page(&Frame { title: "Acknowledge", section: "/alerts", live: false }, &sources, &body)
}

/// What the form of [`acknowledge`] sends.
pub(super) async fn acknowledge_now(State(sources): State<Arc<Sources>>, params: Params) -> Response {
    let wanted: Vec<String> = params.all("alert").map(str::to_owned).collect();
    let said = |name: &str| params.get(name).unwrap_or("").to_owned();
    let filled = acknowledge::Filled { by: said("by"), comment: said("comment") };
    let done = match (said("action").as_str(), super::ours::duration(params.get("expires_in"))) {
        ("withdraw", _) => sources.notify.withdraw_acknowledgement(&wanted).await,
        (_, Ok(expires_in)) => {
            let (alerts, by, comment) = (wanted.clone(), filled.by.clone(), filled.comment.clone());
            sources.notify.acknowledge(&Request { alerts, by, comment, expires_in }).await
        }
        (_, Err(_)) => Err(Refused::Input("say for how long, such as 4h".to_owned())),
    };
    match done {
        Ok(_) => {
            let again: Vec<String> = wanted.iter().map(|word| format!("alert={}", phrases::path_part(word))).collect();
            let to = format!("acknowledge?{}", again.join("&"));
            (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
        }
        Err(refused) => {
            let body = acknowledge::body(&sources, &wanted, &filled, Some(&refused));
            let frame = Frame { title: "Acknowledge", section: "/alerts", live: false };
            (StatusCode::BAD_REQUEST, page(&frame, &sources, &body)).into_response()
        }
    }
}

pub(super) async fn history(State(sources): State<Arc<Sources>>, params: Params) -> Html<String> {
    let given = |name: &str| params.get(name).map(str::to_owned);
    let filter = HistoryFilter {
        before: params.get("before").and_then(|text| text.parse().ok()),
        subject: given("alert"),
        receiver: given("receiver"),
        limit: history::PAGE,
        ..HistoryFilter::default()
    };
    let rows = sources.notify.history(&filter).await.ok();
    let body = history::body(&filter, rows.as_deref(), sources.clock.now());
    page(&Frame { title: "History", section: "/alerts", live: false }, &sources, &body)
}

/// Messages link to their rule's expression as Prometheus does. There is no chart of it yet, but there is the rule.
pub(super) async fn graph() -> Response {
    // Relative, so that it holds behind a path prefix too.
    (StatusCode::FOUND, [(header::LOCATION, "alerts")]).into_response()
}

pub(super) async fn probe(State(sources): State<Arc<Sources>>, Path(path): Path<(String, String)>) -> Response {
    let (target, name) = path;
    match probe::body(&sources, &target, &name) {
        Some(body) => {
            let title = format!("{name} on {target}");
            page(&Frame { title: &title, section: "/", live: false }, &sources, &body).into_response()
        }
        None => missing(&sources, "There is no such target or probe in the configuration."),
    }
}

pub(super) async fn runbooks(State(sources): State<Arc<Sources>>) -> Html<String> {
    page(&Frame { title: "Runbooks", section: "/runbooks", live: false }, &sources, &runbooks::list(&sources))
}

pub(super) async fn runbook(State(sources): State<Arc<Sources>>, Path(alert): Path<String>) -> Response {
    match runbooks::one(&sources, &alert) {
        Some(body) => {
            page(&Frame { title: &alert, section: "/runbooks", live: false }, &sources, &body).into_response()
        }
        None => missing(&sources, "There is no runbook of this name."),
    }
}

pub(super) async fn silences(State(sources): State<Arc<Sources>>) -> Html<String> {
    page(&Frame { title: "Silences", section: "/silences", live: true }, &sources, &silences::body(&sources))
}

type Pairs = Vec<(String, String)>;

/// The form; nothing is changed by asking for it.
pub(super) async fn silence_form(State(sources): State<Arc<Sources>>, Query(pairs): Query<Pairs>) -> Response {
    let mut fields = silence_form::Fields::read(&pairs);
    if !fields.id.is_empty() {
        match sources.notify.silence(&fields.id) {
            Some((silence, _)) => fields = fields.filled_from(&silence),
            None => {
                return missing(&sources, "There is no silence with this id; those that are over are kept for 120 h.");
            }
        }
    }
    show_silence_form(&sources, &fields, &[]).into_response()
}

fn show_silence_form(sources: &Sources, fields: &silence_form::Fields, problems: &[String]) -> Html<String> {
    let body = silence_form::body(sources, fields, problems);
    page(&Frame { title: "New silence", section: "/silences", live: false }, sources, &body)
}

/// Makes a silence, and shows it.
pub(super) async fn make_silence(State(sources): State<Arc<Sources>>, Form(pairs): Form<Pairs>) -> Response {
    let fields = silence_form::Fields::read(&pairs);
    let made = match fields.draft(&sources) {
        Ok(draft) => sources.notify.set_silence(&draft).await.map_err(|error| vec![error.to_string()]),
        Err(problems) => Err(problems),
    };
    match made {
        Ok(id) => see(&format!("/silences#{id}")),
        Err(problems) => (StatusCode::BAD_REQUEST, show_silence_form(&sources, &fields, &problems)).into_response(),
    }
}

/// Ends a silence, and shows the others.
pub(super) async fn end_silence(State(sources): State<Arc<Sources>>, Path(id): Path<String>) -> Response {
    match sources.notify.end_silence(&id).await {
        Ok(()) => see("/silences"),
        Err(error) => missing(&sources, &error.to_string()),
    }
}

/// Sends a browser on after it changed something, so that loading the page again does not do it again.
fn see(path: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path.to_owned())]).into_response()
}

pub(super) async fn style() -> Response {
    // Long enough for a series of pages, short enough after an upgrade.
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=300")];
    (headers, include_str!("../style.css")).into_response()
}

pub(super) async fn not_found(State(sources): State<Arc<Sources>>, uri: Uri) -> Response {
    if uri.path().starts_with("/api/") {
        let body = r#"{"status":"error","errorType":"not_found","error":"no such endpoint"}"#;
        return (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "application/json")], body).into_response();
    }
    missing(&sources, "There is no page at this address.")
}

pub(super) async fn method_not_allowed() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n").into_response()
}

fn missing(sources: &Sources, what: &str) -> Response {
    let body = html! {
        h1 { "Not found" }
        p { (what) }
        p { a href="/" { "Back to the overview" } }
    };
    let page = page(&Frame { title: "Not found", section: "", live: false }, sources, &body);
    (StatusCode::NOT_FOUND, page).into_response()
}

/// The frame of every page.
fn page(frame: &Frame<'_>, sources: &Sources, body: &Markup) -> Html<String> {
    let entries = [
        ("/", "Overview"),
        ("/alerts", "Alerts"),
        ("/silences", "Silences"),
        ("/runbooks", "Runbooks"),
        ("/metrics", "Metrics"),
    ];
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if frame.live { meta http-equiv="refresh" content=(REFRESH_SECONDS); }
                title { (frame.title) " · memsentry" }
                link rel="icon" href=(ICON);
                link rel="stylesheet" href="/style.css";
            }
            body {
                header {
                    nav aria-label="Pages" {
                        @for (path, name) in entries {
                            @if path == frame.section { a href=(path) aria-current="page" { (name) } }
                            @else { a href=(path) { (name) } }
                        }
                    }
                }
                main { (body) }
                footer {
                    p {
                        "memsentry " (env!("CARGO_PKG_VERSION")) " · as of " (phrases::exact(sources.clock.now()))
                        @if frame.live { " · renews itself every " (REFRESH_SECONDS) " s" }
                    }
                }
            }
        }
    };
    Html(markup.into_string())
}

/// A ring with a dot, so that no browser asks for `/favicon.ico` in vain.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
    %3Ccircle cx='8' cy='8' r='6' fill='none' stroke='%23579' stroke-width='2'/%3E%3Ccircle cx='8' cy='8' r='2.5' \
    fill='%23579'/%3E%3C/svg%3E";
