//! The random numbers of a storm: SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom
//! number generators", 2014). A few lines of our own, so that a seed means the same storm for ever.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A stream of random numbers that its seed fixes.
pub(crate) struct Random(u64);

impl Random {
    /// The stream of this seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number of the range. Ranges are short: that some numbers come by 2^-32 more often is nothing.
    pub(crate) fn number(&mut self, range: RangeInclusive<u64>) -> u64 {
        let span = range.end() - range.start() + 1;
        range.start() + (((self.bits() >> 32) * span) >> 32)
    }

    /// True this many times of a hundred.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.number(1..=100) <= percent
    }

    /// One of these; there is at least one.
    pub(crate) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.number(0..=of.len() as u64 - 1) as usize]
    }

    /// From nought to one.
    pub(crate) fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A time of the range, each order of magnitude as likely as the next.
    pub(crate) fn time(&mut self, range: RangeInclusive<Duration>) -> Duration {
        let (least, most) = (range.start().as_secs_f64(), range.end().as_secs_f64());
        Duration::from_secs_f64(least * (most / least).powf(self.share()))
    }
}
