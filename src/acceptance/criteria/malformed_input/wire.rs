//! What is wrong around the body: methods, content types, headers, and what stands in the place of a chat's id.

use http::{HeaderName, HeaderValue, Method};

use super::case::Expected::{Refused, RefusedOrTaken};
use super::case::{Asked, Input};
use crate::memory_api::RawRequest;

/// A header that many servers refuse and some accept.
const HUGE: usize = 16 * 1024;

pub(super) fn cases(asked: &Asked) -> Vec<Input> {
    [paths(asked), headers(asked)].concat()
}

fn paths(asked: &Asked) -> Vec<Input> {
    vec![
        asked.place("an id that is nobody's", "memsentry-no-such-chat"),
        asked.place("an escaped path upwards", "..%2F..%2F..%2Fhealth"),
        asked.place("a path upwards, escaped twice", "..%252f..%252fhealth"),
        asked.place("an escaped NUL", "a%00b"),
        asked.place("an escape that is no UTF-8", "%ff%fe"),
        asked.place("an escape that is no escape", "%zz"),
        asked.place("an escaped line end", "a%0d%0aX-Injected:%20yes"),
        asked.place("SQL for an id", "%27%20OR%20%271%27%3D%271"),
        asked.place("an id that is a pattern", "%25"),
        asked.place("an id of 4,000 characters", &"a".repeat(4_000)),
        asked.place("two ids", "a/b"),
    ]
}

fn headers(asked: &Asked) -> Vec<Input> {
    let plain = asked.changed("", serde_json::json!({}), RefusedOrTaken).request;
    let typed =
        |value: &'static str| RawRequest { content_type: Some(HeaderValue::from_static(value)), ..plain.clone() };
    let header = |name: &'static str, value: &str| RawRequest {
        headers: HeaderValue::from_str(value).map(|value| (HeaderName::from_static(name), value)).into_iter().collect(),
        ..plain.clone()
    };
    let by = |method: Method| RawRequest { method, ..plain.clone() };
    let with = |name, request, expected| Input { name, request, expected };
    vec![
        with("DELETE instead of POST", by(Method::DELETE), Refused),
        with("PUT instead of POST", by(Method::PUT), Refused),
        with("no content type", RawRequest { content_type: None, ..plain.clone() }, RefusedOrTaken),
        with("text/plain for a content type", typed("text/plain"), RefusedOrTaken),
        with("a content type that is none", typed(";;;"), RefusedOrTaken),
        with("a charset that is not the body's", typed("application/json; charset=utf-16"), RefusedOrTaken),
        with("two content types", header("content-type", "text/xml"), RefusedOrTaken),
        with("a compression that was not used", header("content-encoding", "gzip"), RefusedOrTaken),
        with("a header of 16 KiB", header("x-memsentry", &"a".repeat(HUGE)), RefusedOrTaken),
        with("a request id of 4,000 characters", header("x-request-id", &"a".repeat(4_000)), RefusedOrTaken),
        with("somebody else's address", header("x-forwarded-for", "127.0.0.1, ' OR 1=1 --"), RefusedOrTaken),
        with("another method in a header", header("x-http-method-override", "DELETE"), RefusedOrTaken),
        with("another host in a header", header("x-forwarded-host", "example.invalid"), RefusedOrTaken),
    ]
}
