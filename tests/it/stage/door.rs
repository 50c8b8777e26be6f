//! Ways for a service to be away: a door before it that can be closed, and a service that never says a word.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use super::until;

/// Forwards connections to a service while it is open; closed, it refuses them and cuts those that exist.
pub struct Door {
    address: SocketAddr,
    behind: SocketAddr,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Door {
    /// An open door before the service at `url`.
    pub fn before(url: &str) -> Self {
        let behind = url.trim_start_matches("http://").parse().expect("an address in the URL");
        let address = SocketAddr::from(([127, 0, 0, 1], super::closed_port()));
        let door = Self { address, behind, task: Mutex::new(None) };
        door.open();
        door
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn open(&self) {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("an option");
        socket.bind(self.address).expect("the door's port is free");
        let listener = socket.listen(64).expect("listening");
        let task = tokio::spawn(serve(listener, self.behind));
        *self.task.lock().expect("unharmed") = Some(task);
    }

    /// Returns when connections are refused.
    pub async fn close(&self) {
        let task = self.task.lock().expect("unharmed").take();
        if let Some(task) = task {
            task.abort();
            let _ = task.await;
        }
    }
}

async fn serve(listener: TcpListener, behind: SocketAddr) {
    // Its tasks end with the set, and the set with this one.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((mut client, _)) = listener.accept().await {
        connections.spawn(async move {
            if let Ok(mut service) = TcpStream::connect(behind).await {
                let _ = tokio::io::copy_bidirectional(&mut client, &mut service).await;
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Takes connections and never answers.
pub struct Silence {
    pub url: String,
    calls: Arc<AtomicU32>,
}

impl Silence {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let calls = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&calls);
        tokio::spawn(async move {
            let mut kept = Vec::new();
            while let Ok((client, _)) = listener.accept().await {
                kept.push(client);
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { url, calls }
    }

    /// Waits for somebody who waits.
    pub async fn is_called(&self) {
        until("a connection", || async { (self.calls.load(Ordering::Relaxed) > 0).then_some(()) }).await;
    }
}
