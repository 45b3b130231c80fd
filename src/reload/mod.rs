//! Files -> a new configuration in force, or the last good one.
//!
//! `watcher` notices that files have changed, `settle` reads them once they hold still, and
//! [`Reloader`] checks what they say against what runs and puts it into force as a whole. What waits
//! for disks does so on threads of its own: control, probes and the admin API share one.

mod first;
mod look;
mod reloader;
mod settle;
mod watcher;

use std::future;
use std::panic;
use std::sync::Arc;

use tokio::task;

use crate::config::{Geoip, GeoipDatabase};
use crate::geoip::{Database, GeoDbError, Locator, Overrides};

pub use first::{First, Running, first};
pub use reloader::{Outcome, Reloader, Request, Source};
pub use settle::ContentError;

/// Opens the database that `geoip` names.
///
/// # Errors
/// When it cannot be read or is damaged.
pub fn open_database(geoip: &Geoip) -> Result<Database, GeoDbError> {
    match &geoip.database {
        GeoipDatabase::Embedded => Ok(Database::embedded()),
        GeoipDatabase::File(path) => Database::open(path),
    }
}

/// The locator that `geoip` describes, over this database.
#[must_use]
pub fn locator(geoip: &Geoip, database: Arc<Database>) -> Locator {
    Locator::new(database, Overrides::new(geoip.overrides.iter().copied()), geoip.default)
}

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
