//! What becomes of the open sessions of an access point that goes Down.

/// What becomes of the open sessions of an access point that goes Down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDown {
    /// They go on until they end by themselves.
    Keep,
    /// Those that hear nothing of it any more are reset.
    Close {
        /// Resets a second of the whole process; at least 1.
        rate: u32,
    },
}

impl OnDown {
    /// Resets a second where nothing is said.
    pub const USUAL_RATE: u32 = 2000;
}

impl Default for OnDown {
    fn default() -> Self {
        Self::Close { rate: Self::USUAL_RATE }
    }
}
