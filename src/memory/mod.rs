//! What listeners remember of their clients: the DC that each was given, so that a client that made
//! a key there finds it again. Shared by all workers, bounded for each listener, and kept over
//! restarts where there is a directory for it.
//!
//! And who was there lately (`seen.rs`): a sample of the clients of each listener, of whom it is asked who
//! would move to another DC if something changed.
//!
//! Nobody's address or prefix is kept on disk, and in memory only those of that sample: a client is the
//! keyed hash of its listener, its family and its prefix (`key.rs`). That protects what is kept from whoever
//! reads it without the key. Who has the key file as well can try addresses, and all of IPv4 is quickly
//! tried: the two files together are as confidential as a list of clients.
//!
//! `listener.rs` is the look-up of a session start: one hash, one lock of one shard (`recency.rs`), no
//! name. `sticky.rs` follows reloads. `file.rs` is what is written, `store.rs` where, and `keeper.rs`
//! when; none of that runs on a thread of the data plane, and no lock is held while anything is
//! written.
//!
//! Not here: what the memory means for a ranking ([`crate::routing`]), and who reads the clock: time
//! comes in as an argument everywhere but in `keeper.rs`.

mod file;
mod keeper;
mod key;
mod listener;
mod recency;
mod seen;
mod sticky;
mod store;
mod summed;
mod time;

pub use keeper::{Memories, keep, open};
pub use key::HashKey;
pub use listener::{ListenerMemory, Room};
pub use seen::{ClientsSeen, ListenerSample, MOST as MOST_SAMPLED, Sample, SampledClient};
pub use sticky::StickyMemory;
pub use store::Store;
pub use time::EpochSeconds;
