//! The queue: order, several workers, failures, crashes.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::service::{Service, database};

#[tokio::test]
async fn two_workers_and_a_second_process_keep_the_order_of_each_chat_and_do_nothing_twice() {
    let url = database().await;
    let first = Service::start_on(&url, &["--workers", "2"]).await;
    let second = Service::start_on(&url, &["--workers", "2"]).await;
    for service in [&first, &second] {
        service.break_it(json!({"worker": "stopped"})).await;
    }
    let user = first.probe().await;
    let mut chats = Vec::new();
    for _ in 0..6 {
        chats.push(user.conversation().await);
    }
    for step in 0..20 {
        for chat in &chats {
            user.update(chat, &format!("Step {step:02}.")).await;
        }
    }
    for service in [&first, &second] {
        service.heal().await;
    }
    first.settled().await;
    let expected: Vec<_> = (0..20).map(|step| format!("Step {step:02}.")).collect();
    for chat in &chats {
        assert_eq!(user.memory(chat).await["general_summary"], expected.join(" "));
    }
    let order = "SELECT NOT EXISTS (SELECT FROM chat_context_queue a JOIN chat_context_queue b USING (chat_id)
                 WHERE a.created_at < b.created_at AND a.processed_at > b.processed_at)";
    assert!(first.value::<bool>(order).await);
}

#[tokio::test]
async fn one_worker_takes_the_oldest_first_over_all_chats() {
    let service = Service::start(&[]).await;
    service.break_it(json!({"worker": "stopped"})).await;
    let user = service.probe().await;
    let chats = [user.conversation().await, user.conversation().await, user.conversation().await];
    for n in 0..60 {
        user.update(&chats[n % 3], &format!("Step {n}.")).await;
    }
    service.heal().await;
    service.settled().await;
    let order =
        "SELECT array_agg(id ORDER BY created_at) = array_agg(id ORDER BY processed_at) FROM chat_context_queue";
    assert!(service.value::<bool>(order).await);
}

#[tokio::test]
async fn a_failing_row_is_retried_up_to_the_cap_and_others_pass_it() {
    let service = Service::start(&["--max-retries", "2"]).await;
    let user = service.probe().await;
    let (bad, good) = (user.conversation().await, user.conversation().await);
    service.break_it(json!({"agent": "fail"})).await;
    user.update(&bad, "This one fails.").await;
    service
        .until("SELECT status = 'failed' AND retry_count = 2 AND processed_at IS NULL FROM chat_context_queue")
        .await;
    let message: String = service.value("SELECT error_message FROM chat_context_queue").await;
    assert!(message.contains("cannot be reached"), "{message}");

    service.heal().await;
    user.update(&good, "This one passes.").await;
    user.update(&bad, "The chat goes on.").await;
    service.settled().await;
    assert_eq!(user.memory(&good).await["general_summary"], "This one passes.");
    assert_eq!(user.memory(&bad).await["general_summary"], "The chat goes on.");
    assert_eq!(service.value::<i64>("SELECT count(*) FROM chat_context_queue WHERE status = 'failed'").await, 1);
}

#[tokio::test]
async fn a_chat_whose_row_waits_for_its_retry_holds_up_nobody_else_and_keeps_its_order() {
    let service = Service::start(&["--retry-backoff", "700ms"]).await;
    let user = service.probe().await;
    let (bad, good) = (user.conversation().await, user.conversation().await);
    service.break_it(json!({"agent": "fail"})).await;
    user.update(&bad, "First.").await;
    service.until("SELECT retry_count = 1 FROM chat_context_queue").await;
    service.heal().await;
    user.update(&bad, "Second.").await;
    user.update(&good, "Other.").await;
    service.until("SELECT count(*) = 1 FROM chat_context_queue WHERE status = 'complete'").await;
    assert_eq!(user.memory(&good).await["general_summary"], "Other.");
    service.settled().await;
    assert_eq!(user.memory(&bad).await["general_summary"], "First. Second.");
    let traces = "SELECT count(*) FROM chat_context_queue WHERE retry_count <> 0 OR error_message IS NOT NULL";
    assert_eq!(service.value::<i64>(traces).await, 0);
}

#[tokio::test]
async fn an_agent_that_hangs_is_cut_off_and_the_row_retried() {
    let service = Service::start(&["--agent-timeout", "50ms", "--max-retries", "50"]).await;
    let user = service.probe().await;
    let chat = user.conversation().await;
    service.break_it(json!({"agent": "hang"})).await;
    user.update(&chat, "We met.").await;
    service.until("SELECT retry_count >= 1 AND error_message LIKE '%did not answer%' FROM chat_context_queue").await;
    service.heal().await;
    service.settled().await;
    assert_eq!(user.memory(&chat).await["general_summary"], "We met.");
}

#[tokio::test]
async fn a_row_whose_worker_was_killed_is_taken_up_by_the_next() {
    let url = database().await;
    let mut first = Service::start_on(&url, &["--agent-delay", "1h", "--agent-timeout", "2h"]).await;
    let user = first.probe().await;
    let (one, two) = (user.conversation().await, user.conversation().await);
    user.update(&one, "In hand.").await;
    let locked = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory'
                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))";
    first.until(locked).await;
    first.child.kill().await.unwrap();
    // As if the worker had died between the two steps of another row.
    let half = "INSERT INTO chat_context_queue (chat_id, new_context_snippet, status) VALUES ($1, 'Half done.', 'ready_to_write')";
    sqlx::query(half).bind(&two).execute(&first.sql).await.unwrap();

    let second = Service::start_on(&url, &[]).await;
    second.settled().await;
    let user = second.probe().await;
    assert_eq!(user.memory(&one).await["general_summary"], "In hand.");
    assert_eq!(user.memory(&two).await["general_summary"], "Half done.");
}

#[tokio::test]
async fn a_conversation_that_is_deleted_under_the_worker_leaves_nothing() {
    let service = Service::start(&["--agent-delay", "300ms"]).await;
    let user = service.probe().await;
    let chat = user.conversation().await;
    user.update(&chat, "Soon gone.").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    sqlx::query("DELETE FROM conversations").execute(&service.sql).await.unwrap();
    let next = user.conversation().await;
    user.update(&next, "Goes on.").await;
    service.settled().await;
    assert_eq!(service.value::<i64>("SELECT count(*) FROM chat_metadata").await, 1);
    assert_eq!(user.read(&chat).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_thousand_updates_at_once_are_all_accepted_and_processed_once() {
    let service = Service::start(&["--workers", "2"]).await;
    let user = service.probe().await;
    let chats = [user.conversation().await, user.conversation().await, user.conversation().await];
    let mut sending = tokio::task::JoinSet::new();
    for n in 0..1_000 {
        let body = json!({"chat_id": chats[n % 3], "context_snippet": format!("Unit {n}."), "trigger_source": "test"});
        let request = user.request(reqwest::Method::POST, "/api/v1/memory/update").json(&body);
        sending.spawn(async move { request.send().await.map(|answer| answer.status()) });
    }
    while let Some(sent) = sending.join_next().await {
        assert_eq!(sent.unwrap().unwrap(), StatusCode::CREATED);
    }
    service.settled().await;
    let mut units = 0;
    for chat in &chats {
        let memory = user.memory(chat).await;
        units += memory["general_summary"].as_str().unwrap().matches("Unit ").count();
    }
    assert_eq!(units, 1_000);
}
