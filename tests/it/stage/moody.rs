//! A webhook and a mail server in changing moods: they take messages, refuse connections, answer that they are busy,
//! hang, or cut off in the middle. A message counts as accepted when its answer was written.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::Rng as _;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How it feels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Takes everything.
    Fine,
    /// Takes no connection.
    Refuses,
    /// 503 and 429, or 451.
    Busy,
    /// Says nothing until the mood changes, then goes away.
    Hangs,
    /// Goes away in the middle.
    Cuts,
}

/// What was accepted: key and text.
type Accepted = Arc<Mutex<Vec<(String, String)>>>;

/// A listening server; ends with the test's runtime.
pub struct Moody {
    pub address: SocketAddr,
    mood: watch::Sender<Mood>,
    accepted: Accepted,
}

impl Moody {
    /// One that speaks HTTP.
    pub async fn http() -> Self {
        Self::start(false).await
    }

    /// One that speaks SMTP.
    pub async fn smtp() -> Self {
        Self::start(true).await
    }

    async fn start(mail: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let (mood, watched) = watch::channel(Mood::Fine);
        let accepted = Accepted::default();
        let kept = Arc::clone(&accepted);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *watched.borrow() == Mood::Refuses {
                    continue;
                }
                let session = Session { mood: watched.clone(), accepted: Arc::clone(&kept) };
                // A client that breaks off is its own affair.
                tokio::spawn(async move { if mail { session.smtp(client).await } else { session.http(client).await } });
            }
        });
        Self { address, mood, accepted }
    }

    /// How it feels from now on.
    pub fn feels(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// Changes its mood at random for as long as it is polled; mostly it is fine.
    pub async fn swings(&self) {
        loop {
            let (wait, mood) = {
                let mut random = rand::rng();
                let mood = match random.random_range(0..16) {
                    0 => Mood::Refuses,
                    1 | 2 => Mood::Busy,
                    3 => Mood::Hangs,
                    4 => Mood::Cuts,
                    _ => Mood::Fine,
                };
                (random.random_range(50..400), mood)
            };
            self.feels(mood);
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
    }

    /// Everything accepted so far, in order.
    pub fn accepted(&self) -> Vec<(String, String)> {
        self.accepted.lock().expect("unharmed").clone()
    }
}

struct Session {
    mood: watch::Receiver<Mood>,
    accepted: Accepted,
}

impl Session {
    /// Answers as it feels: `fine` and the message is accepted, or `busy`. Answers whether the conversation goes on.
    async fn answer(
        &mut self,
        write: &mut (impl AsyncWrite + Unpin),
        (fine, busy): (&str, &str),
        message: (String, String),
    ) -> io::Result<bool> {
        let mood = *self.mood.borrow_and_update();
        match mood {
            Mood::Fine | Mood::Refuses => {
                write.write_all(fine.as_bytes()).await?;
                self.accepted.lock().expect("unharmed").push(message);
                Ok(true)
            }
            Mood::Busy => write.write_all(busy.as_bytes()).await.map(|()| true),
            Mood::Hangs => {
                let _ = self.mood.changed().await;
                Ok(false)
            }
            Mood::Cuts => Ok(false),
        }
    }

    async fn http(mut self, client: TcpStream) -> io::Result<()> {
        let (read, mut write) = client.into_split();
        let mut read = BufReader::new(read);
        loop {
            let (mut key, mut length) = (String::new(), 0_usize);
            loop {
                let mut line = String::new();
                if read.read_line(&mut line).await? == 0 {
                    return Ok(());
                }
                match line.trim_end().split_once(": ") {
                    Some((name, value)) if name.eq_ignore_ascii_case("idempotency-key") => value.clone_into(&mut key),
                    Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                        length = value.parse().unwrap_or_default();
                    }
                    _ if line.trim_end().is_empty() => break,
                    _ => {}
                }
            }
            if *self.mood.borrow() == Mood::Cuts {
                return Ok(());
            }
            let mut body = vec![0; length];
            read.read_exact(&mut body).await?;
            let fine = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            let busy = if length.is_multiple_of(2) {
                "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"
            } else {
                "HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n"
            };
            let message = (key, String::from_utf8_lossy(&body).into_owned());
            if !self.answer(&mut write, (fine, busy), message).await? {
                return Ok(());
            }
        }
    }

    async fn smtp(mut self, client: TcpStream) -> io::Result<()> {
        let (read, mut write) = client.into_split();
        let mut read = BufReader::new(read);
        write.write_all(b"220 moody\r\n").await?;
        let mut line = String::new();
        loop {
            line.clear();
            if read.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let verb = line.split([' ', ':', '\r', '\n']).next().unwrap_or_default().to_ascii_uppercase();
            let answer: &[u8] = match verb.as_str() {
                "EHLO" => b"250-moody\r\n250 8BITMIME\r\n",
                "HELO" | "MAIL" | "RCPT" | "RSET" | "NOOP" => b"250 fine\r\n",
                "DATA" => {
                    write.write_all(b"354 go ahead\r\n").await?;
                    let raw = mail(&mut read).await?;
                    let key = raw.lines().find_map(|line| line.strip_prefix("X-Memsentry-Key: "));
                    let message = (key.unwrap_or_default().trim().to_owned(), raw.clone());
                    if !self.answer(&mut write, ("250 kept\r\n", "451 busy\r\n"), message).await? {
                        return Ok(());
                    }
                    continue;
                }
                "QUIT" => return write.write_all(b"221 bye\r\n").await,
                _ => b"502 not known here\r\n",
            };
            write.write_all(answer).await?;
        }
    }
}

async fn mail(read: &mut (impl AsyncBufRead + Unpin)) -> io::Result<String> {
    let (mut raw, mut line) = (String::new(), String::new());
    loop {
        line.clear();
        if read.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line.trim_end() == "." {
            return Ok(raw);
        }
        raw.push_str(&line);
    }
}
