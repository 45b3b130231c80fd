//! Turns client addresses into places and autonomous systems: overrides of the configuration, then
//! GeoIP databases.
//!
//! Implements [`Locate`](crate::routing::Locate). A database is read into memory and checked to its
//! last record before it serves, so that a lookup cannot fail: it knows a place or it does not.
//!
//! Deliberately absent: files are neither watched nor mapped into memory (overwriting a mapped file
//! kills its reader), and nothing is cached, since a lookup costs less than a shared cache would.

mod database;
mod databases;
mod error;
mod locator;
mod overrides;
mod record;
mod survey;

pub use database::{Database, DatabaseKind, MAX_FILE_BYTES};
pub use databases::Databases;
pub use error::{GeoDbError, GeoDbFault};
pub use locator::{Locator, Trace};
pub use overrides::Overrides;
pub use survey::Survey;

#[cfg(test)]
#[path = "../../tests/support/mmdb.rs"]
pub(crate) mod mmdb;
#[cfg(test)]
mod tests;
