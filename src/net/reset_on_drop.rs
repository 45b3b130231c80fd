//! Connections that are not sessions yet.

use std::ops::Deref;

use tokio::net::TcpStream;

use super::socket::reset_on_close;

/// A connection that is reset when it is dropped, unless it was taken out before: nobody is to take it for
/// a session that ended in order.
#[derive(Debug)]
pub struct ResetOnDrop {
    /// Here until it is taken out, which ends the guard.
    stream: Option<TcpStream>,
}

impl From<TcpStream> for ResetOnDrop {
    fn from(stream: TcpStream) -> Self {
        Self { stream: Some(stream) }
    }
}

impl ResetOnDrop {
    /// The connection; how it ends is the caller's matter now.
    #[must_use]
    pub fn into_inner(mut self) -> TcpStream {
        self.stream.take().expect("only this takes it, and ends the guard")
    }
}

impl Deref for ResetOnDrop {
    type Target = TcpStream;

    fn deref(&self) -> &TcpStream {
        self.stream.as_ref().expect("only what ends the guard takes it")
    }
}

impl Drop for ResetOnDrop {
    fn drop(&mut self) {
        if let Some(stream) = &self.stream {
            reset_on_close(stream);
        }
    }
}
