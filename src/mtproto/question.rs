//! Asking a DC whether it lives.

use super::codec::Codec;
use super::frame::Frame;
use super::random::Random;
use super::req_pq::{Nonce, ReqPq};
use super::res_pq::ResPq;
use super::style::Style;

/// A client's conversation with a DC: one question, one answer.
#[derive(Debug)]
pub struct Question {
    opening: Vec<u8>,
    nonce: Nonce,
    codec: Codec,
    answered: bool,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The answer to this question: the DC lives.
    ResPq {
        /// Of the DC's keys, in its order.
        fingerprints: Vec<u64>,
    },
    /// An answer to somebody else's question.
    OtherNonce,
    /// An error of the transport, such as -404; see [`Frame::Error`].
    Error(i32),
    /// Something else: no DC speaks so.
    Foreign,
}

impl Question {
    /// Asks in this style. `nonce` should be random, `msg_id` be of [`message_id`](super::message_id).
    pub fn new(style: &Style, nonce: Nonce, msg_id: u64, random: &Random) -> Self {
        let mut opening = Vec::new();
        let mut codec = Codec::connect(style, random, ResPq::LONGEST, &mut opening);
        let question = ReqPq { msg_id, nonce }.to_bytes();
        let sent = codec.send(&question, random.padding(), &mut opening);
        sent.expect("every transport has frames for 40 bytes");
        Self { opening, nonce, codec, answered: false }
    }

    /// All that is to be sent.
    pub fn opening(&self) -> &[u8] {
        &self.opening
    }

    /// Takes what has arrived, in whatever pieces. `None`: more is needed. There is one answer, and
    /// what comes after it is not looked at.
    pub fn on_bytes(&mut self, bytes: &[u8]) -> Option<Answer> {
        if self.answered {
            return None;
        }
        let padding = self.codec.padding();
        let mut input = bytes;
        let answer = match self.codec.receive(&mut input) {
            Ok(None) => return None,
            Ok(Some(Frame::Payload { bytes, .. })) => judge(bytes, padding, &self.nonce),
            Ok(Some(Frame::Error(code))) => Answer::Error(code),
            // It was not asked for.
            Ok(Some(Frame::QuickAck(_))) | Err(_) => Answer::Foreign,
        };
        self.answered = true;
        Some(answer)
    }
}

fn judge(payload: &[u8], padding: usize, nonce: &Nonce) -> Answer {
    match ResPq::parse(payload, padding) {
        Some(answer) if answer.nonce == *nonce => {
            Answer::ResPq { fingerprints: answer.fingerprints }
        }
        Some(_) => Answer::OtherNonce,
        None => Answer::Foreign,
    }
}
