//! Rate limit, sizes and lifetimes.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::service::{PATIENCE, Service};

#[tokio::test]
async fn the_101st_request_of_a_minute_is_refused_bare_and_another_user_is_not() {
    let service = Service::start(&["--rate-limit", "100"]).await;
    let (user, other) = (service.probe().await, service.other().await);
    let chat = user.conversation().await;
    for n in 0..99_u32 {
        // POST and GET share the window, and so do answers that are no success.
        let answer = match n % 3 {
            0 => user.send(&chat, "text").await,
            1 => user.send(&chat, "").await,
            _ => user.read(&chat).await,
        };
        assert_ne!(answer.status(), StatusCode::TOO_MANY_REQUESTS, "request {n}");
    }
    for refused in [user.read(&chat).await, user.send(&chat, "text").await] {
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        let headers = refused.headers();
        assert!(!headers.contains_key("retry-after") && !headers.contains_key("x-ratelimit-limit"));
        assert!(refused.json::<Value>().await.unwrap()["detail"].is_string());
    }
    assert_eq!(other.request(Method::GET, "/api/v1/memory/none").send().await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn room_comes_back_when_the_window_has_slid() {
    let service = Service::start(&["--rate-limit", "3", "--rate-window", "400ms"]).await;
    let user = service.probe().await;
    let full = async || {
        while user.read("none").await.status() != StatusCode::TOO_MANY_REQUESTS {}
    };
    tokio::time::timeout(PATIENCE, full()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(450)).await;
    assert_eq!(user.read("none").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_token_is_refused_when_its_time_is_over() {
    let service = Service::start(&["--token-lifetime", "1s"]).await;
    let user = service.probe().await;
    let waiting = async {
        while user.read("none").await.status() != StatusCode::UNAUTHORIZED {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    assert_eq!(user.read("none").await.json::<Value>().await.unwrap()["detail"], "Token has expired");
    assert_eq!(service.probe().await.read("none").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_snippet_is_cleaned_and_cut_without_a_word() {
    let service = Service::start(&["--workers", "0"]).await;
    let user = service.probe().await;
    let chat = user.conversation().await;
    user.update(&chat, &format!("\u{0}\u{1b}[1m{}", "é".repeat(9_000))).await;
    let stored: String = service.value("SELECT new_context_snippet FROM chat_context_queue").await;
    assert_eq!(stored, format!("[1m{}", "é".repeat(7_997)));
}

#[tokio::test]
async fn a_chat_that_grows_too_long_asks_for_a_new_one_and_keeps_its_facts() {
    let service = Service::start(&[]).await;
    let user = service.probe().await;
    let chat = user.conversation().await;
    user.update(&chat, "My name is Ada.").await;
    for part in 0..5 {
        user.update(&chat, &(0..1_000).map(|n| format!("W{part}{n:03}.")).collect::<Vec<_>>().join(" ")).await;
    }
    service.settled().await;
    let memory = user.memory(&chat).await;
    assert!(memory["general_summary"].as_str().unwrap().contains("start a new chat"), "{memory}");
    assert_eq!(memory["user_confirmed"], json!({"name": "Ada"}));
    assert!(service.value::<i32>("SELECT token_count FROM chat_metadata").await > 8_000);

    user.update(&chat, "One more.").await;
    service.settled().await;
    assert_eq!(user.memory(&chat).await["general_summary"], memory["general_summary"]);
}
