//! Sessions: the part that the data plane plays around an attempt plan.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nearpoint::routing::control::OVERTAKEN;
use nearpoint::routing::topology::ListenerRoute;
use nearpoint::routing::{
    AccessPointId, AccessPointSlot, Attempt, AttemptPlan, Client, ClientPrefix, ConnectFailure,
    DcId, DcIndex, DcSlot, Full, GiveUp, Ranking, Snapshot, Step, Traffic, rank,
};

use crate::clients::Manner;
use crate::network::{Dialler, Reply, Syn};
use crate::probes::SYN_TIMEOUT;
use crate::rules::dials::{self, HedgeCount};
use crate::storm::{Happening, Storm};

/// A session that has sent a byte and got none for so long is mute.
pub(crate) const FIRST_BYTE: Duration = Duration::from_secs(1);

/// Sessions of the simulation are short: what is of interest of them is their beginning.
const LONGEST: Duration = Duration::from_secs(5);

/// Whatever plans do, they come to an end.
const STEPS: u32 = 100;

/// All sessions.
#[derive(Default)]
pub(crate) struct Sessions {
    connecting: BTreeMap<SessionId, Session>,
    last: u32,
    hedges: BTreeMap<DcId, HedgeCount>,
    /// How sessions came out, in the order of their ends.
    pub(crate) ended: Vec<Outcome>,
    /// Questions to attempt plans so far.
    pub(crate) steps: u64,
}

/// How the start of a session came out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) began: Instant,
    pub(crate) took: Duration,
    pub(crate) manner: Manner,
    /// The DC it was given, and whether no better one had been left out but by its operator.
    pub(crate) result: Result<(DcId, Choice), GiveUp>,
    /// The next DC of another site than the first candidate's.
    pub(crate) next_site: Option<DcId>,
}

/// What became of the first choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    First,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SessionId(u32);

/// What happens to a session.
pub(crate) enum SessionStep {
    /// The time that its plan asked for.
    Wake(SessionId),
    /// The first packet of a dial is sent again, after this pause.
    Syn(SessionId, Attempt, Duration),
    /// A dial has ended.
    Dialled(SessionId, Attempt, Result<(), ConnectFailure>),
    /// The upstream has sent a byte, or the time for it is over.
    FirstByte(Box<Upstream>, bool),
    /// A connected session ends.
    Closed(Box<Upstream>),
}

/// A session that looks for an upstream.
struct Session {
    snapshot: Arc<Snapshot>,
    listener: ListenerRoute,
    client: Client,
    manner: Manner,
    ranking: Ranking,
    plan: AttemptPlan,
    began: Instant,
    wake_at: Option<Instant>,
    dials: Vec<Attempt>,
    in_flight: Vec<Attempt>,
}

/// What a connected session keeps.
pub(crate) struct Upstream {
    id: AccessPointId,
    access_point: Arc<AccessPointSlot>,
    dc: Arc<DcSlot>,
    client: ClientPrefix,
}

impl Session {
    fn slot(&self, attempt: Attempt) -> &Arc<AccessPointSlot> {
        &self.snapshot.access_point(attempt.access_point).slot
    }

    fn id(&self, attempt: Attempt) -> AccessPointId {
        self.snapshot.topology.access_point(attempt.access_point).id
    }

    fn dc(&self, index: DcIndex) -> (DcId, &Arc<DcSlot>) {
        (self.snapshot.topology.dc(index).id, &self.snapshot.dc(index).slot)
    }

    /// A dial is over; whether it was under way.
    fn land(&mut self, attempt: Attempt) -> bool {
        let Some(at) = self.in_flight.iter().position(|it| *it == attempt) else { return false };
        self.in_flight.remove(at);
        self.dc(attempt.dc).1.release_connect();
        true
    }
}

impl Storm {
    /// A client comes to a listener.
    pub(crate) fn begin_session(&mut self, client: Client, listener: &str, manner: Manner) {
        let snapshot = Arc::clone(&self.machine.snapshot);
        let Some(listener) = snapshot.topology.route(listener).cloned() else { return };
        let Some(destination) = listener.destination() else { return };
        let ranking = rank(&snapshot, &listener, destination, &client);
        let limits = snapshot.topology.connect();
        let plan = AttemptPlan::new(&ranking, &client, limits, self.now);
        self.sessions.last += 1;
        let id = SessionId(self.sessions.last);
        let session = Session {
            snapshot,
            listener,
            client,
            manner,
            ranking,
            plan,
            began: self.now,
            wake_at: None,
            dials: Vec::new(),
            in_flight: Vec::new(),
        };
        self.drive(id, session);
    }

    /// How many sessions look for an upstream.
    pub(crate) fn connecting(&self) -> usize {
        self.sessions.connecting.len()
    }

    /// Something happens to a session.
    pub(crate) fn on_session_step(&mut self, step: SessionStep) {
        match step {
            SessionStep::Wake(id) => {
                let now = self.now;
                let due = |session: &Session| session.wake_at == Some(now);
                if self.sessions.connecting.get(&id).is_some_and(due)
                    && let Some(session) = self.sessions.connecting.remove(&id)
                {
                    self.drive(id, session);
                }
            }
            SessionStep::Syn(id, attempt, pause) => {
                let Some(session) = self.sessions.connecting.get(&id) else { return };
                if session.in_flight.contains(&attempt) {
                    let to = session.id(attempt);
                    self.dial(id, attempt, to, 2 * pause);
                }
            }
            SessionStep::Dialled(id, attempt, result) => {
                let Some(mut session) = self.sessions.connecting.remove(&id) else { return };
                match (session.land(attempt), result) {
                    (false, _) => drop(self.sessions.connecting.insert(id, session)),
                    (true, Ok(())) => self.on_connected(session, attempt),
                    (true, Err(failure)) => {
                        self.on_dial_failed(&session, attempt, failure);
                        session.plan.on_failed(attempt);
                        self.drive(id, session);
                    }
                }
            }
            SessionStep::FirstByte(upstream, true) => {
                upstream.access_point.record_answered();
                self.machine.on_session_answer(upstream.id, &upstream.access_point, self.now);
                let rest = LONGEST.mul_f64(self.random.share());
                self.close_after(upstream, rest);
            }
            SessionStep::FirstByte(upstream, false) => {
                self.journal.detail(self.now, || format!("mute: {}", upstream.id));
                upstream.access_point.record_mute(upstream.client);
                let ledger = &mut self.machine.ledger;
                ledger.on_accusation(upstream.id, upstream.client, self.now);
                self.notify();
                self.close_after(upstream, Duration::ZERO);
            }
            SessionStep::Closed(upstream) => {
                upstream.access_point.session_closed();
                upstream.dc.session_closed();
            }
        }
    }

    /// Does what the plan says until it says wait, or that there is nothing more to do.
    fn drive(&mut self, id: SessionId, mut session: Session) {
        let limits = session.snapshot.topology.connect();
        let snapshot = Arc::clone(&session.snapshot);
        for _ in 0..STEPS {
            self.sessions.steps += 1;
            dials::sessions_end_by_their_deadline(limits, session.began, self.now);
            match session.plan.next(&snapshot, self.now) {
                Step::Dial(attempt) => self.on_dial(id, &mut session, attempt),
                Step::Abandon { attempt, timed_out } => {
                    assert!(session.land(attempt), "only a dial in flight can be abandoned");
                    if timed_out {
                        self.on_dial_failed(&session, attempt, ConnectFailure::Timeout);
                    }
                }
                Step::Wait(until) => {
                    assert!(until > self.now, "a plan waits for the future");
                    if session.wake_at != Some(until) {
                        session.wake_at = Some(until);
                        let wake = Happening::Session(SessionStep::Wake(id));
                        self.agenda.enter(until, wake);
                    }
                    self.sessions.connecting.insert(id, session);
                    return;
                }
                Step::GiveUp(why) => {
                    assert!(session.in_flight.is_empty(), "nothing is in flight at the end");
                    self.end(&session, Err(why));
                    return;
                }
            }
        }
        panic!("a plan that never waits");
    }

    fn on_dial(&mut self, id: SessionId, session: &mut Session, attempt: Attempt) {
        let Session { snapshot, listener, client, .. } = &*session;
        dials::dials_stay_where_they_may(snapshot, listener, client, &attempt);
        let silent = attempt.hedge_of;
        let (dc, slot) = session.dc(attempt.dc);
        let most = snapshot.topology.dc(attempt.dc).max_connecting;
        if !slot.reserve_connect(most) {
            session.plan.on_full(attempt, Full::Dc);
            return;
        }
        if let Some(silent) = silent {
            let (hedged, hedges) = session.dc(silent);
            let dead = session.in_flight.first().is_some_and(|waiting| {
                session.snapshot.has_gone_down(waiting.access_point, &self.machine.snapshot)
            });
            if !dead && !hedges.take_hedge() {
                slot.release_connect();
                session.plan.on_no_budget(attempt, self.now);
                return;
            }
            if !dead {
                let percent = snapshot.topology.connect().hedging.map_or(0, |it| it.budget_percent);
                let count = self.sessions.hedges.entry(hedged).or_default();
                count.hedges_keep_their_budget(percent, self.now);
            }
            let candidates: Vec<DcIndex> = session.ranking.candidates().collect();
            let tried: Vec<_> = session.dials.iter().map(|it| it.access_point).collect();
            dials::hedges_leave_the_site(
                snapshot,
                listener,
                client,
                &attempt,
                silent,
                &candidates,
                &tried,
            );
        }
        if session.dials.is_empty() {
            dials::the_well_come_first(snapshot, listener, client, &attempt);
            slot.session_began();
            self.sessions.hedges.entry(dc).or_default().on_session(self.now);
        }
        session.dials.push(attempt);
        session.in_flight.push(attempt);
        let limits = session.snapshot.topology.connect();
        dials::dials_are_bounded(limits, &session.dials, &session.in_flight);
        self.journal.detail(self.now, || format!("dial {attempt:?} of {id:?}"));
        let to = session.id(attempt);
        self.dial(id, attempt, to, SYN_TIMEOUT);
    }

    fn dial(&mut self, id: SessionId, attempt: Attempt, to: AccessPointId, pause: Duration) {
        let (after, step) =
            match self.network.send_syn(to, Dialler::Session, self.now, &mut self.random) {
                Syn::Accepted(after) => (after, SessionStep::Dialled(id, attempt, Ok(()))),
                Syn::Failed(failure, after) => {
                    (after, SessionStep::Dialled(id, attempt, Err(failure)))
                }
                Syn::Lost => (pause, SessionStep::Syn(id, attempt, pause)),
            };
        self.agenda.enter(self.now + after, Happening::Session(step));
    }

    fn on_dial_failed(&mut self, session: &Session, attempt: Attempt, failure: ConnectFailure) {
        let id = session.id(attempt);
        self.journal.detail(self.now, || format!("dial failed: {id}, {}", failure.as_str()));
        if failure.is_evidence() {
            let client = session.client.addr.network();
            session.slot(attempt).record_failed_connect(client);
            self.machine.ledger.on_accusation(id, client, self.now);
            self.notify();
        }
    }

    fn on_connected(&mut self, mut session: Session, attempt: Attempt) {
        for overtaken in session.plan.on_connected(attempt) {
            let id = session.id(overtaken);
            let client = session.client.addr.network();
            self.machine.ledger.on_accusation(id, client, self.now);
            if session.slot(overtaken).record_overtaken() >= OVERTAKEN {
                self.notify();
            }
        }
        for loser in std::mem::take(&mut session.in_flight) {
            session.dc(loser.dc).1.release_connect();
        }
        let slot = session.slot(attempt);
        slot.record_connected();
        self.machine.on_session_answer(session.id(attempt), slot, self.now);
        let (dc, slot) = session.dc(attempt.dc);
        let upstream = Box::new(Upstream {
            id: session.id(attempt),
            access_point: Arc::clone(session.slot(attempt)),
            dc: Arc::clone(slot),
            client: session.client.addr.network(),
        });
        upstream.access_point.session_opened();
        upstream.dc.session_opened();
        self.end(&session, Ok((dc, choice(&session, attempt.dc))));
        self.talk(session.manner, upstream);
    }

    /// What follows the connection.
    fn talk(&mut self, manner: Manner, upstream: Box<Upstream>) {
        let reply = self.network.ask(upstream.id, self.now, &mut self.random);
        let (after, answered) = match (manner, reply) {
            (Manner::Scanner, _) => return self.close_after(upstream, Duration::ZERO),
            (Manner::Ordinary, Reply::Right(after) | Reply::Wrong(after)) => (after, true),
            (Manner::Garbage, Reply::Right(after) | Reply::Wrong(after)) => (after, false),
            (Manner::Ordinary | Manner::Garbage, Reply::Broken(after)) => (after, false),
            (Manner::Ordinary | Manner::Garbage, Reply::None) => (FIRST_BYTE, false),
        };
        let step = match after > FIRST_BYTE {
            true => SessionStep::FirstByte(upstream, false),
            false => SessionStep::FirstByte(upstream, answered),
        };
        self.agenda.enter(self.now + after.min(FIRST_BYTE), Happening::Session(step));
    }

    fn close_after(&mut self, upstream: Box<Upstream>, after: Duration) {
        let closed = Happening::Session(SessionStep::Closed(upstream));
        self.agenda.enter(self.now + after, closed);
    }

    fn end(&mut self, session: &Session, result: Result<(DcId, Choice), GiveUp>) {
        let (began, took) = (session.began, self.now - session.began);
        self.journal.detail(self.now, || format!("session of {took:?}: {result:?}"));
        let topology = &session.snapshot.topology;
        let mut candidates = session.ranking.candidates();
        let site = candidates.next().map(|first| &topology.dc(first).site);
        let next_site = candidates.find(|dc| Some(&topology.dc(*dc).site) != site);
        let next_site = next_site.map(|dc| topology.dc(dc).id);
        self.sessions.ended.push(Outcome {
            began,
            took,
            manner: session.manner,
            result,
            next_site,
        });
    }
}

/// Whether everybody before the chosen one is out by the operator's will or by rules.
fn choice(session: &Session, chosen: DcIndex) -> Choice {
    use nearpoint::routing::Exclusion;
    let before = session.ranking.dcs.iter().take_while(|ranked| ranked.dc != chosen);
    let mut before = before.map(|ranked| (ranked.dc, ranked.exclusion));
    let topology = &session.snapshot.topology;
    let nobody_is_ready = |dc: DcIndex| {
        use nearpoint::routing::AdminState;
        let mut members =
            topology.access_points_of(dc).filter(|(_, it)| it.takes(Traffic::default()));
        members.all(|(it, _)| session.snapshot.access_point(it).admin != AdminState::Ready)
    };
    let wanted = before.all(|(dc, exclusion)| match exclusion {
        Some(Exclusion::Drain | Exclusion::Maint) => true,
        Some(_) | None => nobody_is_ready(dc),
    });
    if wanted { Choice::First } else { Choice::Other }
}
