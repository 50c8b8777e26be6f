//! Every answer of every route, as the contract has it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::service::{PASSWORD, Service, User, database};

#[tokio::test]
async fn health_names_its_services_and_is_kept_for_a_while() {
    let url = database().await;
    let service = Service::start_on(&url, &[]).await;
    let ask = async |service: &Service| -> Value {
        let answer = service.http.get(format!("{}/health", service.api)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.unwrap()
    };
    let first = ask(&service).await;
    assert_eq!(first["status"], "healthy");
    assert!(first["version"].is_string());
    assert_eq!(
        first["services"],
        json!({"database": "healthy", "supabase_auth": "healthy", "llamaparse": "healthy", "openai": "healthy"})
    );
    service.break_it(json!({"database": "refused"})).await;
    let degraded = ask(&service).await;
    assert_eq!((&degraded["status"], &degraded["services"]["database"]), (&json!("degraded"), &json!("unhealthy")));

    service.heal().await;

    let cached = Service::start_on(&url, &["--health-cache", "1h"]).await;
    let first = ask(&cached).await;
    cached.break_it(json!({"database": "refused"})).await;
    assert_eq!(ask(&cached).await, first);
}

#[tokio::test]
async fn login_takes_the_right_password_only() {
    let service = Service::start(&[]).await;
    let login =
        async |body: Value| service.http.post(format!("{}/auth/login", service.api)).json(&body).send().await.unwrap();
    let answer: Value = login(json!({"email": "probe@example.com", "password": PASSWORD})).await.json().await.unwrap();
    assert_eq!((&answer["token_type"], &answer["user"]["email"]), (&json!("bearer"), &json!("probe@example.com")));
    for (email, password) in [("probe@example.com", "wrong"), ("nobody@example.com", PASSWORD), ("", "")] {
        let answer = login(json!({"email": email, "password": password})).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert!(answer.json::<Value>().await.unwrap()["detail"].is_string());
    }
    assert_eq!(login(json!({"email": 1})).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_conversation_keeps_its_metadata() {
    let service = Service::start(&[]).await;
    let user = service.probe().await;
    let metadata = json!({"synthetic": true, "by": "memsentry", "nested": {"ключ": [1, null]}});
    let request = user.request(Method::POST, "/conversations").json(&json!({"metadata": metadata}));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["metadata"], metadata);
    assert_eq!(service.value::<Value>("SELECT metadata FROM conversations").await, metadata);
    let stored: String = service.value("SELECT id FROM conversations").await;
    assert_eq!(answer["conversation_id"], json!(stored));

    for bad in [json!({}), json!({"metadata": "text"}), json!({"metadata": {"a": "\u{0}"}}), json!([])] {
        let answer = user.request(Method::POST, "/conversations").json(&bad).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
}

#[tokio::test]
async fn an_update_is_queued_and_becomes_memory() {
    let service = Service::start(&[]).await;
    let user = service.probe().await;
    let chat = user.conversation().await;
    let empty = json!({"chat_id": chat, "user_confirmed": {}, "llm_inferred": {}, "general_summary": "",
                       "last_updated": null});
    assert_eq!(user.memory(&chat).await, empty);

    let answer = user.send(&chat, "My name is Ada. The nonce is n-42. Maybe it rains.").await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    let accepted: Value = answer.json().await.unwrap();
    assert_eq!(accepted["status"], "pending_summarization");
    assert!(accepted["estimated_completion"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    let queued: String = service.value("SELECT id::text FROM chat_context_queue").await;
    assert_eq!(accepted["queue_id"], json!(queued));

    service.settled().await;
    let memory = user.memory(&chat).await;
    assert_eq!(memory["user_confirmed"], json!({"name": "Ada"}));
    assert_eq!(memory["llm_inferred"]["possibly"], json!(["Maybe it rains."]));
    assert_eq!(memory["general_summary"], "The nonce is n-42.");
    assert!(memory["last_updated"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    service
        .until("SELECT status = 'complete' AND processed_at >= created_at AND retry_count = 0 FROM chat_context_queue")
        .await;
}

#[tokio::test]
async fn bad_bodies_get_a_list_and_a_blank_snippet_a_string() {
    let service = Service::start(&[]).await;
    let user = service.probe().await;
    let chat = user.conversation().await;
    let post = async |body: String| {
        let answer = user.request(Method::POST, "/api/v1/memory/update").body(body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        answer.json::<Value>().await.unwrap()["detail"].clone()
    };
    for bad in [
        "not JSON".to_owned(),
        "[]".to_owned(),
        json!({"chat_id": chat}).to_string(),
        json!({"chat_id": 1, "context_snippet": "a", "trigger_source": "test"}).to_string(),
        json!({"chat_id": chat, "context_snippet": ["a"], "trigger_source": "test"}).to_string(),
        json!({"chat_id": chat, "context_snippet": "a", "trigger_source": "cron"}).to_string(),
    ] {
        let detail = post(bad.clone()).await;
        let problem = &detail.as_array().unwrap_or_else(|| panic!("{bad}: {detail}"))[0];
        assert!(problem["loc"].is_array() && problem["msg"].is_string() && problem["type"].is_string());
    }
    for blank in ["", "   ", "\n\t ", "\u{0}\u{1}\u{1b}"] {
        let body = json!({"chat_id": chat, "context_snippet": blank, "trigger_source": "api"});
        assert!(post(body.to_string()).await.is_string(), "{blank:?}");
    }
    assert_eq!(service.value::<i64>("SELECT count(*) FROM chat_context_queue").await, 0);
}

#[tokio::test]
async fn what_does_not_exist_or_belongs_to_another_is_404() {
    let service = Service::start(&[]).await;
    let (user, other) = (service.probe().await, service.other().await);
    let chat = user.conversation().await;
    for (user, id) in [(&user, "none"), (&user, "%00"), (&user, "%F0%9F%98%80"), (&other, chat.as_str())] {
        assert_eq!(user.read(id).await.status(), StatusCode::NOT_FOUND, "{id}");
    }
    for (user, id) in [(&user, "none"), (&user, "\u{0}"), (&other, chat.as_str())] {
        let answer = user.send(id, "text").await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{id:?}");
        assert!(answer.json::<Value>().await.unwrap()["detail"].is_string());
    }
    assert_eq!(user.request(Method::GET, "/nowhere").send().await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn every_protected_route_refuses_missing_malformed_and_foreign_tokens() {
    let service = Service::start(&[]).await;
    let foreign = Service::start(&[]).await;
    let foreign = foreign.probe().await.token;
    for (method, path) in [
        (Method::POST, "/conversations"),
        (Method::POST, "/api/v1/memory/update"),
        (Method::GET, "/api/v1/memory/some"),
    ] {
        let url = format!("{}{path}", service.api);
        let missing = service.http.request(method.clone(), &url).send().await.unwrap();
        assert_eq!(missing.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(missing.headers()["www-authenticate"], "Bearer");
        for bad in ["Basic abc", "Bearer", "Bearer ", "Bearer a.b.c", &format!("Bearer {foreign}")] {
            let answer = service.http.request(method.clone(), &url).header("authorization", bad).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path} {bad}");
        }
    }
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_a_time_and_successes_their_limit() {
    let service = Service::start(&[]).await;
    let user = service.probe().await;
    let chat = user.conversation().await;
    let path = format!("/api/v1/memory/{chat}");
    let given = user.request(Method::GET, &path).header("x-request-id", "abc-1").send().await.unwrap();
    assert_eq!(given.headers()["x-request-id"], "abc-1");
    let limit = |name: &str| given.headers()[name].to_str().unwrap().parse::<u64>().unwrap();
    assert_eq!((limit("x-ratelimit-limit"), limit("x-ratelimit-remaining")), (100_000, 99_998));
    assert!(limit("x-ratelimit-reset") > 1_700_000_000);

    let stranger = User { token: "bad".to_owned(), ..user.clone() };
    for answer in [user.read(&chat).await, user.read("none").await, stranger.read(&chat).await] {
        assert!(answer.headers()["x-request-id"].len() >= 32);
        assert!(answer.headers()["x-process-time"].to_str().unwrap().parse::<f64>().unwrap() >= 0.0);
        assert_eq!(answer.headers().contains_key("x-ratelimit-limit"), answer.status().is_success());
    }
    let long = user.request(Method::GET, &path).header("x-request-id", "x".repeat(500)).send().await.unwrap();
    assert!(long.headers()["x-request-id"].len() < 129);
}

#[tokio::test]
async fn the_tables_are_those_of_the_contract() {
    let service = Service::start_on(&database().await, &["--schema", "chat_memory"]).await;
    let columns: String = service
        .value(
            "SELECT string_agg(format('%s.%s %s%s%s', table_name, column_name, data_type,
                        CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END, ' = ' || column_default), E'\n'
                        ORDER BY table_name, ordinal_position)
             FROM information_schema.columns WHERE table_schema = 'chat_memory'",
        )
        .await;
    for expected in [
        "conversations.id text not null",
        "conversations.metadata jsonb",
        "chat_metadata.chat_id text not null",
        "chat_metadata.user_confirmed jsonb not null = '{}'::jsonb",
        "chat_metadata.general_summary text not null = ''::text",
        "chat_metadata.token_count integer",
        "chat_metadata.last_updated timestamp with time zone",
        "chat_context_queue.id uuid not null = gen_random_uuid()",
        "chat_context_queue.status character varying not null = 'pending_summarization'::character varying",
        "chat_context_queue.created_at timestamp with time zone not null = now()",
        "chat_context_queue.processed_at timestamp with time zone\n",
        "chat_context_queue.retry_count integer not null = 0",
        "chat_context_queue.error_message text",
    ] {
        assert!(format!("{columns}\n").contains(expected), "{expected}\n{columns}");
    }
    let indexes: String =
        service.value("SELECT string_agg(indexdef, E'\n') FROM pg_indexes WHERE schemaname = 'chat_memory'").await;
    for expected in [
        "chat_context_queue USING btree (status, created_at)",
        "chat_context_queue USING btree (chat_id)",
        "chat_metadata USING btree (last_updated)",
    ] {
        assert!(indexes.contains(expected), "{expected}\n{indexes}");
    }
    let user = service.probe().await;
    let chat = user.conversation().await;
    user.update(&chat, "We met.").await;
    service.until("SELECT count(*) = 1 FROM chat_memory.chat_metadata").await;
    sqlx::query("DELETE FROM chat_memory.conversations").execute(&service.sql).await.unwrap();
    let left = "SELECT (SELECT count(*) FROM chat_memory.chat_metadata) + (SELECT count(*) FROM chat_memory.chat_context_queue)";
    assert_eq!(service.value::<i64>(left).await, 0);
}
