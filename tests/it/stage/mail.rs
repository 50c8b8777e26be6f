//! A mail as received, and its parts as its reader would see them.

use base64::Engine as _;

/// One message.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Headers and body with plain line ends.
    pub raw: String,
}

impl Mail {
    /// The value of a header, continuation lines joined.
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.raw.split("\n\n").next().unwrap_or_default();
        header(head, name)
    }

    pub fn text(&self) -> String {
        self.part("text/plain")
    }

    pub fn html(&self) -> String {
        self.part("text/html")
    }

    /// The picture inside the mail.
    pub fn picture(&self) -> Vec<u8> {
        self.bytes("image/png")
    }

    fn part(&self, kind: &str) -> String {
        String::from_utf8(self.bytes(kind)).expect("UTF-8")
    }

    /// The first part of this type, decoded, however deep it lies.
    fn bytes(&self, kind: &str) -> Vec<u8> {
        let boundaries = self.raw.split("boundary=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let parts =
            boundaries.flat_map(|boundary| self.raw.split(&format!("\n--{boundary}")).skip(1).collect::<Vec<_>>());
        let mut parts = parts.filter_map(|part| part.trim_start_matches('\n').split_once("\n\n"));
        let part = parts.find(|(head, _)| header(head, "Content-Type").is_some_and(|value| value.starts_with(kind)));
        let (head, body) = part.unwrap_or_else(|| panic!("no part {kind}:\n{}", self.raw));
        match header(head, "Content-Transfer-Encoding").unwrap_or_default().as_str() {
            "quoted-printable" => {
                quoted_printable::decode(body, quoted_printable::ParseMode::Robust).expect("quoted-printable")
            }
            "base64" => {
                let joined: String = body.split_whitespace().collect();
                base64::engine::general_purpose::STANDARD.decode(joined).expect("base64")
            }
            _ => body.as_bytes().to_vec(),
        }
    }
}

fn header(head: &str, name: &str) -> Option<String> {
    let mut value: Option<String> = None;
    for line in head.lines() {
        match (&mut value, line.split_once(':')) {
            (Some(value), _) if line.starts_with([' ', '\t']) => value.push_str(line.trim_end()),
            (Some(_), _) => break,
            (None, Some((key, rest))) if key.eq_ignore_ascii_case(name) => value = Some(rest.trim().to_owned()),
            _ => {}
        }
    }
    value
}

#[test]
fn the_parts_of_a_mail_are_decoded() {
    let raw = "Subject: a\n b\nContent-Type: multipart/alternative; boundary=\"x\"\n\n--x\nContent-Type: text/plain\n\
               Content-Transfer-Encoding: quoted-printable\n\n=E2=89=A5 long=\n line\n--x\nContent-Type: text/html\n\n\
               <p>\n--x--\n";
    let mail = Mail { raw: raw.into() };
    assert_eq!(mail.header("subject").as_deref(), Some("a b"));
    assert_eq!((mail.text().trim(), mail.html().trim()), ("≥ long line", "<p>"));
}
