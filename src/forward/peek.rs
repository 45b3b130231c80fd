//! Looking at what a client has sent without taking it: every byte is still in the socket afterwards, and
//! can be spliced.

use std::io;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::net;

/// Looks until at least `wanted` bytes are there, or the stream has ended, and returns how many of them
/// are in `buffer`, which has room for as many. What is less wakes nobody meanwhile.
///
/// # Errors
/// Those of the socket.
pub(super) async fn peek(
    stream: &TcpStream,
    buffer: &mut [u8],
    wanted: usize,
) -> io::Result<usize> {
    debug_assert!(wanted <= buffer.len(), "there is room for what is waited for");
    let mut waiting = None;
    let mut peeked = 0;
    loop {
        let ready = stream.ready(Interest::READABLE).await?;
        // A peek leaves the socket readable: its readiness is cleared by hand to wait for more.
        let looked = stream.try_io(Interest::READABLE, || {
            peeked = net::peek(stream, buffer)?;
            match peeked >= wanted || ready.is_read_closed() {
                true => Ok(()),
                false => Err(io::ErrorKind::WouldBlock.into()),
            }
        });
        match looked {
            Ok(()) => return Ok(peeked),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if wanted > USUAL && waiting.is_none() {
                    waiting = Some(LowWater::raise(stream, wanted)?);
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Whether something is said within `patience`. Whoever leaves before, or fails, has said nothing.
pub(super) async fn speaks(stream: &TcpStream, patience: Duration) -> bool {
    let mut first = [0];
    let waited = timeout(patience, peek(stream, &mut first, 1)).await;
    // A busy worker may not have seen yet what came in time.
    let peeked = waited.unwrap_or_else(|_late| net::peek(stream, &mut first));
    peeked.is_ok_and(|peeked| peeked > 0)
}

/// The mark of a socket of which nobody has said anything.
const USUAL: usize = 1;

/// Holds the low-water mark of a socket up. It is put back also when nobody waits any more: whoever reads
/// next has to be told of every byte, and those that have come already are told of by putting it back.
struct LowWater<'a> {
    socket: &'a TcpStream,
}

impl<'a> LowWater<'a> {
    fn raise(socket: &'a TcpStream, bytes: usize) -> io::Result<Self> {
        net::set_receive_low_water(socket, bytes)?;
        Ok(Self { socket })
    }
}

impl Drop for LowWater<'_> {
    fn drop(&mut self) {
        // What could be raised can be lowered.
        let _ = net::set_receive_low_water(self.socket, USUAL);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Wake, Waker};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::forward::fixture::pair;

    async fn until_received(stream: &TcpStream, bytes: usize) {
        let mut seen = vec![0; bytes];
        while net::peek(stream, &mut seen).unwrap_or_default() < bytes {
            tokio::task::yield_now().await;
        }
        // What the kernel has to say about it reaches the runtime.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn what_is_less_than_wanted_wakes_nobody_and_stays() {
        let (mut a, mut b) = pair().await;
        a.write_all(&[1; 8]).await.expect("written");
        let mut buffer = [0; 64];
        assert_eq!(peek(&b, &mut buffer, 1).await.expect("peeked"), 8);
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut cx = Context::from_waker(&waker);
        {
            let mut peeking = pin!(peek(&b, &mut buffer, 64));
            // The event of the first bytes may not have been heard of yet.
            while peeking.as_mut().poll(&mut cx).is_pending()
                && wakes.0.swap(0, Ordering::Relaxed) > 0
            {
                tokio::task::yield_now().await;
            }
            for sent in 9..64 {
                a.write_all(&[1]).await.expect("written");
                until_received(&b, sent).await;
            }
            assert_eq!(wakes.0.load(Ordering::Relaxed), 0);
            assert!(peeking.as_mut().poll(&mut cx).is_pending());
            a.write_all(&[1]).await.expect("written");
            until_received(&b, 64).await;
            assert!(wakes.0.load(Ordering::Relaxed) > 0);
            assert!(matches!(peeking.as_mut().poll(&mut cx), Poll::Ready(Ok(64))));
        }
        b.read_exact(&mut buffer).await.expect("all of it is there");
        assert_eq!(buffer, [1; 64]);
    }

    #[tokio::test]
    async fn whoever_reads_after_a_peek_was_given_up_is_told_of_what_is_there() {
        let (mut a, mut b) = pair().await;
        a.write_all(&[7; 10]).await.expect("written");
        let mut buffer = [0; 64];
        let given_up = timeout(Duration::from_millis(50), peek(&b, &mut buffer, 64)).await;
        assert!(given_up.is_err());
        let heard = timeout(Duration::from_secs(60), b.read_exact(&mut buffer[..10])).await;
        assert_eq!(heard.expect("nobody is told").expect("what had come"), 10);
        a.write_all(&[8]).await.expect("written");
        assert_eq!(b.read_u8().await.expect("a single byte"), 8);
    }

    #[tokio::test]
    async fn the_end_of_the_stream_ends_the_wait_and_so_does_a_reset() {
        let (mut a, b) = pair().await;
        let mut buffer = [0; 64];
        a.write_all(&[7; 10]).await.expect("written");
        let ended = async {
            until_received(&b, 10).await;
            a.shutdown().await.expect("ended");
        };
        let (peeked, ()) = tokio::join!(peek(&b, &mut buffer, 64), ended);
        assert_eq!(peeked.expect("an end is no error"), 10);

        let (a, b) = pair().await;
        net::reset_on_close(&a);
        let (peeked, ()) = tokio::join!(peek(&b, &mut buffer, 1), async { drop(a) });
        assert_eq!(peeked.map_err(|it| it.kind()), Err(io::ErrorKind::ConnectionReset));
    }

    #[tokio::test]
    async fn one_byte_is_something_and_an_end_or_silence_is_nothing() {
        const LONG: Duration = Duration::from_secs(3600);
        let (mut a, mut b) = pair().await;
        assert!(!speaks(&b, Duration::from_millis(20)).await);
        let (spoken, sent) = tokio::join!(speaks(&b, LONG), a.write_all(&[7]));
        sent.expect("written");
        assert!(spoken);
        until_received(&b, 1).await;
        assert!(speaks(&b, Duration::ZERO).await, "what is there counts, however late it is seen");
        drop(a);
        assert!(speaks(&b, LONG).await, "it has spoken before it left");
        assert_eq!(b.read_u8().await.expect("nothing was taken"), 7);
        assert!(!speaks(&b, LONG).await);
    }
}
