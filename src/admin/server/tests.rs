use std::future::ready;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1 as client;
use hyper::{Method, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

mod doors;

use super::*;

struct Lab {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

/// A server that answers with what `service` says.
async fn lab(service: impl Fn() -> String + Send + Sync + 'static) -> Lab {
    lab_within(BOUNDS, service).await
}

async fn lab_within(bounds: Bounds, service: impl Fn() -> String + Send + Sync + 'static) -> Lab {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let (stop, stopped) = oneshot::channel();
    let served = tokio::spawn(serve_within(
        bounds,
        listener.into(),
        move |_| ready(Response::new(Full::new(service().into()))),
        async move { drop(stopped.await) },
    ));
    Lab { address, stop, served }
}

struct Browser(client::SendRequest<Full<Bytes>>);

impl Browser {
    async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("it listens");
        let (sender, connection) = client::handshake(TokioIo::new(stream))
            .await
            .expect("a handshake on a fresh connection");
        tokio::spawn(connection);
        Self(sender)
    }

    async fn send(&mut self, method: Method, body: Vec<u8>) -> hyper::Result<String> {
        let request = Request::builder()
            .method(method)
            .body(Full::new(body.into()))
            .expect("a request of the test");
        self.0.ready().await?;
        let reply = self.0.send_request(request).await?;
        assert_eq!(reply.status(), StatusCode::OK);
        let body = reply.into_body().collect().await?.to_bytes();
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    async fn read(&mut self) -> String {
        let answered = self.send(Method::GET, Vec::new()).await;
        answered.expect("an answer")
    }
}

#[tokio::test]
async fn a_connection_carries_several_requests_and_shutdown_ends_it() {
    let lab = lab(|| "hello".into()).await;
    let mut browser = Browser::connect(lab.address).await;
    for _ in 0..3 {
        assert_eq!(browser.read().await, "hello");
    }
    lab.stop.send(()).expect("it serves");
    lab.served.await.expect("it ends");
    assert!(browser.send(Method::GET, Vec::new()).await.is_err());
}

#[tokio::test]
async fn a_client_that_sends_its_header_slowly_holds_up_nobody() {
    let lab = lab(|| "hello".into()).await;
    let mut slow = TcpStream::connect(lab.address).await.expect("it listens");
    slow.write_all(b"GET / HT").await.expect("a few bytes");
    assert_eq!(Browser::connect(lab.address).await.read().await, "hello");
    slow.write_all(b"TP/1.1\r\nConnection: close\r\n\r\n").await.expect("the rest");
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.ends_with("hello"), "{answer}");
}

#[tokio::test]
async fn a_body_is_answered_without_being_read() {
    let lab = lab(|| "hello".into()).await;
    let mut browser = Browser::connect(lab.address).await;
    let answer = browser.send(Method::POST, vec![b'x'; 100]).await;
    assert_eq!(answer.expect("an answer"), "hello");
}

#[tokio::test]
async fn a_header_without_end_is_refused() {
    let lab = lab(|| "hello".into()).await;
    let mut stream = TcpStream::connect(lab.address).await.expect("it listens");
    let head = format!("GET / HTTP/1.1\r\nX: {}\r\n", "x".repeat(2 * HEAD_BYTES));
    // The server may close before it has all been sent.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 431");
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_a_place() {
    let released = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&released);
    let lab = lab(move || seen.load(Ordering::Relaxed).to_string()).await;
    let mut inside = Vec::new();
    for _ in 0..BOUNDS.connections {
        let mut browser = Browser::connect(lab.address).await;
        assert_eq!(browser.read().await, "false");
        inside.push(browser);
    }
    let mut outside = TcpStream::connect(lab.address).await.expect("it listens");
    outside.write_all(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").await.expect("a request");
    // Each of these gives the server a chance to answer the one outside.
    for browser in &mut inside {
        assert_eq!(browser.read().await, "false");
    }
    released.store(true, Ordering::Relaxed);
    inside.pop();
    let mut answer = String::new();
    outside.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.ends_with("true"), "{answer}");
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let hasty = Bounds { patience: Duration::from_millis(50), ..BOUNDS };
    let lab = lab_within(hasty, || "hello".into()).await;
    let mut stream = TcpStream::connect(lab.address).await.expect("it listens");
    let request = b"GET / HTTP/1.1\r\n\r\nGET";
    stream.write_all(request).await.expect("a request and a bit");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an end");
    assert!(answer.ends_with("hello"), "{answer}");
}

#[tokio::test]
async fn a_busy_connection_is_closed_when_it_is_old() {
    let hasty = Bounds { lifetime: Duration::from_millis(50), ..BOUNDS };
    let lab = lab_within(hasty, || "hello".into()).await;
    let mut browser = Browser::connect(lab.address).await;
    assert_eq!(browser.read().await, "hello");
    while browser.send(Method::GET, Vec::new()).await.is_ok() {}
}

#[tokio::test]
async fn an_answer_that_is_waited_for_outlives_the_time_of_its_connection() {
    let hasty =
        Bounds { lifetime: Duration::from_millis(10), grace: Duration::from_millis(100), ..BOUNDS };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let (answer, answered) = watch::channel(());
    let service = move |_| {
        let mut answered = answered.clone();
        async move {
            let _ = answered.changed().await;
            Response::new(Full::new("at last".into()))
        }
    };
    let served =
        tokio::spawn(serve_within(hasty, listener.into(), service, std::future::pending()));
    let mut browser = Browser::connect(address).await;
    let asked = tokio::spawn(async move { browser.read().await });
    // Far beyond lifetime and grace.
    sleep(Duration::from_millis(500)).await;
    answer.send_replace(());
    assert_eq!(asked.await.expect("it ends"), "at last");
    served.abort();
}

#[tokio::test]
async fn an_answer_that_is_waited_for_does_not_hold_up_the_end() {
    let hasty = Bounds { grace: Duration::from_millis(10), ..BOUNDS };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let (asked, was_asked) = watch::channel(false);
    let (stop, stopped) = oneshot::channel::<()>();
    let service = move |_| {
        asked.send_replace(true);
        std::future::pending::<Reply>()
    };
    let shutdown = async move { drop(stopped.await) };
    let served = tokio::spawn(serve_within(hasty, listener.into(), service, shutdown));
    let mut browser = Browser::connect(address).await;
    let asking = tokio::spawn(async move { browser.send(Method::GET, Vec::new()).await });
    was_asked.clone().wait_for(|asked| *asked).await.expect("a request");
    stop.send(()).expect("it serves");
    served.await.expect("it ends");
    assert!(asking.await.expect("it ends").is_err());
}

#[tokio::test]
async fn a_client_that_does_not_read_loses_its_place() {
    let hasty = Bounds {
        connections: 1,
        lifetime: Duration::from_millis(50),
        grace: Duration::from_millis(50),
        ..BOUNDS
    };
    let first = AtomicBool::new(true);
    let lab = lab_within(hasty, move || {
        // More than the buffers of both sockets hold.
        let huge = first.swap(false, Ordering::Relaxed);
        "x".repeat(if huge { 64 << 20 } else { 1 })
    })
    .await;
    let mut deaf = TcpStream::connect(lab.address).await.expect("it listens");
    let request = b"GET / HTTP/1.1\r\n\r\n";
    deaf.write_all(request).await.expect("a request");
    deaf.readable().await.expect("the beginning of an answer");
    assert_eq!(Browser::connect(lab.address).await.read().await, "x");
}
