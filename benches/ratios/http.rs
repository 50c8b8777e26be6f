//! The least HTTP that the measurements need: one request on one connection, and a server on loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// The body of the answer, if it came with a status of 2xx.
pub fn get(address: &str, path: &str) -> Option<String> {
    send(address, &format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n"), &[])
}

/// Posts a body with extra header lines, each ended by CRLF.
pub fn post(address: &str, path: &str, headers: &str, body: &[u8]) -> Option<String> {
    let length = body.len();
    send(
        address,
        &format!("POST {path} HTTP/1.0\r\nHost: {address}\r\n{headers}Content-Length: {length}\r\n\r\n"),
        body,
    )
}

fn send(address: &str, head: &str, body: &[u8]) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    if !head.split(' ').nth(1)?.starts_with('2') {
        eprintln!("{address}: {}: {body}", head.lines().next().unwrap_or_default());
        return None;
    }
    Some(body.to_owned())
}

/// Answers every request with what `answer` says to its body, status 200, until the process ends. Gives its address.
pub fn serve(kind: &'static str, answer: impl Fn(&[u8]) -> String + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || converse(stream, kind, &*answer));
        }
    });
    address
}

fn converse(mut stream: TcpStream, kind: &str, answer: &dyn Fn(&[u8]) -> String) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut requests = BufReader::new(stream.try_clone().ok()?);
    loop {
        let (mut length, mut line) = (0, String::new());
        while line != "\r\n" {
            line.clear();
            if requests.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let header = line.to_ascii_lowercase();
            length = header.strip_prefix("content-length:").map_or(length, |value| value.trim().parse().unwrap_or(0));
        }
        let mut body = vec![0; length];
        requests.read_exact(&mut body).ok()?;
        let answer = answer(&body);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", answer.len());
        stream.write_all((head + &answer).as_bytes()).ok()?;
    }
}

/// The value of a series in the text format; the series as it is written there.
pub fn value(metrics: &str, series: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.trim().parse().ok())
}

/// How many series a text has.
pub fn series_in(metrics: &str) -> usize {
    metrics.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).count()
}
