//! Frames from whatever pieces arrive.

use super::{
    FULL_HEAD, FULL_TAIL, Frame, FrameError, LONG_ABRIDGED, MOST_PADDING, QUICK_ACK,
    QUICK_ACK_ABRIDGED, SHORTEST,
};
use crate::mtproto::transport::Transport;
use std::ops::Range;

/// The end of a connection that reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Reads what a server sent.
    Client,
    /// Reads what a client sent.
    Server,
}

/// Reads the frames of one direction of a connection. Holds one frame at most.
#[derive(Clone, Debug)]
pub struct FrameReader {
    transport: Transport,
    side: Side,
    longest: usize,
    /// Full: the number of the next frame.
    number: u32,
    /// The frame that is arriving, or that was given out last.
    frame: Vec<u8>,
    given_out: bool,
}

impl FrameReader {
    /// Reads from behind the opening on (see [`Transport::opening`]), and payloads of at most `longest`
    /// bytes.
    pub fn new(transport: Transport, side: Side, longest: usize) -> Self {
        Self { transport, side, longest, number: 0, frame: Vec::new(), given_out: false }
    }

    /// Takes bytes from the front of `input` until a frame is whole, and leaves what follows it.
    /// `None`: all were taken and more are needed. After an error nothing more can be read.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Option<Frame<'_>>, FrameError> {
        self.read_through(input, |_| ())
    }

    /// The same with bytes that are still to be decrypted. Each is, once, when it is taken.
    pub(in crate::mtproto) fn read_through(
        &mut self,
        input: &mut &[u8],
        mut decrypt: impl FnMut(&mut [u8]),
    ) -> Result<Option<Frame<'_>>, FrameError> {
        if std::mem::take(&mut self.given_out) {
            self.frame.clear();
        }
        loop {
            let part = self.next_part()?;
            let (Part::Head(needed) | Part::Rest { needed, .. }) = part;
            let missing = needed - self.frame.len();
            let (taken, rest) = input.split_at(missing.min(input.len()));
            let from = self.frame.len();
            self.frame.extend_from_slice(taken);
            decrypt(&mut self.frame[from..]);
            *input = rest;
            if taken.len() < missing {
                return Ok(None);
            }
            if let Part::Rest { content, .. } = part {
                self.given_out = true;
                return self.whole(content).map(Some);
            }
        }
    }

    /// How many bytes of an unfinished frame are kept.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.frame.len()
    }

    /// What is to be read next, by what is there.
    fn next_part(&self) -> Result<Part, FrameError> {
        match self.transport {
            Transport::Abridged => self.abridged(),
            Transport::Intermediate | Transport::Padded => self.prefixed(),
            Transport::Full => self.full(),
        }
    }

    fn abridged(&self) -> Result<Part, FrameError> {
        let Some(first) = self.frame.first() else {
            return Ok(Part::Head(1));
        };
        let marked = first & QUICK_ACK_ABRIDGED != 0;
        if marked && self.side == Side::Client {
            return Ok(Part::note(Content::QuickAck));
        }
        let words = first & !QUICK_ACK_ABRIDGED;
        if words < LONG_ABRIDGED {
            return self.payload(1, usize::from(words) * 4, 0, marked);
        }
        match *self.frame.as_slice() {
            [_, low, middle, high, ..] => {
                let words = u32::from_le_bytes([low, middle, high, 0]) as usize;
                self.payload(4, words * 4, 0, marked)
            }
            _ => Ok(Part::Head(4)),
        }
    }

    fn prefixed(&self) -> Result<Part, FrameError> {
        let Some(length) = self.word(0) else {
            return Ok(Part::Head(4));
        };
        let marked = length & QUICK_ACK != 0;
        if marked && self.side == Side::Client {
            return Ok(Part::note(Content::QuickAck));
        }
        self.payload(4, (length & !QUICK_ACK) as usize, 0, marked)
    }

    fn full(&self) -> Result<Part, FrameError> {
        let Some(length) = self.word(0) else {
            return Ok(Part::Head(4));
        };
        // Some servers send an error here without a frame, where a length is never negative.
        if self.side == Side::Client && BARE_ERRORS.contains(&length.cast_signed()) {
            return Ok(Part::note(Content::Error));
        }
        let length = length as usize;
        let payload = length.checked_sub(FULL_HEAD + FULL_TAIL).ok_or(FrameError::TooShort)?;
        self.payload(FULL_HEAD, payload, FULL_TAIL, false)
    }

    /// The part from a head of this length to the end of its frame.
    fn payload(
        &self,
        head: usize,
        length: usize,
        tail: usize,
        quick_ack: bool,
    ) -> Result<Part, FrameError> {
        let padded = self.transport == Transport::Padded;
        let longest = self.longest.saturating_add(if padded { MOST_PADDING } else { 0 });
        if length < SHORTEST {
            return Err(FrameError::TooShort);
        }
        if length > longest {
            return Err(FrameError::TooLong);
        }
        if !padded && !length.is_multiple_of(4) {
            return Err(FrameError::Unaligned);
        }
        let range = head..head + length;
        let content = Content::Payload { range, quick_ack };
        Ok(Part::Rest { needed: head + length + tail, content })
    }

    fn whole(&mut self, content: Content) -> Result<Frame<'_>, FrameError> {
        match content {
            Content::QuickAck => Ok(Frame::QuickAck(match self.transport {
                Transport::Abridged => self.first_word().swap_bytes(),
                Transport::Intermediate | Transport::Padded | Transport::Full => self.first_word(),
            })),
            Content::Error => Ok(Frame::Error(self.first_word().cast_signed())),
            Content::Payload { range, quick_ack } => {
                if self.transport == Transport::Full {
                    self.check(range.end)?;
                }
                let bytes = &self.frame[range];
                let note = match self.side {
                    Side::Client => note(bytes, self.transport),
                    Side::Server => None,
                };
                Ok(note.unwrap_or(Frame::Payload { bytes, quick_ack }))
            }
        }
    }

    /// Number and checksum of a frame of full whose payload ends there.
    fn check(&mut self, end: usize) -> Result<(), FrameError> {
        if self.word(4) != Some(self.number) {
            return Err(FrameError::OutOfOrder);
        }
        if self.word(end) != Some(crc32fast::hash(&self.frame[..end])) {
            return Err(FrameError::Checksum);
        }
        self.number = self.number.wrapping_add(1);
        Ok(())
    }

    fn word(&self, at: usize) -> Option<u32> {
        word(self.frame.get(at..)?)
    }

    fn first_word(&self) -> u32 {
        self.word(0).expect("a note is four bytes long")
    }
}

/// A stretch of a frame whose end is known.
enum Part {
    /// So many bytes of the frame tell more of its length.
    Head(usize),
    /// So many bytes are all of the frame.
    Rest { needed: usize, content: Content },
}

enum Content {
    Payload { range: Range<usize>, quick_ack: bool },
    QuickAck,
    Error,
}

impl Part {
    /// Four bytes that stand for themselves.
    fn note(content: Content) -> Self {
        Part::Rest { needed: 4, content }
    }
}

/// Errors that are believed without a frame around them.
const BARE_ERRORS: std::ops::RangeInclusive<i32> = -999..=-1;

/// Stands before a quick acknowledgement that is framed.
const FRAMED_QUICK_ACK: i32 = -1;

/// What a payload of a server is that is no message: four bytes, or eight, padding apart.
fn note(bytes: &[u8], transport: Transport) -> Option<Frame<'static>> {
    let padding = match transport {
        Transport::Padded => MOST_PADDING,
        Transport::Abridged | Transport::Intermediate | Transport::Full => 0,
    };
    let is_about = |length: usize| (length..=length + padding).contains(&bytes.len());
    let code = word(bytes)?.cast_signed();
    if code == FRAMED_QUICK_ACK && is_about(8) {
        return word(&bytes[4..]).map(Frame::QuickAck);
    }
    (code < 0 && is_about(4)).then_some(Frame::Error(code))
}

fn word(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().copied().map(u32::from_le_bytes)
}
