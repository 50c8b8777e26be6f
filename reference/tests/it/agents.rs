//! The agent behind the Messages API, against a fixture that answers as the test wants.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::service::{Service, command, ended};

const KEY: &str = "sk-test-0123456789";

/// What the fixture has seen, and what it still has to say; the last answer is said again and again.
#[derive(Default)]
struct Script {
    asked: Vec<(HeaderMap, Value)>,
    answers: VecDeque<(u16, Value)>,
}

struct Fixture {
    url: String,
    script: Arc<Mutex<Script>>,
    _server: JoinSet<()>,
}

async fn fixture(answers: impl IntoIterator<Item = (u16, Value)>) -> Fixture {
    let script = Arc::new(Mutex::new(Script { answers: answers.into_iter().collect(), ..Script::default() }));
    let answer = async |State(script): State<Arc<Mutex<Script>>>, headers: HeaderMap, Json(body): Json<Value>| {
        let mut script = script.lock().unwrap();
        script.asked.push((headers, body));
        let (status, answer) =
            if script.answers.len() > 1 { script.answers.pop_front() } else { script.answers.front().cloned() }
                .unwrap();
        (StatusCode::from_u16(status).unwrap(), Json(answer))
    };
    let router = Router::new().route("/v1/messages", post(answer)).with_state(script.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, router).await.unwrap() });
    Fixture { url, script, _server: server }
}

fn says(text: &str) -> (u16, Value) {
    (
        200,
        json!({"type": "message", "role": "assistant", "stop_reason": "end_turn",
                 "content": [{"type": "text", "text": text}]}),
    )
}

fn memory(confirmed: Value, inferred: Value, summary: &str) -> String {
    json!({"user_confirmed": confirmed, "llm_inferred": inferred, "general_summary": summary}).to_string()
}

async fn service(fixture: &Fixture, more: &[&str]) -> (Service, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("key");
    std::fs::write(&key, format!("{KEY}\n")).unwrap();
    let key = key.to_str().unwrap();
    let mut arguments = vec!["--agent", "anthropic", "--anthropic-url", &fixture.url, "--anthropic-key-file", key];
    arguments.extend(more);
    (Service::start(&arguments).await, directory)
}

#[tokio::test]
async fn the_model_is_asked_as_the_api_wants_and_builds_on_the_prior_memory() {
    let fixture = fixture([
        says(&memory(json!({"name": "Ada"}), json!({}), "They met.")),
        says(&memory(json!({"home": "Bern"}), json!({"mood": "calm"}), "They met in Bern.")),
    ])
    .await;
    let (service, _directory) = service(&fixture, &["--anthropic-model", "some-model"]).await;
    let user = service.probe().await;
    let chat = user.conversation().await;
    user.update(&chat, "My name is Ada.").await;
    user.update(&chat, "I live in Bern.").await;
    service.settled().await;
    let read = user.memory(&chat).await;
    assert_eq!(read["user_confirmed"], json!({"name": "Ada", "home": "Bern"}));
    assert_eq!(
        (&read["llm_inferred"], &read["general_summary"]),
        (&json!({"mood": "calm"}), &json!("They met in Bern."))
    );

    let script = fixture.script.lock().unwrap();
    assert_eq!(script.asked.len(), 2);
    let (headers, body) = &script.asked[1];
    assert_eq!(
        (&headers["x-api-key"], &headers["anthropic-version"]),
        (&KEY.parse().unwrap(), &"2023-06-01".parse().unwrap())
    );
    assert_eq!((&body["model"], &body["temperature"]), (&json!("some-model"), &json!(0.2)));
    assert!(body["max_tokens"].as_u64().unwrap() > 0 && body["system"].is_string());
    let task = body["messages"][0]["content"].as_str().unwrap();
    assert!(task.contains("Ada") && task.contains("They met.") && task.contains("I live in Bern."), "{task}");
}

#[tokio::test]
async fn talk_around_the_json_is_repaired_and_nonsense_asked_about_once_more() {
    let fenced = format!("Sure!\n```json\n{}\n```", memory(json!({"a": "1"}), json!({}), "Fenced."));
    let fixture = fixture([says("As a model, I cannot."), says(&fenced)]).await;
    let (service, _directory) = service(&fixture, &[]).await;
    let user = service.probe().await;
    let chat = user.conversation().await;
    user.update(&chat, "We met.").await;
    service.settled().await;
    assert_eq!(user.memory(&chat).await["general_summary"], "Fenced.");
    let script = fixture.script.lock().unwrap();
    let messages = script.asked[1].1["messages"].as_array().unwrap();
    let roles: Vec<_> = messages.iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant", "user"]);
    assert_eq!(messages[1]["content"], "As a model, I cannot.");
}

#[tokio::test]
async fn answers_that_stay_nonsense_fail_the_row_and_wipe_nothing() {
    let fixture =
        fixture([says(&memory(json!({"name": "Ada"}), json!({}), "Before.")), says("{\"user_confirmed\": {}}")]).await;
    let (service, _directory) = service(&fixture, &["--max-retries", "1"]).await;
    let user = service.probe().await;
    let chat = user.conversation().await;
    user.update(&chat, "My name is Ada.").await;
    service.settled().await;
    user.update(&chat, "More.").await;
    service.settled().await;
    let memory = user.memory(&chat).await;
    assert_eq!((&memory["user_confirmed"]["name"], &memory["general_summary"]), (&json!("Ada"), &json!("Before.")));
    let message: String = service.value("SELECT error_message FROM chat_context_queue WHERE status = 'failed'").await;
    assert!(message.contains("llm_inferred is missing"), "{message}");
}

#[tokio::test]
async fn an_overloaded_or_cut_off_model_is_retried_and_the_key_is_never_shown() {
    let cut = (200, json!({"stop_reason": "max_tokens", "content": [{"type": "text", "text": "{"}]}));
    let overloaded = (529, json!({"type": "error", "error": {"type": "overloaded_error", "message": KEY}}));
    let fixture = fixture([overloaded, cut, says(&memory(json!({}), json!({}), "At last."))]).await;
    let (service, _directory) = service(&fixture, &["--retry-backoff", "500ms"]).await;
    let user = service.probe().await;
    let chat = user.conversation().await;
    user.update(&chat, "We met.").await;
    for problem in ["%529%overloaded_error%", "%cut off%"] {
        let sql = "SELECT EXISTS (SELECT FROM chat_context_queue WHERE error_message LIKE $1)";
        while !sqlx::query_scalar::<_, bool>(sql).bind(problem).fetch_one(&service.sql).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    service.settled().await;
    assert_eq!(user.memory(&chat).await["general_summary"], "At last.");
    let log = service.log();
    assert!(log.contains("not summarised") && !log.contains(KEY), "{log}");
}

#[tokio::test]
async fn without_a_key_the_service_says_where_it_looked() {
    let mut command = command(&["--agent", "anthropic"]);
    command.env_remove("ANTHROPIC_API_KEY");
    let (code, said) = ended(command).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("ANTHROPIC_API_KEY") && said.contains("--anthropic-key-file"), "{said}");
}
