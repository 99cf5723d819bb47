//! Unix sockets that carry links between processes of one host.
//!
//! A Unix socket becomes writable each time its peer has read, and tokio's own stream asks to be woken for that at all times: one wake-up
//! for nothing for every message, a fifth of what a message costs. Here writability is asked for only while a write waits.

use std::io::{self, ErrorKind, IoSlice, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::unix::pipe::{Receiver, Sender};

/// A connected Unix socket.
#[derive(Debug)]
pub struct UnixLink {
    socket: UnixStream,
    /// The same socket. tokio's types for pipes are its only ones that ask for one direction, and don't mind what they read from.
    readable: Receiver,
    /// The same socket, while a write waits.
    writable: Option<Sender>,
}

impl UnixLink {
    /// Connects to a socket that somebody listens on.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        UnixLink::accepted(tokio::net::UnixStream::connect(path).await?)
    }

    /// One that a listener has accepted.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn accepted(stream: tokio::net::UnixStream) -> io::Result<Self> {
        let socket = stream.into_std()?;
        let readable = Receiver::from_owned_fd_unchecked(socket.try_clone()?.into())?;
        Ok(UnixLink { socket, readable, writable: None })
    }

    /// Writes at once, and only if nothing can be written asks to be told when.
    fn poll_write_by(
        &mut self,
        write: impl FnOnce(&UnixStream) -> io::Result<usize>,
        wait: impl FnOnce(Pin<&mut Sender>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let is_blocked = |error: &io::Error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted);
        match write(&self.socket) {
            Err(error) if is_blocked(&error) => {}
            written => {
                self.writable = None;
                return Poll::Ready(written);
            }
        }
        let writable = match &mut self.writable {
            Some(writable) => writable,
            none => none.insert(Sender::from_owned_fd_unchecked(self.socket.try_clone()?.into())?),
        };
        wait(Pin::new(writable))
    }
}

impl AsyncRead for UnixLink {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().readable).poll_read(cx, buf)
    }
}

impl AsyncWrite for UnixLink {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_by(|mut socket| socket.write(buf), |writable| writable.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut()
            .poll_write_by(|mut socket| socket.write_vectored(bufs), |writable| writable.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.socket.shutdown(Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn pair() -> (UnixLink, UnixLink) {
        let (one, other) = tokio::net::UnixStream::pair().unwrap();
        (UnixLink::accepted(one).unwrap(), UnixLink::accepted(other).unwrap())
    }

    #[tokio::test]
    async fn more_than_the_socket_holds_gets_through_in_both_directions() {
        let (mut one, mut other) = pair();
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|number| number as u8).collect();
        let write = async {
            one.write_all(&bytes).await.unwrap();
            one.shutdown().await.unwrap();
            let mut answer = Vec::new();
            one.read_to_end(&mut answer).await.unwrap();
            answer
        };
        let echo = async {
            let mut heard = Vec::new();
            other.read_to_end(&mut heard).await.unwrap();
            other.write_all(&heard).await.unwrap();
            drop(other);
        };
        let (answer, ()) = tokio::join!(write, echo);
        assert!(answer == bytes);
    }

    #[tokio::test]
    async fn a_peer_that_is_gone_is_noticed() {
        let (mut one, other) = pair();
        drop(other);
        assert_eq!(one.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(one.write(b"hello").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
}
