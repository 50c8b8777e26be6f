//! The mail's envelope of headers around its two bodies.
//!
//! `Message-ID` follows from the idempotency key, so a repeat is recognised. The first mail of a group's life
//! carries the thread's own id, and every later one refers to it, so that firing and resolved meet. The chart travels
//! inside the mail, so that nothing is loaded from anywhere.

use std::time::{Duration as StdDuration, UNIX_EPOCH};

use lettre::Message;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, MultiPart, SinglePart};

use super::super::super::evidence::Chart;
use super::super::super::reason::Reason;
use super::super::Attempt;
use super::super::story::Story;
use super::{Email, html, text};

/// The whole message.
pub(super) fn message(email: &Email, attempt: &Attempt<'_>) -> Result<Message, String> {
    let notification = attempt.notification;
    let story = Story::new(notification, attempt.runbooks).with(attempt.evidence);
    let picture = attempt.evidence.chart.as_ref().and_then(Chart::png);
    let domain = email.from.email.domain();
    let thread = format!("<{}@{domain}>", notification.thread);
    let millis = u64::try_from(notification.decided_at.millis()).unwrap_or(0);
    let mut builder = Message::builder()
        .from(email.from.clone())
        .date(UNIX_EPOCH + StdDuration::from_millis(millis))
        .subject(story.subject());
    for recipient in &email.to {
        builder = builder.to(recipient.clone());
    }
    builder = match notification.reason {
        Reason::FirstNotification => builder.message_id(Some(thread)),
        _ => builder
            .message_id(Some(format!("<{}@{domain}>", attempt.key)))
            .in_reply_to(thread.clone())
            .references(thread),
    };
    // Keeps out-of-office replies away (RFC 3834).
    builder = builder.raw_header(header("Auto-Submitted", "auto-generated")?);
    builder = builder.raw_header(header("X-Memsentry-Key", attempt.key)?);
    for (name, value) in &email.headers {
        builder = builder.raw_header(header(name, value)?);
    }
    let bodies = MultiPart::alternative().singlepart(SinglePart::plain(text::render(&story)));
    let bodies = match picture {
        None => bodies.singlepart(SinglePart::html(html::render(&story, None))),
        Some(picture) => {
            let id = format!("chart.{}@{domain}", attempt.key);
            let page = SinglePart::html(html::render(&story, Some(&format!("cid:{id}"))));
            let kind = ContentType::parse("image/png").map_err(|error| error.to_string())?;
            let chart = Attachment::new_inline_with_name(id, "last-hour.png".to_owned()).body(picture, kind);
            bodies.multipart(MultiPart::related().singlepart(page).singlepart(chart))
        }
    };
    builder.multipart(bodies).map_err(|error| error.to_string())
}

fn header(name: &str, value: &str) -> Result<HeaderValue, String> {
    let known = HeaderName::new_from_ascii(name.to_owned()).map_err(|_| format!("header name {name:?}"))?;
    Ok(HeaderValue::new(known, value.to_owned()))
}
