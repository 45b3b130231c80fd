//! What became of a batch that was sent, parcel by parcel.

use std::io;

use arrayvec::ArrayVec;

use crate::net::{Fate, Inbox};

/// Of each parcel of a batch.
#[derive(Default)]
pub(super) struct Fates(ArrayVec<ParcelFate, { Inbox::MESSAGES }>);

/// Of one parcel.
#[derive(Default)]
pub(super) struct ParcelFate {
    pub(super) sent: usize,
    pub(super) bytes: usize,
    /// The kernel does not segment it: the bytes of the segments that were refused.
    pub(super) unsegmented: Option<usize>,
    /// There was no room.
    pub(super) full: usize,
    /// The kernel does not send them.
    pub(super) failed: usize,
    /// What it said last that was not about room, and whether it is what an earlier datagram met with, and
    /// so the network's word.
    pub(super) error: Option<(io::Error, bool)>,
}

impl Fates {
    /// So many parcels are about to be sent.
    pub(super) fn begin(&mut self, parcels: usize) {
        self.0.clear();
        self.0.extend((0..parcels.min(Inbox::MESSAGES)).map(|_| ParcelFate::default()));
    }

    /// Takes what has become of datagrams of a parcel.
    pub(super) fn on_fate(&mut self, parcel: usize, fate: Fate) {
        let Some(it) = self.0.get_mut(parcel) else { return };
        match fate {
            Fate::Sent { datagrams, bytes } => {
                it.sent += datagrams;
                it.bytes += bytes;
            }
            Fate::Unsegmented { segment } => it.unsegmented = Some(segment),
            Fate::Failed { datagrams, error } if is_full(&error) => it.full += datagrams,
            Fate::Failed { datagrams, error } => {
                it.failed += datagrams;
                it.error = Some((error, datagrams == 0));
            }
        }
    }

    /// Parcel by parcel.
    pub(super) fn all(&self) -> &[ParcelFate] {
        &self.0
    }
}

/// No room in the socket, or in the queue of the device.
fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(libc::ENOBUFS)
}
