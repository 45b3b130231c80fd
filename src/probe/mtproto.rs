//! The `mtproto` probe: asks in MTProto who is there (`req_pq_multi`), the way clients begin, and looks
//! at the answer. Nothing is left behind on the other side: no key, no session.
//!
//! What is read is bounded by what an answer can be.

use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use rustix::rand::{GetRandomFlags, getrandom};
use tokio::net::TcpStream;

use super::asking::{Patience, asked};
use super::line::Line;
use super::patience::judged;
use super::target::Target;
use crate::mtproto::{Answer, Question, Random, ResPq, Secret, Style, Transport, message_id};
use crate::routing::control::{ProbeAnswer, ProbeOutcome, Remark};
use crate::routing::topology::{Framing, MtprotoProbe, MtprotoStyle};
use crate::routing::{ConnectFailure, Foreign, LocalFailure, ProbeFailure};

/// All that is read of a connection: far more than the longest answer in any framing.
const MOST_READ: usize = 4 * ResPq::LONGEST;

/// Codes of MTProto's transport that say more than that something is wrong.
const NO_BACK_END: i32 = -404;
const RATE_LIMITED: i32 = -429;
const WRONG_DC: i32 = -444;

/// Asks `target`.
pub(super) async fn probe(
    target: Target<'_>,
    style: &MtprotoStyle,
    wanted: &MtprotoProbe,
    patience: Patience,
) -> ProbeOutcome {
    // Routing takes nobody for one that can be asked and cannot. Were it otherwise, that were our fault.
    let style = spoken(style).ok_or(ConnectFailure::Local(LocalFailure::Other))?;
    let question = question(&style).map_err(|_| ConnectFailure::Local(LocalFailure::Other))?;
    let is_abridged = style == Style::plain(Transport::Abridged);
    let ask = async |stream: &TcpStream| ask(stream, question, is_abridged).await;
    let (answer, times) = asked(target, patience, ask).await?;
    let remark = judge(answer, wanted)?;
    judged(times, patience.total).map(|times| ProbeAnswer { times, remark })
}

fn spoken(style: &MtprotoStyle) -> Option<Style> {
    match style {
        MtprotoStyle::Plain(framing) => Some(Style::plain(transport(*framing))),
        MtprotoStyle::Obfuscated { framing, secret: None, dc } => {
            Style::obfuscated(transport(*framing), None, *dc)
        }
        MtprotoStyle::Obfuscated { framing, secret: Some(secret), dc } => {
            let secret = Secret::new(secret.bytes())?;
            Style::obfuscated(transport(*framing), Some(&secret), *dc)
        }
    }
}

fn transport(framing: Framing) -> Transport {
    match framing {
        Framing::Abridged => Transport::Abridged,
        Framing::Intermediate => Transport::Intermediate,
        Framing::Padded => Transport::Padded,
        Framing::Full => Transport::Full,
    }
}

/// A question of this moment that nobody has asked before.
fn question(style: &Style) -> io::Result<Question> {
    let mut nonce = [0; 16];
    fill(&mut nonce)?;
    let random = Random::draw(|bytes| fill(bytes))?;
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let msg_id = message_id(since_1970.unwrap_or(Duration::ZERO));
    Ok(Question::new(style, nonce, msg_id, &random))
}

/// getrandom(2): up to 256 bytes come whole and without interruption.
fn fill(bytes: &mut [u8]) -> io::Result<()> {
    match getrandom(&mut *bytes, GetRandomFlags::empty())? {
        filled if filled == bytes.len() => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// The answer, whatever it is.
async fn ask(
    stream: &TcpStream,
    mut question: Question,
    is_abridged: bool,
) -> Result<Answer, ProbeFailure> {
    let has_ended = AtomicBool::new(false);
    let mut line = Line::new(stream, MOST_READ, &has_ended);
    let failed = |_: io::Error| match has_ended.load(Ordering::Relaxed) {
        true => ProbeFailure::Closed,
        // What came has no end.
        false => ProbeFailure::Foreign(Foreign::Bytes),
    };
    let mut unsent = question.opening();
    while !unsent.is_empty() {
        let sent = poll_fn(|cx| line.poll_send(cx, unsent)).await.map_err(failed)?;
        unsent = &unsent[sent..];
    }
    let mut chunk = [0; ResPq::LONGEST];
    let mut beginning = Vec::new();
    loop {
        let received = poll_fn(|cx| line.poll_receive(cx, &mut chunk)).await.map_err(failed)?;
        if received == 0 {
            return Err(ProbeFailure::Closed);
        }
        let chunk = &chunk[..received];
        if let Some(answer) = question.on_bytes(chunk) {
            return Ok(answer);
        }
        beginning.extend(chunk.iter().take(ABRIDGED_BEGINNING - beginning.len()));
        if is_abridged && !may_be_abridged(&beginning) {
            return Ok(Answer::Foreign);
        }
    }
}

/// A head, and the eight zeros that an unencrypted message begins with.
const ABRIDGED_BEGINNING: usize = 4 + 8;

/// Whether an answer in abridged framing may begin so. In the others what is no answer shows in its
/// length; here one byte is all of that, and a greeting of another service would be waited for until it
/// is as long as its first letter says.
fn may_be_abridged(beginning: &[u8]) -> bool {
    let message = match beginning {
        // An error: one word.
        [] | [1, ..] => return true,
        [0x7f, head @ ..] => head.get(3..).unwrap_or_default(),
        [_, message @ ..] => message,
    };
    message.iter().take(8).all(|byte| *byte == 0)
}

/// What an answer says of who gave it: that it lives, and what there is to say of that; or how it fails.
fn judge(answer: Answer, wanted: &MtprotoProbe) -> Result<Option<Remark>, ProbeFailure> {
    match answer {
        Answer::ResPq { fingerprints } => {
            Ok(wanted.other_keys(fingerprints).map(Remark::OtherFingerprints))
        }
        Answer::OtherNonce => Err(ProbeFailure::Foreign(Foreign::Nonce)),
        Answer::Foreign => Err(ProbeFailure::Foreign(Foreign::Bytes)),
        Answer::Error(RATE_LIMITED) => Ok(Some(Remark::RateLimited)),
        Answer::Error(WRONG_DC) => Err(ProbeFailure::WrongDc),
        Answer::Error(NO_BACK_END) => Err(ProbeFailure::NoBackEnd),
        Answer::Error(code) => Err(ProbeFailure::ErrorCode(code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mtproto::{FrameWriter, MOST_FINGERPRINTS};

    #[test]
    fn no_answer_in_any_pieces_is_taken_for_something_else() {
        let answers = (1..=MOST_FINGERPRINTS).map(|keys| {
            let (nonce, server_nonce) = ([0xff; 16], [0xee; 16]);
            let fingerprints = vec![u64::MAX; keys];
            ResPq { nonce, server_nonce, pq: u64::MAX, fingerprints }.to_bytes(u64::MAX)
        });
        let codes = [-1, NO_BACK_END, i32::MIN].map(|code| code.to_le_bytes().to_vec());
        for payload in answers.chain(codes) {
            let mut framed = Vec::new();
            let written =
                FrameWriter::new(Transport::Abridged).write(&payload, false, &[], &mut framed);
            written.expect("a frame");
            for end in 0..framed.len().min(ABRIDGED_BEGINNING) {
                assert!(may_be_abridged(&framed[..end]), "{end} bytes of {framed:02x?}");
            }
        }
        assert!(!may_be_abridged(b"SS") && !may_be_abridged(&[0x7f, 1, 0, 0, 1]));
    }
}
