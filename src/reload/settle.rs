//! Reads a configuration from files that hold still: half-written lists never go live.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use tokio::time::sleep;

use super::look::Looks;
use crate::config::{self, ConfigError, Loaded, Sources};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// Looks at files that keep changing before their reader gives up.
const PATIENCE: u32 = 20;

/// A configuration that held still, and what its files looked like.
pub struct Settled {
    /// What it says, or all its problems.
    pub(super) loaded: Result<Loaded, ConfigError>,
    /// The files that were read.
    pub(super) looks: Looks,
}

/// The files never held still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettleError;

impl fmt::Display for SettleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the files kept changing for {} s", (PAUSE * PATIENCE).as_secs())
    }
}

impl std::error::Error for SettleError {}

/// Reads the configuration at `main`, whose files were `known` so far, once size, modification time,
/// inode and content of every file were equal in two looks 500 ms apart, the reading in between.
///
/// # Errors
/// When the files do not hold still for ten seconds.
pub async fn settle(main: &Path, known: &Sources) -> Result<Settled, SettleError> {
    let mut sources = known.clone();
    let mut before = Looks::of(&sources);
    for _ in 0..PATIENCE {
        sleep(PAUSE).await;
        let loaded = config::load(main);
        // A new main file may name other files: they get their two looks too.
        if let Ok(loaded) = &loaded {
            sources = loaded.sources.clone();
        }
        let after = Looks::of(&sources);
        if after == before {
            return Ok(Settled { loaded, looks: after });
        }
        before = after;
    }
    Err(SettleError)
}
