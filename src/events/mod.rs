//! What happened: the last state changes with their causes, for operators who come later.
//!
//! [`EventLog`] keeps them in a bounded ring and wakes those who wait for the next one. [`LogLimit`]
//! bounds the lines that one access point may have in the log of the daemon: the ring keeps all.
//! Decides nothing, reads no clock, and nothing of it is on disk: a daemon that starts has an empty
//! log, under another [`EventLog::instance`].

mod limit;
mod log;
mod record;

pub use limit::{LeftOut, LogLimit};
pub use log::{EventLog, Page};
pub use record::{Kind, Record};
