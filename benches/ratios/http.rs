//! The least HTTP that the measurements need: one request on one connection.

use std::io::{Read, Write};
use std::net::TcpStream;
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

/// The value of a series in the text format; the series as it is written there.
pub fn value(metrics: &str, series: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.trim().parse().ok())
}

/// How many series a text has.
pub fn series_in(metrics: &str) -> usize {
    metrics.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).count()
}
