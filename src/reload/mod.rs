//! Files -> a new configuration in force, or the last good one.
//!
//! [`settle`] reads files that hold still, [`Reloader`] checks what they say against what runs and
//! puts it into force as a whole, [`Watcher`] notices that files have changed.

mod look;
mod reloader;
mod settle;
mod watcher;

pub use reloader::{Outcome, Reloader, Running, Source, locator};
pub use settle::{SettleError, settle};
pub use watcher::Watcher;
