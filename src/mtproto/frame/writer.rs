//! Payloads to frames.

use super::{
    FULL_HEAD, FULL_TAIL, FrameError, LONG_ABRIDGED, MOST_PADDING, QUICK_ACK, QUICK_ACK_ABRIDGED,
    SHORTEST,
};
use crate::mtproto::transport::Transport;

/// Writes the frames of one direction of a connection.
#[derive(Clone, Debug)]
pub struct FrameWriter {
    transport: Transport,
    /// Full: the number of the next frame.
    number: u32,
}

impl FrameWriter {
    /// Before the first frame.
    pub fn new(transport: Transport) -> Self {
        Self { transport, number: 0 }
    }

    /// Appends the frame of `payload` to `out`. The padded transport takes up to [`MOST_PADDING`] bytes
    /// of `padding`; the others have none. `quick_ack` is for clients, and unknown to full.
    ///
    /// Errors, with nothing written: the payload is shorter than 4 bytes, too long for its
    /// transport, or no multiple of four bytes.
    pub fn write(
        &mut self,
        payload: &[u8],
        quick_ack: bool,
        padding: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), FrameError> {
        if payload.len() < SHORTEST {
            return Err(FrameError::TooShort);
        }
        if !payload.len().is_multiple_of(4) {
            return Err(FrameError::Unaligned);
        }
        match self.transport {
            Transport::Abridged => abridged(payload, quick_ack, out),
            Transport::Intermediate => prefixed(payload, quick_ack, &[], out),
            Transport::Padded => {
                let padding = &padding[..padding.len().min(MOST_PADDING)];
                prefixed(payload, quick_ack, padding, out)
            }
            Transport::Full => self.full(payload, out),
        }
    }

    fn full(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        let length = length(payload.len() + FULL_HEAD + FULL_TAIL)?;
        let from = out.len();
        out.extend(length.to_le_bytes());
        out.extend(self.number.to_le_bytes());
        out.extend(payload);
        let checksum = crc32fast::hash(&out[from..]);
        out.extend(checksum.to_le_bytes());
        self.number = self.number.wrapping_add(1);
        Ok(())
    }
}

fn abridged(payload: &[u8], quick_ack: bool, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let flag = if quick_ack { QUICK_ACK_ABRIDGED } else { 0 };
    let words = u32::try_from(payload.len() / 4).map_err(|_| FrameError::TooLong)?;
    match words.to_le_bytes() {
        [words, 0, 0, 0] if words < LONG_ABRIDGED => out.push(words | flag),
        [low, middle, high, 0] => out.extend([LONG_ABRIDGED | flag, low, middle, high]),
        [..] => return Err(FrameError::TooLong),
    }
    out.extend(payload);
    Ok(())
}

fn prefixed(
    payload: &[u8],
    quick_ack: bool,
    padding: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), FrameError> {
    let length = length(payload.len() + padding.len())?;
    let flag = if quick_ack { QUICK_ACK } else { 0 };
    out.extend((length | flag).to_le_bytes());
    out.extend(payload);
    out.extend(padding);
    Ok(())
}

/// The length as it is written. The highest bit is taken.
fn length(bytes: usize) -> Result<u32, FrameError> {
    let length = u32::try_from(bytes).ok().filter(|length| *length < QUICK_ACK);
    length.ok_or(FrameError::TooLong)
}
