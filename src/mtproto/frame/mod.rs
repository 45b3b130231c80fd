//! How messages are told apart on the wire.

mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use reader::{FrameReader, Side};
pub use writer::FrameWriter;

use std::error::Error;
use std::fmt;

/// How many random bytes a padded payload is followed by at most.
pub const MOST_PADDING: usize = 15;

/// One frame that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A message.
    Payload {
        /// The message; on the padded transport with up to [`MOST_PADDING`] bytes behind it, since
        /// only the message says where it ends.
        bytes: &'a [u8],
        /// The sender wants to hear early that it has arrived. Clients only ask for that.
        quick_ack: bool,
    },
    /// From a server: a message has arrived, the one that this number was made of.
    QuickAck(u32),
    /// From a server: an error of the transport, a negative number such as -404.
    Error(i32),
}

/// A stream is not one of frames, or a payload is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The payload is longer than allowed.
    TooLong,
    /// The payload is shorter than any.
    TooShort,
    /// The length is no multiple of four.
    Unaligned,
    /// Full: the frame is not the next one.
    OutOfOrder,
    /// Full: the checksum is that of something else.
    Checksum,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FrameError::TooLong => "the frame is too long",
            FrameError::TooShort => "the frame is too short",
            FrameError::Unaligned => "the length of the frame is no multiple of four",
            FrameError::OutOfOrder => "the frame is not the next one",
            FrameError::Checksum => "the checksum of the frame is wrong",
        })
    }
}

impl Error for FrameError {}

/// The shortest payload: an error of the transport.
const SHORTEST: usize = 4;

/// Asks for a quick acknowledgement, in the length of a frame; in the other direction it is one.
const QUICK_ACK: u32 = 1 << 31;
const QUICK_ACK_ABRIDGED: u8 = 1 << 7;

/// The first byte of an abridged frame whose length is in the three that follow.
const LONG_ABRIDGED: u8 = 0x7f;

/// What full has around a payload: length and sequence number before, checksum behind.
const FULL_HEAD: usize = 8;
const FULL_TAIL: usize = 4;

/// The longest first frame of full that is believed in, in bytes: abridged has three bytes for lengths.
const LONGEST_FULL: u32 = 1 << 24;

/// Whether a connection in full transport may begin with this length.
pub(super) fn plausible_full_length(length: u32) -> bool {
    const SHORTEST_FULL: u32 = (FULL_HEAD + SHORTEST + FULL_TAIL) as u32;
    (SHORTEST_FULL..=LONGEST_FULL).contains(&length) && length.is_multiple_of(4)
}
