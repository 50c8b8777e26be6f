//! The diagnostics of runbooks read little, change nothing and end in time, whatever they ask.

use std::time::{Duration, Instant};

use memsentry::model::{self, Secret};
use memsentry::queue::{Database, DatabaseError, MOST_ROWS, Settings, Tables};
use memsentry::runbooks::{Language, Runbooks};

use crate::postgres;
use crate::stage::shared_reference;

const LIMIT: model::Duration = model::Duration::from_secs(2);
/// Where the time is not what is tested: a server that was just started may be slow on a busy machine.
const PATIENT: model::Duration = model::Duration::from_secs(20);

fn database(url: &str) -> Database {
    Database::new(&Settings::new(Secret::new(url.to_owned())), "it")
}

/// The first row as `name=value`, nothing for null.
async fn first(database: &Database, sql: &str, parameters: &[Option<String>], texts: bool) -> String {
    let (rows, _) = database.diagnose(sql, parameters, texts, PATIENT).await.expect("an answer");
    let row = rows.first().expect("a row");
    row.iter().map(|(name, value)| format!("{name}={}", value.as_deref().unwrap_or(""))).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn every_shipped_diagnostic_runs_against_the_service() {
    let database = database(&shared_reference().database_url);
    let runbooks = Runbooks::load(None).expect("shipped");
    let (mut run, mut problems) = (0, Vec::new());
    for book in runbooks.names().filter_map(|name| runbooks.get(name)) {
        for diagnostic in book.diagnostics().into_iter().filter(|one| one.language == Language::Sql) {
            run += 1;
            let nothing = vec![None; diagnostic.labels.len()];
            let asked = database.diagnose(&diagnostic.text, &nothing, false, LIMIT).await;
            let checked = database.check_diagnostic(&diagnostic.text, diagnostic.labels.len()).await;
            problems.extend(
                asked.err().or(checked.err()).map(|error| format!("{}: {}: {error}", book.name, diagnostic.title)),
            );
        }
    }
    assert!(run >= 10, "{run} diagnostics");
    assert_eq!(problems, Vec::<String>::new());
}

#[tokio::test]
async fn a_diagnostic_that_asks_for_too_much_gets_little() {
    let db = postgres::database().await;
    let database = database(&db.url("postgres"));
    let begun = Instant::now();
    let million = "select n, n * 2 as twice from generate_series(1, 1000000) n; -- a million";
    let (rows, more) = database.diagnose(million, &[], false, PATIENT).await.expect("an answer");
    assert_eq!((rows.len(), more), (MOST_ROWS, true));
    assert_eq!(rows[0], [("n".to_owned(), Some("1".to_owned())), ("twice".to_owned(), Some("2".to_owned()))]);
    let long = first(&database, "select repeat('x', 1000000) as a", &[], true).await;
    assert_eq!(long, "row=too long to be shown");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    // Neither leaves the connection in a state that the next would meet.
    assert_eq!(first(&database, "(select 1 as a) union all (select 2)", &[], false).await, "a=1");
    assert_eq!(first(&database, "show transaction_read_only", &[], false).await, "answer=on");
    assert!(first(&database, "explain select 1", &[], false).await.starts_with("answer=Result"));
}

#[tokio::test]
async fn a_diagnostic_that_hangs_is_cut_off_by_the_server_too() {
    let db = postgres::database().await;
    let database = database(&db.url("postgres"));
    let begun = Instant::now();
    let error = database.diagnose("select pg_sleep(30)", &[], false, model::Duration::from_millis(300)).await;
    assert!(matches!(error, Err(DatabaseError::Timeout(_))), "{error:?}");
    assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let sleeping = "select count(*) as n from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid() \
                    and state = 'active' and datname = current_database()";
    assert_eq!(first(&database, sleeping, &[], false).await, "n=0");
}

#[tokio::test]
async fn a_diagnostic_changes_nothing_and_cannot_get_out_of_its_statement() {
    let db = postgres::database().await;
    db.sql("create table victim (a integer)").await;
    let database = database(&db.url("postgres"));
    for sql in [
        "with x as (insert into victim values (1) returning a) select a from x",
        "select 1; drop table victim",
        "select 1) a; drop table victim; select * from (select 1",
        "select nextval('q') from (select 1) x",
        "select * from victim for update",
    ] {
        let error = database.diagnose(sql, &[], false, LIMIT).await;
        assert!(matches!(error, Err(DatabaseError::Refused(_))), "{sql}: {error:?}");
    }
    assert_eq!(first(&database, "select count(*) as n from victim", &[], false).await, "n=0");
    let evil = "'); drop table victim; --".to_owned();
    let texts = [Some(evil.clone()), Some(evil), None];
    let same = first(&database, "select $1::text = $2::text as same, $3::text as nothing", &texts, false);
    assert_eq!(same.await, "same=true nothing=");
}

#[tokio::test]
async fn texts_of_users_are_told_by_their_length_and_passwords_not_at_all() {
    let db = postgres::database().await;
    let database = database(&db.url("watcher"));
    let diary = "with q(id, status, new_context_snippet) as (values (gen_random_uuid()::text, 'complete', 'my diary'))
                 select left(new_context_snippet, 5) as harmless, status, length(new_context_snippet) as length,
                        jsonb_build_object('a', new_context_snippet) as hidden from q";
    let masked = "harmless=[text, 5 characters] status=complete length=8 hidden=[text, 16 characters]";
    assert_eq!(first(&database, diary, &[], false).await, masked);
    assert!(first(&database, diary, &[], true).await.starts_with("harmless=my di status=complete"));
    let whole = "select q.* from (values ('my diary', now())) q(note, at)";
    assert!(first(&database, whole, &[], false).await.starts_with("note=[text, 8 characters] at=20"));
    let own = "select 'the password is watcher-password' as note";
    assert_eq!(first(&database, own, &[], true).await, "note=the password is [redacted]");
}

#[tokio::test]
async fn tables_of_another_name_are_asked_by_their_usual_one() {
    let db = postgres::database().await;
    db.sql("create schema chat; create table chat.snippets (like chat_context_queue)").await;
    db.sql("insert into chat.snippets (id, chat_id, new_context_snippet, status) values (gen_random_uuid(), 'c', 'x', 'failed')").await;
    let settings = Settings {
        schema: "chat".into(),
        tables: Tables { chat_context_queue: "snippets".into(), ..Tables::default() },
        ..Settings::new(Secret::new(db.url("postgres")))
    };
    let database = Database::new(&settings, "it");
    let sql = "select status, count(*) as n from chat_context_queue group by status";
    assert_eq!(first(&database, sql, &[], false).await, "status=failed n=1");
    assert_eq!(database.check_diagnostic(sql, 0).await, Ok(()));
    let error = database.check_diagnostic("select nothing from chat_context_queue where id::text = $1", 1).await;
    assert!(matches!(&error, Err(DatabaseError::Refused(why)) if why.contains("nothing")), "{error:?}");
}
