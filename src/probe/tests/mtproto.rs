//! The `mtproto` probe against scripted peers: every row of what an answer may be.

use super::*;
use crate::mtproto::{self, Codec, NamedDc, Random, ReqPq, ResPq, Secret, Sniffed, sniff};
use crate::routing::control::Remark;
use crate::routing::topology::{AccessPointSecret, Framing, MtprotoProbe, MtprotoStyle};
use crate::routing::{Foreign, alarm};

const KEYS: [u64; 2] = [0xc3b4_2b02_6ce8_6b21, 7];

const SECRET: [u8; 16] = [0x5a; 16];

const FRAMINGS: [Framing; 4] =
    [Framing::Abridged, Framing::Intermediate, Framing::Padded, Framing::Full];

fn conversation(style: MtprotoStyle, pins: &[u64]) -> Conversation {
    let probe = MtprotoProbe::new(Framing::Abridged, false, pins.to_vec());
    Conversation::Mtproto(style, Arc::new(probe))
}

fn in_clear() -> Conversation {
    conversation(MtprotoStyle::Plain(Framing::Abridged), &[])
}

fn obfuscated(framing: Framing, secret: Option<&[u8]>, dc: i16) -> MtprotoStyle {
    MtprotoStyle::Obfuscated { framing, secret: secret.map(AccessPointSecret::new), dc }
}

/// All ways to ask, each with the secret that the peer knows.
fn styles() -> Vec<(MtprotoStyle, Vec<u8>)> {
    let plain = FRAMINGS.map(|framing| (MtprotoStyle::Plain(framing), Vec::new()));
    let hidden = FRAMINGS[..3].iter().flat_map(|framing| {
        [Vec::new(), SECRET.to_vec()].map(|secret| {
            let known = (!secret.is_empty()).then_some(&*secret);
            (obfuscated(*framing, known, 2), secret)
        })
    });
    let padded = [&[0xdd][..], &SECRET].concat();
    let padded = (obfuscated(Framing::Padded, Some(&padded), -10_002), padded);
    plain.into_iter().chain(hidden).chain([padded]).collect()
}

/// A DC that has read a question.
struct Peer {
    stream: TcpStream,
    codec: Codec,
    asked: ReqPq,
    named: Option<NamedDc>,
}

impl Peer {
    /// Reads until the question is whole, and not a byte more.
    async fn accept(mut stream: TcpStream, secret: &[u8]) -> Self {
        let secrets: Vec<Secret> = Secret::new(secret).into_iter().collect();
        let mut bytes = Vec::new();
        let first = loop {
            match sniff(&bytes, &secrets) {
                Sniffed::NeedMore(length) => {
                    while bytes.len() < length {
                        bytes.push(stream.read_u8().await.expect("a question"));
                    }
                }
                Sniffed::Decided(first) => break first,
            }
        };
        let named = match first {
            mtproto::FirstBytes::Obfuscated(header) => Some(header.named_dc()),
            _ => None,
        };
        let mut input = &*bytes;
        let mut codec = Codec::accept(first, &mut input, &secrets, 1024).expect("a transport");
        let mut rest = input.to_vec();
        loop {
            let padding = codec.padding();
            if let Some(frame) = codec.receive(&mut &*rest).expect("a frame") {
                let mtproto::Frame::Payload { bytes, .. } = frame else { panic!("{frame:?}") };
                let asked = ReqPq::parse(bytes, padding).expect("the question");
                return Self { stream, codec, asked, named };
            }
            rest = vec![stream.read_u8().await.expect("a question")];
        }
    }

    /// A payload as it is sent.
    fn framed(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        self.codec.send(payload, &[9; 7], &mut out).expect("a frame");
        out
    }

    /// The answer to a question with this nonce.
    fn answer(&mut self, nonce: [u8; 16]) -> Vec<u8> {
        let answer = ResPq {
            nonce,
            server_nonce: [3; 16],
            pq: 0x17ed_4894_1a08_f981,
            fingerprints: KEYS.into(),
        };
        self.framed(&answer.to_bytes(1))
    }

    fn right(&mut self) -> Vec<u8> {
        self.answer(self.asked.nonce)
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("written");
    }

    /// Until the prober has ended the connection; how.
    async fn end(mut self) -> std::io::Result<usize> {
        self.stream.read_to_end(&mut Vec::new()).await
    }
}

/// What comes of asking in clear somebody who reads the question and says what `reply` makes of it.
async fn replied(reply: impl FnOnce(&mut Peer) -> Vec<u8> + Send + 'static) -> ProbeOutcome {
    asked(PATIENT, in_clear(), async move |stream| {
        let mut peer = Peer::accept(stream, &[]).await;
        let reply = reply(&mut peer);
        peer.send(&reply).await;
        let _ = peer.end().await;
    })
    .await
}

async fn code(code: i32) -> ProbeOutcome {
    replied(move |peer| peer.framed(&code.to_le_bytes())).await
}

/// What a service that wants TLS says to anything else: a fatal alert, `decode_error`.
const TLS_ALERT: &[u8] = &[0x15, 3, 3, 0, 2, 2, 50];

fn foreign(foreign: Foreign) -> ProbeOutcome {
    Err(ProbeFailure::Foreign(foreign))
}

#[tokio::test]
async fn the_answer_to_this_question_is_good_in_every_style_and_the_connection_is_reset() {
    for (style, secret) in styles() {
        let (listener, address) = listening().await;
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a probe");
            let mut peer = Peer::accept(stream, &secret).await;
            let right = peer.right();
            peer.send(&right).await;
            let asked = (peer.asked, peer.named);
            (asked, peer.end().await.expect_err("a reset").kind())
        });
        let (report, metrics) =
            probe_once(address, conversation(style.clone(), &[]), PATIENT).await;
        let answer = report.outcome.unwrap_or_else(|failure| panic!("{style:?}: {failure}"));
        assert_eq!((answer.remark, answer.times.answer().is_some()), (None, true));
        assert_eq!(metrics.probes_total.with_label_values(&["2", "ok"]).get(), 1);
        let ((asked, named), ended) = server.await.expect("no panic");
        assert_eq!(ended, ErrorKind::ConnectionReset);
        assert_eq!(asked.msg_id % 4, 0);
        let now = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
        let ago = now.expect("after 1970").as_secs() - (asked.msg_id >> 32);
        assert!(ago < 60, "of the time of day: {ago} s ago");
        let expected = match style {
            MtprotoStyle::Plain(_) => None,
            MtprotoStyle::Obfuscated { dc: 2, .. } => Some((2, false, false)),
            MtprotoStyle::Obfuscated { .. } => Some((2, true, true)),
        };
        assert_eq!(named.map(|it| (it.id, it.media, it.test)), expected);
    }
}

#[tokio::test]
async fn every_question_is_a_new_one() {
    let mut nonces = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let (told, hears) = tokio::sync::oneshot::channel();
        let outcome = asked(PATIENT, in_clear(), async move |stream| {
            let mut peer = Peer::accept(stream, &[]).await;
            told.send(peer.asked.nonce).expect("somebody waits");
            let right = peer.right();
            peer.send(&right).await;
            let _ = peer.end().await;
        });
        assert!(outcome.await.is_ok());
        nonces.insert(hears.await.expect("a nonce"));
    }
    assert_eq!(nonces.len(), 3);
    assert!(!nonces.contains(&[0; 16]));
}

#[tokio::test]
async fn an_answer_in_pieces_is_the_same_answer() {
    for (style, secret) in styles() {
        let outcome = asked(PATIENT, conversation(style.clone(), &[]), async move |stream| {
            stream.set_nodelay(true).expect("a socket");
            let mut peer = Peer::accept(stream, &secret).await;
            for byte in peer.right() {
                peer.send(&[byte]).await;
                tokio::task::yield_now().await;
            }
            let _ = peer.end().await;
        })
        .await;
        assert!(outcome.is_ok(), "{style:?}: {outcome:?}");
    }
    let followed = replied(|peer| [peer.right(), vec![0xff; 4096]].concat());
    assert!(followed.await.is_ok(), "what comes after it is not looked at");
}

#[tokio::test]
async fn keys_other_than_the_pinned_are_alive_and_remarked() {
    let with = async |pins: &[u64]| {
        let plain = MtprotoStyle::Plain(Framing::Full);
        asked(PATIENT, conversation(plain, pins), async |stream| {
            let mut peer = Peer::accept(stream, &[]).await;
            let right = peer.right();
            peer.send(&right).await;
            let _ = peer.end().await;
        })
        .await
        .expect("it is alive")
    };
    for same in [[KEYS[0], KEYS[1]], [KEYS[1], KEYS[0]]] {
        assert_eq!(with(&same).await.remark, None);
    }
    for pins in [vec![KEYS[0]], vec![1], vec![KEYS[0], KEYS[1], 1]] {
        let answer = with(&pins).await;
        let seen = [7, KEYS[0]].into();
        assert_eq!(answer.remark, Some(Remark::OtherFingerprints(seen)), "{pins:?}");
        assert_eq!(answer.as_str(), alarm::AlarmKind::OtherFingerprints.as_str());
    }
}

#[tokio::test]
async fn codes_are_told_apart() {
    assert_eq!(code(-404).await, Err(ProbeFailure::NoBackEnd));
    assert_eq!(code(-444).await, Err(ProbeFailure::WrongDc));
    assert_eq!(code(-403).await, Err(ProbeFailure::ErrorCode(-403)));
    assert_eq!(code(i32::MIN).await, Err(ProbeFailure::ErrorCode(i32::MIN)));
    let limited = code(-429).await.expect("it is alive");
    assert_eq!(limited.remark, Some(Remark::RateLimited));
    assert_eq!(code(404).await, foreign(Foreign::Bytes), "no error is above zero");
    // A front end may be gone as soon as it has said so.
    let gone = asked(PATIENT, in_clear(), async |stream| {
        let mut peer = Peer::accept(stream, &[]).await;
        let code = peer.framed(&(-404_i32).to_le_bytes());
        peer.send(&code).await;
        reset_on_close(&peer.stream);
    });
    assert_eq!(gone.await, Err(ProbeFailure::NoBackEnd));
}

#[tokio::test]
async fn what_no_dc_says_is_foreign() {
    assert_eq!(replied(|peer| peer.answer([0; 16])).await, foreign(Foreign::Nonce));
    let bytes = foreign(Foreign::Bytes);
    assert_eq!(replied(|peer| peer.framed(&[1; 84])).await, bytes);
    // Each begins like a frame that is longer than it is, and nothing follows.
    for noise in [&b"SSH-2.0-OpenSSH_9\r\n"[..], b"HTTP/1.1 400 Bad Request\r\n\r\n", TLS_ALERT] {
        for framing in FRAMINGS {
            let plain = conversation(MtprotoStyle::Plain(framing), &[]);
            let outcome = asked(PATIENT, plain, async move |mut stream| {
                stream.write_all(noise).await.expect("written");
                let _ = stream.read_to_end(&mut Vec::new()).await;
            });
            assert_eq!(outcome.await, bytes, "{framing:?}");
        }
    }
    let cut = replied(|peer| {
        let mut message = peer.right();
        message.truncate(40);
        message[0] = 9;
        message
    });
    assert_eq!(cut.await, bytes, "half of an answer in a whole frame");
}

#[tokio::test]
async fn garbage_without_end_is_foreign_and_keeps_nobody() {
    for (style, secret) in styles() {
        for garbage in [0x00, 0x41, 0xc5] {
            let secret = secret.clone();
            let outcome = asked(PATIENT, conversation(style.clone(), &[]), async move |stream| {
                let mut peer = Peer::accept(stream, &secret).await;
                while peer.stream.write_all(&[garbage; 10_000]).await.is_ok() {}
            })
            .await;
            let fits = match style {
                MtprotoStyle::Plain(_) => outcome == foreign(Foreign::Bytes),
                // What is random after decryption may be a code, if seldom.
                MtprotoStyle::Obfuscated { .. } => {
                    matches!(outcome, Err(ProbeFailure::Foreign(_) | ProbeFailure::ErrorCode(_)))
                }
            };
            assert!(fits, "{style:?} {garbage:02x}: {outcome:?}");
        }
    }
}

#[tokio::test]
async fn an_end_before_the_answer_is_closed() {
    for resets in [false, true] {
        for part in [0, 1, 40] {
            let outcome = asked(PATIENT, in_clear(), async move |stream| {
                let mut peer = Peer::accept(stream, &[]).await;
                let right = peer.right();
                peer.send(&right[..part]).await;
                if resets {
                    reset_on_close(&peer.stream);
                }
            });
            assert_eq!(outcome.await, Err(ProbeFailure::Closed), "{part} bytes, {resets}");
        }
    }
    let at_once = asked(PATIENT, in_clear(), async |stream| reset_on_close(&stream)).await;
    let reset = ProbeFailure::Connect(ConnectFailure::Reset);
    assert!([Err(ProbeFailure::Closed), Err(reset)].contains(&at_once), "{at_once:?}");
}

#[tokio::test]
async fn who_says_nothing_or_half_of_it_in_time_is_silent() {
    for part in [0, 1, 60] {
        let outcome = asked(IMPATIENT, in_clear(), async move |stream| {
            let mut peer = Peer::accept(stream, &[]).await;
            let right = peer.right();
            peer.send(&right[..part]).await;
            let _ = peer.end().await;
        });
        assert_eq!(outcome.await, Err(ProbeFailure::Silent), "{part} bytes");
    }
    let mute = asked(IMPATIENT, in_clear(), async |mut stream| {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    assert_eq!(mute.await, Err(ProbeFailure::Silent));
}

#[tokio::test]
async fn nobody_there_and_nothing_that_can_be_said_are_no_answers() {
    let (listener, address) = listening().await;
    // Routing never asks so.
    for secret in [&[0xee; 30][..], &[1; 3]] {
        let style = obfuscated(Framing::Padded, Some(secret), 2);
        let (report, _) = probe_once(address, conversation(style, &[]), PATIENT).await;
        assert_eq!(report.outcome, Err(ConnectFailure::Local(LocalFailure::Other).into()));
    }
    drop(listener);
    let (report, _) = probe_once(address, in_clear(), PATIENT).await;
    assert_eq!(report.outcome, Err(ConnectFailure::Refused.into()));
}

#[tokio::test]
async fn an_answer_that_waited_for_this_process_is_not_held_against_the_access_point() {
    const PATIENCE: Duration = Duration::from_secs(1);
    let (listener, address) = listening().await;
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a probe");
        let mut peer = Peer::accept(stream, &[]).await;
        let right = peer.right();
        peer.send(&right).await;
        // The answer is on its way, in time; now nothing runs on this one thread until it is late.
        std::thread::sleep(PATIENCE);
        let _ = peer.end().await;
    });
    let (report, _) = probe_once(address, in_clear(), PATIENCE).await;
    let held_up = ConnectFailure::Local(LocalFailure::HeldUp);
    assert_eq!(report.outcome, Err(held_up.into()));
    server.await.expect("no panic");
}

#[tokio::test]
async fn the_random_bytes_of_a_header_never_begin_like_something_else() {
    // One lot in 256 would: with so many it would be seen.
    let (listener, address) = listening().await;
    let style = obfuscated(Framing::Abridged, None, 4);
    let server = tokio::spawn(async move {
        for _ in 0..600 {
            let (stream, _) = listener.accept().await.expect("a probe");
            let mut peer = Peer::accept(stream, &[]).await;
            assert_eq!(peer.named.map(|it| it.id), Some(4));
            let right = peer.right();
            peer.send(&right).await;
        }
    });
    for _ in 0..600 {
        let (report, _) = probe_once(address, conversation(style.clone(), &[]), PATIENT).await;
        assert!(report.outcome.is_ok(), "{:?}", report.outcome);
    }
    server.await.expect("no panic");
    assert!(Random::new(&[0xef; Random::LEN]).is_none());
}
