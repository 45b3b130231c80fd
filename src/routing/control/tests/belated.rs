//! Evidence of before that comes after: of the time before a cut ended, a recovery or a reload.

use super::*;
use crate::routing::topology::HttpProbe;

impl Lab {
    /// The oldest probe of this access point under way ends like this, now.
    pub(super) fn end_probe(&mut self, id: AccessPointId, outcome: ProbeOutcome) {
        let under_way = self.probes.iter().position(|(_, it)| it.access_point == id);
        let (_, request) = self.probes.swap_remove(under_way.expect("a probe is under way"));
        let number = request.number;
        self.event(Event::Probed(ProbeReport { access_point: id, number, outcome }));
    }

    /// Dials of sessions from 20 neighbourhoods time out at every access point.
    fn fail_dials(&mut self) {
        for state in &self.snapshot.access_points {
            (0..20).for_each(|n| state.slot.record_failed_connect(prefix(n)));
        }
        self.event(Event::Evidence);
        self.run(COALESCE);
    }

    fn downs(&self) -> usize {
        self.turned().filter(|to| *to == Health::Down).count()
    }
}

/// The edge cut off, with `fall` failures to Down, and probes under way.
fn cut_off(fall: u32) -> Lab {
    let mut spec = three_dcs();
    spec.dcs.iter_mut().for_each(|dc| dc.health.fall = fall);
    let mut lab = Lab::new(spec);
    lab.run(10 * SECOND);
    [1, 2, 5].into_iter().for_each(|dc| lab.break_dc(dc, Fault::Blackhole));
    lab.run_until(|lab| lab.snapshot.isolated);
    lab.run(SECOND);
    lab
}

#[test]
fn probes_that_began_in_isolation_say_nothing_after_it() {
    let mut lab = cut_off(1);
    lab.run_until(|lab| lab.probes.len() == 6);
    lab.changes.clear();
    let ids: Vec<_> = lab.probes.iter().map(|(_, request)| request.access_point).collect();
    lab.end_probe(ids[0], Ok(ProbeTimes::Connected { connect: 20 * MS }.into()));
    lab.run(COALESCE);
    assert!(!lab.snapshot.isolated);
    for id in &ids[1..] {
        lab.end_probe(*id, Err(ConnectFailure::Timeout.into()));
    }
    assert_eq!(lab.downs(), 0);
    lab.run(SECOND);
    assert!(lab.downs() > 0, "what began after it counts");
}

#[test]
fn dials_that_began_in_isolation_say_nothing_after_it() {
    let mut lab = cut_off(3);
    lab.faults.clear();
    lab.run_until(|lab| !lab.snapshot.isolated);
    lab.run(2 * SECOND);
    lab.changes.clear();
    lab.fail_dials();
    assert_eq!(lab.changes, []);
    lab.run(2 * SECOND);
    lab.fail_dials();
    assert_eq!(lab.downs(), 6, "these began when all was well");
}

#[test]
fn dials_that_began_while_it_was_down_do_not_condemn_one_that_is_back() {
    let mut lab = Lab::new(topology(vec![dc(2, Some(AMSTERDAM), 2)]));
    lab.break_dc(2, Fault::Blackhole);
    lab.run(10 * SECOND);
    lab.faults.clear();
    lab.run_until(|lab| lab.snapshot.access_points.iter().all(|it| it.health == Health::Up));
    lab.changes.clear();
    lab.fail_dials();
    assert_eq!(lab.changes, []);
    lab.run(4 * SECOND);
    lab.fail_dials();
    assert_eq!(lab.downs(), 2, "these began after it was back");
}

#[test]
fn a_probe_under_way_through_a_change_of_settings_proves_nothing() {
    let mut spec = topology(vec![dc(2, Some(AMSTERDAM), 1)]);
    spec.dcs[0].health.fall = 1;
    let mut lab = Lab::new(spec.clone());
    lab.run(SECOND);
    lab.run_until(|lab| !lab.probes.is_empty());
    let id = lab.access_points_of(2)[0];
    spec.dcs[0].health.timeout = 2 * SECOND;
    lab.reload(spec.clone());
    lab.end_probe(id, Err(ConnectFailure::Timeout.into()));
    lab.run(COALESCE);
    assert_eq!(lab.health(id), Some(Health::Up), "it may have been given up too soon");
    lab.break_dc(2, Fault::Mute);
    lab.faults.insert(id, Fault::Blackhole);
    lab.run_until(|lab| lab.health(id) == Some(Health::Down));
    lab.faults.insert(id, Fault::Mute);
    lab.run_until(|lab| !lab.probes.is_empty());
    let probe = HttpProbe { path: "/".into(), host: None, port: None, expect: 200..=399 };
    spec.dcs[0].health.probe = Probe::Http(Arc::new(probe));
    spec.dcs[0].health.rise = 1;
    lab.reload(spec);
    lab.end_probe(id, Ok(ProbeTimes::Connected { connect: 20 * MS }.into()));
    lab.run(10 * SECOND);
    assert_eq!(lab.health(id), Some(Health::Down), "a connect is not what is asked for now");
    assert_eq!(lab.downs(), 1);
}

#[test]
fn a_probe_under_way_proves_nothing_of_one_that_left_and_came_back() {
    let (miami, amsterdam) = (dc(1, Some(MIAMI), 1), dc(2, Some(AMSTERDAM), 1));
    let mut lab = Lab::new(topology(vec![miami.clone(), amsterdam.clone()]));
    lab.run(10 * SECOND);
    let id = lab.access_points_of(2)[0];
    lab.run_until(|lab| lab.probes.iter().any(|(_, it)| it.access_point == id));
    lab.probes.iter_mut().for_each(|(until, _)| *until += SECOND);
    lab.reload(topology(vec![miami.clone()]));
    lab.reload(topology(vec![miami, amsterdam]));
    assert_eq!(lab.health(id), Some(Health::Unknown));
    lab.end_probe(id, Ok(ProbeTimes::Connected { connect: 20 * MS }.into()));
    lab.run(COALESCE);
    assert_eq!(lab.health(id), Some(Health::Unknown), "that was another one");
    lab.run(30 * MS);
    assert_eq!(lab.health(id), Some(Health::Up), "it was probed at once");
}

#[test]
fn sessions_of_the_time_without_hedges_earn_none() {
    let mut spec = three_dcs();
    let hedging = spec.connect.hedging.take();
    let mut lab = Lab::new(spec.clone());
    for _ in 0..100 {
        (0..1000).for_each(|_| lab.dc(2).slot.session_began());
        lab.run(SECOND);
    }
    spec.connect.hedging = hedging;
    lab.reload(spec);
    lab.run(2 * SECOND);
    let left = lab.dc(2).slot.hedges_left();
    assert!(left <= 100, "a tenth of a second's sessions: {left}");
}
