//! A transaction pooler in front of the database, for the quirk of that name.
//!
//! It behaves as one whose every transaction gets another server connection: after each, all that a session
//! remembers is discarded, so prepared statements and session settings are gone with the next message. Only what the
//! start-up packet set stays. One server connection per client; messages are passed on as they are.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::tasks::Group;

/// Clients at once; more have to wait.
const CLIENTS: usize = 64;
/// A message longer than this ends the connection.
const LONGEST_MESSAGE: usize = 16 * 1024 * 1024;
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;

/// Serves clients of `listener` by connections to `upstream` until `stop`.
pub async fn run(listener: TcpListener, upstream: (String, u16), stop: CancellationToken) {
    let mut clients = Group::new(CLIENTS);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = async { clients.room().await; listener.accept().await } => accepted,
        };
        match accepted {
            Ok((client, _)) => {
                let upstream = upstream.clone();
                clients.spawn(async move {
                    if let Err(error) = serve(client, upstream).await {
                        tracing::debug!(%error, "pooler dropped a connection");
                    }
                });
            }
            Err(error) => tracing::warn!(%error, "pooler cannot accept"),
        }
    }
}

/// One client, from its start-up packet to its end.
async fn serve(mut client: TcpStream, upstream: (String, u16)) -> io::Result<()> {
    let startup = loop {
        let mut length = [0; 4];
        client.read_exact(&mut length).await?;
        let rest = (u32::from_be_bytes(length) as usize).saturating_sub(4);
        if !(4..=10_000).contains(&rest) {
            return Err(io::Error::other("no start-up packet"));
        }
        let mut packet = length.to_vec();
        packet.resize(4 + rest, 0);
        client.read_exact(&mut packet[4..]).await?;
        let code = packet[4..8].iter().fold(0, |code, byte| code << 8 | u32::from(*byte));
        if code == SSL_REQUEST || code == GSS_REQUEST {
            client.write_all(b"N").await?;
        } else {
            break packet;
        }
    };
    let mut server = TcpStream::connect(upstream).await?;
    server.write_all(&startup).await?;
    let ((client_in, client_out), (server_in, server_out)) = (client.into_split(), server.into_split());
    relay(Messages::of(client_in), client_out, Messages::of(server_in), server_out).await
}

async fn relay(
    mut client: Messages,
    mut to_client: OwnedWriteHalf,
    mut server: Messages,
    mut to_server: OwnedWriteHalf,
) -> io::Result<()> {
    // The start-up is answered by a "ready" too.
    let mut answers_due = 1_usize;
    loop {
        tokio::select! {
            message = client.next() => {
                let Some(message) = message? else { return Ok(()) };
                // Query, Sync and FunctionCall are answered by one "ready" each.
                answers_due += usize::from(matches!(message.first(), Some(b'Q' | b'S' | b'F')));
                to_server.write_all(&message).await?;
            }
            message = server.next() => {
                let Some(message) = message? else { return Ok(()) };
                let ready = message.first() == Some(&b'Z');
                let idle = ready && message.last() == Some(&b'I');
                answers_due -= usize::from(ready && answers_due > 0);
                if idle && answers_due == 0 {
                    forget(&mut server, &mut to_server).await?;
                }
                to_client.write_all(&message).await?;
            }
        }
    }
}

/// Makes the server forget the session; the client never sees the exchange.
async fn forget(server: &mut Messages, to_server: &mut OwnedWriteHalf) -> io::Result<()> {
    const DISCARD: &[u8] = b"Q\0\0\0\x10DISCARD ALL\0";
    to_server.write_all(DISCARD).await?;
    while let Some(message) = server.next().await? {
        if message.first() == Some(&b'Z') {
            return Ok(());
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

/// The messages of one direction: a type byte, a length that counts itself, the rest.
struct Messages {
    from: OwnedReadHalf,
    buffer: Vec<u8>,
}

impl Messages {
    fn of(from: OwnedReadHalf) -> Self {
        Self { from, buffer: Vec::new() }
    }

    /// The next whole message, none at the end. Nothing is lost if the future is dropped.
    async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(length) = self.buffer.get(1..5) {
                let length = 1 + length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
                if !(5..=LONGEST_MESSAGE).contains(&length) {
                    return Err(io::Error::other("message too long"));
                }
                if self.buffer.len() >= length {
                    let rest = self.buffer.split_off(length);
                    return Ok(Some(std::mem::replace(&mut self.buffer, rest)));
                }
            }
            if self.from.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }
}
