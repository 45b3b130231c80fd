//! The network as it really is: round trips, and what is wrong with whom. The edge knows it only by
//! its probes and dials.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nearpoint::routing::{AccessPointId, ConnectFailure, DcId, LocalFailure};

use crate::fault::{Ailment, Fault, Scope};
use crate::random::Random;

/// The time of a service that answers.
const SERVICE: Duration = Duration::from_millis(5);

/// A lost segment of a connection that stands is sent again after this.
const RETRANSMISSION: Duration = Duration::from_millis(200);

/// What was lifted longer ago than this is of no interest.
const MEMORY: Duration = Duration::from_secs(30);

/// The DCs that there are, and their faults.
#[derive(Default)]
pub(crate) struct Network {
    places: BTreeMap<DcId, Place>,
    faults: Vec<Active>,
    lifted: Vec<(Fault, Instant)>,
    last_fault: u32,
}

/// Where a DC is, seen from this edge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Its site.
    pub(crate) site: usize,
    /// How far it is.
    pub(crate) round_trip: Duration,
}

/// Names a fault from its start to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FaultId(u32);

struct Active {
    id: FaultId,
    fault: Fault,
    since: Instant,
}

/// Who dials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialler {
    Probe,
    Session,
}

/// What becomes of a first packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syn {
    /// It is accepted after this time.
    Accepted(Duration),
    /// It comes to nothing after this time.
    Failed(ConnectFailure, Duration),
    /// Nobody ever hears of it.
    Lost,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// The right answer, after this time.
    Right(Duration),
    /// Another answer, after this time.
    Wrong(Duration),
    /// The connection is broken, after this time.
    Broken(Duration),
    /// Nothing.
    None,
}

/// All that is wrong with one access point at a moment.
#[derive(Default)]
struct Condition {
    local: Option<LocalFailure>,
    silent: bool,
    refuses: bool,
    mute: bool,
    wrong: bool,
    slow: bool,
    lossy: bool,
}

impl Network {
    /// A DC is built.
    pub(crate) fn build(&mut self, dc: DcId, place: Place) {
        self.places.insert(dc, place);
    }

    /// Where a DC is; every DC of the simulation has been built.
    pub(crate) fn place(&self, dc: DcId) -> Place {
        self.places[&dc]
    }

    /// Something goes wrong.
    pub(crate) fn inject(&mut self, fault: Fault, now: Instant) -> FaultId {
        self.last_fault += 1;
        let id = FaultId(self.last_fault);
        self.faults.push(Active { id, fault, since: now });
        id
    }

    /// It is well again; `None` if it was so already.
    pub(crate) fn lift(&mut self, id: FaultId, now: Instant) -> Option<Fault> {
        let at = self.faults.iter().position(|active| active.id == id)?;
        let Active { fault, .. } = self.faults.remove(at);
        self.lifted.retain(|(_, at)| *at + MEMORY > now);
        self.lifted.push((fault, now));
        Some(fault)
    }

    /// All is well again.
    pub(crate) fn lift_all(&mut self, now: Instant) {
        while let Some(Active { id, .. }) = self.faults.first() {
            self.lift(*id, now);
        }
    }

    /// Whether nothing has been wrong with an access point for so long, at most [`MEMORY`].
    pub(crate) fn well_for(&self, id: AccessPointId, time: Duration, now: Instant) -> bool {
        let ill = self.faults.iter().any(|active| self.concerns(active.fault.scope, id));
        let lately =
            |(fault, at): &(Fault, Instant)| *at + time > now && self.concerns(fault.scope, id);
        !ill && !self.lifted.iter().any(lately)
    }

    /// What becomes of a first packet that is sent now.
    pub(crate) fn send_syn(
        &self,
        to: AccessPointId,
        dialler: Dialler,
        now: Instant,
        random: &mut Random,
    ) -> Syn {
        let condition = self.condition(to, now);
        let round_trip = self.round_trip(to, &condition, random);
        // Some descriptors are kept for probes.
        let spared = condition.local == Some(LocalFailure::NoDescriptor)
            && dialler == Dialler::Probe
            && random.percent(50);
        match condition {
            Condition { local: Some(failure), .. } if !spared => {
                Syn::Failed(ConnectFailure::Local(failure), Duration::ZERO)
            }
            Condition { silent: true, .. } => Syn::Lost,
            Condition { lossy: true, .. } if random.percent(5) => Syn::Lost,
            Condition { refuses: true, .. } => Syn::Failed(ConnectFailure::Refused, round_trip),
            Condition { .. } => Syn::Accepted(round_trip),
        }
    }

    /// What becomes of a request on a connection that stands, sent now.
    pub(crate) fn ask(&self, whom: AccessPointId, now: Instant, random: &mut Random) -> Reply {
        let condition = self.condition(whom, now);
        let lost = condition.lossy && random.percent(5);
        let delay = if lost { RETRANSMISSION } else { Duration::ZERO };
        let round_trip = delay + self.round_trip(whom, &condition, random);
        match condition {
            Condition { silent: true, .. } => Reply::None,
            // No packet of a connection that stands needs a descriptor; without a route none leaves.
            Condition { local: Some(LocalFailure::NoRoute), .. } => Reply::None,
            Condition { refuses: true, .. } => Reply::Broken(round_trip),
            Condition { mute: true, .. } => Reply::None,
            Condition { wrong: true, .. } => Reply::Wrong(round_trip + SERVICE),
            Condition { .. } => Reply::Right(round_trip + SERVICE),
        }
    }

    /// What becomes of a datagram that is sent now, which is both at once; nobody sends a lost one again.
    pub(crate) fn send_datagram(
        &self,
        to: AccessPointId,
        dialler: Dialler,
        now: Instant,
        random: &mut Random,
    ) -> Result<Reply, (ConnectFailure, Duration)> {
        match self.send_syn(to, dialler, now, random) {
            Syn::Lost => Ok(Reply::None),
            Syn::Failed(failure, after) => Err((failure, after)),
            Syn::Accepted(_) => Ok(self.ask(to, now, random)),
        }
    }

    fn condition(&self, id: AccessPointId, now: Instant) -> Condition {
        let mut condition = Condition::default();
        for active in self.faults.iter().filter(|it| self.concerns(it.fault.scope, id)) {
            match active.fault.ailment {
                Ailment::Refuses => condition.refuses = true,
                Ailment::Blackholed | Ailment::OneWay => condition.silent = true,
                Ailment::Mute => condition.mute = true,
                Ailment::WrongAnswer => condition.wrong = true,
                Ailment::Slow => condition.slow = true,
                Ailment::Lossy => condition.lossy = true,
                Ailment::Flapping { period, refuses } => {
                    let halves = (now - active.since).as_nanos() * 2 / period.as_nanos();
                    if halves.is_multiple_of(2) {
                        condition.refuses |= refuses;
                        condition.silent |= !refuses;
                    }
                }
                Ailment::NoRoute => condition.local = Some(LocalFailure::NoRoute),
                Ailment::NoDescriptors => {
                    condition.local.get_or_insert(LocalFailure::NoDescriptor);
                }
            }
        }
        condition
    }

    /// With a tremor of up to 5%.
    fn round_trip(
        &self,
        to: AccessPointId,
        condition: &Condition,
        random: &mut Random,
    ) -> Duration {
        let usual = self.place(to.dc).round_trip.mul_f64(1.0 + random.share() / 20.0);
        usual * if condition.slow { 10 } else { 1 }
    }

    fn concerns(&self, scope: Scope, id: AccessPointId) -> bool {
        match scope {
            Scope::AccessPoint(one) => one == id,
            Scope::Dc(dc) => dc == id.dc,
            Scope::Site(site) => self.place(id.dc).site == site,
            Scope::Edge => true,
        }
    }
}
