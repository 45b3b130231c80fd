//! Turns client addresses into places: overrides of the configuration, then a GeoIP database.
//!
//! Implements [`Locate`](crate::routing::Locate). A database is read into memory and checked to its
//! last record before it serves, so that a lookup cannot fail: it knows a place or it does not.
//!
//! Deliberately absent: files are neither watched nor mapped into memory (overwriting a mapped file
//! kills its reader), and nothing is cached, since a lookup costs less than a shared cache would.

mod database;
mod locator;
mod overrides;
mod record;
mod survey;

pub use database::{Database, GeoDbError, GeoDbFault, MAX_FILE_BYTES};
pub use locator::Locator;
pub use overrides::Overrides;

#[cfg(test)]
#[path = "../../tests/support/mmdb.rs"]
mod mmdb;
#[cfg(test)]
mod tests;
