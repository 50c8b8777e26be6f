//! A service that is told how to be slow, to stall or to refuse; only what a load asks for.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::{Config, quantile};

/// What it does to a retrieval.
type Behaviour = Arc<dyn Fn() -> u16 + Send + Sync>;

/// Answers until the process ends. Gives its address.
fn serve(behaviour: impl Fn() -> u16 + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let behaviour: Behaviour = Arc::new(behaviour);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let behaviour = Arc::clone(&behaviour);
            thread::spawn(move || converse(stream, &behaviour));
        }
    });
    url
}

fn converse(mut stream: TcpStream, behaviour: &Behaviour) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut requests = BufReader::new(stream.try_clone().ok()?);
    loop {
        let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
        requests.read_line(&mut first).ok().filter(|read| *read > 0)?;
        while line != "\r\n" {
            line.clear();
            requests.read_line(&mut line).ok().filter(|read| *read > 0)?;
            let header = line.to_ascii_lowercase();
            length = header.strip_prefix("content-length:").map_or(length, |value| value.trim().parse().unwrap_or(0));
        }
        let mut body = vec![0; length];
        requests.read_exact(&mut body).ok()?;
        let (status, body) = match first.split(' ').nth(1)? {
            "/auth/login" => (200, r#"{"access_token": "t"}"#),
            "/conversations" => (201, r#"{"conversation_id": "c", "metadata": {}}"#),
            "/api/v1/memory/update" => (201, r#"{"queue_id": "q", "status": "pending_summarization"}"#),
            _ => {
                let memory = r#"{"chat_id": "c", "user_confirmed": {}, "llm_inferred": {}, "general_summary": ""}"#;
                (behaviour(), memory)
            }
        };
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).ok()?;
    }
}

/// Objectives about retrievals only, so that what was measured does not depend on a database.
const OBJECTIVE: &str = "\
slos:
  - {name: fast, objective: 99%, window: 30d, operation: retrieval,
     latency: {histogram: 'chat_memory_request_duration_seconds{route=\"memory\"}', at_most: AT_MOST}}";

/// A tenth of `at_most` is how late the generator may be: on a machine with other work it needs room.
fn config(url: &str, at_most: &str) -> Config {
    let config = Config::new(url, "");
    let file = config.folder.path().join("memsentry.yaml");
    let text = std::fs::read_to_string(&file).expect("written");
    std::fs::write(file, format!("{text}{}\n", OBJECTIVE.replace("AT_MOST", at_most))).expect("written");
    config
}

const ALWAYS: [&str; 6] = ["--scenario", "retrieval", "--leave-data", "--yes", "--json", "--ignore-rate-limit"];

fn arguments<'a>(further: &[&'a str]) -> Vec<&'a str> {
    ALWAYS.iter().chain(further).copied().collect()
}

#[test]
fn a_stall_shows_in_open_loop_in_every_request_that_was_due_meanwhile() {
    let began = Instant::now();
    // Everything stands still for a second, a second after the first request.
    let first = Mutex::new(None::<Duration>);
    let url = serve(move || {
        let now = began.elapsed();
        let since = *first.lock().expect("not poisoned").get_or_insert(now);
        let (from, until) = (since + Duration::from_secs(1), since + Duration::from_secs(2));
        if now > from && now < until {
            thread::sleep(until - now);
        }
        200
    });
    let ended = config(&url, "500ms").load(&arguments(&["--rate", "50", "--duration", "4s"]));
    let report = ended.report();
    let latency = &report["sent"]["steps"][0]["latency"];
    // A quarter of the arrivals was due in that second, and waited for half of it on average.
    assert!(quantile(latency, 0.9) > 0.4, "{latency}");
    assert!(latency["max"].as_f64().expect("a number") > 0.9, "{latency}");
    assert!(quantile(latency, 0.5) < 0.1, "{latency}");
    assert_eq!(ended.code(), Some(1), "{}", report["judged"]);
}

#[test]
fn refusals_by_the_rate_limit_are_counted_apart_and_a_load_that_was_mostly_refused_is_no_verdict() {
    let count = Mutex::new(0_u32);
    let url = serve(move || {
        let mut count = count.lock().expect("not poisoned");
        *count += 1;
        if count.is_multiple_of(4) { 429 } else { 200 }
    });
    let config = config(&url, "1s");
    let on_purpose = config.load(&arguments(&["--rate", "40", "--duration", "2s"]));
    let report = on_purpose.report();
    let step = &report["sent"]["steps"][0];
    assert_eq!((&step["limited"], &step["failed"], &step["succeeded"]), (&20.into(), &0.into(), &60.into()));
    assert_eq!(on_purpose.code(), Some(0), "{}", report["judged"]);

    let kept: Vec<&str> = ALWAYS[..5].iter().chain(&["--rate", "1.5", "--duration", "6s"]).copied().collect();
    let ended = config.load(&kept);
    let judged = ended.report()["judged"].clone();
    assert_eq!((ended.code(), &judged["verdict"]), (Some(3), &"none".into()), "{judged}");
    assert!(judged["remarks"].to_string().contains("429"), "{judged}");
}

#[test]
fn a_service_that_cannot_take_the_rate_leaves_no_verdict_or_a_broken_objective_but_never_a_kept_one() {
    let url = serve(|| {
        thread::sleep(Duration::from_millis(90));
        200
    });
    // Two at a time of 90 ms each are 22 a second at most.
    let ended = config(&url, "1s").load(&arguments(&["--rate", "60", "--duration", "2s", "--in-flight", "2"]));
    let report = ended.report();
    assert!(report["sent"]["crowded"].as_u64() > Some(50), "{}", report["sent"]["crowded"]);
    assert!(report["judged"]["remarks"].to_string().contains("not reached"), "{}", report["judged"]);
    assert_eq!(ended.code(), Some(1), "{}", report["judged"]);
}

#[test]
fn a_search_finds_the_rate_that_a_slow_service_holds() {
    // One worker of 20 ms, that is 50 a second.
    let worker = (Mutex::new(false), Condvar::new());
    let url = serve(move || {
        let (busy, free) = &worker;
        let mut mine = free.wait_while(busy.lock().expect("not poisoned"), |busy| *busy).expect("not poisoned");
        *mine = true;
        drop(mine);
        thread::sleep(Duration::from_millis(20));
        *busy.lock().expect("not poisoned") = false;
        free.notify_one();
        200
    });
    let further = ["--profile", "breakpoint", "--rate", "20", "--duration", "3s"];
    let ended = config(&url, "250ms").load(&arguments(&further));
    let found = ended.report()["search"]["found"].clone();
    let holds = found["holds"].as_f64().unwrap_or(0.0);
    // A backlog of a quarter of a second may build up in a step.
    assert!(found["confirmed"] == true && holds > 25.0 && holds < 58.0, "{found}: {}", ended.talk());
    assert!(found["breaks"].as_f64().is_some_and(|breaks| breaks > holds), "{found}");
    assert_eq!(ended.code(), Some(0), "{found}");
}
