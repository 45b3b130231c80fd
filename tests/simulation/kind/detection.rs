//! How soon one clean fault in a healthy network is found, what it costs sessions, and how soon the
//! network is whole again.

use std::time::{Duration, Instant};

use nearpoint::routing::{DcId, Health};

use crate::clients::{Manner, Stream};
use crate::fault::{Ailment, Fault, Scope};
use crate::sessions::{FIRST_BYTE, Outcome};
use crate::storm::Storm;

const SECOND: Duration = Duration::from_secs(1);

/// So long after the end of a fault the machine has heard all that sessions have to say of it: those
/// that began last are found mute, and soon after that is looked at.
const LAST_WORD: Duration = FIRST_BYTE.saturating_add(Duration::from_millis(100));

impl Storm {
    /// Without traffic a blackhole is found in 3.5 s.
    pub(crate) fn a_silent_blackhole_is_found(&mut self) {
        self.settle();
        let victim = self.any_dc();
        let ailment = *self.random.one(&[Ailment::Blackholed, Ailment::OneWay]);
        self.find(victim, ailment, Duration::from_millis(3_500), |storm, victim| {
            let members = storm.healths();
            let mut members = members.iter().filter(|(id, _)| id.dc == victim);
            members.all(|(_, health)| *health == Health::Down)
        });
    }

    /// A DC that refuses costs no session that has another candidate.
    pub(crate) fn a_refusing_dc_costs_no_session(&mut self) {
        let victim = self.under_traffic();
        let began = self.now;
        self.find(victim, Ailment::Refuses, SECOND, is_out_of_use);
        self.no_session_failed(began);
    }

    /// A blackholed DC costs no session either, and what it costs of time is bounded.
    pub(crate) fn a_blackholed_dc_costs_no_session(&mut self) {
        let victim = self.under_traffic();
        let began = self.now;
        let ailment = *self.random.one(&[Ailment::Blackholed, Ailment::OneWay]);
        self.find(victim, ailment, SECOND, is_out_of_use);
        self.no_session_failed(began);
        self.connects_stay_short(victim, began);
    }

    /// A DC that accepts and is mute is found by probes that ask, whatever sessions connect.
    pub(crate) fn a_dc_that_is_mute_to_probes_is_found(&mut self) {
        let victim = self.under_traffic();
        self.find(victim, Ailment::Mute, 5 * SECOND, is_out_of_use);
    }

    /// A DC that accepts and is mute is found by its sessions where probes only connect.
    pub(crate) fn a_dc_that_is_mute_to_sessions_is_found(&mut self) {
        let victim = self.under_traffic();
        self.find(victim, Ailment::Mute, 15 * SECOND, is_out_of_use);
    }

    /// An edge that is cut off says so, and thinks no worse of anybody.
    pub(crate) fn an_edge_that_is_cut_off_knows_it(&mut self) {
        let traffic = *self.random.one(&[0, 20]);
        if traffic > 0 {
            self.start_stream(Stream::ordinary(traffic));
        }
        self.settle();
        self.run(5 * SECOND);
        let fault = self.inject(Fault::new(Scope::Edge, Ailment::Blackholed));
        let took = self.run_until(4 * SECOND, |storm| storm.machine.isolated);
        assert!(took.is_some(), "cut off for 4 s and not isolated");
        let time = self.random.time(SECOND..=60 * SECOND);
        self.run(time);
        assert!(self.machine.isolated, "still cut off");
        let down = self.healths().into_iter().find(|(_, health)| *health == Health::Down);
        assert_eq!(down, None, "Down while the edge is cut off");
        self.lift(fault);
        let took = self.run_until(5 * SECOND, |storm| !storm.machine.isolated);
        assert!(took.is_some(), "connected for 5 s and isolated");
        self.run(5 * SECOND);
        assert!(self.all_are_up(), "as it was before");
    }

    /// A settled network, with at least 50 sessions per second to one DC: the one that it names.
    fn under_traffic(&mut self) -> DcId {
        // Every DC has a city of its own, and its site is the city's number.
        let victim = self.any_dc();
        let city = Some(self.network.place(victim).site);
        let rate = self.random.number(60..=200) as u32;
        self.start_stream(Stream { city, ..Stream::ordinary(rate) });
        self.settle();
        victim
    }

    /// Breaks a DC, sees that this is `found` in time and that the DC comes back after it is well.
    fn find(
        &mut self,
        victim: DcId,
        ailment: Ailment,
        most: Duration,
        found: impl Fn(&Storm, DcId) -> bool,
    ) {
        let fault = self.inject(Fault::new(Scope::Dc(victim), ailment));
        let took = self.run_until(most, |storm| found(storm, victim));
        assert!(took.is_some(), "DC {victim} is {ailment:?} for {most:?} and not found");
        let others = self.layout.dcs().filter(|dc| *dc != victim);
        for dc in others.collect::<Vec<_>>() {
            assert_eq!(self.dc_health(dc), Health::Up, "DC {dc} is well");
        }
        let rest = self.random.time(5 * SECOND..=60 * SECOND);
        self.run(rest);
        self.lift(fault);
        self.comes_back(victim);
    }

    /// A DC that is well again is in use after what is left of its hold-down, `rise` fast probes and
    /// one interval. Sessions that began before are mute for a while yet and may begin another
    /// hold-down, which is the one that counts then.
    fn comes_back(&mut self, dc: DcId) {
        let well_since = self.now;
        self.run(LAST_WORD);
        let topology = &self.machine.snapshot.topology;
        let index = topology.find_dc(dc).expect("a DC of the snapshot");
        let settings = &topology.dc(index).health;
        let members = topology.access_points_of(index);
        let members = members.filter_map(|(_, it)| self.machine.ledger.access_point(it.id));
        let held = members.filter_map(|record| record.held_until()).max();
        let free = held.map_or(well_since, |until| until.max(well_since));
        // A probe that is on its way when the DC comes back fails still: the interval is that to the
        // next one, from start to start.
        let interval = settings.down_interval.mul_f64(1.1).max(settings.timeout);
        let due = free + interval + settings.rise * settings.fast_interval.mul_f64(1.1);
        let took = self.run_until(due.saturating_duration_since(self.now), |storm| {
            let members = storm.healths();
            let mut members = members.iter().filter(|(id, _)| id.dc == dc);
            members.all(|(_, health)| *health == Health::Up)
        });
        assert!(took.is_some(), "DC {dc} is well for {:?} and not in use", due - well_since);
    }

    /// Sessions that began since then: none was refused, for each had another candidate.
    fn no_session_failed(&self, since: Instant) {
        let mut failed = self.sessions_since(since).filter(|it| it.result.is_err());
        assert!(failed.next().is_none(), "a session failed, and had another candidate");
    }

    /// Of those that began in the first five seconds, 99 of 100 are connected after the round trip
    /// to the next site, twice that to the dead DC or 200 ms, and 50 ms.
    fn connects_stay_short(&self, dead: DcId, since: Instant) {
        let early = self.sessions_since(since).filter(|it| it.began < since + 5 * SECOND);
        let early: Vec<&Outcome> = early.filter(|it| it.manner == Manner::Ordinary).collect();
        let dead = self.network.place(dead).round_trip;
        let hedge = (2 * dead).max(Duration::from_millis(200)) + Duration::from_millis(50);
        let long = early.iter().filter(|it| {
            let next = it.next_site.map(|dc| self.network.place(dc).round_trip);
            next.is_some_and(|next| it.took > next + hedge)
        });
        let long: Vec<Duration> = long.map(|it| it.took).collect();
        let most = early.len() / 100;
        assert!(long.len() <= most, "{} of {} took too long: {long:?}", long.len(), early.len());
        assert!(early.len() >= 200, "traffic enough to speak of a hundredth");
    }

    fn sessions_since(&self, since: Instant) -> impl Iterator<Item = &Outcome> {
        self.sessions.ended.iter().filter(move |it| it.began >= since)
    }
}

/// Whether no session is sent there any more.
fn is_out_of_use(storm: &Storm, dc: DcId) -> bool {
    storm.dc_health(dc) != Health::Up
}
