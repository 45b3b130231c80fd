mod announcement;
mod mtproto;
mod udp;

use super::*;
use proptest::prelude::*;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Far beyond anything that happens here; a test that reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn stub(service: Service) -> (StubDc, SocketAddr) {
    let stub = StubDc::bind(2, &[(loopback(), service)]).unwrap();
    let at = stub.local_addrs()[0];
    (stub, at)
}

async fn until(stub: &StubDc, at: SocketAddr, condition: impl Fn(&Counts) -> bool) -> Counts {
    let waited = timeout(PATIENCE, stub.wait_until(at, condition)).await;
    waited.expect("the count is reached").unwrap()
}

#[tokio::test]
async fn one_that_is_bound_to_loopback_serves_and_swallows_on_all_its_addresses() {
    let any = SocketAddr::from(([0, 0, 0, 0], 0));
    let stub = StubDc::bind_with(
        Setup { device: Some("lo"), ..Setup::default() },
        2,
        &[(any, Service::Echo)],
    )
    .unwrap();
    let at = stub.local_addrs()[0];
    let many = [[127, 0, 0, 1], [127, 1, 2, 3], [127, 9, 0, 0]];
    let many = many.map(|ip| SocketAddr::from((ip, at.port())));
    for at in many {
        let mut client = TcpStream::connect(at).await.unwrap();
        assert_eq!(ask(&mut client, b"hello").await, b"hello");
    }
    stub.set_fault(at, Fault::Drop).await.unwrap();
    for at in many {
        let short = timeout(Duration::from_millis(50), TcpStream::connect(at)).await;
        assert!(short.is_err(), "{at}: {short:?}");
    }
    stub.set_fault(at, Fault::Refuse).await.unwrap();
    for at in many {
        let refused = TcpStream::connect(at).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    }
}

async fn ask(client: &mut TcpStream, question: &[u8]) -> Vec<u8> {
    client.write_all(question).await.unwrap();
    let mut answer = vec![0; question.len()];
    timeout(PATIENCE, client.read_exact(&mut answer)).await.expect("an answer").unwrap();
    answer
}

async fn rest(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    timeout(PATIENCE, client.read_to_end(&mut bytes)).await.expect("an end of stream")?;
    Ok(bytes)
}

async fn assert_reset(client: &mut TcpStream) {
    assert_eq!(rest(client).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

async fn assert_refused(at: SocketAddr) {
    let refused = TcpStream::connect(at).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn echo_returns_every_byte_and_then_the_end_of_stream() {
    let (stub, at) = stub(Service::Echo);
    let client = TcpStream::connect(at).await.unwrap();
    let sent: Vec<u8> = (0..3_000_000_u64).map(pattern_at).collect();
    let (mut reader, mut writer) = client.into_split();
    let question = sent.clone();
    let writing = tokio::spawn(async move {
        writer.write_all(&question).await.unwrap();
        writer.shutdown().await.unwrap();
    });
    let mut answer = Vec::new();
    timeout(PATIENCE, reader.read_to_end(&mut answer)).await.unwrap().unwrap();
    writing.await.unwrap();
    assert!(answer == sent);
    let counts = until(&stub, at, |counts| counts.open == 0).await;
    let bytes = sent.len() as u64;
    assert_eq!(
        counts,
        Counts { accepted: 1, bytes_in: bytes, bytes_out: bytes, ..Counts::default() }
    );
}

#[tokio::test]
async fn an_echo_may_end_while_the_session_goes_on() {
    let (stub, at) = stub(Service::EchoFirst { bytes: 100_000 });
    let mut client = TcpStream::connect(at).await.unwrap();
    let sent: Vec<u8> = (0..3_000_000_u64).map(pattern_at).collect();
    client.write_all(&sent).await.unwrap();
    client.shutdown().await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, client.read_to_end(&mut answer)).await.unwrap().unwrap();
    assert!(answer == sent[..100_000]);
    let counts = until(&stub, at, |counts| counts.open == 0).await;
    assert_eq!((counts.bytes_in, counts.bytes_out), (3_000_000, 100_000));
}

#[tokio::test]
async fn sink_answers_with_the_number_of_bytes_at_the_end() {
    let (_stub, at) = stub(Service::Sink);
    let mut client = TcpStream::connect(at).await.unwrap();
    client.write_all(&vec![7; 1_234_567]).await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(rest(&mut client).await.unwrap(), b"1234567\n");
}

#[tokio::test]
async fn source_sends_the_pattern_and_stops_where_it_was_told() {
    let (_stub, at) = stub(Service::Source { bytes: Some(1_000_003) });
    let mut client = TcpStream::connect(at).await.unwrap();
    client.write_all(b"ignored").await.unwrap();
    let received = rest(&mut client).await.unwrap();
    assert!(received.iter().copied().eq((0..1_000_003).map(pattern_at)));
}

#[tokio::test]
async fn source_without_end_goes_on_after_the_client_has_ended_its_stream() {
    let (stub, at) = stub(Service::Source { bytes: None });
    let mut client = TcpStream::connect(at).await.unwrap();
    client.shutdown().await.unwrap();
    let mut received = vec![0; 2_000_000];
    timeout(PATIENCE, client.read_exact(&mut received)).await.unwrap().unwrap();
    assert!(received.iter().copied().eq((0..2_000_000).map(pattern_at)));
    drop(client);
    until(&stub, at, |counts| counts.open == 0).await;
}

#[tokio::test]
async fn who_names_the_dc_the_access_point_the_peer_and_the_connection() {
    let stub = StubDc::bind(4, &[(loopback(), Service::Who), (loopback(), Service::Who)]).unwrap();
    let at = stub.local_addrs()[1];
    for connection in 1..=2 {
        let client = TcpStream::connect(at).await.unwrap();
        let peer = client.local_addr().unwrap();
        let mut client = BufReader::new(client);
        let mut line = String::new();
        client.read_line(&mut line).await.unwrap();
        let whoami: Whoami = serde_json::from_str(&line).unwrap();
        assert_eq!(whoami, Whoami { dc: 4, access_point: at, peer, connection, announced: None });
        assert_eq!(ask(client.get_mut(), b"and now it echoes").await, b"and now it echoes");
    }
    assert_eq!(stub.counts(stub.local_addrs()[0]).unwrap().accepted, 0);
    assert_eq!(stub.total().accepted, 2);
}

#[tokio::test]
async fn refusing_access_point_keeps_its_sessions_and_comes_back_on_its_port() {
    let (stub, at) = stub(Service::Echo);
    let mut client = TcpStream::connect(at).await.unwrap();
    ask(&mut client, b"served").await;
    stub.set_fault(at, Fault::Refuse).await.unwrap();
    assert_refused(at).await;
    ask(&mut client, b"still served").await;
    stub.set_fault(at, Fault::None).await.unwrap();
    ask(&mut TcpStream::connect(at).await.unwrap(), b"healed").await;
}

#[tokio::test]
async fn killed_access_point_resets_its_sessions_and_refuses() {
    let (stub, at) = stub(Service::Echo);
    let mut client = TcpStream::connect(at).await.unwrap();
    ask(&mut client, b"served").await;
    stub.kill_everywhere().await.unwrap();
    assert_reset(&mut client).await;
    assert_refused(at).await;
    until(&stub, at, |counts| counts.open == 0).await;
}

#[tokio::test]
async fn cut_resets_open_sessions_and_welcomes_new_ones() {
    let (stub, at) = stub(Service::Source { bytes: None });
    let mut client = TcpStream::connect(at).await.unwrap();
    client.read_exact(&mut [0; 10]).await.unwrap();
    stub.cut(at).await.unwrap();
    assert_reset(&mut client).await;
    TcpStream::connect(at).await.unwrap().read_exact(&mut [0; 10]).await.unwrap();
}

#[tokio::test]
async fn resetting_access_point_resets_new_connections_only() {
    let (stub, at) = stub(Service::Echo);
    let mut before = TcpStream::connect(at).await.unwrap();
    ask(&mut before, b"served").await;
    stub.set_fault(at, Fault::Reset).await.unwrap();
    // The reset may already be there when the connect returns.
    if let Ok(mut client) = TcpStream::connect(at).await {
        assert_reset(&mut client).await;
    }
    ask(&mut before, b"still served").await;
    assert_eq!(until(&stub, at, |counts| counts.accepted == 2).await.open, 1);
}

#[tokio::test]
async fn mute_access_point_reads_everything_and_answers_nothing() {
    let source = Service::Source { bytes: None };
    let mtproto = Service::Mtproto { strict: true };
    for service in [Service::Echo, Service::Sink, source, Service::Who, Service::Http, mtproto] {
        let (stub, at) = stub(service);
        stub.set_fault(at, Fault::Mute).await.unwrap();
        let mut client = TcpStream::connect(at).await.unwrap();
        client.write_all(b"anybody there?").await.unwrap();
        let counts = until(&stub, at, |counts| counts.bytes_in == 14).await;
        assert_eq!(counts.bytes_out, 0, "{service}");
        client.shutdown().await.unwrap();
        assert_eq!(rest(&mut client).await.unwrap(), b"", "{service}");
    }
}

#[tokio::test]
async fn mute_session_answers_what_comes_after_healing() {
    let (stub, at) = stub(Service::Echo);
    let mut client = TcpStream::connect(at).await.unwrap();
    ask(&mut client, b"one").await;
    stub.set_fault(at, Fault::Mute).await.unwrap();
    client.write_all(b"two").await.unwrap();
    until(&stub, at, |counts| counts.bytes_in == 6).await;
    stub.set_fault(at, Fault::None).await.unwrap();
    assert_eq!(ask(&mut client, b"three").await, b"three");
}

#[tokio::test]
async fn slow_access_point_connects_at_once_and_answers_later() {
    let (stub, at) = stub(Service::Echo);
    let late = Duration::from_millis(60);
    stub.set_fault(at, Fault::Slow(late)).await.unwrap();
    let mut client = TcpStream::connect(at).await.unwrap();
    let asked = Instant::now();
    ask(&mut client, b"slowly").await;
    assert!(asked.elapsed() >= late);
}

#[tokio::test]
async fn http_answers_a_request_with_who_it_is_and_a_status() {
    let (stub, at) = stub(Service::Http);
    for (fault, status) in [(Fault::None, "200"), (Fault::Status(503), "503")] {
        stub.set_fault(at, fault).await.unwrap();
        let mut client = TcpStream::connect(at).await.unwrap();
        // In two pieces, as the network may deliver it.
        client.write_all(b"GE").await.unwrap();
        client.write_all(b"T / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let answer = String::from_utf8(rest(&mut client).await.unwrap()).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(serde_json::from_str::<Whoami>(body).unwrap().access_point, at);
    }
}

#[tokio::test]
async fn http_says_who_it_is_to_others_and_echoes_all_they_say() {
    let (stub, at) = stub(Service::Http);
    stub.set_fault(at, Fault::Status(503)).await.unwrap();
    for greeting in ["hello", "G", "GET \n", "\0"] {
        let mut client = BufReader::new(TcpStream::connect(at).await.unwrap());
        client.write_all(greeting.as_bytes()).await.unwrap();
        client.get_mut().shutdown().await.unwrap();
        let mut line = String::new();
        client.read_line(&mut line).await.unwrap();
        assert_eq!(serde_json::from_str::<Whoami>(&line).unwrap().access_point, at);
        let mut echo = String::new();
        client.read_to_string(&mut echo).await.unwrap();
        assert_eq!(echo, greeting);
    }
}

#[tokio::test]
async fn powerless_access_point_swallows_connects_and_silences_sessions() {
    for host in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"] {
        let stub = StubDc::bind(2, &[(host.parse().unwrap(), Service::Echo)]).unwrap();
        let at = stub.local_addrs()[0];
        let mut before = TcpStream::connect(at).await.unwrap();
        ask(&mut before, b"served").await;
        stub.set_fault(at, Fault::Drop).await.unwrap();
        let attempts: Vec<_> = (0..20).map(|_| tokio::spawn(TcpStream::connect(at))).collect();
        let mut silence = [0];
        before.write_all(b"anybody?").await.unwrap();
        // The one wait for nothing to happen; a SYN is repeated after a second at the earliest.
        let answered = timeout(Duration::from_millis(300), before.read(&mut silence)).await;
        assert!(answered.is_err(), "{host}");
        for attempt in attempts {
            assert!(!attempt.is_finished(), "{host}: a connect was answered");
            attempt.abort();
        }
        stub.set_fault(at, Fault::None).await.unwrap();
        assert_reset(&mut before).await;
        ask(&mut TcpStream::connect(at).await.unwrap(), b"power is back").await;
    }
}

#[tokio::test]
async fn every_fault_may_follow_every_other() {
    let (stub, at) = stub(Service::Echo);
    let faults = [
        Fault::None,
        Fault::Refuse,
        Fault::Reset,
        Fault::Mute,
        Fault::Slow(Duration::from_millis(1)),
        Fault::Status(500),
        Fault::Mtproto(MtprotoFault::Close),
        Fault::Loss(50),
        Fault::Drop,
    ];
    for first in faults {
        for second in faults {
            stub.set_fault(at, first).await.unwrap();
            stub.set_fault(at, second).await.unwrap();
            if second == Fault::Refuse {
                assert_refused(at).await;
            }
            stub.set_fault_everywhere(Fault::None).await.unwrap();
            ask(&mut TcpStream::connect(at).await.unwrap(), b"healed").await;
        }
    }
}

#[tokio::test]
async fn access_points_fail_one_by_one() {
    let both = [(loopback(), Service::Echo), (loopback(), Service::Echo)];
    let stub = StubDc::bind(2, &both).unwrap();
    let [first, second] = stub.local_addrs()[..] else { panic!("two addresses") };
    stub.set_fault(first, Fault::Refuse).await.unwrap();
    assert_refused(first).await;
    ask(&mut TcpStream::connect(second).await.unwrap(), b"served").await;
}

#[tokio::test]
async fn shutdown_frees_the_port_and_ends_the_sessions() {
    let (stub, at) = stub(Service::Echo);
    let mut client = TcpStream::connect(at).await.unwrap();
    ask(&mut client, b"served").await;
    timeout(PATIENCE, stub.shutdown()).await.expect("an end");
    assert_eq!(rest(&mut client).await.unwrap(), b"");
    StubDc::bind(3, &[(at, Service::Echo)]).unwrap();
}

#[tokio::test]
async fn address_in_use_and_unknown_addresses_are_errors() {
    let (stub, at) = stub(Service::Echo);
    let error = StubDc::bind(3, &[(at, Service::Echo)]).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on {at}"));
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let error = stub.set_fault(nowhere, Fault::Mute).await.unwrap_err();
    assert!(matches!(error, FaultError::NoSuchAccessPoint(address) if address == nowhere));
}

#[test]
fn texts_that_name_nothing_are_refused() {
    for text in [
        "",
        "slow",
        "slow:",
        "slow:fast",
        "status:",
        "status:99",
        "status:1000",
        "status:ok",
        "code:",
        "code:404",
        "code:0",
        "code:-2147483649",
        "mtproto:lax",
        "loss:",
        "loss:101",
        "udp:",
        "udp:mtproto",
        "Refuse",
        "source:",
        "source:-1",
        "source:x",
    ] {
        assert!(text.parse::<Fault>().is_err(), "{text}");
        assert!(text.parse::<Service>().is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn faults_and_services_are_read_as_they_are_written(millis in 0_u64..10_000_000, bytes: u64) {
        let slow = Fault::Slow(Duration::from_millis(millis));
        let ill = Fault::Status(100 + (millis % 900) as u16);
        let others = [MtprotoFault::Nonce, MtprotoFault::Garbage, MtprotoFault::Fingerprints]
            .into_iter()
            .chain([MtprotoFault::Close, MtprotoFault::Code(-1 - millis as i32)])
            .map(Fault::Mtproto);
        for fault in [Fault::None, Fault::Refuse, Fault::Reset, Fault::Mute, slow, ill, Fault::Drop]
            .into_iter()
            .chain([Fault::Loss((millis % 101) as u8)])
            .chain(others)
        {
            prop_assert_eq!(fault.to_string().parse(), Ok(fault));
        }
        let source = Service::Source { bytes: Some(bytes) };
        let endless = Service::Source { bytes: None };
        let others = [Service::Echo, Service::Sink, Service::Who, Service::Http];
        let mtproto = [false, true].map(|strict| Service::Mtproto { strict });
        let udp = UdpService::ALL.map(Service::Udp);
        let echo = Service::EchoFirst { bytes };
        for service in others.into_iter().chain([echo, source, endless]).chain(mtproto).chain(udp) {
            prop_assert_eq!(service.to_string().parse(), Ok(service));
        }
    }
}
