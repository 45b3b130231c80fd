use proptest::prelude::*;

mod alarms;
mod belated;
mod evidence;
mod isolation;
mod outage;
mod retiring;
mod round_trips;
mod unasked;
mod unreachable;

use super::*;
use crate::routing::client::{ClientAddr, ClientPrefix};
use crate::routing::failure::{ConnectFailure, LocalFailure, ProbeFailure};
use crate::routing::fixture::{AMSTERDAM, MIAMI, Nowhere, dc, start, three_dcs, topology};
use crate::routing::geo::Millis;
use crate::routing::health::{AdminState, Health, Transition};
use crate::routing::intent::{Intent, Told};
use crate::routing::snapshot::DcState;
use crate::routing::topology::{Conversation, DcSpec, Probe, TopologySpec};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// The machine over simulated DCs and simulated time.
struct Lab {
    state: ControlState,
    now: Instant,
    began: Instant,
    snapshot: Arc<Snapshot>,
    published: Vec<Instant>,
    changes: Vec<Change>,
    /// Probes under way, with the moment they end.
    probes: Vec<(Instant, ProbeRequest)>,
    probes_made: usize,
    /// When which was probed.
    probed: Vec<(Instant, AccessPointId)>,
    faults: BTreeMap<AccessPointId, Fault>,
    /// What comes of probes of these, whatever their fault.
    answers: BTreeMap<AccessPointId, ProbeOutcome>,
    round_trip: Duration,
    /// Of those that differ from the others.
    round_trips: BTreeMap<AccessPointId, Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Refuses,
    Blackhole,
    EdgeOutOfDescriptors,
    NoRoute,
    /// Accepts and never answers.
    Mute,
    /// Serves sessions, and answers probes with something else than they want.
    WrongPage,
}

impl Lab {
    fn new(spec: TopologySpec) -> Self {
        let now = start();
        let topology = Arc::new(Topology::new(spec));
        let (state, snapshot) =
            ControlState::new(topology, Arc::new(Nowhere), Intents::default(), now);
        let mut lab = Self {
            state,
            now,
            began: now,
            snapshot,
            published: Vec::new(),
            changes: Vec::new(),
            probes: Vec::new(),
            probes_made: 0,
            probed: Vec::new(),
            faults: BTreeMap::new(),
            answers: BTreeMap::new(),
            round_trip: 20 * MS,
            round_trips: BTreeMap::new(),
        };
        lab.event(Event::Tick);
        lab
    }

    fn event(&mut self, event: Event) {
        for effect in self.state.on_event(event, self.now) {
            match effect {
                Effect::Probe(request) => {
                    let known = self.state.effective.find_access_point(request.access_point);
                    assert!(known.is_some(), "nobody else is probed");
                    let again =
                        self.probes.iter().any(|(_, it)| it.access_point == request.access_point);
                    assert!(!again, "one probe of an access point at a time");
                    self.probes_made += 1;
                    self.probed.push((self.now, request.access_point));
                    self.probes.push((self.now + self.duration(&request), request));
                }
                Effect::Publish(snapshot) => {
                    assert_eq!(snapshot.generation, self.snapshot.generation + 1);
                    assert_eq!(snapshot.dcs.len(), snapshot.topology.dcs().len());
                    let access_points = snapshot.topology.access_points().len();
                    assert_eq!(snapshot.access_points.len(), access_points);
                    self.snapshot = snapshot;
                    self.published.push(self.now);
                }
                Effect::Changed(change) => self.changes.push(change),
            }
        }
    }

    /// The operator wants this of a DC.
    fn set_dc(&mut self, dc: DcId, state: AdminState) {
        self.event(Event::Intent(Target::Dc(dc), Intent::new(state, self.now)));
    }

    /// The operator wants this of an access point.
    fn set_access_point(&mut self, id: AccessPointId, state: AdminState) {
        self.event(Event::Intent(Target::AccessPoint(id), Intent::new(state, self.now)));
    }

    fn duration(&self, request: &ProbeRequest) -> Duration {
        match self.faults.get(&request.access_point) {
            None | Some(Fault::WrongPage) => self.round_trip_to(request).min(request.timeout),
            Some(Fault::Refuses | Fault::EdgeOutOfDescriptors | Fault::NoRoute) => Duration::ZERO,
            Some(Fault::Mute) if request.conversation == Conversation::Connect => {
                self.round_trip_to(request)
            }
            Some(Fault::Mute) => request.timeout,
            Some(Fault::Blackhole) => request.timeout,
        }
    }

    fn round_trip_to(&self, request: &ProbeRequest) -> Duration {
        self.round_trips.get(&request.access_point).copied().unwrap_or(self.round_trip)
    }

    fn outcome(&self, request: &ProbeRequest) -> ProbeOutcome {
        if let Some(answer) = self.answers.get(&request.access_point) {
            return answer.clone();
        }
        match self.faults.get(&request.access_point) {
            None if self.round_trip_to(request) < request.timeout => {
                let connect = self.round_trip_to(request);
                let times = match request.conversation {
                    Conversation::Connect => ProbeTimes::Connected { connect },
                    Conversation::Datagram(_) => ProbeTimes::Echoed { answer: connect },
                    Conversation::Http(_) | Conversation::Mtproto(..) => {
                        ProbeTimes::Asked { connect, answer: connect }
                    }
                };
                Ok(times.into())
            }
            None | Some(Fault::Blackhole) => Err(ConnectFailure::Timeout.into()),
            Some(Fault::Mute) if request.conversation == Conversation::Connect => {
                Ok(ProbeTimes::Connected { connect: self.round_trip_to(request) }.into())
            }
            Some(Fault::Mute) => Err(ProbeFailure::Silent),
            Some(Fault::WrongPage) => Err(ProbeFailure::WrongAnswer),
            Some(Fault::NoRoute) => Err(ConnectFailure::Local(LocalFailure::NoRoute).into()),
            Some(Fault::Refuses) => Err(ConnectFailure::Refused.into()),
            Some(Fault::EdgeOutOfDescriptors) => {
                Err(ConnectFailure::Local(LocalFailure::NoDescriptor).into())
            }
        }
    }

    /// Lets simulated time pass.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let ended = self.probes.iter().map(|(at, _)| *at).min();
            let next = [ended, self.state.next_deadline()].into_iter().flatten().min();
            let Some(at) = next.filter(|at| *at <= end) else {
                break;
            };
            self.now = self.now.max(at);
            match self.probes.iter().position(|(until, _)| *until <= self.now) {
                Some(done) => {
                    let (_, request) = self.probes.swap_remove(done);
                    let ProbeRequest { access_point, number, .. } = request;
                    let outcome = self.outcome(&request);
                    self.event(Event::Probed(ProbeReport { access_point, number, outcome }));
                }
                None => self.event(Event::Tick),
            }
        }
        self.now = end;
        self.event(Event::Tick);
    }

    /// Runs until `done` says so and returns how long it took; at most a minute.
    fn run_until(&mut self, done: impl Fn(&Self) -> bool) -> Duration {
        let from = self.now;
        while !done(self) {
            assert!(self.now < from + 60 * SECOND, "never happened");
            self.run(10 * MS);
        }
        self.now - from
    }

    fn access_points_of(&self, dc: u16) -> Vec<AccessPointId> {
        let index = self.snapshot.topology.find_dc(DcId(dc)).expect("a DC of the test");
        self.snapshot.topology.access_points_of(index).map(|(_, it)| it.id).collect()
    }

    fn break_dc(&mut self, dc: u16, fault: Fault) {
        for id in self.access_points_of(dc) {
            self.faults.insert(id, fault);
        }
    }

    fn dc(&self, dc: u16) -> &DcState {
        self.snapshot.dc(self.snapshot.topology.find_dc(DcId(dc)).expect("a DC of the test"))
    }

    fn health(&self, id: AccessPointId) -> Option<Health> {
        let index = self.snapshot.topology.find_access_point(id)?;
        Some(self.snapshot.access_point(index).health)
    }

    /// What access points have turned, in order.
    fn turned(&self) -> impl Iterator<Item = Health> {
        self.changes.iter().filter_map(|change| match change {
            Change::AccessPoint(change) => Some(change.transition.to),
            _ => None,
        })
    }

    fn reload(&mut self, spec: TopologySpec) {
        self.event(Event::Configuration(
            Arc::new(Topology::new(spec)),
            Arc::new(Nowhere),
            Brought::default(),
        ));
        self.run(COALESCE);
    }
}

fn prefix(n: u8) -> ClientPrefix {
    ClientAddr::new([203, 0, n, 7].into()).network()
}

#[test]
fn the_first_probe_round_warms_up() {
    let mut lab = Lab::new(three_dcs());
    assert!(!lab.snapshot.warmed_up);
    assert_eq!(lab.dc(2).health, Health::Unknown);
    lab.run(30 * MS);
    assert!(lab.snapshot.warmed_up);
    for dc in [1, 2, 5] {
        assert_eq!(lab.dc(dc).health, Health::Up);
        assert_eq!(lab.dc(dc).round_trip, Some(20 * MS));
    }
}

#[test]
fn grace_ends_the_wait_for_a_dc_that_never_answers() {
    let mut spec = three_dcs();
    spec.startup_grace = 500 * MS;
    let mut lab = Lab::new(spec);
    lab.break_dc(2, Fault::Blackhole);
    lab.probes.iter_mut().for_each(|(until, request)| *until += request.timeout);
    lab.run(499 * MS);
    assert!(!lab.snapshot.warmed_up);
    lab.run(2 * MS);
    assert!(lab.snapshot.warmed_up);
}

#[test]
fn a_blackhole_is_found_within_three_and_a_half_seconds_without_traffic() {
    for offset in 0..20 {
        let mut lab = Lab::new(three_dcs());
        lab.run(10 * SECOND + 100 * MS * offset);
        lab.break_dc(2, Fault::Blackhole);
        let took = lab.run_until(|lab| lab.dc(2).health == Health::Down);
        assert!(took <= 3500 * MS, "{took:?}");
        assert_eq!(lab.dc(1).health, Health::Up);
    }
}

#[test]
fn failed_connects_find_a_dead_dc_within_a_second() {
    let mut lab = Lab::new(three_dcs());
    lab.run(10 * SECOND);
    lab.break_dc(2, Fault::Refuses);
    for id in lab.access_points_of(2) {
        let index = lab.snapshot.topology.find_access_point(id).expect("is there");
        lab.snapshot.access_point(index).slot.record_failed_connect(prefix(7));
    }
    lab.event(Event::Evidence);
    let took = lab.run_until(|lab| lab.dc(2).health == Health::Down);
    assert!(took <= SECOND, "{took:?}");
    let suspects = lab.turned().filter(|to| *to == Health::Suspect);
    assert_eq!(suspects.count(), 2);
}

#[test]
fn failed_connects_alone_never_take_an_access_point_down() {
    let mut lab = Lab::new(three_dcs());
    lab.run(SECOND);
    for _ in 0..200 {
        for state in &lab.snapshot.access_points {
            state.slot.record_failed_connect(prefix(7));
        }
        lab.event(Event::Evidence);
        lab.run(50 * MS);
    }
    assert!(lab.turned().all(|to| to != Health::Down));
    assert!([1, 2, 5].iter().all(|dc| lab.dc(*dc).health == Health::Up));
}

#[test]
fn errors_of_this_edge_are_nobodys_evidence() {
    let mut lab = Lab::new(three_dcs());
    lab.run(SECOND);
    let before = lab.changes.len();
    lab.break_dc(2, Fault::EdgeOutOfDescriptors);
    lab.run(20 * SECOND);
    assert_eq!(lab.changes.len(), before);
    assert_eq!(lab.dc(2).health, Health::Up);
}

#[test]
fn a_dc_that_comes_back_is_up_after_rise_probes() {
    let mut lab = Lab::new(three_dcs());
    lab.break_dc(2, Fault::Refuses);
    lab.run_until(|lab| lab.dc(2).health == Health::Down);
    lab.faults.clear();
    let took = lab.run_until(|lab| lab.dc(2).health == Health::Up);
    assert!(took <= 2 * SECOND + 300 * MS + 100 * MS, "{took:?}");
}

#[test]
fn health_and_counters_follow_identity_through_a_reload() {
    let mut lab = Lab::new(three_dcs());
    lab.break_dc(1, Fault::Refuses);
    lab.run(5 * SECOND);
    let slot = Arc::clone(&lab.dc(2).slot);
    slot.session_opened();
    let mut spec = three_dcs();
    spec.dcs.push(dc(7, None, 1));
    lab.reload(spec);
    assert_eq!(lab.dc(1).health, Health::Down);
    assert_eq!(lab.dc(2).health, Health::Up);
    assert_eq!(lab.dc(2).slot.active(), 1);
    assert_eq!(lab.dc(7).health, Health::Unknown);
    lab.run(30 * MS);
    assert_eq!(lab.dc(7).health, Health::Up);
}

/// Amsterdam with other addresses than before.
fn moved_amsterdam() -> DcSpec {
    let mut moved = dc(2, Some(AMSTERDAM), 2);
    for access_point in &mut moved.access_points {
        access_point.address.socket.set_port(8443);
    }
    moved
}

#[test]
fn a_removed_dc_leaves_at_once() {
    let mut lab = Lab::new(three_dcs());
    lab.run(SECOND);
    lab.reload(topology(vec![dc(1, Some(MIAMI), 2)]));
    assert_eq!(lab.snapshot.topology.find_dc(DcId(2)), None);
    assert_eq!(lab.snapshot.topology.access_points().len(), 2);
}

#[test]
fn a_report_of_a_forgotten_probe_changes_nothing() {
    let mut lab = Lab::new(three_dcs());
    let (_, request) = lab.probes[0].clone();
    lab.run(SECOND);
    let generation = lab.snapshot.generation;
    for number in [request.number, u64::MAX] {
        let access_point = request.access_point;
        let outcome = Err(ConnectFailure::Refused.into());
        lab.event(Event::Probed(ProbeReport { access_point, number, outcome }));
    }
    lab.run(COALESCE);
    assert_eq!(lab.snapshot.generation, generation);
}

#[test]
fn the_operators_intent_is_published_and_kept_over_a_reload() {
    let mut lab = Lab::new(three_dcs());
    lab.run(SECOND);
    let access_point = lab.access_points_of(5)[0];
    lab.set_dc(DcId(2), AdminState::Drain);
    lab.set_access_point(access_point, AdminState::Maint);
    lab.run(COALESCE);
    lab.reload(three_dcs());
    assert_eq!(lab.dc(2).admin, AdminState::Drain);
    let index = lab.snapshot.topology.find_access_point(access_point).expect("is there");
    assert_eq!(lab.snapshot.access_point(index).admin, AdminState::Maint);
    lab.set_access_point(lab.access_points_of(5)[1], AdminState::Maint);
    lab.run(COALESCE);
    assert_eq!(lab.dc(5).health, Health::Down, "no access point is left to use");
}

#[test]
fn an_intent_ends_with_its_time_and_that_is_told() {
    let mut lab = Lab::new(three_dcs());
    lab.run(SECOND);
    lab.changes.clear();
    let told = Arc::new(Told { by: "anna".into(), reason: "a drill".into() });
    let intent = Intent {
        until: Some(lab.now + 10 * SECOND),
        told: Arc::clone(&told),
        ..Intent::new(AdminState::Drain, lab.now)
    };
    lab.event(Event::Intent(Target::Dc(DcId(2)), intent));
    lab.run(9 * SECOND);
    assert_eq!(lab.dc(2).admin, AdminState::Drain);
    lab.run(2 * SECOND);
    assert_eq!(lab.dc(2).admin, AdminState::Ready);
    assert!(lab.snapshot.intents.is_empty());
    let change = |from, to, lasting, expired| {
        let (target, told) = (Target::Dc(DcId(2)), Arc::clone(&told));
        Change::Intent(IntentChange { target, from, to, lasting, expired, told })
    };
    let expected = [
        change(AdminState::Ready, AdminState::Drain, Some(10 * SECOND), false),
        change(AdminState::Drain, AdminState::Ready, None, true),
    ];
    assert_eq!(lab.changes, expected);
}

#[test]
fn an_intent_holds_from_the_first_snapshot_and_outlives_what_it_is_about() {
    let now = start();
    let mut intents = Intents::default();
    intents.set(Target::Dc(DcId(2)), Intent::new(AdminState::Maint, now));
    let topology = Arc::new(Topology::new(three_dcs()));
    let (_, first) = ControlState::new(topology, Arc::new(Nowhere), intents, now);
    let index = first.topology.find_dc(DcId(2)).expect("it is listed");
    assert_eq!(first.dc(index).admin, AdminState::Maint);

    let mut lab = Lab::new(three_dcs());
    lab.set_dc(DcId(2), AdminState::Drain);
    let mut without = three_dcs();
    without.dcs.retain(|dc| dc.id != DcId(2));
    lab.reload(without);
    lab.run(20 * SECOND);
    lab.reload(three_dcs());
    lab.run(COALESCE);
    assert_eq!(lab.dc(2).admin, AdminState::Drain);
}

#[test]
fn a_storm_of_changes_is_coalesced_and_round_trips_wait_a_second() {
    let mut lab = Lab::new(three_dcs());
    lab.run(SECOND);
    let before = lab.published.len();
    for _ in 0..100 {
        lab.set_dc(DcId(1), AdminState::Drain);
        lab.set_dc(DcId(1), AdminState::Ready);
        lab.now += Duration::from_micros(200);
    }
    lab.run(COALESCE);
    assert!(lab.published.len() - before <= 4, "20 ms, one in 10 ms, one at once");
    let before = lab.published.len();
    for step in 0..100 {
        lab.round_trip = MS * (20 + 17 * (step % 7));
        lab.run(100 * MS);
    }
    let published = lab.published.len() - before;
    assert!((2..=11).contains(&published), "{published} in 10 s");
}

#[test]
fn probes_keep_their_interval_and_do_not_march_in_step() {
    let dcs = (1..=20).map(|id| dc(id, None, 5)).collect();
    let mut lab = Lab::new(topology(dcs));
    lab.run(20 * SECOND);
    let before = lab.probes_made;
    lab.run(20 * SECOND);
    let made = lab.probes_made - before;
    assert!((950..=1050).contains(&made), "100 access points every 2 s: {made}");
    let mut most = 0;
    for _ in 0..200 {
        let before = lab.probes_made;
        lab.run(10 * MS);
        most = most.max(lab.probes_made - before);
    }
    assert!(most <= 6, "{most} probes within 10 ms");
}

#[derive(Clone, Debug)]
enum Blow {
    Pass(u16),
    Break(u16, Fault),
    Heal,
    Reload(u8, bool),
    Evidence,
    Drain(u16),
}

fn blow() -> impl Strategy<Value = Blow> {
    let fault =
        prop::sample::select(vec![Fault::Refuses, Fault::Blackhole, Fault::EdgeOutOfDescriptors]);
    prop_oneof![
        4 => (1u16..3000).prop_map(Blow::Pass),
        1 => (1u16..4, fault).prop_map(|(dc, fault)| Blow::Break(dc, fault)),
        1 => Just(Blow::Heal),
        1 => any::<(u8, bool)>().prop_map(|(mask, moved)| Blow::Reload(mask, moved)),
        1 => Just(Blow::Evidence),
        1 => (1u16..4).prop_map(Blow::Drain),
    ]
}

proptest! {
    /// Whatever happens: snapshots stay whole (the lab asserts it), every access point keeps being
    /// probed, and once everything is well for a while everything is Up.
    #[test]
    fn after_any_storm_everything_that_is_well_is_up(blows in prop::collection::vec(blow(), 1..40)) {
        let mut lab = Lab::new(topology(vec![dc(1, None, 2), dc(2, None, 2), dc(3, None, 2)]));
        for blow in blows {
            match blow {
                Blow::Pass(ms) => lab.run(MS * u32::from(ms)),
                Blow::Break(dc, fault) if lab.snapshot.topology.find_dc(DcId(dc)).is_some() => {
                    lab.break_dc(dc, fault);
                }
                Blow::Break(..) => {}
                Blow::Heal => lab.faults.clear(),
                Blow::Reload(mask, moved) => {
                    let ids = (1..4u16).filter(|id| mask >> id & 1 == 1);
                    let mut dcs: Vec<DcSpec> = ids.map(|id| dc(id, None, 1 + mask / 100)).collect();
                    dcs.push(if moved { moved_amsterdam() } else { dc(9, None, 1) });
                    dcs.dedup_by_key(|dc| dc.id);
                    if dcs.iter().filter(|dc| dc.id.0 == 2).count() < 2 {
                        lab.reload(topology(dcs));
                    }
                }
                Blow::Evidence => {
                    lab.snapshot.access_points.iter().for_each(|it| it.slot.record_failed_connect(prefix(7)));
                    lab.event(Event::Evidence);
                }
                Blow::Drain(dc) => lab.set_dc(DcId(dc), AdminState::Drain),
            }
        }
        lab.faults.clear();
        // As long as anybody can be held down, and a probe.
        lab.run(305 * SECOND);
        for state in &lab.snapshot.access_points {
            prop_assert_eq!(state.health, Health::Up);
        }
        for access_point in lab.snapshot.topology.access_points() {
            prop_assert!(!access_point.retiring);
        }
        prop_assert!(lab.now > lab.began);
    }
}
