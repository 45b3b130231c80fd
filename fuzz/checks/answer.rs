//! A question and what may come back, or to a server: nothing depends on pieces, and what one end sends the
//! other one reads.
//!
//! An input is: the style (one byte); who reads what (one byte: see [`check`]); the length of the pieces (one
//! byte, 0 for one piece); and the bytes that are read, or the payload that is framed.

use nearpoint::mtproto::{
    Answer, Codec, FirstBytes, Frame, FrameError, Nonce, Question, Random, ResPq, Secret, Sniffed,
    Style, Transport, sniff,
};

/// The nonce of all questions.
pub(crate) const NONCE: Nonce = *b"nonce of a probe";

/// The longest payload that the server reads.
const LONGEST: usize = 512;

/// Panics if something is wrong.
pub(crate) fn check(input: &[u8]) {
    let [style, who, length, bytes @ ..] = input else { return };
    let (secrets, styles) = (secrets(), styles());
    let style = &styles[usize::from(*style) % styles.len()];
    let length = usize::from(*length);
    match who % 4 {
        0 => {
            client_reads(style, bytes, length);
        }
        1 => client_reads_a_frame(style, &secrets, bytes, length),
        2 => {
            server_reads(&secrets, bytes, length);
        }
        _ => server_reads_a_frame(style, &secrets, bytes, length),
    }
}

/// Two secrets, plain and padded.
pub(crate) fn secrets() -> [Secret; 2] {
    let of = |bytes: &[u8]| Secret::new(bytes).expect("a secret");
    [of(&[1; 16]), of(&[&[0xdd][..], &[2; 16]].concat())]
}

/// All styles: each transport in clear, and obfuscated with no secret, the first and the second.
pub(crate) fn styles() -> Vec<Style> {
    let known = secrets();
    let mut styles: Vec<Style> = Transport::ALL.map(Style::plain).into();
    for secret in [None, Some(&known[0]), Some(&known[1])] {
        let obfuscated = |inner| Style::obfuscated(inner, secret, 2).expect("no fake TLS");
        styles.extend(Transport::ALL.map(obfuscated));
    }
    styles
}

/// The same ones at all times.
pub(crate) fn random() -> Random {
    let bytes = std::array::from_fn(|at| 0x40 | at as u8);
    Random::new(&bytes).expect("it begins as nothing else")
}

fn client_reads(style: &Style, bytes: &[u8], length: usize) -> Option<Answer> {
    let ask = || Question::new(style, NONCE, 4, &random());
    let whole = ask().on_bytes(bytes);
    let mut question = ask();
    let mut answers = pieces(bytes, length).map(|piece| question.on_bytes(piece));
    let found = answers.find_map(|answer| answer);
    assert_eq!(found, whole, "{style:?}");
    assert!(answers.all(|answer| answer.is_none()), "one question has one answer");
    whole
}

fn client_reads_a_frame(style: &Style, secrets: &[Secret], payload: &[u8], length: usize) {
    let question = Question::new(style, NONCE, 4, &random());
    let mut input = question.opening();
    let Sniffed::Decided(first) = sniff(input, secrets) else { panic!("{style:?} is undecided") };
    let server = Codec::accept(first, &mut input, secrets, LONGEST);
    let mut server = server.unwrap_or_else(|| panic!("{style:?} is not accepted"));
    let mut wire = Vec::new();
    if server.send(payload, &[], &mut wire).is_err() {
        return;
    }
    let answer = client_reads(style, &wire, length).expect("a whole frame is an answer");
    let padding = server.padding();
    match ResPq::parse(payload, padding) {
        Some(told) if told.nonce == NONCE => {
            assert_eq!(answer, Answer::ResPq { fingerprints: told.fingerprints });
        }
        Some(_) => assert_eq!(answer, Answer::OtherNonce),
        None => assert!(matches!(answer, Answer::Foreign | Answer::Error(..0))),
    }
}

/// What a server makes of a stream.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    first: Option<FirstBytes>,
    payloads: Vec<(Vec<u8>, bool)>,
    error: Option<FrameError>,
}

fn server_reads(secrets: &[Secret], bytes: &[u8], length: usize) -> Heard {
    let whole = hear(secrets, [bytes].into_iter());
    assert_eq!(hear(secrets, pieces(bytes, length)), whole);
    whole
}

fn hear<'a>(secrets: &[Secret], pieces: impl Iterator<Item = &'a [u8]>) -> Heard {
    let (mut heard, mut codec) = (Heard::default(), None);
    let mut read = Vec::new();
    for piece in pieces {
        read.extend_from_slice(piece);
        let mut input = read.as_slice();
        if codec.is_none() {
            let Sniffed::Decided(first) = sniff(input, secrets) else { continue };
            heard.first = Some(first);
            codec = Codec::accept(first, &mut input, secrets, LONGEST);
        }
        let Some(codec) = &mut codec else { break };
        heard.error = hear_frames(codec, &mut input, &mut heard.payloads).err();
        if heard.error.is_some() {
            break;
        }
        read.clear();
    }
    heard
}

fn hear_frames(
    codec: &mut Codec,
    input: &mut &[u8],
    payloads: &mut Vec<(Vec<u8>, bool)>,
) -> Result<(), FrameError> {
    while let Some(frame) = codec.receive(input)? {
        let Frame::Payload { bytes, quick_ack } = frame else { panic!("{frame:?} of a client") };
        payloads.push((bytes.to_vec(), quick_ack));
    }
    Ok(())
}

fn server_reads_a_frame(style: &Style, secrets: &[Secret], payload: &[u8], length: usize) {
    let mut wire = Vec::new();
    let mut client = Codec::connect(style, &random(), LONGEST, &mut wire);
    if payload.len() > LONGEST || client.send(payload, &[], &mut wire).is_err() {
        return;
    }
    let heard = server_reads(secrets, &wire, length);
    assert_eq!((&heard.payloads[..], heard.error), (&[(payload.to_vec(), false)][..], None));
}

fn pieces(bytes: &[u8], length: usize) -> impl Iterator<Item = &[u8]> {
    bytes.chunks(if length == 0 { bytes.len().max(1) } else { length })
}
