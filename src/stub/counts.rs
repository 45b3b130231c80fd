//! What passed at an access point, and waiting for it.

use std::iter::Sum;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::Notify;

/// What has passed at an access point since it was bound; faults reset nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Connections accepted, those of [`Fault::Reset`](super::Fault::Reset) included.
    pub accepted: u64,
    /// Sessions open now.
    pub open: u64,
    /// Bytes read from clients.
    pub bytes_in: u64,
    /// Bytes handed to the kernel for clients.
    pub bytes_out: u64,
    /// Datagrams read from clients, those of [`Fault::Mute`](super::Fault::Mute) included.
    pub datagrams_in: u64,
    /// Datagrams handed to the kernel for clients.
    pub datagrams_out: u64,
    /// Addresses from which datagrams came. Behind a proxy these are its flows.
    pub udp_clients: u64,
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Counts>>(counts: I) -> Counts {
        counts.fold(Counts::default(), |sum, next| Counts {
            accepted: sum.accepted + next.accepted,
            open: sum.open + next.open,
            bytes_in: sum.bytes_in + next.bytes_in,
            bytes_out: sum.bytes_out + next.bytes_out,
            datagrams_in: sum.datagrams_in + next.datagrams_in,
            datagrams_out: sum.datagrams_out + next.datagrams_out,
            udp_clients: sum.udp_clients + next.udp_clients,
        })
    }
}

/// The live cells behind [`Counts`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    accepted: AtomicU64,
    open: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    datagrams_in: AtomicU64,
    datagrams_out: AtomicU64,
    udp_clients: AtomicU64,
    changed: Notify,
}

impl Counters {
    pub(super) fn read(&self) -> Counts {
        Counts {
            accepted: self.accepted.load(Relaxed),
            open: self.open.load(Relaxed),
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            datagrams_in: self.datagrams_in.load(Relaxed),
            datagrams_out: self.datagrams_out.load(Relaxed),
            udp_clients: self.udp_clients.load(Relaxed),
        }
    }

    pub(super) async fn wait_until(&self, condition: impl Fn(&Counts) -> bool) -> Counts {
        loop {
            let mut changed = pin!(self.changed.notified());
            // Registered before the look, so that a change after it is not missed.
            changed.as_mut().enable();
            let counts = self.read();
            if condition(&counts) {
                return counts;
            }
            changed.await;
        }
    }

    /// The number of the connection, from 1.
    pub(super) fn accepted(&self) -> u64 {
        let number = self.accepted.fetch_add(1, Relaxed) + 1;
        self.changed.notify_waiters();
        number
    }

    pub(super) fn received(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Relaxed);
        self.changed.notify_waiters();
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Relaxed);
        self.changed.notify_waiters();
    }

    /// A datagram was read, and so many clients are known now.
    pub(super) fn took(&self, bytes: usize, clients: usize) {
        self.datagrams_in.fetch_add(1, Relaxed);
        self.udp_clients.store(clients as u64, Relaxed);
        self.received(bytes);
    }

    /// So many datagrams were sent.
    pub(super) fn gave(&self, datagrams: usize, bytes: usize) {
        self.datagrams_out.fetch_add(datagrams as u64, Relaxed);
        self.sent(bytes);
    }

    /// Counts one session as open until the guard is dropped, so a cancelled one is counted out too.
    pub(super) fn open(&self) -> OpenGuard<'_> {
        self.open.fetch_add(1, Relaxed);
        self.changed.notify_waiters();
        OpenGuard(self)
    }
}

pub(super) struct OpenGuard<'a>(&'a Counters);

impl Drop for OpenGuard<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
        self.0.changed.notify_waiters();
    }
}
