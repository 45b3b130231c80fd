//! Chaos: everything at random, overlapping; then calm, in which all must heal.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use nearpoint::routing::{AccessPointId, AdminState, DcId, Health, Protocol};

use crate::clients::{CITIES, Manner, Stream};
use crate::fault::{Fault, Scope};
use crate::layout::FLOWS;
use crate::sessions::Choice;
use crate::storm::Storm;

/// Events of a storm, before it calms down; one storm of ten is longer, so that what takes minutes is
/// seen as well.
const EVENTS: u64 = 500;
const EVENTS_OF_A_LONG_ONE: u64 = 5_000;

/// Events between two blows, about.
const PER_BLOW: u64 = 16;

/// After so long nothing is held down any more.
const HEALED: Duration = Duration::from_secs(360);

impl Storm {
    /// Faults, commands and clients at random; then calm.
    pub(crate) fn chaos(&mut self) {
        let traffic = *self.random.one(&[0, 1, 2, 5, 20]);
        if traffic > 0 {
            self.start_stream(Stream::ordinary(traffic));
        }
        if self.random.percent(30) {
            self.start_stream(Stream { listener: "bound", ..Stream::ordinary(1) });
        }
        if self.random.percent(30) {
            self.start_stream(Stream { listener: "some", ..Stream::ordinary(1) });
        }
        if self.random.percent(50) {
            let flows = *self.random.one(&[1, 5, 20]);
            self.start_stream(Stream { listener: FLOWS, ..Stream::ordinary(flows) });
        }
        // Half of the storms begin over a network that has just been started.
        if self.random.percent(50) {
            self.run(Duration::from_secs(3));
        }
        let events = if self.random.percent(10) { EVENTS_OF_A_LONG_ONE } else { EVENTS };
        let (first, began) = (self.events(), self.now);
        while self.events() < first + events {
            let usual = self.usual_pause(self.events() - first, began);
            self.blow(usual);
            let pause = usual.mul_f64(2.0 * self.random.share());
            let end = self.now + pause;
            while self.events() < first + events && self.step(end) {}
        }
        self.calm();
    }

    /// How long it takes, at the pace of this storm, until it is time for the next blow.
    fn usual_pause(&self, events: u64, began: Instant) -> Duration {
        let so_far = (self.now - began).max(Duration::from_secs(1));
        let usual = so_far.mul_f64(PER_BLOW as f64 / events.max(10) as f64);
        usual.clamp(Duration::from_millis(50), Duration::from_secs(10))
    }

    /// One thing at random.
    fn blow(&mut self, usual_pause: Duration) {
        match self.random.number(0..=19) {
            0..=11 => {
                let scope = self.any_scope();
                let fault = Fault::random(scope, &mut self.random);
                let time = self.random.time(usual_pause / 5..=10 * usual_pause);
                self.inject_for(fault, time);
            }
            12..=13 => {
                let dc = self.any_dc();
                let admin = self.any_admin();
                self.set_dc(dc, admin);
            }
            14 => {
                let id = self.any_access_point();
                let admin = self.any_admin();
                self.set_access_point(id, admin);
            }
            15..=17 => self.reload(),
            18 => {
                let burst = Stream::ordinary(500);
                self.start_stream_for(burst, Duration::from_millis(100));
            }
            _ => {
                let manner = *self.random.one(&[Manner::Scanner, Manner::Garbage]);
                let city = Some(self.random.number(0..=CITIES.len() as u64 - 1) as usize);
                let stream = Stream { manner, city, prefixes: 1, ..Stream::ordinary(500) };
                self.start_stream_for(stream, Duration::from_millis(100));
            }
        }
    }

    fn any_scope(&mut self) -> Scope {
        match self.random.number(0..=9) {
            0..=3 => Scope::AccessPoint(self.any_access_point()),
            4..=6 => Scope::Dc(self.any_dc()),
            7..=8 => Scope::Site(self.random.number(0..=self.layout.sites() as u64 - 1) as usize),
            _ => Scope::Edge,
        }
    }

    /// A DC of the configuration.
    pub(crate) fn any_dc(&mut self) -> DcId {
        let dcs: Vec<DcId> = self.layout.dcs().collect();
        *self.random.one(&dcs)
    }

    /// An access point of the configuration.
    pub(crate) fn any_access_point(&mut self) -> AccessPointId {
        let ids: Vec<AccessPointId> = self.layout.access_points().collect();
        *self.random.one(&ids)
    }

    /// An access point of the configuration that probes look at.
    pub(crate) fn any_that_is_probed(&mut self) -> AccessPointId {
        let topology = &self.machine.snapshot.topology;
        let probed = topology.access_points().iter().filter(|it| topology.is_probed(it));
        let ids: Vec<AccessPointId> = probed.map(|it| it.id).collect();
        *self.random.one(&ids)
    }

    fn any_admin(&mut self) -> AdminState {
        *self.random.one(&[
            AdminState::Ready,
            AdminState::Ready,
            AdminState::Drain,
            AdminState::Maint,
        ])
    }

    /// Everything heals: after all faults are lifted everybody is Up once no hold-down is left, and
    /// sessions go to their first choice.
    pub(crate) fn calm(&mut self) {
        self.journal.note(self.now, || "calm".to_owned());
        self.network.lift_all(self.now);
        self.hush();
        let healed = self.run_until(HEALED, Storm::all_are_up);
        assert!(healed.is_some(), "not Up in the calm: {:?}", self.not_up());
        // What sessions of the storm have to say comes late.
        self.run(Duration::from_secs(5));
        let healed = self.run_until(Duration::from_secs(60), Storm::all_are_up);
        assert!(healed.is_some(), "not Up after the calm: {:?}", self.not_up());
        let first = self.sessions.ended.len();
        self.start_stream_for(Stream::ordinary(100), Duration::from_millis(200));
        self.run(Duration::from_secs(10));
        assert_eq!(self.connecting(), 0, "every session has come to its end");
        for outcome in &self.sessions.ended[first..] {
            let first = matches!(outcome.result, Ok((_, Choice::First)) | Err(_));
            assert!(first, "in the calm, not the first choice: {outcome:?}");
            // Without rules, and with a DC that its operator leaves in, nobody is refused.
            let open = self.machine.snapshot.topology.policy().rules.is_empty()
                && self.ready().any(|(id, _)| id.address.protocol == Protocol::Tcp);
            assert!(!open || outcome.result.is_ok(), "refused in the calm: {outcome:?}");
        }
    }

    /// The access points that the operator leaves in and that are not Up.
    fn not_up(&self) -> Vec<AccessPointId> {
        let not_up = self.ready().filter(|(_, health)| *health != Health::Up);
        not_up.map(|(id, _)| id).collect()
    }

    /// Whether all access points are Up that the operator leaves in.
    pub(crate) fn all_are_up(&self) -> bool {
        self.ready().all(|(_, health)| health == Health::Up)
    }

    /// The access points that the operator leaves in.
    fn ready(&self) -> impl Iterator<Item = (AccessPointId, Health)> {
        let snapshot = &self.machine.snapshot;
        let dcs = snapshot.topology.dcs().iter().zip(&snapshot.dcs);
        let dcs: BTreeSet<DcId> = dcs
            .filter(|(_, state)| state.admin == AdminState::Ready)
            .map(|(dc, _)| dc.id)
            .collect();
        let members = snapshot.topology.access_points().iter().zip(&snapshot.access_points);
        let ready = members.filter(move |(member, state)| {
            state.admin == AdminState::Ready && dcs.contains(&member.id.dc)
        });
        ready.map(|(member, state)| (member.id, state.health))
    }
}
