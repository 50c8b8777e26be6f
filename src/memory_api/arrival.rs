//! When an answer was there: as the kernel noted it, not as this process got around to reading it.
//!
//! A core that idles takes some tens of microseconds to wake, and a busy one may take milliseconds. Neither is the service's,
//! so a connection can ask the kernel for the time at which it received what is read (`SO_TIMESTAMPNS`, socket(7)). It
//! costs about a tenth of what a small request costs, so closed loop does without. The first bytes after nobody on the
//! machine has asked for a while may come without a time, which is then that of the reading.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration as StdDuration;

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use crate::model::Stopwatch;

/// When a connection received what was last read from it. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    dialled: Stopwatch,
    nanos: Arc<AtomicU64>,
}

impl Arrival {
    fn new() -> Self {
        Self { dialled: Stopwatch::start(), nanos: Arc::default() }
    }

    fn note(&self, received: Stopwatch) {
        let nanos = u64::try_from(received.since(self.dialled).as_nanos()).unwrap_or(u64::MAX);
        self.nanos.store(nanos, Ordering::Relaxed);
    }

    /// When the last bytes were received, as a stopwatch that was started at that moment.
    pub(super) fn last(&self) -> Stopwatch {
        self.dialled.later(StdDuration::from_nanos(self.nanos.load(Ordering::Relaxed)))
    }
}

/// A TCP connection that may note when it received what is read.
pub(super) struct Noting {
    tcp: TcpStream,
    notes: Option<(kernel::Reader, Arrival)>,
}

impl Noting {
    /// One that notes nothing.
    pub(super) fn nothing(tcp: TcpStream) -> Self {
        Self { tcp, notes: None }
    }

    /// One that notes, if this system can.
    pub(super) fn arrivals(tcp: TcpStream) -> Self {
        let notes = kernel::Reader::new(&tcp).map(|reader| (reader, Arrival::new()));
        Self { tcp, notes }
    }

    /// Where it notes.
    pub(super) fn arrival(&self) -> Option<Arrival> {
        self.notes.as_ref().map(|(_, arrival)| arrival.clone())
    }
}

impl AsyncRead for Noting {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { tcp, notes } = self.get_mut();
        let Some((reader, arrival)) = notes else { return Pin::new(tcp).poll_read(context, into) };
        loop {
            ready!(tcp.poll_read_ready(context))?;
            let (space, mut read) = (into.initialize_unfilled(), None);
            let result = tcp.try_io(Interest::READABLE, || {
                let (length, received) = reader.read(tcp, space)?;
                read = Some((length, received));
                // Less than there was room for: the socket is empty, and need not be asked before it says more.
                let emptied = 0 < length && length < space.len();
                if emptied { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match (read, result) {
                (Some((length, received)), _) => {
                    into.advance(length);
                    arrival.note(received.map_or_else(Stopwatch::start, Stopwatch::started_at));
                    return Poll::Ready(Ok(()));
                }
                (None, Err(error)) if error.kind() != io::ErrorKind::WouldBlock => return Poll::Ready(Err(error)),
                (None, _) => {}
            }
        }
    }
}

impl AsyncWrite for Noting {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}

#[cfg(target_os = "linux")]
mod kernel {
    use std::io::{self, IoSliceMut};
    use std::os::fd::AsRawFd;
    use std::time::Duration as StdDuration;

    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt::ReceiveTimestampns};
    use nix::sys::time::TimeSpec;
    use tokio::net::TcpStream;

    /// Has room for what comes beside the bytes.
    pub(super) struct Reader(Vec<u8>);

    impl Reader {
        pub(super) fn new(tcp: &TcpStream) -> Option<Self> {
            setsockopt(tcp, ReceiveTimestampns, &true).ok()?;
            Some(Self(nix::cmsg_space!(TimeSpec)))
        }

        /// What is there, and when it was received, since 1970.
        pub(super) fn read(&mut self, tcp: &TcpStream, space: &mut [u8]) -> io::Result<(usize, Option<StdDuration>)> {
            let mut into = [IoSliceMut::new(space)];
            let message = recvmsg::<()>(tcp.as_raw_fd(), &mut into, Some(&mut self.0), MsgFlags::empty())?;
            // The bytes are taken, so that a time which cannot be read is no error.
            let received = message.cmsgs().ok().and_then(|mut all| {
                all.find_map(|message| match message {
                    ControlMessageOwned::ScmTimestampns(received) => Some(StdDuration::from(received)),
                    _ => None,
                })
            });
            Ok((message.bytes, received))
        }
    }
}

/// There are no such times, so there is no reader either.
#[cfg(not(target_os = "linux"))]
mod kernel {
    use std::io;
    use std::time::Duration as StdDuration;

    use tokio::net::TcpStream;

    pub(super) enum Reader {}

    impl Reader {
        pub(super) fn new(_: &TcpStream) -> Option<Self> {
            None
        }

        pub(super) fn read(&mut self, _: &TcpStream, _: &mut [u8]) -> io::Result<(usize, Option<StdDuration>)> {
            match *self {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Both ends of a connection; the first notes.
    async fn connected() -> (Noting, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dialled = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Noting::arrivals(dialled), listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    #[cfg(target_os = "linux")]
    async fn an_arrival_is_when_bytes_came_not_when_they_were_read() {
        let (mut noting, mut peer) = connected().await;
        let arrival = noting.arrival().unwrap();
        // The kernel begins to note the time some microseconds after the first who asks for it.
        std::thread::sleep(StdDuration::from_millis(50));
        let before = Stopwatch::start();
        peer.write_all(b"here").await.unwrap();
        let written = Stopwatch::start();
        // This process is busy, as a generator at its limit is.
        std::thread::sleep(StdDuration::from_millis(30));
        let mut read = [0; 16];
        assert_eq!(noting.read(&mut read).await.unwrap(), 4);
        // The wall clock and the monotonic one may be set against each other by some microseconds meanwhile.
        let late = arrival.last().since(written);
        assert!(late < StdDuration::from_millis(10), "{late:?} after it was written");
        assert!(arrival.last().elapsed() <= before.elapsed() + StdDuration::from_millis(1));
    }

    #[tokio::test]
    async fn bytes_come_whole_and_in_order_in_reads_of_any_size_and_the_end_is_seen() {
        let (mut noting, mut peer) = connected().await;
        let sent: Vec<u8> = (0..200_000_u32).map(|number| (number % 251) as u8).collect();
        let sending = async {
            for piece in sent.chunks(7_001) {
                peer.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            peer.shutdown().await.unwrap();
        };
        let receiving = async {
            let mut received = Vec::new();
            for size in [1, 4096, 9, 65_536].into_iter().cycle() {
                let mut space = vec![0; size];
                match noting.read(&mut space).await.unwrap() {
                    0 => break,
                    length => received.extend_from_slice(&space[..length]),
                }
            }
            received
        };
        let ((), received) = tokio::join!(sending, receiving);
        assert!(received == sent, "{} of {} bytes", received.len(), sent.len());
    }
}
