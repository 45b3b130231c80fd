//! The one writer of the snapshot: drives the pure [`ControlState`] with real time and real
//! channels.
//!
//! Inputs are kept apart so that none starves another: commands wait in a short queue, probe
//! reports are at most one per access point, evidence of sessions lies in the slots with one
//! notification. Effects are handed on and never waited for.

mod driver;
mod handles;

use crate::routing::control::ControlState;

pub use driver::{Control, run};
pub use handles::{CommandError, CommandSender, PassiveEvidence, SnapshotReader};
