//! Starts a throwaway cluster, and stops and removes it.
//!
//! The cluster lies in one directory under the temporary one and listens on a free port of 127.0.0.1 and on a
//! socket beside its data. `initdb` and `postgres` refuse root, so as root they run as `postgres` or `nobody`.
//! The keeper's pipe is the life line: dropping [`Cluster`], or dying with it, stops the server.

use std::os::unix::fs::MetadataExt as _;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use rand::Rng as _;
use rand::distr::Alphanumeric;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};

use super::Programs;
use crate::secret::Secret;

const KEEPER: &str = include_str!("keeper.sh");
/// `initdb` takes half a second on an idle machine, and much longer on a busy one.
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// Another process may take the port between our finding it and Postgres binding it.
const ATTEMPTS: usize = 5;

/// A running throwaway cluster with one superuser, `postgres`.
pub struct Cluster {
    keeper: Child,
    line: Option<ChildStdin>,
    port: u16,
    password: Secret,
}

impl Cluster {
    /// Makes a cluster and waits until it answers.
    pub async fn start(programs: &Programs) -> anyhow::Result<Self> {
        let mut last = anyhow!("not tried");
        for _ in 0..ATTEMPTS {
            let mut cluster = Self::launch(programs).await?;
            match cluster.ready().await {
                Ok(()) => return Ok(cluster),
                Err(error) if error.to_string().contains("could not bind") => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// How to connect as superuser, without a database.
    pub fn superuser(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username("postgres")
            .password(self.password.expose())
            .ssl_mode(PgSslMode::Disable)
    }

    /// Stops the server and waits until its directory is gone.
    pub async fn stop(mut self) {
        drop(self.line.take());
        match tokio::time::timeout(STOP_LIMIT, self.keeper.wait()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "cannot wait for the throwaway Postgres"),
            Err(_) => tracing::warn!("the throwaway Postgres is still stopping"),
        }
    }

    async fn launch(programs: &Programs) -> anyhow::Result<Self> {
        let name: String = rand::rng().sample_iter(Alphanumeric).take(10).map(char::from).collect();
        // The keeper makes the directory: were it made here, a kill at this very moment would leave it behind.
        let home = std::env::temp_dir().join(format!("memsentry-reference-{name}"));
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "eval \"$KEEPER\"", "memsentry-reference-postgres"]).env("KEEPER", KEEPER);
        command.arg(&home).arg(&programs.initdb).arg(&programs.postgres).arg(port.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.current_dir("/").process_group(0);
        if effective_user()? == 0 {
            let (user, group) = unprivileged_user(&std::fs::read_to_string("/etc/passwd")?)
                .context("initdb refuses root, and neither postgres nor nobody is a user here")?;
            command.uid(user).gid(group);
        }
        let mut keeper = command.spawn().context("cannot start /bin/sh")?;
        let mut line = keeper.stdin.take().context("the keeper has no standard input")?;
        let password = Secret::random();
        // If the keeper is gone already, waiting for it will tell why.
        let _ = line.write_all(format!("{}\n", password.expose()).as_bytes()).await;
        Ok(Self { keeper, line: Some(line), port, password })
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let options = self.superuser().database("postgres").disable_statement_logging();
        let answering = async {
            loop {
                if let Ok(connection) = PgConnection::connect_with(&options).await {
                    let _ = connection.close().await;
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            () = answering => Ok(()),
            failure = failure(&mut self.keeper) => Err(failure),
            () = tokio::time::sleep(START_LIMIT) => bail!("Postgres did not start within {START_LIMIT:?}"),
        }
    }
}

/// Waits for the keeper to end, which before the shutdown means that something is wrong, and says what.
async fn failure(keeper: &mut Child) -> anyhow::Error {
    let mut said = String::new();
    if let Some(stderr) = keeper.stderr.as_mut() {
        let _ = stderr.take(16_384).read_to_string(&mut said).await;
    }
    let status = keeper.wait().await;
    match status {
        Ok(status) => anyhow!("Postgres did not start ({status}):\n{}", said.trim_end()),
        Err(error) => anyhow!("Postgres did not start: {error}"),
    }
}

/// Our user id, which is that of our own entry in the process table.
fn effective_user() -> anyhow::Result<u32> {
    let entry = std::fs::metadata("/proc/self").context("cannot tell which user this is")?;
    Ok(entry.uid())
}

/// User and group id of `postgres`, otherwise of `nobody`.
fn unprivileged_user(passwd: &str) -> Option<(u32, u32)> {
    ["postgres", "nobody"].iter().find_map(|wanted| {
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let (user, group) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
            (name == *wanted).then_some((user, group))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgres_goes_before_nobody() {
        let nobody = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65533::/:/bin/false\n";
        assert_eq!(unprivileged_user(nobody), Some((65534, 65533)));
        let both = format!("{nobody}postgres:x:104:108::/:/bin/sh\n");
        assert_eq!(unprivileged_user(&both), Some((104, 108)));
        assert_eq!(unprivileged_user("root:x:0:0::/root:/bin/sh\n"), None);
    }
}
