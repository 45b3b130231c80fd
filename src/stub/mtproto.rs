//! An access point that answers the one question of MTProto that needs no key.

use super::fault::{Fault, MtprotoFault};
use super::service::Session;
use crate::mtproto::{Codec, FirstBytes, Frame, ReqPq, ResPq, Sniffed, sniff};
use std::io;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// The fingerprints with which the stub of a DC answers. Those of two DCs have none in common.
pub fn fingerprints_of(dc: u16) -> [u64; 2] {
    [FIRST_KEY, SECOND_KEY].map(|key| key ^ u64::from(dc))
}

/// The DC whose fingerprints these are, if they are of one.
pub fn dc_of_fingerprints(fingerprints: &[u64]) -> Option<u16> {
    let dc = u16::try_from(fingerprints.first()? ^ FIRST_KEY).ok()?;
    (fingerprints == fingerprints_of(dc)).then_some(dc)
}

/// The lower 16 bits are those of the DC.
const FIRST_KEY: u64 = u64::from_be_bytes(*b"stub-1\0\0");
const SECOND_KEY: u64 = u64::from_be_bytes(*b"stub-2\0\0");

/// The product of the primes 1,229,739,323 and 1,402,015,859, from the protocol's published sample.
const PQ: u64 = 0x17ed_4894_1a08_f981;

/// Errors of the transport: a message nobody understands, and a client of another DC.
const UNKNOWN: i32 = -404;
const OTHER_DC: i32 = -444;

/// As long as an answer, and none.
const GARBAGE: [u8; 84] = [0xa7; 84];

/// The longest payload that is read, in bytes; questions have 40.
const LONGEST: usize = 64 * 1024;

/// Answers questions until the client goes, or speaks something else.
pub(super) async fn answer(
    session: &Session,
    stream: &mut TcpStream,
    strict: bool,
) -> io::Result<()> {
    let mut read = Vec::new();
    let first = loop {
        match sniff(&read, &session.dc.secrets) {
            Sniffed::Decided(first) => break first,
            Sniffed::NeedMore(_) if receive(session, stream, &mut read).await? => {}
            Sniffed::NeedMore(_) => return Ok(()),
        }
    };
    let mut arrived = read.as_slice();
    let Some(mut codec) = Codec::accept(first, &mut arrived, &session.dc.secrets, LONGEST) else {
        return turn_away(session, stream).await;
    };
    let stranger = strict && is_for_another_dc(first, session.dc.id);
    loop {
        let padding = codec.padding();
        match codec.receive(&mut arrived) {
            Ok(Some(Frame::Payload { bytes, .. })) => {
                let question = ReqPq::parse(bytes, padding);
                if !reply(session, stream, &mut codec, question, stranger).await? {
                    return Ok(());
                }
            }
            Ok(None) => {
                read.clear();
                if !receive(session, stream, &mut read).await? {
                    return Ok(());
                }
                arrived = &read;
            }
            // What only servers send is read as a payload here.
            Ok(Some(Frame::QuickAck(_) | Frame::Error(_))) | Err(_) => {
                return turn_away(session, stream).await;
            }
        }
    }
}

/// Whether anything came; otherwise the client has ended its stream.
async fn receive(
    session: &Session,
    stream: &mut TcpStream,
    read: &mut Vec<u8>,
) -> io::Result<bool> {
    let bytes = stream.read_buf(read).await?;
    session.counters.received(bytes);
    Ok(bytes > 0)
}

/// Closes, or where nothing may be said waits for the client to do so.
async fn turn_away(session: &Session, stream: &mut TcpStream) -> io::Result<()> {
    let mut read = Vec::new();
    while !session.may_answer().await && receive(session, stream, &mut read).await? {
        read.clear();
    }
    Ok(())
}

/// Whether an obfuscated client names another DC. Access points for media and of the test network
/// are of the same one.
fn is_for_another_dc(first: FirstBytes, dc: u16) -> bool {
    match first {
        FirstBytes::Obfuscated(header) => header.named_dc().id != dc,
        FirstBytes::Plain(_) | FirstBytes::Http | FirstBytes::Tls | FirstBytes::Unrecognised => {
            false
        }
    }
}

/// Says what is to be said. Whether the session goes on.
async fn reply(
    session: &Session,
    stream: &mut TcpStream,
    codec: &mut Codec,
    question: Option<ReqPq>,
    stranger: bool,
) -> io::Result<bool> {
    if !session.may_answer().await {
        return Ok(true);
    }
    let Some(payload) = reply_to(session, question, stranger) else { return Ok(false) };
    let mut bytes = Vec::new();
    codec.send(&payload, &padding_for(question), &mut bytes).map_err(io::Error::other)?;
    session.send(stream, &bytes).await?;
    Ok(true)
}

/// What is said to a message, which may be no question, as the fault that is in effect has it. `None`: the
/// connection is closed instead.
fn reply_to(session: &Session, question: Option<ReqPq>, stranger: bool) -> Option<Vec<u8>> {
    let error = |code: i32| Some(code.to_le_bytes().to_vec());
    let fault = match session.fault() {
        Fault::Mtproto(fault) => Some(fault),
        Fault::None
        | Fault::Refuse
        | Fault::Reset
        | Fault::Mute
        | Fault::Slow(_)
        | Fault::Status(_)
        | Fault::Loss(_)
        | Fault::Drop => None,
    };
    match fault {
        Some(MtprotoFault::Close) => return None,
        Some(MtprotoFault::Garbage) => return Some(GARBAGE.to_vec()),
        Some(MtprotoFault::Code(code)) => return error(code),
        Some(MtprotoFault::Nonce | MtprotoFault::Fingerprints) | None => {}
    }
    let Some(question) = question else { return error(UNKNOWN) };
    if stranger {
        return error(OTHER_DC);
    }
    let mut answer = ResPq {
        nonce: question.nonce,
        server_nonce: question.nonce.map(u8::reverse_bits),
        pq: PQ,
        fingerprints: fingerprints_of(session.dc.id).to_vec(),
    };
    if fault == Some(MtprotoFault::Nonce) {
        answer.nonce = answer.nonce.map(|byte| !byte);
    }
    if fault == Some(MtprotoFault::Fingerprints) {
        answer.fingerprints = answer.fingerprints.iter().map(|fingerprint| !fingerprint).collect();
    }
    // Numbers of a server's answers are odd.
    Some(answer.to_bytes(question.msg_id | 1))
}

/// 0 to 15 bytes, as random as the client's nonce is.
fn padding_for(question: Option<ReqPq>) -> Vec<u8> {
    let Some(ReqPq { nonce: [length, bytes @ ..], .. }) = question else { return Vec::new() };
    bytes[..usize::from(length % 16)].to_vec()
}
