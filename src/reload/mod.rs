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

use std::future;
use std::panic;

use tokio::task;

pub use databases::{DatabaseErrors, geoip_fact, locator, open_databases};
pub use first::{First, FirstError, Running, first};
pub use need::warn_of_need;
pub use order::{Done, Order, Outcome, Request, Source, What};
pub use reloader::{Handles, Reloader};
pub use settle::ContentError;

/// Does work that waits for disks, or takes long, on a thread where nobody waits for it.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(reason) => panic::resume_unwind(reason),
            // Cancelled: the runtime ends, and whoever waits here with it.
            Err(_) => future::pending().await,
        },
    }
}
