//! The two that are asked: Debian's Prometheus with blocks on disk, and our HTTP API over a store with the same samples.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration as StdDuration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use memsentry::metrics::Registry;
use memsentry::model::task::{BoxFuture, Spawner};
use memsentry::model::{Clock, Duration, Timestamp};
use memsentry::notify::{self, Notify};
use memsentry::probes::History;
use memsentry::promql::Limits;
use memsentry::rules::GroupView;
use memsentry::runbooks::Runbooks;
use memsentry::tsdb::{self, Tsdb};
use memsentry::web::{ConfigState, Loads, Settings, Sources, Target, View, Web};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::data::{self, Series};

/// Both with the same samples.
pub(super) struct Peers {
    pub(super) prometheus: Peer,
    pub(super) memsentry: Peer,
    cancel: CancellationToken,
    keeper: Child,
    _folder: tempfile::TempDir,
}

/// Runs Prometheus as long as its standard input is open, so that none stays behind when a test is killed.
const KEEPER: &str = r#""$@" >"$0" 2>&1 & own=$!; read -r _; kill $own; wait $own"#;

/// Whether Debian's Prometheus is installed.
pub(super) fn installed() -> bool {
    let runs = |program| {
        let mut command = Command::new(program);
        command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    runs("prometheus") && runs("promtool")
}

impl Peers {
    /// Loads and starts both.
    pub(super) async fn start(series: &[Series]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (keeper, address) = prometheus(folder.path(), series);
        let cancel = CancellationToken::new();
        let ours = serve(series, cancel.clone()).await;
        let peers = Self {
            prometheus: Peer { address, connection: None },
            memsentry: Peer { address: ours, connection: None },
            cancel,
            keeper,
            _folder: folder,
        };
        for _ in 0..600 {
            let mut asked = Peer { address, connection: None };
            if asked.try_send("/-/ready", "").await.is_ok_and(|(code, _)| code == 200) {
                return peers;
            }
            tokio::time::sleep(StdDuration::from_millis(50)).await;
        }
        panic!("Prometheus does not become ready");
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        self.cancel.cancel();
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// Makes blocks of the series and starts Prometheus over them on a free port.
fn prometheus(folder: &Path, series: &[Series]) -> (Child, SocketAddr) {
    let (text, blocks, config) = (folder.join("samples"), folder.join("blocks"), folder.join("prometheus.yml"));
    std::fs::write(&text, data::openmetrics(series)).expect("written");
    std::fs::write(&config, "global: {}\n").expect("written");
    let mut promtool = Command::new("promtool");
    promtool.args(["tsdb", "create-blocks-from", "openmetrics"]).args([&text, &blocks]);
    let made = promtool.output().expect("promtool runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // Given back and taken again: another process could come between, and the test would say so.
    let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
    let keeper = Command::new("sh")
        .args(["-c", KEEPER])
        .arg(folder.join("log"))
        .arg("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", blocks.display()))
        .args(["--storage.tsdb.retention.time=100y", "--log.level=warn"])
        .arg(format!("--web.listen-address={address}"))
        .stdin(Stdio::piped())
        .spawn()
        .expect("a shell");
    (keeper, address)
}

/// The version that Prometheus gives itself, for the report.
pub(super) fn version() -> String {
    let output = Command::new("prometheus").arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    BufReader::new(&output[..]).lines().next().and_then(Result::ok).unwrap_or_default()
}

/// Nothing but the store is asked for.
struct Nothing;

impl View for Nothing {
    fn not_ready(&self) -> Vec<String> {
        Vec::new()
    }

    fn targets(&self) -> Vec<Target> {
        Vec::new()
    }

    fn rule_groups(&self) -> Vec<GroupView> {
        Vec::new()
    }

    fn runbooks(&self) -> Arc<Runbooks> {
        Arc::new(Runbooks::load(None).expect("the shipped ones are right"))
    }

    fn config(&self) -> ConfigState {
        ConfigState::default()
    }

    fn reload(&self) -> BoxFuture<Result<(), Vec<String>>> {
        Box::pin(async { Ok(()) })
    }
}

/// Serves our HTTP API over the series.
async fn serve(series: &[Series], cancel: CancellationToken) -> SocketAddr {
    let registry = Registry::new();
    let retention = Duration::from_secs(366 * 24 * 3600);
    let tsdb = Tsdb::new(&tsdb::Settings { retention, ..tsdb::Settings::default() }, &registry);
    data::by_time(series).for_each(|(at, batch)| tsdb.append(at, batch));
    let limits =
        Limits { max_samples: 50_000_000, timeout: Duration::from_secs(60), lookback: Duration::from_secs(300) };
    let clock = Clock::manual(Timestamp::from_millis(data::START + data::SPAN));
    let nobody = notify::Prepared::new(&notify::Settings::default(), "", Arc::default()).expect("nothing is wrong");
    let (notify, _) = Notify::in_memory(nobody, clock.clone(), &registry).await;
    let sources = Sources {
        loads: Loads::new(&registry),
        started_at: clock.now(),
        clock,
        notify,
        registry,
        tsdb,
        limits,
        history: History::new(),
        view: Arc::new(Nothing),
    };
    let settings = Settings { listen: "127.0.0.1:0".into(), ..Settings::default() };
    let web = Web::bind(&settings).await.expect("a free port");
    let address = web.local_addr();
    let spawner: Spawner = Arc::new(|_, work| {
        tokio::spawn(work);
    });
    tokio::spawn(web.serve(sources, spawner, cancel));
    address
}

/// One server and a connection to it that is kept.
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Peer {
    /// Posts a form and answers with what came back, whatever its status.
    pub(super) async fn ask(&mut self, path: &str, form: &[(&str, String)]) -> serde_json::Value {
        let form = reqwest::Url::parse_with_params("http://form", form).expect("a form");
        let form = form.query().unwrap_or_default();
        for _ in 0..3 {
            if let Ok((_, body)) = self.try_send(path, form).await {
                let text = String::from_utf8_lossy(&body);
                return serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{path}?{form}: {error}: {text}"));
            }
            self.connection = None;
        }
        panic!("{} does not answer: {path}?{form}", self.address)
    }

    async fn try_send(&mut self, path: &str, form: &str) -> Result<(u16, Bytes), Box<dyn std::error::Error>> {
        let sender = match &mut self.connection {
            Some(sender) => sender,
            none => {
                let stream = TcpStream::connect(self.address).await?;
                stream.set_nodelay(true)?;
                let (sender, connection) = handshake(TokioIo::new(stream)).await?;
                tokio::spawn(connection);
                none.insert(sender)
            }
        };
        sender.ready().await?;
        let request = hyper::Request::builder()
            .method(if form.is_empty() { "GET" } else { "POST" })
            .uri(path)
            .header("host", "peer.test")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::from(form.to_owned()))?;
        let answer = sender.send_request(request).await?;
        let code = answer.status().as_u16();
        Ok((code, answer.into_body().collect().await?.to_bytes()))
    }
}
