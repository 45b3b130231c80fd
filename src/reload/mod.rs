//! Files and pushes -> a new configuration in force, or the last good one.
//!
//! `watcher` notices that files have changed, `settle` reads them once they hold still, `pushed` keeps the
//! push that stands for the file of the list, and [`Reloader`] checks what all of that says against what runs
//! and puts it into force as a whole, one after the other whoever asks. What waits
//! for disks does so on threads of its own: control, probes and the admin API share one.

mod databases;
mod first;
mod look;
mod need;
mod order;
mod pushed;
mod reloader;
mod settle;
mod tell;
mod watcher;

pub use databases::{DatabaseErrors, geoip_fact, locator, open_databases};
pub use first::{First, FirstError, Running, first};
pub use need::warn_of_need;
pub use order::{Done, Order, Outcome, Request, Source, What};
pub use reloader::{Handles, Reloader};
pub use settle::ContentError;
