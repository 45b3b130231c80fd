//! The one writer of the snapshot: drives the pure [`ControlState`] with real time and real
//! channels.
//!
//! Inputs are kept apart so that none starves another: commands wait in a short queue, probe
//! reports are at most one per access point, evidence of sessions lies in the slots with one
//! notification. Effects are handed on and never waited for. What changes is told once, to the log
//! and to [`crate::events`].

mod driver;
mod handles;
mod journal;
mod retired;

use crate::routing::control::ControlState;

pub use driver::{Audience, Control, run};
pub use handles::{CommandError, CommandSender, PassiveEvidence, SnapshotReader};
