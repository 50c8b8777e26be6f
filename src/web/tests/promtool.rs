//! Debian's promtool queries the API as it queries Prometheus, and finds `/metrics` clean.

use std::process::{Output, Stdio};

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::sample::Sample;
use super::served::Served;

/// What it prints, `None` where promtool is not installed. `URL` stands for the server.
async fn promtool(served: &Served, arguments: &[&str], input: &str) -> Option<Output> {
    let url = format!("http://{}", served.address);
    let arguments = arguments.iter().map(|argument| if *argument == "URL" { &url } else { *argument });
    let mut command = Command::new("promtool");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        eprintln!("promtool is not installed, nothing was checked");
        return None;
    };
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await.expect("it reads");
    }
    Some(child.wait_with_output().await.expect("it ends"))
}

#[tokio::test]
async fn promtool_queries_it_as_it_queries_prometheus() {
    let served = Served::start(Sample::default()).await;
    let selector = r#"chat_memory_queue_depth{target="production"}"#;
    let (start, end) = ("--start=1795403393", "--end=1795403403");
    for (arguments, expected) in [
        (
            vec!["query", "instant", "--time=1795403403", "URL", selector],
            "chat_memory_queue_depth{target=\"production\"} => 214 @[1795403403]\n",
        ),
        (
            vec!["query", "range", start, end, "--step=5s", "URL", "memsentry_store_up"],
            "memsentry_store_up =>\n1 @[1795403393]\n1 @[1795403398]\n1 @[1795403403]\n",
        ),
        (
            vec!["query", "series", "--match=memsentry_store_up", start, end, "URL"],
            "{__name__=\"memsentry_store_up\"}\n",
        ),
        (vec!["query", "labels", start, end, "URL", "target"], "production\nstaging\n"),
    ] {
        let Some(output) = promtool(&served, &arguments, "").await else { return };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{arguments:?}");
    }
    let Some(output) = promtool(&served, &["query", "instant", "URL", "sum("], "").await else { return };
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("parse error"), "{output:?}");
}

#[tokio::test]
async fn promtool_finds_the_exposition_clean() {
    let served = Served::start(Sample::default()).await;
    let exposition = served.get("/metrics").await.body;
    let Some(output) = promtool(&served, &["check", "metrics"], &exposition).await else { return };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}
