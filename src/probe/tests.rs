mod announced;
mod mtproto;
mod source;
mod udp;

use super::*;

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::task::Poll;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::net::reset_on_close;
use crate::routing::topology::HttpProbe;
use crate::routing::topology::{Egress, SendProxy};
use crate::routing::{DcId, DialAddress, ProbeFailure};

/// Far longer than anything here takes.
const PATIENT: Duration = Duration::from_secs(20);

/// Long enough for a connect on loopback, short enough to be waited for.
const IMPATIENT: Duration = Duration::from_millis(200);

async fn probe_once(
    address: SocketAddr,
    conversation: Conversation,
    timeout: Duration,
) -> (ProbeReport, Arc<Metrics>) {
    probe_from(&[], DialAddress::tcp(address), conversation, timeout).await
}

async fn probe_from(
    sources: &[IpAddr],
    address: DialAddress,
    conversation: Conversation,
    timeout: Duration,
) -> (ProbeReport, Arc<Metrics>) {
    probe_in_full((sources, None), address, conversation, timeout).await
}

async fn probe_in_full(
    (sources, send_proxy): (&[IpAddr], Option<SendProxy>),
    address: DialAddress,
    conversation: Conversation,
    timeout: Duration,
) -> (ProbeReport, Arc<Metrics>) {
    let (requests, asked) = mpsc::unbounded_channel();
    let (reports, mut reported) = mpsc::unbounded_channel();
    let metrics = Arc::new(Metrics::new("edge-1"));
    let access_point = AccessPointId { dc: DcId(2), address };
    let request = ProbeRequest {
        access_point,
        number: 7,
        conversation,
        sources: sources.into(),
        egress: Egress::default(),
        send_proxy,
        connect_timeout: timeout,
        timeout,
    };
    requests.send(request).expect("the prober listens");
    let prober = run(asked, reports, Arc::clone(&metrics));
    let report = tokio::select! {
        report = reported.recv() => report.expect("a report"),
        () = prober => unreachable!("requests is alive"),
    };
    assert_eq!((report.access_point, report.number), (access_point, 7));
    (report, metrics)
}

fn patience(total: Duration) -> Patience {
    Patience { connect: total, total }
}

async fn listening() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

fn page() -> HttpProbe {
    HttpProbe { path: "/".into(), host: None, port: None, expect: 200..=399 }
}

fn for_page() -> Conversation {
    Conversation::Http(page().into())
}

/// What comes of asking somebody who is served by `serve`.
async fn asked<F: Future<Output = ()> + Send + 'static>(
    timeout: Duration,
    conversation: Conversation,
    serve: impl FnOnce(TcpStream) -> F + Send + 'static,
) -> ProbeOutcome {
    let (listener, address) = listening().await;
    let server: JoinHandle<()> = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a probe");
        serve(stream).await;
    });
    let (report, metrics) = probe_once(address, conversation, timeout).await;
    let result = report.outcome.as_ref().map_or_else(|it| it.as_str(), ProbeAnswer::as_str);
    assert_eq!(metrics.probes_total.with_label_values(&["2", result]).get(), 1);
    server.abort();
    report.outcome
}

/// What comes of asking somebody who reads the question and says this.
async fn answered(answer: impl Into<Vec<u8>>) -> ProbeOutcome {
    let answer = answer.into();
    asked(PATIENT, for_page(), async move |mut stream| {
        question(&mut stream).await;
        stream.write_all(&answer).await.expect("written");
        // Until the prober has ended the connection.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await
}

/// Reads to the end of the head.
async fn question(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a question"));
    }
    String::from_utf8(head).expect("text")
}

#[tokio::test]
async fn a_connection_is_a_round_trip_and_is_counted_and_reset() {
    let (listener, address) = listening().await;
    let (report, metrics) = probe_once(address, Conversation::Connect, PATIENT).await;
    assert_eq!(report.outcome.expect("a good probe").times.answer(), None);
    assert_eq!(metrics.probes_total.with_label_values(&["2", "ok"]).get(), 1);
    let (mut stream, _) = listener.accept().await.expect("the probe");
    let ended = stream.read(&mut [0]).await.expect_err("a reset");
    assert_eq!(ended.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn nobody_listening_is_refused() {
    let (listener, address) = listening().await;
    drop(listener);
    for conversation in [Conversation::Connect, for_page()] {
        let (report, metrics) = probe_once(address, conversation, PATIENT).await;
        assert_eq!(report.outcome, Err(ConnectFailure::Refused.into()));
        assert_eq!(metrics.probes_total.with_label_values(&["2", "refused"]).get(), 1);
    }
}

#[tokio::test]
async fn a_page_is_asked_for_as_configured_and_the_connection_is_reset() {
    let (listener, address) = listening().await;
    let (elsewhere, other) = listening().await;
    let named = HttpProbe {
        path: "/health?deep=1".into(),
        host: Some("health.example".into()),
        port: Some(other.port()),
        expect: 204..=204,
    };
    for (listener, page, path, host) in [
        (listener, page(), "/", address.to_string()),
        (elsewhere, named, "/health?deep=1", "health.example".to_owned()),
    ] {
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a probe");
            let head = question(&mut stream).await;
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("written");
            let ended = stream.read(&mut [0]).await.expect_err("a reset");
            (head, ended.kind())
        });
        let (report, _) = probe_once(address, Conversation::Http(page.into()), PATIENT).await;
        assert!(report.outcome.expect("a good probe").times.answer().is_some());
        let (head, ended) = server.await.expect("a question");
        let expected = format!(
            "GET {path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: nearpoint\r\nconnection: close\r\n\r\n"
        );
        assert_eq!(head, expected);
        assert_eq!(ended, ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn the_status_decides_and_a_redirect_is_not_followed() {
    for (status, is_good) in [(200, true), (302, true), (399, true), (400, false), (503, false)] {
        let answer = format!("HTTP/1.1 {status} x\r\nlocation: /elsewhere\r\n\r\n");
        let outcome = answered(answer).await;
        match is_good {
            true => assert!(outcome.is_ok(), "{status}: {outcome:?}"),
            false => assert_eq!(outcome, Err(ProbeFailure::WrongAnswer), "{status}"),
        }
    }
    // An interim answer is none yet; of a body nothing has to come.
    let late = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\ncontent-length: 99\r\n\r\n";
    assert!(answered(late).await.is_ok());
}

#[tokio::test]
async fn what_is_not_http_is_a_wrong_answer() {
    for noise in
        ["SSH-2.0-OpenSSH\r\n", "GET / HTTP/1.1\r\n\r\n", "\0\0\0\x10", "HTTP/2 200\r\n\r\n"]
    {
        assert_eq!(answered(noise).await, Err(ProbeFailure::WrongAnswer), "{noise:?}");
    }
    let speaks_first = asked(PATIENT, for_page(), async |mut stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("written");
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    // Whether it came before the question is a race; that it does no harm is not.
    assert!(matches!(speaks_first.await, Ok(_) | Err(ProbeFailure::WrongAnswer)));
}

#[tokio::test]
async fn an_end_before_an_answer_is_closed() {
    for (part, resets) in [("", false), ("", true), ("HTTP/1.1 200 OK\r\nserv", false)] {
        let outcome = asked(PATIENT, for_page(), async move |mut stream| {
            question(&mut stream).await;
            stream.write_all(part.as_bytes()).await.expect("written");
            if resets {
                reset_on_close(&stream);
            }
        })
        .await;
        assert_eq!(outcome, Err(ProbeFailure::Closed), "{part:?} {resets}");
    }
    let at_once = asked(PATIENT, for_page(), async |stream| reset_on_close(&stream)).await;
    let reset = ProbeFailure::Connect(ConnectFailure::Reset);
    assert!([Err(ProbeFailure::Closed), Err(reset)].contains(&at_once), "{at_once:?}");
}

#[tokio::test]
async fn who_says_nothing_or_too_little_in_time_is_silent() {
    let mute = asked(IMPATIENT, for_page(), async |mut stream| {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    assert_eq!(mute.await, Err(ProbeFailure::Silent));
    let trickling = asked(IMPATIENT, for_page(), async |mut stream| {
        question(&mut stream).await;
        let head = "HTTP/1.1 200 OK\r\nx: ".bytes().chain(std::iter::repeat(b'x'));
        for byte in head {
            if stream.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert_eq!(trickling.await, Err(ProbeFailure::Silent));
}

#[tokio::test]
async fn an_answer_without_end_is_wrong_and_keeps_nobody() {
    for endless in ["x: y\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "x"] {
        let outcome = asked(PATIENT, for_page(), async move |mut stream| {
            question(&mut stream).await;
            let start = if endless.starts_with("HTTP") { "" } else { "HTTP/1.1 200 OK\r\n" };
            let mut flood = start.as_bytes().to_vec();
            while stream.write_all(&flood).await.is_ok() {
                flood = endless.repeat(10_000).into_bytes();
            }
        })
        .await;
        assert_eq!(outcome, Err(ProbeFailure::WrongAnswer), "{endless:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_a_failure_of_this_edge() {
    let (_listener, address) = listening().await;
    let page = HttpProbe { path: "no path".into(), ..page() };
    let (report, _) = probe_once(address, Conversation::Http(page.into()), PATIENT).await;
    assert_eq!(report.outcome, Err(ConnectFailure::Local(LocalFailure::Other).into()));
}

#[tokio::test]
async fn an_answer_is_seen_before_the_runtime_hears_of_it() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("bound");
    let server = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().expect("a probe");
        assert!(stream.read(&mut [0; 512]).expect("a question") > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").expect("written");
        // Until the prober has ended the connection.
        let _ = stream.read(&mut [0]);
    });
    let page = page();
    let egress = &Egress::default();
    let target = Target { address, sources: &[], egress, send_proxy: None };
    let mut probing = Box::pin(http::probe(target, &page, patience(PATIENT)));
    let began = Instant::now();
    // Between these looks the runtime does not turn.
    let outcome = std::future::poll_fn(|cx| {
        loop {
            match probing.as_mut().poll(cx) {
                Poll::Pending if began.elapsed() < PATIENT => std::thread::yield_now(),
                looked => break looked,
            }
        }
    });
    assert!(outcome.await.is_ok());
    server.join().expect("no panic");
}

#[tokio::test]
async fn an_answer_that_waited_for_this_process_is_not_held_against_the_access_point() {
    const PATIENCE: Duration = Duration::from_secs(1);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("bound");
    let (asked, has_asked) = std::sync::mpsc::channel();
    let (answered, has_answered) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().expect("a probe");
        assert!(stream.read(&mut [0; 512]).expect("a question") > 0);
        asked.send(()).expect("somebody waits");
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").expect("written");
        answered.send(()).expect("somebody waits");
        // Until the prober has ended the connection.
        let _ = stream.read(&mut [0]);
    });
    let outcome = tokio::spawn(async move {
        let egress = &Egress::default();
        let target = Target { address, sources: &[], egress, send_proxy: None };
        http::probe(target, &page(), patience(PATIENCE)).await
    });
    while has_asked.try_recv().is_err() {
        tokio::task::yield_now().await;
    }
    // From the question to long after the end of the patience nothing runs on this one thread.
    has_answered.recv().expect("an answer");
    std::thread::sleep(PATIENCE);
    let held_up = ConnectFailure::Local(LocalFailure::HeldUp);
    assert_eq!(outcome.await.expect("no panic"), Err(held_up.into()));
    server.join().expect("no panic");
}

#[tokio::test]
async fn a_probe_that_panics_or_is_given_up_is_reported_too() {
    let (reports, mut reported) = mpsc::unbounded_channel();
    let metrics = Arc::new(Metrics::new("edge-1"));
    let access_point = AccessPointId {
        dc: DcId(2),
        address: crate::routing::DialAddress::tcp(SocketAddr::from(([127, 0, 0, 1], 1))),
    };
    let owed = |number| OwedReport::new(access_point, number, &reports, &metrics);
    let panics = tokio::spawn(owed(1).settle(async { panic!("on purpose") }));
    assert!(panics.await.is_err_and(|error| error.is_panic()));
    let endless = tokio::spawn(owed(2).settle(std::future::pending()));
    endless.abort();
    assert!(endless.await.is_err_and(|error| error.is_cancelled()));
    drop(owed(3).settle(std::future::pending()));
    for number in 1..=3 {
        let report = reported.recv().await.expect("a report");
        assert_eq!(report.number, number);
        assert_eq!(report.outcome, Err(ConnectFailure::Local(LocalFailure::Other).into()));
    }
}

/// Runs itself again in a process of its own, in which there are no descriptors left.
#[test]
fn without_a_descriptor_a_probe_fails_for_a_reason_of_this_edge() {
    const ROLE: &str = "NEARPOINT_TEST_WITHOUT_DESCRIPTORS";
    let name = "probe::tests::without_a_descriptor_a_probe_fails_for_a_reason_of_this_edge";
    if std::env::var_os(ROLE).is_none() {
        let this = std::env::current_exe().expect("a program");
        let run = Command::new(this).args(["--exact", name, "--nocapture"]).env(ROLE, "1").output();
        let run = run.expect("it runs");
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let (_listener, address) = listening().await;
        let few = Rlimit { current: Some(40), maximum: Some(40) };
        setrlimit(Resource::Nofile, few).expect("less than before");
        let mut taken = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            taken.push(file);
        }
        for conversation in [Conversation::Connect, for_page()] {
            let (report, _) = probe_once(address, conversation.clone(), PATIENT).await;
            let local = ConnectFailure::Local(LocalFailure::NoDescriptor);
            assert_eq!(report.outcome, Err(local.into()), "{conversation:?}");
        }
        taken.clear();
        assert!(probe_once(address, Conversation::Connect, PATIENT).await.0.outcome.is_ok());
    });
}
