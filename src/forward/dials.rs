//! The dials of one session that are in flight.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use tokio::net::TcpStream;

use super::hedge::Hedge;
use crate::net::{self, DialError, DialOptions};
use crate::routing::{Attempt, DcSlot, Snapshot};

/// The dials in flight, in the order in which they were started. Dropping one resets it before a byte
/// was sent.
#[derive(Default)]
pub(super) struct Dials {
    in_flight: Vec<Dial>,
}

struct Dial {
    attempt: Attempt,
    connecting: net::Dial,
    hedge: Option<Hedge>,
    _permit: ConnectPermit,
}

/// How a dial ended.
type Ended = (Attempt, Option<Hedge>, Result<TcpStream, DialError>);

impl Dials {
    /// Starts one more.
    ///
    /// # Errors
    /// When it fails at once.
    pub(super) fn start(
        &mut self,
        attempt: Attempt,
        address: SocketAddr,
        options: &DialOptions,
        permit: ConnectPermit,
        hedge: Option<Hedge>,
    ) -> Result<(), DialError> {
        let connecting = net::Dial::begin(address, Some(options))?;
        self.in_flight.push(Dial { attempt, connecting, hedge, _permit: permit });
        Ok(())
    }

    /// Its time is up.
    pub(super) fn abandon(&mut self, attempt: Attempt) {
        self.in_flight.retain(|dial| dial.attempt != attempt);
    }

    /// All others have lost to this one, which has ended.
    pub(super) fn lose_to(&mut self, winner: Attempt) {
        for hedge in self.in_flight.drain(..).filter_map(|dial| dial.hedge) {
            hedge.lost_to(winner);
        }
    }

    /// The one that started first.
    pub(super) fn oldest(&self) -> Option<Attempt> {
        self.in_flight.first().map(|dial| dial.attempt)
    }

    /// The next dial that comes to an end, the one that started first if there are more; pending for
    /// ever while there is none.
    pub(super) async fn next(&mut self) -> Ended {
        poll_fn(|cx| {
            for at in 0..self.in_flight.len() {
                if let Poll::Ready(result) = self.in_flight[at].connecting.poll_established(cx) {
                    let Dial { attempt, hedge, .. } = self.in_flight.remove(at);
                    return Poll::Ready((attempt, hedge, result));
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// A place among the connects in flight to a DC.
pub(super) struct ConnectPermit {
    slot: Arc<DcSlot>,
}

impl ConnectPermit {
    /// Takes the place, if there is one left.
    pub(super) fn reserve(snapshot: &Snapshot, attempt: Attempt) -> Option<Self> {
        let slot = &snapshot.dc(attempt.dc).slot;
        let most = snapshot.topology.dc(attempt.dc).max_connecting;
        slot.reserve_connect(most).then(|| Self { slot: Arc::clone(slot) })
    }
}

impl Drop for ConnectPermit {
    fn drop(&mut self) {
        self.slot.release_connect();
    }
}
