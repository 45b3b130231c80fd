//! Dialling an access point.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::task::{Context, Poll, ready};

use rustix::event::PollFlags;
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::egress::Egress;
use super::is_ready;
use super::option::set_option;
use super::reset_on_drop::ResetOnDrop;
use super::source::from_first;

/// A dial came to nothing.
#[derive(Debug)]
pub struct DialError {
    /// What the kernel said.
    pub source: io::Error,
    /// It said so after the first packet had left: then it is the network's word. An error like
    /// `ENETUNREACH` is this host's own when it comes at once, and some router's when it comes later.
    pub sent: bool,
}

/// A connect under way. Dropping it resets the connection, also one that has just been established:
/// nobody is to take it for a session that ended before its first byte.
#[derive(Debug)]
pub struct Dial {
    /// Taken when the dial has come to an end.
    stream: Option<ResetOnDrop>,
}

impl Dial {
    /// Starts to connect to `address`, by `egress`, from the first of these sources that has a port left for
    /// it; where there are none, the kernel chooses.
    ///
    /// # Errors
    /// Whatever socket(2), setsockopt(2), bind(2) or connect(2) say at once; `AddrNotAvailable` when no
    /// source has a port, or is an address of this host.
    pub fn begin(
        address: SocketAddr,
        sources: impl IntoIterator<Item = IpAddr>,
        egress: Egress<'_>,
    ) -> Result<Self, DialError> {
        from_first(sources, |source| begin(address, source, egress))
            .map(|stream| Self { stream: Some(stream.into()) })
            .map_err(|source| DialError { source, sent: false })
    }

    /// The connection, once it is established. Wakes the last caller only; not to be asked again
    /// after that.
    ///
    /// # Errors
    /// What the kernel says later: the network's word, or the kernel's that nobody answered.
    pub fn poll_established(&mut self, cx: &mut Context<'_>) -> Poll<Result<TcpStream, DialError>> {
        // connect(2): a socket whose connection is under way becomes writable.
        let writable = ready!(self.stream().poll_write_ready(cx));
        let failed = match writable {
            Ok(()) if is_unbroken(self.stream(), cx) => None,
            Ok(()) => self.failed(),
            Err(error) => Some(error),
        };
        Poll::Ready(self.finish(failed))
    }

    /// The same, and asks the socket itself where the runtime has not heard of it yet: one system call
    /// more, for those who must not mistake a busy thread for a silent peer.
    fn poll_decided(&mut self, cx: &mut Context<'_>) -> Poll<Result<TcpStream, DialError>> {
        match self.poll_established(cx) {
            Poll::Pending if is_decided(self.stream()) => {
                let failed = self.failed();
                Poll::Ready(self.finish(failed))
            }
            heard => heard,
        }
    }

    fn stream(&self) -> &TcpStream {
        self.stream.as_ref().expect("a dial is not asked again after its end")
    }

    /// The pending error of a socket that is writable says what came of it.
    fn failed(&self) -> Option<io::Error> {
        self.stream().take_error().unwrap_or_else(Some)
    }

    fn finish(&mut self, failed: Option<io::Error>) -> Result<TcpStream, DialError> {
        let stream = self.stream.take().expect("it was here just now");
        match failed {
            None => Ok(stream.into_inner()),
            Some(source) => Err(DialError { source, sent: true }),
        }
    }
}

/// Whether the socket knows what came of its connection.
fn is_decided(stream: &TcpStream) -> bool {
    // What cannot be asked now is heard of later.
    is_ready(stream, PollFlags::OUT).unwrap_or(false)
}

/// Whether the runtime has heard of a socket that it is writable, and of no error or end: then it has no
/// error to be asked for, which saves a system call for each session.
fn is_unbroken(stream: &TcpStream, cx: &mut Context<'_>) -> bool {
    let heard = pin!(stream.ready(Interest::WRITABLE | Interest::ERROR)).poll(cx);
    matches!(heard, Poll::Ready(Ok(ready)) if !ready.is_error() && !ready.is_write_closed())
}

/// Connects to `address` as [`Dial::begin`] does; without options a plain socket, as a probe needs
/// it. Dropping the future gives the dial up, with a reset. Whenever it is polled it asks the socket
/// itself, so that who ran out of patience on a busy thread, and polls once more, learns whether it was the
/// peer.
///
/// # Errors
/// Whatever socket(2), setsockopt(2) or connect(2) say; none of them waits for a timeout of ours.
pub async fn dial(
    address: SocketAddr,
    sources: impl IntoIterator<Item = IpAddr>,
    egress: Egress<'_>,
) -> Result<TcpStream, DialError> {
    let mut dial = Dial::begin(address, sources, egress)?;
    poll_fn(|cx| dial.poll_decided(cx)).await
}

fn begin(address: SocketAddr, source: Option<IpAddr>, egress: Egress<'_>) -> io::Result<TcpStream> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    egress.apply(&socket)?;
    if let Some(source) = source {
        // connect(2) finds the port: one that is free for this peer, and not for all of them (`ip(7)`).
        set_option(&socket, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)?;
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    match socket.connect(&address.into()) {
        // EINPROGRESS is an error without a kind.
        Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => Err(error),
        Ok(()) | Err(_) => TcpStream::from_std(socket.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::SockRef;
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    fn begin_from(
        address: SocketAddr,
        sources: impl IntoIterator<Item = IpAddr>,
    ) -> Result<Dial, DialError> {
        Dial::begin(address, sources, Egress::default())
    }

    async fn dial_plainly(address: SocketAddr) -> Result<TcpStream, DialError> {
        dial(address, None, Egress::default()).await
    }

    #[tokio::test]
    async fn small_messages_are_sent_at_once() -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let stream = dial_plainly(listener.local_addr()?).await.map_err(|it| it.source)?;
        SockRef::from(&stream).tcp_nodelay().map(|is_set| assert!(is_set))
    }

    #[tokio::test]
    async fn a_dial_that_is_dropped_is_a_reset_and_one_that_is_finished_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("bound");
        let begin = async || {
            let dial = begin_from(address, None).expect("begun");
            // Who was accepted is connected, whether or not the dial has been asked.
            (dial, listener.accept().await.expect("accepted").0)
        };
        let (lost, mut peer) = begin().await;
        drop(lost);
        let error = peer.read(&mut [0]).await.expect_err("no end that could pass for an answer");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);

        let (mut won, mut peer) = begin().await;
        let stream = poll_fn(|cx| won.poll_established(cx)).await.expect("established");
        drop(won);
        drop(stream);
        assert_eq!(peer.read(&mut [0]).await.expect("an orderly end"), 0);
    }

    #[tokio::test]
    async fn nobody_listening_is_refused() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
        let free = free.expect("a port");
        let error = dial_plainly(free).await.expect_err("nobody listens");
        assert_eq!(error.source.kind(), io::ErrorKind::ConnectionRefused);
        let mut told_by_the_runtime = begin_from(free, None).expect("begun");
        let error = poll_fn(|cx| told_by_the_runtime.poll_established(cx)).await;
        let error = error.expect_err("nobody listens");
        assert_eq!(error.source.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn what_the_socket_knows_is_seen_before_the_runtime_hears_of_it() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("bound");
        // Loopback connects and refuses within the system call; nothing has turned the runtime since.
        let first_look = |address| {
            let mut dialling = Box::pin(dial_plainly(address));
            poll_fn(move |cx| Poll::Ready(dialling.as_mut().poll(cx)))
        };
        assert!(matches!(first_look(address).await, Poll::Ready(Ok(_))));
        drop(listener);
        assert!(matches!(first_look(address).await, Poll::Ready(Err(_))));
    }

    #[tokio::test]
    async fn what_this_host_will_not_even_try_is_no_word_of_the_network() {
        // 255.255.255.255 is no address to connect to: EACCES or ENETUNREACH, at once.
        let nowhere = "255.255.255.255:1".parse().expect("an address of the test");
        let error = dial_plainly(nowhere).await.expect_err("nobody is everybody");
        assert!(!error.sent, "{error:?}");
    }

    #[tokio::test]
    async fn a_dial_leaves_from_the_first_source_that_has_a_port() {
        // No address of this host (RFC 5737).
        let foreign = "203.0.113.1";
        for (bound, sources, expected) in [
            ("127.0.0.1:0", &["127.0.0.2"] as &[&str], "127.0.0.2"),
            ("127.0.0.1:0", &["127.0.0.3", "127.0.0.2"], "127.0.0.3"),
            ("127.0.0.1:0", &[foreign, "127.0.0.2"], "127.0.0.2"),
            ("[::1]:0", &["::1"], "::1"),
        ] {
            let listener = TcpListener::bind(bound).await.expect("a listener");
            let address = listener.local_addr().expect("bound");
            let sources = sources.iter().map(|it| it.parse().expect("an address of the test"));
            let _dial = begin_from(address, sources).expect("begun");
            let (_, peer) = listener.accept().await.expect("accepted");
            assert_eq!(peer.ip().to_string(), expected);
        }
    }

    #[tokio::test]
    async fn without_a_port_at_any_source_the_dial_is_a_failure_of_this_host() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("bound");
        let foreign = [[203, 0, 113, 1], [203, 0, 113, 2]].map(IpAddr::from);
        let error = begin_from(address, foreign).expect_err("none is ours");
        assert_eq!((error.source.kind(), error.sent), (io::ErrorKind::AddrNotAvailable, false));
    }
}
