//! The database of the service: made in a throwaway cluster, or given by URL.
//!
//! In its own cluster the service owns the tables as `memory_service`, and `memsentry` is the role for a guest: it
//! may read all tables, see when transactions began, and delete conversations; `memsentry_chaos` may do what the
//! service may. In a given database the URL's own role does everything.

use std::str::FromStr as _;
use std::time::Duration;

use anyhow::Context as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};

use crate::postgres::{Cluster, Programs};
use crate::secret::Secret;
use crate::settings::Settings;
use crate::sql::Layout;

/// Role of a guest such as a monitoring daemon.
const GUEST: &str = "memsentry";
/// Role of whoever breaks things on purpose: what the service may do, it may.
const CHAOS: &str = "memsentry_chaos";
/// Role that owns the tables.
const OWNER: &str = "memory_service";
/// Name of the database in a throwaway cluster.
const NAME: &str = "memory";
/// A call of the API that waits longer than this for a connection fails.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(30);
const POOL_SIZE: u32 = 16;

/// Where the tables are and how each party reaches them.
pub struct Database {
    /// Connections of the API.
    pub pool: PgPool,
    /// How a worker connects.
    pub worker: PgConnectOptions,
    /// How the faults endpoint connects to shut the database off.
    pub gate: Gate,
    /// What a guest connects to.
    pub guest_url: Secret,
    /// What somebody connects to who breaks things on purpose.
    pub chaos_url: Secret,
    cluster: Option<Cluster>,
}

impl Database {
    /// Starts or reaches the database and brings its tables up to date.
    pub async fn open(settings: &Settings, layout: &Layout) -> anyhow::Result<Self> {
        let (owner, admin, guest_url, chaos_url, cluster) = match &settings.database_url {
            Some(url) => {
                let options = PgConnectOptions::from_str(url.expose()).context("--database-url")?;
                (options.clone(), options, url.clone(), url.clone(), None)
            }
            None => {
                let cluster = Cluster::start(&Programs::find(settings.pg_bin.as_deref())?).await?;
                let Furniture { owner, admin, guest_url, chaos_url } = furnish(&cluster).await?;
                (owner, admin, guest_url, chaos_url, Some(cluster))
            }
        };
        let name = owner.get_database().unwrap_or(owner.get_username()).to_owned();
        let owner = owner.options([("search_path", settings.schema.as_str())]).disable_statement_logging();
        migrate(&owner, layout, cluster.is_some()).await?;
        let pool = PgPoolOptions::new()
            .max_connections(POOL_SIZE)
            .acquire_timeout(ACQUIRE_LIMIT)
            .connect_lazy_with(owner.clone().application_name("memory-api"));
        let gate = Gate { admin: admin.database("postgres").disable_statement_logging(), database: name };
        Ok(Self { pool, worker: owner.application_name("memory-worker"), gate, guest_url, chaos_url, cluster })
    }

    /// Closes the connections and removes the throwaway cluster.
    pub async fn close(self) {
        let _ = tokio::time::timeout(Duration::from_secs(1), self.pool.close()).await;
        if let Some(cluster) = self.cluster {
            cluster.stop().await;
        }
    }
}

/// How each role of a new cluster connects.
struct Furniture {
    owner: PgConnectOptions,
    admin: PgConnectOptions,
    guest_url: Secret,
    chaos_url: Secret,
}

/// Makes the roles and the database of a new cluster.
async fn furnish(cluster: &Cluster) -> anyhow::Result<Furniture> {
    let (owner, guest, chaos) = (Secret::random(), Secret::random(), Secret::random());
    let admin = cluster.superuser();
    let mut connection = PgConnection::connect_with(&admin.clone().database("postgres")).await?;
    for statement in [
        format!("CREATE ROLE {OWNER} LOGIN PASSWORD '{}'", owner.expose()),
        format!("CREATE ROLE {GUEST} LOGIN PASSWORD '{}'", guest.expose()),
        format!("GRANT pg_read_all_stats TO {GUEST}"),
        format!("CREATE ROLE {CHAOS} LOGIN PASSWORD '{}' IN ROLE {OWNER}", chaos.expose()),
        format!("CREATE DATABASE {NAME} OWNER {OWNER}"),
    ] {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
    }
    connection.close().await?;
    let url = |role, password: &Secret| {
        Secret::new(format!("postgres://{role}:{}@127.0.0.1:{}/{NAME}", password.expose(), admin.get_port()))
    };
    let (guest_url, chaos_url) = (url(GUEST, &guest), url(CHAOS, &chaos));
    let owner = admin.clone().username(OWNER).password(owner.expose()).database(NAME);
    Ok(Furniture { owner, admin, guest_url, chaos_url })
}

async fn migrate(owner: &PgConnectOptions, layout: &Layout, with_guest: bool) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect_with(owner).await.context("cannot connect to the database")?;
    let mut transaction = connection.begin().await?;
    for statement in layout.migrations(with_guest.then_some(GUEST)) {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *transaction).await.context("cannot make the tables")?;
    }
    transaction.commit().await?;
    connection.close().await?;
    Ok(())
}

/// `url` with another host and port, for a pooler on the way.
pub fn rerouted(url: &Secret, host_and_port: &str) -> Option<Secret> {
    let (scheme, rest) = url.expose().split_once("://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let user = authority.rsplit_once('@').map_or(String::new(), |(user, _)| format!("{user}@"));
    Some(Secret::new(format!("{scheme}://{user}{host_and_port}{path}")))
}

/// Shuts the database off for everybody and opens it again, while the cluster goes on.
#[derive(Clone)]
pub struct Gate {
    admin: PgConnectOptions,
    database: String,
}

impl Gate {
    /// From now on every connection is refused, and those that exist are cut.
    pub async fn shut(&self) -> Result<(), sqlx::Error> {
        self.set(false).await
    }

    /// Connections are accepted again.
    pub async fn open(&self) -> Result<(), sqlx::Error> {
        self.set(true).await
    }

    async fn set(&self, allowed: bool) -> Result<(), sqlx::Error> {
        let mut connection = PgConnection::connect_with(&self.admin).await?;
        let quoted = self.database.replace('"', "\"\"");
        let statement = format!("ALTER DATABASE \"{quoted}\" ALLOW_CONNECTIONS {allowed}");
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
        if !allowed {
            sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1")
                .bind(&self.database)
                .execute(&mut connection)
                .await?;
        }
        connection.close().await
    }
}

/// What went wrong, in the database's own words; the crate would add a line number of PostgreSQL's source.
pub fn describe(error: &sqlx::Error) -> String {
    error.as_database_error().map_or_else(|| error.to_string(), |said| said.message().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pooler_takes_the_place_of_host_and_port_alone() {
        for (url, expected) in [
            ("postgres://u:p%40w@db:5432/memory?a=b", "postgres://u:p%40w@127.0.0.1:1/memory?a=b"),
            ("postgres://u@db/memory", "postgres://u@127.0.0.1:1/memory"),
            ("postgresql://db", "postgresql://127.0.0.1:1"),
        ] {
            assert_eq!(rerouted(&Secret::new(url), "127.0.0.1:1"), Some(Secret::new(expected)));
        }
    }
}
