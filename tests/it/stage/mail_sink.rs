//! A mail server that takes every message and delivers it nowhere.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::{Mail, until};

/// A listening server; ends with the test's runtime.
pub struct MailSink {
    pub address: SocketAddr,
    mails: Arc<Mutex<Vec<Mail>>>,
}

impl MailSink {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let mails = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&mails);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A client that breaks off is its own affair.
                let kept = Arc::clone(&kept);
                tokio::spawn(async move { session(client, &kept).await });
            }
        });
        Self { address, mails }
    }

    pub fn mails(&self) -> Vec<Mail> {
        self.mails.lock().expect("unharmed").clone()
    }

    /// Waits for the mail about `alert` that is over (`RESOLVED`) or not (any other mark).
    pub async fn told(&self, alert: &str, mark: &str) -> Mail {
        let is = |mail: &Mail| {
            let subject = mail.header("Subject").unwrap_or_default();
            subject.starts_with("[RESOLVED]") == (mark == "RESOLVED") && subject.contains(alert)
        };
        until(&format!("a mail about {alert}, {mark}"), || async { self.mails().into_iter().find(is) }).await
    }
}

async fn session(client: TcpStream, mails: &Mutex<Vec<Mail>>) -> io::Result<()> {
    let (read, mut write) = client.into_split();
    let mut read = BufReader::new(read);
    write.write_all(b"220 test sink\r\n").await?;
    let mut line = String::new();
    loop {
        line.clear();
        if read.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let verb = line.split([' ', ':', '\r', '\n']).next().unwrap_or_default().to_ascii_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "EHLO" => b"250-test sink\r\n250 8BITMIME\r\n",
            "HELO" | "MAIL" | "RCPT" | "RSET" | "NOOP" => b"250 fine\r\n",
            "DATA" => {
                write.write_all(b"354 go ahead\r\n").await?;
                let raw = message(&mut read).await?;
                mails.lock().expect("unharmed").push(Mail { raw });
                b"250 kept\r\n"
            }
            "QUIT" => return write.write_all(b"221 bye\r\n").await,
            _ => b"502 not known here\r\n",
        };
        write.write_all(answer).await?;
    }
}

async fn message(read: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<String> {
    let (mut raw, mut line) = (String::new(), String::new());
    loop {
        line.clear();
        if read.read_line(&mut line).await? == 0 {
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
