//! A mail server for the demo: takes every message, keeps it, delivers it nowhere.
//!
//! Speaks as much of RFC 5321 as a client needs that sends without TLS or authentication. Messages and
//! lines are bounded; loopback only.

use std::io;
use std::net::SocketAddr;
use std::time::Duration as StdDuration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::model::task::Spawner;

/// Longest message, in bytes.
const LONGEST: usize = 4 * 1024 * 1024;
/// Longest wait for a client's next line.
const PATIENCE: StdDuration = StdDuration::from_secs(30);

/// One message as received.
#[derive(Debug, Clone)]
pub(super) struct Mail {
    /// Headers and body, dot-stuffing undone.
    pub(super) raw: String,
}

impl Mail {
    /// The value of a header, continuation lines joined.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let mut value: Option<String> = None;
        for line in self.raw.lines().take_while(|line| !line.is_empty()) {
            match (&mut value, line.split_once(':')) {
                (Some(value), _) if line.starts_with([' ', '\t']) => value.push_str(line.trim_end()),
                (Some(_), _) => break,
                (None, Some((key, rest))) if key.eq_ignore_ascii_case(name) => value = Some(rest.trim().to_owned()),
                _ => {}
            }
        }
        value
    }
}

/// A listener on a free loopback port.
pub(super) async fn bind() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Takes connections for ever and hands every message to `mails`.
pub(super) async fn serve(listener: TcpListener, mails: mpsc::Sender<Mail>, spawn: Spawner) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let mails = mails.clone();
            spawn(
                "smtp sink connection",
                Box::pin(async move {
                    // A client that breaks off is its own affair.
                    let _ = session(stream, &mails).await;
                }),
            );
        }
    }
}

async fn session(stream: TcpStream, mails: &mpsc::Sender<Mail>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read.take(2 * LONGEST as u64));
    write.write_all(b"220 memsentry demo sink\r\n").await?;
    let mut line = String::new();
    loop {
        line.clear();
        if timeout(PATIENCE, read.read_line(&mut line)).await?? == 0 {
            return Ok(());
        }
        let verb = line.split([' ', ':', '\r', '\n']).next().unwrap_or("").to_ascii_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "EHLO" => b"250-memsentry demo sink\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
            "HELO" | "MAIL" | "RCPT" | "RSET" | "NOOP" => b"250 fine\r\n",
            "DATA" => {
                write.write_all(b"354 go ahead, end with a dot\r\n").await?;
                let raw = message(&mut read).await?;
                let _ = mails.send(Mail { raw }).await;
                b"250 kept\r\n"
            }
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => b"502 not known here\r\n",
        };
        write.write_all(answer).await?;
    }
}

async fn message(read: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<String> {
    let mut raw = String::new();
    let mut line = String::new();
    loop {
        line.clear();
        if timeout(PATIENCE, read.read_line(&mut line)).await?? == 0 || raw.len() > LONGEST {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let content = line.trim_end_matches(['\r', '\n']);
        if content == "." {
            return Ok(raw);
        }
        raw.push_str(content.strip_prefix('.').unwrap_or(content));
        raw.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_found_over_several_lines() {
        let mail = Mail { raw: "From: a\nSubject: one\n two\nTo: b\n\nSubject: not me\n".into() };
        assert_eq!(mail.header("subject").as_deref(), Some("one two"));
        assert_eq!(mail.header("Cc"), None);
    }
}
