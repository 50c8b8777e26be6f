//! The demo tells its whole story: broken, paged, healed, resolved.

use std::fs::File;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::stage::{Process, until};

/// One part of the story after the other; each has the time that whatever a test waits for has.
const STORY: [&str; 4] = [
    "--- breaking it",
    "webhook: firing {}:{alertname=\"WorkerStalled\"}",
    "--- healing it",
    "the whole story was told: broken, paged, healed, resolved",
];

#[tokio::test]
async fn a_stopped_worker_is_broken_paged_healed_and_resolved() {
    let folder = tempfile::tempdir().expect("a folder");
    let [told, summary] = ["told", "summary"].map(|name| folder.path().join(name));
    let mut demo = Process::start(
        Command::new(env!("CARGO_BIN_EXE_memsentry"))
            .args(["demo", "--break", "worker", "--for", "10m", "--json"])
            .stdin(Stdio::null())
            .stdout(File::create(&summary).expect("a file"))
            .stderr(File::create(&told).expect("a file")),
    );
    let text = |path| std::fs::read_to_string(path).unwrap_or_default();
    for part in STORY {
        until(part, || async { text(&told).contains(part).then_some(()) }).await;
    }
    demo.signal("INT");
    let code = until("the end", || std::future::ready(demo.ended())).await;
    assert_eq!(code, 0, "{}", text(&told));
    let summary: Value = serde_json::from_str(&text(&summary)).expect("a line of JSON");
    for list in ["fired", "resolved"] {
        let names = summary[list].as_array().expect("names");
        assert!(names.contains(&"WorkerStalled".into()), "{list}: {summary}");
    }
}
