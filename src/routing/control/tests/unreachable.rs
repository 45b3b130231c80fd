//! Access points that this edge has no way to.

use super::*;

/// Amsterdam alone, with its second access point out of reach.
fn half_reachable() -> (Lab, AccessPointId, AccessPointId) {
    let mut lab = Lab::new(topology(vec![dc(2, Some(AMSTERDAM), 2)]));
    let [v4, v6] = lab.access_points_of(2)[..] else { panic!("two") };
    lab.faults.insert(v6, Fault::EdgeOutOfDescriptors);
    (lab, v4, v6)
}

impl Lab {
    fn is_unreachable(&self, id: AccessPointId) -> bool {
        let index = self.snapshot.topology.find_access_point(id).expect("is there");
        self.snapshot.access_point(index).unreachable
    }
}

#[test]
fn one_out_of_reach_is_probed_at_leisure_until_it_answers() {
    let (mut lab, _, v6) = half_reachable();
    lab.run(10 * SECOND);
    assert!(lab.is_unreachable(v6));
    let before = lab.probes_made;
    lab.run(20 * SECOND);
    let made = lab.probes_made - before;
    assert!((18..=22).contains(&made), "two access points every 2 s: {made}");
    lab.faults.clear();
    lab.run(3 * SECOND);
    assert!(!lab.is_unreachable(v6));
    assert_eq!(lab.health(v6), Some(Health::Up));
    lab.faults.insert(v6, Fault::EdgeOutOfDescriptors);
    lab.run(10 * SECOND);
    assert!(!lab.is_unreachable(v6), "it has answered once");
}

#[test]
fn a_dc_whose_others_are_down_is_down() {
    let (mut lab, v4, _) = half_reachable();
    lab.run(SECOND);
    assert_eq!(lab.dc(2).health, Health::Up);
    lab.faults.insert(v4, Fault::Refuses);
    lab.run(10 * SECOND);
    assert_eq!(lab.health(v4), Some(Health::Down));
    assert_eq!(lab.dc(2).health, Health::Down);
}

#[test]
fn a_dc_of_which_none_is_in_reach_is_unknown() {
    let (mut lab, v4, v6) = half_reachable();
    lab.faults.insert(v4, Fault::EdgeOutOfDescriptors);
    lab.run(10 * SECOND);
    assert!(lab.is_unreachable(v4) && lab.is_unreachable(v6));
    assert_eq!(lab.dc(2).health, Health::Unknown, "nothing speaks against it");
}
