//! Rules about the dials of one session: whom it may dial, in which order, and how often.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use nearpoint::routing::pick::{Eligible, FailOpen};
use nearpoint::routing::topology::{ConnectLimits, Destination, ListenerRoute, Route, Traffic};
use nearpoint::routing::{
    AccessPointIndex, AccessPointState, AdminState, Attempt, Client, DcIndex, Health, Snapshot,
    pick_access_point,
};

/// Dials of one session in flight at most.
const IN_FLIGHT: usize = 2;

/// The access points that listener, policy and operator leave to the client, whatever their health,
/// but for DCs without room.
fn eligible<'a>(
    snapshot: &'a Snapshot,
    listener: &'a ListenerRoute,
    client: &'a Client,
) -> impl Iterator<Item = (DcIndex, &'a AccessPointState)> {
    let topology = &snapshot.topology;
    let dcs = (0..).map(DcIndex).zip(topology.dcs()).zip(&snapshot.dcs);
    let dcs = dcs.filter(move |((_, dc), state)| {
        may_use(snapshot, listener, client, dc.id)
            && state.admin == AdminState::Ready
            && state.slot.connecting() < dc.max_connecting
    });
    dcs.flat_map(move |((index, _), _)| {
        let members = topology.access_points_of(index);
        let offered = members.filter(move |(_, member)| member.is_for(client, Traffic::default()));
        let states = offered.map(move |(member, _)| (index, snapshot.access_point(member)));
        states.filter(|(_, state)| state.admin == AdminState::Ready)
    })
}

/// The first dial of a session goes to one that is well while the snapshot knows one: never to one
/// that is Down, on nearest never to one that has not answered, and never to a suspect while another
/// of its DC is well.
pub(crate) fn the_well_come_first(
    snapshot: &Snapshot,
    listener: &ListenerRoute,
    client: &Client,
    first: &Attempt,
) {
    let id = snapshot.topology.access_point(first.access_point).id;
    let chosen = snapshot.access_point(first.access_point).health;
    let mut eligible = eligible(snapshot, listener, client);
    match chosen {
        Health::Down => {
            let better = eligible.find(|(_, state)| state.health.is_usable());
            assert!(better.is_none(), "{id} is Down and first, and another one is usable");
        }
        Health::Unknown => {
            let nearest = listener.route == Route::Nearest;
            let better = eligible.find(|(dc, state)| {
                (*dc == first.dc && state.health == Health::Up)
                    || (nearest
                        && snapshot.dc(first.dc).health == Health::Unknown
                        && state.health.is_usable())
            });
            assert!(better.is_none(), "{id} is unproved and first, and another one is usable");
        }
        Health::Suspect => {
            let better = eligible.find(|(dc, state)| {
                let well = match state.health {
                    Health::Up => true,
                    Health::Unknown => !state.unreachable,
                    Health::Suspect | Health::Down => false,
                };
                *dc == first.dc && well
            });
            assert!(better.is_none(), "{id} is suspect and first, and another of its DC is well");
        }
        Health::Up => {}
    }
}

/// No dial goes where listener, policy or operator forbid it.
pub(crate) fn dials_stay_where_they_may(
    snapshot: &Snapshot,
    listener: &ListenerRoute,
    client: &Client,
    attempt: &Attempt,
) {
    let dc = snapshot.topology.dc(attempt.dc);
    assert!(may_use(snapshot, listener, client, dc.id), "DC {} is not for this client", dc.id);
    let state = snapshot.access_point(attempt.access_point);
    let ready = [snapshot.dc(attempt.dc).admin, state.admin] == [AdminState::Ready; 2];
    let access_point = snapshot.topology.access_point(attempt.access_point);
    assert!(ready, "{} was taken out by its operator", access_point.id);
    assert_eq!(access_point.dc, attempt.dc, "{} is of the DC", access_point.id);
}

/// The dials of a session are bounded, in number and at a time, and none is made twice.
pub(crate) fn dials_are_bounded(limits: ConnectLimits, dials: &[Attempt], in_flight: &[Attempt]) {
    assert!(in_flight.len() <= IN_FLIGHT, "{} dials in flight", in_flight.len());
    assert!(dials.len() <= limits.attempts as usize, "{} dials", dials.len());
    for (at, dial) in dials.iter().enumerate() {
        let again = dials[..at].iter().any(|it| it.access_point == dial.access_point);
        assert!(!again, "access point {:?} is dialled twice", dial.access_point);
    }
}

/// Whatever happens, a session has its upstream or its refusal by the deadline.
pub(crate) fn sessions_end_by_their_deadline(limits: ConnectLimits, began: Instant, now: Instant) {
    let took = now - began;
    assert!(took <= limits.deadline, "a session without an end after {took:?}");
}

/// A hedge of `nearest` goes to another site than the silent dial, while there is one to go to; one
/// of a bound session stays in its DC.
pub(crate) fn hedges_leave_the_site(
    snapshot: &Snapshot,
    listener: &ListenerRoute,
    client: &Client,
    hedge: &Attempt,
    silent: DcIndex,
    candidates: &[DcIndex],
    tried: &[AccessPointIndex],
) {
    let topology = &snapshot.topology;
    let site = &topology.dc(silent).site;
    match listener.route {
        Route::Dc(_) => assert_eq!(hedge.dc, silent, "a bound hedge stays in its DC"),
        Route::Nearest if topology.dc(hedge.dc).site != *site => {}
        Route::Mtproto(_) => unreachable!("no listener of the simulation sniffs"),
        Route::Nearest => {
            let fail_open = FailOpen::Closed;
            let eligible = Eligible {
                client: *client,
                traffic: Traffic::default(),
                fail_open,
                overflow: false,
            };
            let elsewhere = candidates.iter().find(|dc| {
                topology.dc(**dc).site != *site
                    && pick_access_point(snapshot, **dc, &eligible, tried).is_some()
            });
            assert_eq!(elsewhere, None, "a hedge stays at site {site}");
        }
    }
}

/// Counts the hedges that a DC causes, over ten seconds.
#[derive(Default)]
pub(crate) struct HedgeCount {
    sessions: VecDeque<Instant>,
    hedges: VecDeque<Instant>,
}

impl HedgeCount {
    const WINDOW: Duration = Duration::from_secs(10);

    /// What a DC without traffic may be hedged all the same.
    const FLOOR: usize = 10;

    /// A session began there.
    pub(crate) fn on_session(&mut self, now: Instant) {
        self.sessions.push_back(now);
        // What came in the second before the window is what the first hedges in it were earned by.
        drop_before(&mut self.sessions, now, 2 * Self::WINDOW);
    }

    /// Hedges are a tenth of the sessions, and those of one second beside them: the busiest one, for
    /// a burst is over before it is counted.
    pub(crate) fn hedges_keep_their_budget(&mut self, percent: u8, now: Instant) {
        self.hedges.push_back(now);
        drop_before(&mut self.hedges, now, Self::WINDOW);
        let sessions = self.sessions.len();
        let busiest = self.busiest_second();
        let budget = sessions * usize::from(percent) / 100 + busiest + Self::FLOOR;
        let hedges = self.hedges.len();
        assert!(hedges <= budget, "{hedges} hedges in 10 s, for {sessions} sessions in 20 s");
    }

    fn busiest_second(&self) -> usize {
        let second = Duration::from_secs(1);
        let mut from = 0;
        let within = self.sessions.iter().enumerate().map(|(at, now)| {
            while self.sessions[from] + second < *now {
                from += 1;
            }
            at + 1 - from
        });
        within.max().unwrap_or(0)
    }
}

fn drop_before(times: &mut VecDeque<Instant>, now: Instant, window: Duration) {
    while times.front().is_some_and(|at| *at + window < now) {
        times.pop_front();
    }
}

fn may_use(
    snapshot: &Snapshot,
    listener: &ListenerRoute,
    client: &Client,
    dc: nearpoint::routing::DcId,
) -> bool {
    // Bound sessions are served whatever the rules say: the policy of the simulation audits them.
    let policy = snapshot.topology.policy();
    let permitted = || policy.permitted(&policy.judge(client)).contains(dc);
    listener.lists(dc)
        && match listener.destination().and_then(Destination::bound_to) {
            Some(bound_to) => dc == bound_to,
            None => permitted(),
        }
}
