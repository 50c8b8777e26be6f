//! The `Retry-After` header: seconds or an HTTP date.

use std::time::Duration as StdDuration;

use crate::model::Timestamp;

/// The longest wait that a receiver may ask for.
pub const LONGEST: StdDuration = StdDuration::from_secs(3600);

/// How long to wait, seen from `now`; at most an hour. Nothing if the text is neither form.
#[must_use]
pub fn retry_after(text: &str, now: Timestamp) -> Option<StdDuration> {
    let text = text.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => StdDuration::from_secs(seconds),
        Err(_) => {
            let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_millisecond();
            Timestamp::from_millis(at).since(now)
        }
    };
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_understood_and_bounded() {
        let now = Timestamp::parse_rfc3339("2015-10-21T07:27:30Z").expect("a time");
        for (text, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("999999", Some(3600)),
            ("Wed, 21 Oct 2015 07:28:00 GMT", Some(30)),
            ("Wed, 21 Oct 2015 07:00:00 GMT", Some(0)),
            ("soon", None),
            ("-5", None),
        ] {
            assert_eq!(retry_after(text, now).map(|wait| wait.as_secs()), seconds, "{text}");
        }
    }
}
