//! Storms of one thing that must change nothing, or nothing but what it is.

use std::time::Duration;

use nearpoint::routing::control::Change;
use nearpoint::routing::{AccessPointId, AccessPointIndex, Health, Protocol};

use crate::clients::{Manner, Stream};
use crate::fault::{Ailment, Fault, Scope};
use crate::rules::health;
use crate::storm::Storm;

/// After so long everything has been probed more than once, and round trips are known.
pub(super) const SETTLED: Duration = Duration::from_secs(15);

impl Storm {
    /// Clients that connect and leave prove nothing.
    pub(crate) fn scanners_make_nothing_down(&mut self) {
        self.settle();
        self.start_stream(Stream::ordinary(20));
        self.start_stream(Stream {
            manner: Manner::Scanner,
            city: Some(0),
            prefixes: 1,
            ..Stream::ordinary(1_000)
        });
        let before = self.machine.snapshot.generation;
        self.run(Duration::from_secs(5));
        self.nothing_was_down();
        let rate = self.machine.snapshot.generation - before;
        assert!(rate <= 6, "scanners are no news: {rate} snapshots in 5 s");
    }

    /// What one neighbourhood says never takes anything down.
    pub(crate) fn one_place_makes_nothing_down(&mut self) {
        self.settle();
        let share = self.random.number(0..=20) as u32;
        if share > 0 {
            self.start_stream(Stream::ordinary(share));
        }
        self.start_stream(Stream {
            manner: Manner::Garbage,
            city: Some(0),
            prefixes: 1,
            ..Stream::ordinary(200)
        });
        self.run(Duration::from_secs(30));
        self.nothing_was_down();
    }

    /// What this edge lacks is nobody's fault.
    pub(crate) fn failures_of_this_edge_change_nothing(&mut self) {
        self.settle();
        // A session that is connected when the edge loses its way looks mute. Others have been answered.
        self.start_stream(Stream::ordinary(20));
        self.run(Duration::from_secs(12));
        let before = self.healths();
        let told = self.told.len();
        for _ in 0..3 {
            let ailment = *self.random.one(&[Ailment::NoRoute, Ailment::NoDescriptors]);
            let time = self.random.time(Duration::from_millis(500)..=Duration::from_secs(20));
            self.inject_for(Fault::new(Scope::Edge, ailment), time);
            self.run(time + Duration::from_secs(12));
        }
        assert_eq!(self.healths(), before, "health as before");
        let changes = self.told[told..]
            .iter()
            .filter(|(_, change)| matches!(change, Change::AccessPoint(_) | Change::Dc { .. }));
        assert_eq!(changes.count(), 0, "no health changes for what this edge lacks");
    }

    /// A site with most of the DCs goes dark: that is not this edge being cut off.
    pub(crate) fn the_end_of_a_site_is_no_isolation(&mut self) {
        let traffic = *self.random.one(&[0, 5, 50]);
        if traffic > 0 {
            self.start_stream(Stream::ordinary(traffic));
        }
        self.settle();
        let fault = self.inject(Fault::new(Scope::Site(0), Ailment::Blackholed));
        self.run(Duration::from_secs(20));
        let cut_off = self.told.iter().filter(|(_, it)| matches!(it, Change::Isolation { .. }));
        assert_eq!(cut_off.count(), 0, "one site's end is no isolation");
        for id in self.layout.dcs().collect::<Vec<_>>() {
            let dark = self.network.place(id).site == 0;
            let expected = if dark { Health::Down } else { Health::Up };
            assert_eq!(self.dc_health(id), expected, "DC {id} after the end of site 0");
        }
        let snapshot = &self.machine.snapshot;
        let given_up: Vec<_> = snapshot.closing.iter().map(|it| it.access_point).collect();
        let members = (0..).map(AccessPointIndex).zip(&snapshot.access_points);
        let by_tcp =
            |index| snapshot.topology.access_point(index).id.address.protocol == Protocol::Tcp;
        let down = members.filter(|(at, state)| by_tcp(*at) && state.health == Health::Down);
        assert_eq!(given_up, down.map(|(index, _)| index).collect::<Vec<_>>(), "all are given up");
        self.lift(fault);
        self.calm();
    }

    /// An access point that comes and goes is held down longer and longer.
    pub(crate) fn flapping_is_damped(&mut self) {
        self.settle();
        let id = self.any_that_is_probed();
        let period = self.random.time(Duration::from_secs(5)..=Duration::from_secs(10));
        let refuses = self.random.percent(50);
        let fault = Ailment::Flapping { period, refuses };
        self.inject(Fault::new(Scope::AccessPoint(id), fault));
        self.run(Duration::from_secs(1_300));
        let record = self.machine.ledger.access_point(id).expect("it is configured");
        health::flapping_is_damped(id, record, self.machine.settings(id));
        assert!(record.recoveries.len() >= 2, "it was seen to come back: {record:?}");
        self.calm();
    }

    /// Runs until the network is known.
    pub(super) fn settle(&mut self) {
        let offset = Duration::from_secs_f64(2.0 * self.random.share());
        self.run(SETTLED + offset);
        assert!(self.all_are_up(), "a healthy network is Up");
    }

    /// The health of all access points.
    pub(super) fn healths(&self) -> Vec<(AccessPointId, Health)> {
        let snapshot = &self.machine.snapshot;
        let members = snapshot.topology.access_points().iter().zip(&snapshot.access_points);
        members.map(|(member, state)| (member.id, state.health)).collect()
    }

    fn nothing_was_down(&self) {
        let downs = self.told.iter().filter(|(_, change)| {
            matches!(change, Change::AccessPoint(it) if it.transition.to == Health::Down)
        });
        assert_eq!(downs.count(), 0, "nothing is Down");
    }
}
