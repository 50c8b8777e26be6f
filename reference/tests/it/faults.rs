//! Each fault: what breaks, and that healing brings it back.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

use crate::service::{Service, command, database};

const WELL: &str = r#"{"worker":"running","agent":"ok","database":"ok","latency":[],"errors":[]}"#;

#[tokio::test]
async fn the_endpoint_shows_changes_and_heals_what_is_broken() {
    let service = Service::start(&[]).await;
    let url = service.faults.clone().unwrap();
    let show = async || service.http.get(&url).send().await.unwrap().text().await.unwrap();
    assert_eq!(show().await, WELL);
    service.break_it(json!({"worker": "stopped", "latency": {"route": "memory", "ms": 5}})).await;
    let state = service.break_it(json!({"agent": "fail", "errors": {"route": "health", "status": 503}})).await;
    assert_eq!((&state["worker"], &state["agent"]), (&json!("stopped"), &json!("fail")));
    assert_eq!(state["latency"], json!([{"route": "memory", "ms": 5}]));
    assert_eq!(state["errors"], json!([{"route": "health", "status": 503, "ratio": 1.0}]));
    let before = show().await;
    let bad = service.http.post(format!("{url}/faults")).body(r#"{"wroker": "stopped"}"#).send().await.unwrap();
    assert_eq!(bad.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(bad.json::<Value>().await.unwrap()["error"].as_str().unwrap().contains("wroker"));
    assert_eq!(show().await, before);
    service.heal().await;
    assert_eq!(show().await, WELL);
}

#[tokio::test]
async fn there_is_no_endpoint_unless_asked_for() {
    let url = database().await;
    let service = Service::from_command(command(&["--database-url", &url]), Some((&url, "public"))).await;
    assert_eq!(service.faults, None);
    let faults = service.http.get(format!("{}/faults", service.api)).send().await.unwrap();
    assert_eq!(faults.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_stopped_worker_leaves_rows_pending_until_it_runs_again() {
    let service = Service::start(&[]).await;
    service.break_it(json!({"worker": "stopped"})).await;
    let user = service.probe().await;
    user.update(&user.conversation().await, "We met.").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(service.value::<String>("SELECT status FROM chat_context_queue").await, "pending_summarization");
    service.break_it(json!({"worker": "running"})).await;
    service.settled().await;
}

#[tokio::test]
async fn an_agent_that_hangs_goes_on_when_it_is_healed() {
    let service = Service::start(&[]).await;
    service.break_it(json!({"agent": "hang"})).await;
    let user = service.probe().await;
    let chat = user.conversation().await;
    user.update(&chat, "We met.").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(user.memory(&chat).await["last_updated"], json!(null));
    service.heal().await;
    service.settled().await;
    assert!(service.value::<bool>("SELECT status = 'complete' AND retry_count = 0 FROM chat_context_queue").await);
}

#[tokio::test]
async fn latency_and_errors_hit_their_route_and_share_only() {
    let service = Service::start(&[]).await;
    let user = service.probe().await;
    let chat = user.conversation().await;
    service.break_it(json!({"latency": {"route": "memory", "ms": 200}})).await;
    let taken = async |path: &str| {
        #[expect(clippy::disallowed_methods, reason = "the test measures the answer")]
        let started = Instant::now();
        user.request(Method::GET, path).send().await.unwrap();
        started.elapsed()
    };
    assert!(taken(&format!("/api/v1/memory/{chat}")).await >= Duration::from_millis(200));
    assert!(taken("/health").await < Duration::from_millis(200));
    service.heal().await;

    service.break_it(json!({"errors": {"route": "memory_update", "status": 503, "ratio": 0.25}})).await;
    let mut failed = 0;
    for _ in 0..20 {
        failed += u32::from(user.send(&chat, "text").await.status() == StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(failed, 5);
    assert_eq!(user.read(&chat).await.status(), StatusCode::OK);
    service.break_it(json!({"errors": {"route": "all", "status": 500}})).await;
    assert_eq!(user.read(&chat).await.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_refused_database_refuses_everybody_and_comes_back_with_nothing_lost() {
    // A cluster of its own: here the guest's URL is what matters.
    let service =
        Service::from_command(command(&["--faults-listen", "127.0.0.1:0", "--idle-sleep", "10ms"]), None).await;
    let user = service.probe().await;
    let chat = user.conversation().await;
    let mut guest = PgConnection::connect(&service.database_url).await.unwrap();
    let open = "SELECT count(*) FROM chat_context_queue";
    assert_eq!(sqlx::query_scalar::<_, i64>(open).fetch_one(&mut guest).await.unwrap(), 0);

    service.break_it(json!({"agent": "hang"})).await;
    user.update(&chat, "We met.").await;
    service.break_it(json!({"database": "refused"})).await;
    assert!(sqlx::query(open).execute(&mut guest).await.is_err());
    let refusal = PgConnection::connect(&service.database_url).await.unwrap_err().to_string();
    assert!(refusal.contains("not currently accepting connections"), "{refusal}");
    assert_eq!(user.read(&chat).await.status(), StatusCode::INTERNAL_SERVER_ERROR);

    service.heal().await;
    service.settled().await;
    assert_eq!(user.memory(&chat).await["general_summary"], "We met.");

    // The guest reads everything and deletes conversations, and may do no more.
    let mut guest = PgConnection::connect(&service.database_url).await.unwrap();
    assert!(sqlx::query("UPDATE chat_context_queue SET status = 'failed'").execute(&mut guest).await.is_err());
    assert!(sqlx::query("DELETE FROM chat_context_queue").execute(&mut guest).await.is_err());
    assert!(sqlx::query("CREATE TABLE public.mine ()").execute(&mut guest).await.is_err());
    let deleted = sqlx::query("DELETE FROM conversations").execute(&mut guest).await.unwrap();
    assert_eq!(deleted.rows_affected(), 1);
    assert_eq!(sqlx::query_scalar::<_, i64>(open).fetch_one(&mut guest).await.unwrap(), 0);
}

#[tokio::test]
async fn a_given_database_is_open_again_when_the_service_has_ended() {
    let url = database().await;
    let mut service = Service::start_on(&url, &[]).await;
    service.break_it(json!({"database": "refused"})).await;
    drop(service.stdin.take());
    assert!(service.child.wait().await.unwrap().success());
    assert!(PgConnection::connect(&url).await.is_ok());
}
