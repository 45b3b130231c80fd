//! The stub as a client of MTProto meets it.

use super::*;
use crate::mtproto::{
    Answer, Codec, Frame, Nonce, Question, Random, ReqPq, Style, Transport, message_id,
};
use std::slice;

const NONCE: Nonce = *b"sixteen bytes up";

const LAX: Service = Service::Mtproto { strict: false };

/// A DC of id 2 that knows these secrets.
fn stub(service: Service) -> (StubDc, SocketAddr) {
    let setup = Setup { secrets: &secrets(), ..Setup::default() };
    let stub = StubDc::bind_with(setup, 2, &[(loopback(), service)]).unwrap();
    let at = stub.local_addrs()[0];
    (stub, at)
}

fn secrets() -> [Secret; 2] {
    [vec![7; 16], [[0xdd; 1].as_slice(), &[8; 16]].concat()].map(|it| Secret::new(&it).unwrap())
}

/// Every style in which a client of this DC may speak.
fn styles(dc: i16) -> Vec<Style> {
    let secrets = secrets();
    let secrets = [None, Some(&secrets[0]), Some(&secrets[1])];
    let obfuscated = |inner| secrets.map(|it| Style::obfuscated(inner, it, dc).unwrap());
    let all = Transport::ALL;
    all.map(Style::plain).into_iter().chain(all.into_iter().flat_map(obfuscated)).collect()
}

fn random() -> Random {
    let mut number = 0;
    let Ok(random) = Random::draw(|bytes| {
        number += 1;
        *bytes = std::array::from_fn(|at| (at as u8).wrapping_mul(97) ^ number);
        Ok::<(), std::convert::Infallible>(())
    });
    random
}

fn question(style: &Style) -> Question {
    Question::new(style, NONCE, message_id(Duration::from_secs(1_577_000_000)), &random())
}

/// How a conversation ended.
#[derive(Debug, PartialEq)]
enum End {
    Answered(Answer),
    Closed,
    Reset,
}

/// Asks with the pieces of the question in segments of their own.
async fn ask(at: SocketAddr, style: &Style, cuts: &[usize]) -> End {
    let conversation = async {
        let mut client = TcpStream::connect(at).await?;
        client.set_nodelay(true)?;
        let mut question = question(style);
        let mut from = 0;
        for to in cuts.iter().copied().chain([question.opening().len()]) {
            client.write_all(&question.opening()[from..to]).await?;
            // The stub runs on this thread: now it may read.
            tokio::task::yield_now().await;
            from = to;
        }
        let mut buffer = [0; 7];
        loop {
            let bytes = client.read(&mut buffer).await?;
            if bytes == 0 {
                return Ok(End::Closed);
            }
            if let Some(answer) = question.on_bytes(&buffer[..bytes]) {
                return Ok(End::Answered(answer));
            }
        }
    };
    match timeout(PATIENCE, conversation).await.expect("an end") {
        Ok(end) => end,
        Err(error) => match io::Error::kind(&error) {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => End::Reset,
            kind => panic!("{kind}: {error}"),
        },
    }
}

fn fingerprints(of: [u64; 2]) -> End {
    End::Answered(Answer::ResPq { fingerprints: of.to_vec() })
}

#[tokio::test]
async fn questions_of_every_style_are_answered_however_they_are_cut() {
    let (stub, at) = stub(LAX);
    for style in styles(-10_002) {
        let bytes = question(&style).opening().len();
        let singly: Vec<usize> = (1..bytes).collect();
        for cuts in [&[][..], &[style.prologue_len()], &[1], &[3, 9], &[bytes - 1], &singly] {
            let end = ask(at, &style, cuts).await;
            assert_eq!(end, fingerprints(fingerprints_of(2)), "{style:?} {cuts:?}");
        }
    }
    until(&stub, at, |counts| counts.open == 0).await;
}

#[tokio::test]
async fn every_fault_shows_in_every_style() {
    let code = |code| (MtprotoFault::Code(code), End::Answered(Answer::Error(code)));
    let faults = [
        code(-404),
        code(-429),
        code(-444),
        code(i32::MIN),
        (MtprotoFault::Nonce, End::Answered(Answer::OtherNonce)),
        (MtprotoFault::Garbage, End::Answered(Answer::Foreign)),
        (MtprotoFault::Fingerprints, fingerprints(fingerprints_of(2).map(|it| !it))),
        (MtprotoFault::Close, End::Closed),
    ];
    let faults = faults.into_iter().map(|(fault, end)| (Fault::Mtproto(fault), end));
    let late = Fault::Slow(Duration::from_millis(1));
    let others = [(Fault::Reset, End::Reset), (late, fingerprints(fingerprints_of(2)))];
    let (stub, at) = stub(LAX);
    for (fault, expected) in faults.chain(others) {
        stub.set_fault(at, fault).await.unwrap();
        for style in styles(2) {
            assert_eq!(ask(at, &style, &[]).await, expected, "{style:?} {fault}");
        }
    }
}

#[tokio::test]
async fn a_mute_dc_reads_the_question_and_keeps_the_connection() {
    for style in styles(2) {
        let (stub, at) = stub(LAX);
        stub.set_fault(at, Fault::Mute).await.unwrap();
        let mut client = TcpStream::connect(at).await.unwrap();
        let mut question = question(&style);
        client.write_all(question.opening()).await.unwrap();
        let all = question.opening().len() as u64;
        let counts = until(&stub, at, |counts| counts.bytes_in == all).await;
        assert_eq!((counts.open, counts.bytes_out), (1, 0), "{style:?}");
        // Once it is healed it answers what comes from then on.
        stub.set_fault(at, Fault::None).await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(rest(&mut client).await.unwrap(), b"");
        assert_eq!(question.on_bytes(b""), None);
    }
}

#[tokio::test]
async fn a_strict_dc_tells_obfuscated_clients_of_others_that_it_is_not_theirs() {
    let (_stub, at) = stub(Service::Mtproto { strict: true });
    for own in [2, -2, 10_002, -10_002] {
        for style in styles(own) {
            let end = ask(at, &style, &[]).await;
            assert_eq!(end, fingerprints(fingerprints_of(2)), "{own} {style:?}");
        }
    }
    for other in [4, -4, 0, 10_004, -10_004, i16::MIN] {
        for style in styles(other) {
            let expected = match style.prologue_len() {
                64 => End::Answered(Answer::Error(-444)),
                _ => fingerprints(fingerprints_of(2)),
            };
            assert_eq!(ask(at, &style, &[]).await, expected, "{other} {style:?}");
        }
    }
}

#[tokio::test]
async fn a_session_asks_again_and_other_messages_are_not_understood() {
    let (_stub, at) = stub(LAX);
    for style in styles(2) {
        let mut client = TcpStream::connect(at).await.unwrap();
        let (mut codec, mut bytes) = {
            let mut bytes = Vec::new();
            (Codec::connect(&style, &random(), 1024, &mut bytes), bytes)
        };
        let question = ReqPq { msg_id: 4, nonce: NONCE }.to_bytes();
        // A message under a key that nobody has.
        for message in [&question, &[0x66; 40], &question] {
            codec.send(message, &[1, 2, 3], &mut bytes).unwrap();
        }
        client.write_all(&bytes).await.unwrap();
        let mut answers = Vec::new();
        while answers.len() < 3 {
            let mut buffer = [0; 1024];
            let read = timeout(PATIENCE, client.read(&mut buffer)).await.unwrap().unwrap();
            assert_ne!(read, 0, "{style:?}");
            let mut input = &buffer[..read];
            while let Some(frame) = codec.receive(&mut input).unwrap() {
                answers.push(match frame {
                    Frame::Error(code) => Some(code),
                    Frame::Payload { .. } | Frame::QuickAck(_) => None,
                });
            }
        }
        assert_eq!(answers, [None, Some(-404), None], "{style:?}");
    }
}

#[tokio::test]
async fn what_is_not_mtproto_is_closed() {
    let (stub, at) = stub(LAX);
    let unknown = Secret::new(&[1; 16]).unwrap();
    let other_secret = Style::obfuscated(Transport::Abridged, Some(&unknown), 2).unwrap();
    let too_long = [0xee, 0xee, 0xee, 0xee, 0xff, 0xff, 0xff, 0x7f];
    for bytes in [
        b"GET / HTTP/1.1\r\n\r\n".as_slice(),
        &[0x16, 3, 1, 2],
        &[0x41; 64],
        &too_long,
        question(&other_secret).opening(),
    ] {
        let mut client = TcpStream::connect(at).await.unwrap();
        client.write_all(bytes).await.unwrap();
        // With bytes of the client unread, the end is a reset.
        let end = timeout(PATIENCE, client.read(&mut [0])).await.unwrap();
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    }
    assert_eq!(stub.total().bytes_out, 0);
}

#[test]
fn fingerprints_tell_the_dc_and_nothing_else_does() {
    for dc in [0, 1, 2, 5, 203, u16::MAX] {
        let of = fingerprints_of(dc);
        assert_eq!(dc_of_fingerprints(&of), Some(dc));
        let [first, second] = of;
        for other in [&[][..], slice::from_ref(&first), &[second, first], &[first, !second]] {
            assert_eq!(dc_of_fingerprints(other), None);
        }
        assert_eq!(dc_of_fingerprints(&of.map(|it| !it)), None);
    }
    let [first, second] = [fingerprints_of(4), fingerprints_of(5)];
    assert!(first.iter().all(|it| !second.contains(it)));
}
