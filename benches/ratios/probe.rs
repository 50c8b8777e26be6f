//! What a probe adds to a server that answers after 50 ms, beside a bare socket that asks the same server.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use memsentry::memory_api::{Client, Settings};
use memsentry::metrics::Registry;
use memsentry::model::{Clock, Secret, Stopwatch};

use super::stats::{median, percentile, timed};
use super::table::{Peer, Table};

const PAUSE: Duration = Duration::from_millis(50);
const REQUESTS: usize = 100;
const ANSWER: &str = r#"{"status": "healthy", "services": {"database": "healthy"}}"#;

pub fn measure(table: &mut Table) {
    let address = serve();
    let request = format!("GET /health HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let mut stream = TcpStream::connect(&address).expect("the server listens");
    let mut answer = [0; 1024];
    let mut bare = Vec::new();
    for _ in 0..REQUESTS {
        let (_, took) = timed(|| {
            stream.write_all(request.as_bytes()).expect("the server reads");
            stream.read(&mut answer).expect("the server answers")
        });
        bare.push(overhead(took));
    }
    drop(stream);

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let mut settings = Settings::new(format!("http://{address}"));
    settings.token = Some(Secret::new("token".to_owned()));
    settings.requests_per_minute = 1_000_000;
    let client = Client::new("bench", &settings, &Registry::new(), Clock::system()).expect("valid settings");
    let (mut ours, before) = (Vec::new(), processor_seconds());
    for _ in 0..REQUESTS {
        let watch = Stopwatch::start();
        runtime.block_on(client.health()).expect("the server answers");
        ours.push(overhead(watch.elapsed()));
    }
    #[allow(clippy::cast_precision_loss)]
    let processor = (processor_seconds() - before) * 1000.0 / REQUESTS as f64;
    let peer = |figure| Some(Peer { name: "bare socket", figure, aim: None });
    table.row("health request, added to 50 ms, median", "ms", median(&ours), peer(median(&bare)));
    let (ours, bare) = (percentile(&ours, 0.99), percentile(&bare, 0.99));
    table.row("health request, added to 50 ms, 99th percentile", "ms", ours, peer(bare));
    table.row("health request, processor time of both sides", "ms", processor, None);
}

fn overhead(took: Duration) -> f64 {
    took.saturating_sub(PAUSE).as_secs_f64() * 1000.0
}

/// Answers every request on every connection after the pause; ends with the process.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                while matches!(stream.read(&mut request), Ok(length) if length > 0) {
                    std::thread::sleep(PAUSE);
                    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length:";
                    let answer = format!("{head} {}\r\n\r\n{ANSWER}", ANSWER.len());
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// User and system time of this process, from `/proc`; ticks are hundredths of a second.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
