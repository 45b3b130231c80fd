//! Files -> a new configuration in force, or the last good one.
//!
//! `watcher` notices that files have changed, `settle` reads them once they hold still, and
//! [`Reloader`] checks what they say against what runs and puts it into force as a whole. What waits
//! for disks does so on threads of its own: control, probes and the admin API share one.

mod databases;
mod first;
mod look;
mod need;
mod reloader;
mod settle;
mod watcher;

use std::future;
use std::panic;

use tokio::task;

pub use databases::{DatabaseErrors, geoip_fact, locator, open_databases};
pub use first::{First, Running, first};
pub use need::warn_of_need;
pub use reloader::{Outcome, Reloader, Request, Source};
pub use settle::ContentError;

/// Does work that waits for disks, or takes long, on a thread where nobody waits for it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(reason) => panic::resume_unwind(reason),
            // Cancelled: the runtime ends, and whoever waits here with it.
            Err(_) => future::pending().await,
        },
    }
}
