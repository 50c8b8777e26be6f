//! Behind a transaction pooler, everything works as without.

use std::path::Path;
use std::process::Child;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Row};

use super::*;
use crate::postgres;

#[tokio::test]
async fn a_pooler_in_transaction_mode_makes_no_difference() {
    let db = postgres::database().await;
    db.sql(&rows(7, "pending_summarization", "10 seconds")).await;
    let pooler = Pooler::start(&db).await;
    let mut watch = watch(&Settings { cleanup: true, ..settings(&pooler.url()) });
    for _ in 0..20 {
        watch.reader.read().await.expect("read");
        assert_eq!(watch.database.queue_row("11111111-1111-1111-1111-111111111111").await, Ok(None));
    }
    watch.expect(&[("queue_depth", 7.0)]);
    watch.database.sweep_synthetic(model::Duration::default()).await.expect("sweep");
    // Nothing that was set for us stays with the server connection that others get next.
    let options: PgConnectOptions = pooler.url().parse().expect("url");
    let mut conn = options.extra_float_digits(None).connect().await.expect("connect");
    let left = sqlx::raw_sql(
        "select concat_ws(' ', current_setting('statement_timeout'), current_setting('lock_timeout'),
           current_setting('enable_seqscan'), current_setting('transaction_read_only'))",
    )
    .fetch_one(&mut conn)
    .await
    .expect("settings");
    assert_eq!(left.try_get::<String, _>(0).expect("text"), "0 0 on off");
}

/// Debian's pgbouncer in front of a database, pooling transactions over a single server connection.
struct Pooler {
    process: Child,
    port: u16,
    name: String,
}

impl Pooler {
    async fn start(db: &postgres::Database<'_>) -> Self {
        let port = postgres::free_port();
        let cluster = db.cluster;
        let users = cluster.directory().join("users.txt");
        std::fs::write(&users, "\"postgres\" \"admin-password\"\n").expect("write");
        let ini = cluster.directory().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = plain\nauth_file = {}\npool_mode = transaction\ndefault_pool_size = 1\n",
            cluster.port,
            users.display()
        );
        std::fs::write(&ini, text).expect("write");
        let pgbouncer = Path::new("/usr/sbin/pgbouncer");
        assert!(pgbouncer.exists(), "this test needs pgbouncer: apt-get install pgbouncer");
        let process = cluster.command(pgbouncer).arg(&ini).spawn().expect("pgbouncer");
        for _ in 0..100 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Self { process, port, name: db.name.clone() }
    }

    fn url(&self) -> String {
        format!("postgres://postgres:admin-password@127.0.0.1:{}/{}?sslmode=disable", self.port, self.name)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
