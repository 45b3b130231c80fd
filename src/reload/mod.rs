//! Files -> a new configuration in force, or the last good one.
//!
//! `watcher` notices that files have changed, [`settle()`] reads them once they hold still, and
//! [`Reloader`] checks what they say against what runs and puts it into force as a whole.

mod look;
mod reloader;
mod settle;
mod watcher;

pub use look::{Looks, Shapes};
pub use reloader::{Outcome, Reloader, Request, Running, Source, locator, open_database};
pub use settle::{SettleError, Settled, settle};
