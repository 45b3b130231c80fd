//! Whether an upstream answers: what a session shows of its access point once it is connected.
//!
//! A first byte of the upstream shows that its service lives. A client that spoke and got none shows
//! that it is mute, whatever its kernel accepts. A client that says nothing, or leaves first, shows
//! nothing. Each session shows one thing at most, and is not looked at again.

use std::io;
use std::time::Duration;

use super::{Progress, Relay};
use crate::control::PassiveEvidence;
use crate::net;
use crate::routing::{AccessPointSlot, ClientPrefix};

/// Without `timeouts.first_byte`: how long an upstream may be silent before that says something, if
/// it is known to answer.
pub(super) const LOOK_AFTER: Duration = Duration::from_secs(5);

/// Of whom a session shows something, and to whom.
pub(in crate::forward) struct Witness<'a> {
    /// What is known of the access point.
    pub(in crate::forward) slot: &'a AccessPointSlot,
    /// Where evidence is left.
    pub(in crate::forward) evidence: &'a PassiveEvidence,
    /// Whose session it is; `None` for a neighbour that speaks for itself, and for clients that begin
    /// as none of the service does: they may well say what no service answers.
    pub(in crate::forward) client: Option<ClientPrefix>,
}

impl Witness<'_> {
    fn answered(&self) {
        self.slot.record_answered();
    }

    fn mute(&self) {
        if let Some(client) = self.client {
            self.evidence.mute(self.slot, client);
        }
    }
}

/// How far client and upstream have come with each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Exchange {
    /// The upstream has nothing of the client yet.
    #[default]
    Unasked,
    /// It has, and no byte came back. An alarm is set.
    Asked,
    /// The session has shown what it could.
    Settled,
}

impl Relay<'_> {
    /// Takes note of what the flows have come to; for as long as nothing is settled.
    pub(super) fn observe(&self, progress: &mut Progress) {
        let asked = progress.up.has_written();
        if progress.down.has_read() {
            self.witness.answered();
            self.settle(progress);
        } else if progress.down.is_done() {
            // An upstream that closes on a client who has said nothing need not be ill.
            if asked {
                self.witness.mute();
            }
            self.settle(progress);
        } else if asked && progress.exchange == Exchange::Unasked {
            progress.exchange = Exchange::Asked;
            self.timer.set_alarm(self.timeouts.first_byte.unwrap_or(LOOK_AFTER));
        }
    }

    /// One side broke, and what it had sent has been delivered.
    pub(super) fn observe_break(
        &self,
        progress: &mut Progress,
        of_upstream: bool,
        why: &io::Error,
    ) {
        if progress.exchange == Exchange::Settled {
            return;
        }
        if progress.down.has_read() {
            self.witness.answered();
        } else if of_upstream && progress.up.has_read() && is_of_the_peer(why) {
            self.witness.mute();
        }
        self.settle(progress);
    }

    /// The alarm rang: whether the session is to end. Without a timeout it goes on, and silence is
    /// held against an upstream that is known to answer only: others may be waiting for more.
    pub(super) fn is_silent_for_too_long(&self, progress: &mut Progress) -> bool {
        if progress.exchange != Exchange::Asked || !self.has_nothing_to_read() {
            return false;
        }
        let is_limited = self.timeouts.first_byte.is_some();
        if is_limited || self.witness.slot.has_answered() {
            self.witness.mute();
            self.settle(progress);
        }
        is_limited
    }

    /// A worker that is late may not have seen yet what has come: that is no silence.
    fn has_nothing_to_read(&self) -> bool {
        let peeked = net::peek(self.upstream, &mut [0]);
        peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    fn settle(&self, progress: &mut Progress) {
        if progress.exchange == Exchange::Asked {
            self.timer.clear_alarm();
        }
        progress.exchange = Exchange::Settled;
    }
}

/// Whether an error of an upstream is its own or its network's. A lack of memory here is not.
fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::TimedOut
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
    )
}
