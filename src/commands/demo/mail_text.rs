//! The plain text of a mail, as its reader would see it.

use super::smtp_sink::Mail;

/// The first `text/plain` part, decoded; the whole message if there is none.
pub(super) fn plain_text(mail: &Mail) -> String {
    let lower = mail.raw.to_ascii_lowercase();
    let Some(at) = lower.find("content-type: text/plain") else { return mail.raw.clone() };
    // The part's headers stand around its content type; its body follows the next empty line.
    let head_start =
        mail.raw[..at].rfind("\n\n").map_or(0, |end| end + 2).max(mail.raw[..at].rfind("\n--").unwrap_or(0));
    let Some(body_start) = mail.raw[at..].find("\n\n").map(|end| at + end + 2) else { return String::new() };
    let head = &lower[head_start..body_start];
    let body = mail.raw[body_start..].split("\n--").next().unwrap_or("");
    if head.contains("transfer-encoding: quoted-printable") {
        let decoded = quoted_printable::decode(body, quoted_printable::ParseMode::Robust);
        return decoded.map_or_else(|_| body.to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned());
    }
    if head.contains("transfer-encoding: base64") {
        use base64::Engine as _;
        let joined: String = body.split_whitespace().collect();
        let decoded = base64::engine::general_purpose::STANDARD.decode(joined);
        return decoded.map_or_else(|_| body.to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned());
    }
    body.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_printable_part_is_decoded() {
        let raw = "Subject: x\nContent-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\n\
                   Content-Transfer-Encoding: quoted-printable\n\nqueue =E2=89=A5 100, long =\nline\n--b\nContent-Type: text/html\n\n<p>\n--b--\n";
        assert_eq!(plain_text(&Mail { raw: raw.into() }).trim(), "queue ≥ 100, long line");
    }
}
