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
use super::super::text::{Words, cut};
use super::{Email, html, text};

/// The whole message.
pub(super) fn message(email: &Email, attempt: &Attempt<'_>) -> Result<Message, String> {
    let notification = attempt.notification;
    let story = Story::new(notification, attempt.runbooks).with(attempt.evidence);
    let picture = attempt.evidence.chart.as_ref().and_then(Chart::png);
    let words = Words::new(attempt, 0);
    let subject = words.or(email.subject.as_ref(), "headers.Subject", || story.subject());
    let domain = email.from.email.domain();
    let thread = format!("<{}@{domain}>", notification.thread);
    let millis = u64::try_from(notification.decided_at.millis()).unwrap_or(0);
    let mut builder = Message::builder()
        .from(email.from.clone())
        .date(UNIX_EPOCH + StdDuration::from_millis(millis))
        .subject(one_line(&subject));
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
        let value = words.or(Some(value), &format!("headers.{name}"), String::new);
        builder = builder.raw_header(header(name, &one_line(&value))?);
    }
    let mut plain = words.or(email.text.as_ref(), "text", || text::render(&story));
    let id = format!("chart.{}@{domain}", attempt.key);
    let chart = picture.as_ref().map(|_| format!("cid:{id}"));
    let html = words.or(email.html.as_ref(), "html", || html::render(&story, chart.as_deref()));
    if let Some(troubles) = words.troubles() {
        plain = format!("{}\n\n{troubles}\n", plain.trim_end());
    }
    let bodies = MultiPart::alternative().singlepart(SinglePart::plain(plain));
    let bodies = match picture {
        None => bodies.singlepart(SinglePart::html(html)),
        Some(picture) => {
            let kind = ContentType::parse("image/png").map_err(|error| error.to_string())?;
            let chart = Attachment::new_inline_with_name(id, "last-hour.png".to_owned()).body(picture, kind);
            bodies.multipart(MultiPart::related().singlepart(SinglePart::html(html)).singlepart(chart))
        }
    };
    builder.multipart(bodies).map_err(|error| error.to_string())
}

/// A header's value has no line ends and an end.
fn one_line(text: &str) -> String {
    cut(&text.split_whitespace().collect::<Vec<_>>().join(" "), 200)
}

fn header(name: &str, value: &str) -> Result<HeaderValue, String> {
    let known = HeaderName::new_from_ascii(name.to_owned()).map_err(|_| format!("header name {name:?}"))?;
    Ok(HeaderValue::new(known, value.to_owned()))
}
