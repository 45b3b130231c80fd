//! Bytes to compare both ends of a connection by, of which no two places look alike.

/// Bytes that look random and are the same on both ends (xorshift64*): the seed, and where in them one is.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    /// The next bytes of them.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            let word = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}
