//! The dials of one session that are in flight.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use arrayvec::ArrayVec;
use tokio::net::TcpStream;

use super::descriptors::SinglePlace;
use super::hedge::Hedge;
use crate::net::{self, DialError};
use crate::routing::{Attempt, DcSlot, Full, IN_FLIGHT, SlotPermit, Snapshot};

/// The dials in flight, in the order in which they were started. Dropping one resets it before a byte
/// was sent.
#[derive(Default)]
pub(super) struct Dials {
    in_flight: ArrayVec<Dial, IN_FLIGHT>,
}

struct Dial {
    attempt: Attempt,
    connecting: net::Dial,
    hedge: Option<Hedge>,
    permits: Permits,
}

/// How a dial ended, with what it had taken of its DC, which a session that is connected keeps.
pub(super) struct Ended {
    pub(super) attempt: Attempt,
    pub(super) hedge: Option<Hedge>,
    pub(super) permit: SlotPermit,
    pub(super) result: Result<TcpStream, DialError>,
}

impl Dials {
    /// One more is in flight.
    pub(super) fn add(
        &mut self,
        attempt: Attempt,
        connecting: net::Dial,
        permits: Permits,
        hedge: Option<Hedge>,
    ) {
        self.in_flight.push(Dial { attempt, connecting, hedge, permits });
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
                    let Dial { attempt, hedge, permits, .. } = self.in_flight.remove(at);
                    let Permits { session: permit, .. } = permits;
                    return Poll::Ready(Ended { attempt, hedge, permit, result });
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// What a dial takes of its DC.
pub(super) struct Permits {
    /// Among its sessions and those of the access point; kept if the dial wins.
    pub(super) session: SlotPermit,
    /// Among its connects in flight.
    pub(super) _connect: ConnectPermit,
    /// Its descriptor, if it is not the only dial of its session: that has one for its upstream.
    pub(super) _descriptor: Option<SinglePlace>,
}

impl Permits {
    /// Both, if there is room for both.
    ///
    /// # Errors
    /// With where there is none.
    pub(super) fn reserve(
        snapshot: &Snapshot,
        attempt: Attempt,
        overflow: bool,
        descriptor: Option<SinglePlace>,
    ) -> Result<Self, Full> {
        let Attempt { dc, access_point, .. } = attempt;
        let most = snapshot.topology.dc(dc).max_connecting;
        let connect = ConnectPermit::reserve(&snapshot.dc(dc).slot, most).ok_or(Full::Dc)?;
        let session = snapshot.reserve(dc, access_point, overflow)?;
        Ok(Self { session, _connect: connect, _descriptor: descriptor })
    }
}

/// A place among the connects in flight to a DC.
pub(super) struct ConnectPermit {
    slot: Arc<DcSlot>,
}

impl ConnectPermit {
    /// Takes the place, if fewer than `most` are taken.
    pub(super) fn reserve(slot: &Arc<DcSlot>, most: u32) -> Option<Self> {
        slot.reserve_connect(most).then(|| Self { slot: Arc::clone(slot) })
    }
}

impl Drop for ConnectPermit {
    fn drop(&mut self) {
        self.slot.release_connect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use crate::metrics::handles::DcMetrics;
    use crate::net::Egress;
    use crate::routing::slot::Capacity;
    use crate::routing::{AccessPointIndex, AccessPointSlot, DcId, DcIndex, HedgeResult};
    use std::io;
    use std::rc::Rc;
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    const FIRST: Attempt =
        Attempt { number: 1, dc: DcIndex(0), access_point: AccessPointIndex(0), hedge_of: None };

    const HEDGE: Attempt = Attempt {
        number: 2,
        dc: DcIndex(1),
        access_point: AccessPointIndex(1),
        hedge_of: Some(DcIndex(0)),
    };

    struct Lab {
        dials: Dials,
        slot: Arc<DcSlot>,
        metrics: Rc<DcMetrics>,
    }

    impl Lab {
        fn new() -> Self {
            let metrics = DcMetrics::resolve(&Metrics::new("edge-1"), "clients", DcId(2));
            let lab =
                Self { dials: Dials::default(), slot: Arc::default(), metrics: metrics.into() };
            lab.slot.refill_hedges(1, 1);
            lab
        }

        /// Starts a dial, and waits until its connection is established.
        async fn establish(&mut self, attempt: Attempt) -> TcpStream {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
            let address = listener.local_addr().expect("bound");
            let member = Arc::new(AccessPointSlot::default());
            let permits = Permits {
                session: SlotPermit::reserve(&self.slot, &member, Capacity::default())
                    .expect("without a bound"),
                _connect: ConnectPermit::reserve(&self.slot, 2).expect("there is room"),
                _descriptor: None,
            };
            let hedge = attempt.hedge_of.map(|_| {
                let hedge = Hedge::spend(FIRST, &self.slot, Rc::clone(&self.metrics));
                hedge.expect("there is budget")
            });
            let dial = net::Dial::begin(address, [], Egress::default()).expect("a dial");
            self.dials.add(attempt, dial, permits, hedge);
            listener.accept().await.expect("accepted").0
        }

        fn counted(&self) -> [u64; 4] {
            HedgeResult::ALL.map(|result| self.metrics.hedged(result).get())
        }
    }

    async fn is_reset(mut peer: TcpStream) -> bool {
        let end = peer.read(&mut [0]).await;
        end.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset)
    }

    #[tokio::test]
    async fn of_two_that_connect_at_once_the_first_wins_and_the_other_is_reset() {
        let mut lab = Lab::new();
        let mut won = lab.establish(FIRST).await;
        let lost = lab.establish(HEDGE).await;
        assert_eq!(lab.dials.oldest(), Some(FIRST));
        let Ended { attempt, hedge, permit, result } = lab.dials.next().await;
        assert!(attempt == FIRST && hedge.is_none());
        lab.dials.lose_to(attempt);
        assert!(is_reset(lost).await);
        assert_eq!(lab.counted(), [0, 1, 0, 0]);
        assert_eq!((lab.slot.connecting(), lab.slot.placed()), (0, 1));
        drop(permit);
        assert_eq!(lab.slot.placed(), 0);
        drop(result.expect("connected"));
        assert_eq!(won.read(&mut [0]).await.expect("an orderly end"), 0);
    }

    #[tokio::test]
    async fn a_session_that_is_dropped_resets_its_dials_and_gives_back_their_places() {
        let mut lab = Lab::new();
        let peers = [lab.establish(FIRST).await, lab.establish(HEDGE).await];
        assert_eq!(lab.slot.connecting(), 2);
        lab.dials = Dials::default();
        for peer in peers {
            assert!(is_reset(peer).await);
        }
        assert_eq!((lab.slot.connecting(), lab.slot.placed()), (0, 0));
        assert_eq!(lab.counted(), [0, 0, 1, 0], "it did not win");
    }

    #[tokio::test]
    async fn a_hedge_is_counted_once_whatever_comes_of_it() {
        let mut lab = Lab::new();
        let _first = lab.establish(FIRST).await;
        let _peer = lab.establish(HEDGE).await;
        lab.dials.abandon(FIRST);
        let Ended { attempt, hedge, .. } = lab.dials.next().await;
        assert_eq!(attempt, HEDGE);
        hedge.expect("it is one").won();
        assert!(Hedge::spend(FIRST, &lab.slot, Rc::clone(&lab.metrics)).is_none());
        assert_eq!(lab.counted(), [1, 0, 0, 1]);
    }
}
