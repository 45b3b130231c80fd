//! Whether a client is still there while an upstream is looked for.

use tokio::io::Interest;
use tokio::net::TcpStream;

/// Waits until the client has gone for good: a reset, or a host that is not there any more. The end of its
/// stream is none of that: it may have said all that it wants to say, and wait for the answer.
pub(super) async fn gone(stream: &TcpStream) {
    loop {
        match stream.ready(Interest::ERROR).await {
            Ok(ready) if ready.is_error() => return,
            Ok(_) => {}
            // The runtime ends, and what is here with it.
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::forward::fixture::pair;
    use crate::net;

    #[tokio::test]
    async fn who_has_said_all_is_there_until_it_resets() {
        let (mut client, here) = pair().await;
        client.write_all(b"hello").await.expect("written");
        client.shutdown().await.expect("ended");
        let mut gone = pin!(gone(&here));
        while !here.ready(Interest::READABLE).await.expect("an event").is_read_closed() {
            tokio::task::yield_now().await;
        }
        let is_gone = poll_fn(|cx| Poll::Ready(gone.as_mut().poll(cx).is_ready())).await;
        assert!(!is_gone, "an end is no reset");
        net::reset_on_close(&client);
        drop(client);
        gone.await;
    }
}
