use super::*;
use crate::failover::example::{answered, dc_in_use, dc1_gone, failed, interrupted, isolated, ms};
use crate::failover::phase::ByPhase;
use crate::failover::record::{Failure, Flows, Recording};
use crate::failover::scenario::expect::{Bound, CrowdExpect, UdpBars};

fn outcome(recording: &Recording) -> Outcome {
    Outcome::of(recording, &BTreeSet::from([Dc::Dc1]))
}

/// The only verdict of an expectation about DC 1 being gone, after something else has happened.
fn verdict(expect: Expect, happen: impl FnOnce(&mut Recording)) -> Verdict {
    let mut recording = dc1_gone(ms(600), Some(ms(200)));
    happen(&mut recording);
    let mut verdicts = outcomes(&expect, &outcome(&recording));
    let verdict = verdicts.pop().unwrap();
    assert!(verdicts.is_empty(), "{verdicts:?}");
    verdict
}

fn nothing(_: &mut Recording) {}

fn dcs(dcs: impl IntoIterator<Item = Dc>) -> Option<BTreeSet<Dc>> {
    Some(dcs.into_iter().collect())
}

#[test]
fn failures_are_bounded_phase_by_phase() {
    let during = |bound| Expect {
        failed: ByPhase { fault: Some(bound), ..ByPhase::default() },
        ..Expect::default()
    };
    let one_fails = |recording: &mut Recording| {
        recording.arrivals[900].outcome = Err(Failure::Reset);
    };
    assert!(verdict(during(Bound::Count(0)), nothing).holds);
    let broken = verdict(during(Bound::Count(0)), one_fails);
    assert!(!broken.holds);
    assert_eq!(
        broken.to_string(),
        "new sessions that fail in the phase fault: 0 (seen: 1 of 1000)"
    );
    assert!(verdict(during(Bound::Count(1)), one_fails).holds);
    assert!(verdict(during(Bound::Share("0.1%".parse().unwrap())), one_fails).holds);
    assert!(!verdict(during(Bound::Share("0.09%".parse().unwrap())), one_fails).holds);
    // In another phase it is another question.
    let before = Expect {
        failed: ByPhase { before: Some(Bound::Count(0)), ..ByPhase::default() },
        ..Expect::default()
    };
    assert!(verdict(before, one_fails).holds);
}

#[test]
fn nobody_failed_where_nobody_came_proves_nothing() {
    let expect = Expect {
        failed: ByPhase { after: Some(Bound::Count(0)), ..ByPhase::default() },
        ..Expect::default()
    };
    assert!(!verdict(expect, |recording| recording.arrivals.clear()).holds);
}

#[test]
fn exactly_the_dcs_that_are_named_go_out_of_use() {
    let expect = |list: Option<BTreeSet<Dc>>| Expect { out_of_use: list, ..Expect::default() };
    let one = || expect(dcs([Dc::Dc1]));
    assert!(verdict(one(), nothing).holds);
    assert!(!verdict(expect(dcs([])), nothing).holds);
    assert!(!verdict(expect(dcs([Dc::Dc1, Dc::Dc2])), nothing).holds);
    // Another one, at any time.
    for at in [1_000, 8_000, 20_000] {
        let other = |recording: &mut Recording| {
            recording.marks.insert(0, dc_in_use(ms(at), 3, false));
        };
        assert!(!verdict(one(), other).holds, "{at}");
    }
    assert!(verdict(expect(dcs([])), |recording| recording.marks.clear()).holds);
}

#[test]
fn all_are_used_again_or_none() {
    let expect = |asked| Expect { used_again: Some(asked), ..Expect::default() };
    let not_again = |recording: &mut Recording| {
        recording.marks.pop();
    };
    assert!(verdict(expect(true), nothing).holds);
    assert!(!verdict(expect(false), nothing).holds);
    assert!(!verdict(expect(true), not_again).holds);
    assert!(verdict(expect(false), not_again).holds);
}

#[test]
fn no_other_dc_serves_a_phase() {
    let during = |list| Expect {
        served_by: ByPhase { fault: list, ..ByPhase::default() },
        ..Expect::default()
    };
    assert!(verdict(during(dcs([Dc::Dc2, Dc::Dc3])), nothing).holds);
    let broken = verdict(during(dcs([Dc::Dc3])), nothing);
    assert!(!broken.holds);
    assert_eq!(broken.seen, "dc2, dc3");
}

#[test]
fn who_may_serve_has_to_and_nobody_is_nobody() {
    let during = |list| Expect {
        served_by: ByPhase { fault: list, ..ByPhase::default() },
        ..Expect::default()
    };
    let all_fail = |recording: &mut Recording| {
        for arrival in &mut recording.arrivals {
            arrival.outcome = Err(Failure::Refused);
        }
    };
    assert!(!verdict(during(dcs([Dc::Dc2, Dc::Dc3])), all_fail).holds);
    assert!(verdict(during(dcs([])), all_fail).holds);
    assert!(!verdict(during(dcs([])), nothing).holds);
}

#[test]
fn held_sessions_are_interrupted_within_bounds_and_with_the_faulty_dc() {
    let within =
        |bound| Expect { held_interrupted: Some(Bound::Count(bound)), ..Expect::default() };
    assert!(verdict(within(20), nothing).holds);
    assert!(!verdict(within(19), nothing).holds);
    let from = |list| Expect { held_interrupted_from: list, ..Expect::default() };
    assert!(verdict(from(dcs([Dc::Dc1, Dc::Dc2])), nothing).holds);
    assert!(!verdict(from(dcs([Dc::Dc2])), nothing).holds);
}

#[test]
fn the_edge_is_cut_off_or_it_is_not() {
    let expect = |asked| Expect { isolated: Some(asked), ..Expect::default() };
    let cut = |recording: &mut Recording| recording.marks.push(isolated(ms(9_000), true));
    assert!(verdict(expect(false), nothing).holds);
    assert!(!verdict(expect(true), nothing).holds);
    assert!(verdict(expect(true), cut).holds);
    assert!(!verdict(expect(false), cut).holds);
}

#[test]
fn bars_are_met_or_missed_with_figures() {
    let told = |asked: &Bars, recording: &Recording| -> Vec<(bool, String)> {
        let verdicts = bars(asked, &outcome(recording)).into_iter();
        verdicts.map(|verdict| (verdict.holds, verdict.to_string())).collect()
    };
    let asked = Bars {
        p99_at_first: Some(ms(330)),
        back_to_normal_within: Some(ms(500)),
        out_of_use_within: Some(ms(1_000)),
        used_again_within: Some(ms(3_000)),
        held_outage: Some(ms(900)),
        p99_during: None,
        udp: UdpBars::default(),
    };
    let told_of = |recording: &Recording| told(&asked, recording);
    let well = told_of(&dc1_gone(ms(600), Some(ms(200))));
    let expected = [
        (true, "p99 of the first 5 s of the fault <= 330 ms (seen: 283 ms)"),
        (false, "back to normal <= 500 ms (seen: 580 ms)"),
        (true, "out of use <= 1.00 s (seen: 600 ms)"),
        (true, "used again <= 3.00 s (seen: 2.50 s)"),
        (false, "longest outage of a held session <= 900 ms (seen: 950 ms)"),
    ]
    .map(|(met, text)| (met, text.to_owned()));
    assert_eq!(well, expected);
    let mut badly = dc1_gone(ms(10_000), None);
    badly.marks.clear();
    badly.interruptions[0].again = None;
    let seen: Vec<String> = told_of(&badly)
        .into_iter()
        .map(|(met, text)| {
            assert!(!met, "{text}");
            text.split_once("seen: ").unwrap().1.trim_end_matches(')').to_owned()
        })
        .collect();
    assert_eq!(seen, ["failed", "not within the fault", "never", "never", "never back"]);
}

#[test]
fn flows_are_judged_as_sessions_are_and_by_those_that_end_for_good() {
    let with_flows = |recording: &mut Recording| {
        let arrivals = recording.arrivals.clone();
        let lost = interrupted(ms(5_000), 1, None);
        let moved = interrupted(ms(5_000), 1, Some((ms(5_400), 2)));
        let interruptions = vec![lost, moved];
        recording.flows = Some(Flows { arrivals, held: 20, interruptions });
    };
    let failed = |bound| Expect {
        udp: UdpExpect {
            failed: ByPhase { fault: Some(Bound::Count(bound)), ..ByPhase::default() },
            ..UdpExpect::default()
        },
        ..Expect::default()
    };
    assert!(verdict(failed(0), with_flows).holds);
    let one_fails = verdict(failed(0), |recording| {
        recording.arrivals[900].outcome = Err(Failure::Silent);
        with_flows(recording);
    });
    assert_eq!(
        one_fails.to_string(),
        "new flows that fail in the phase fault: 0 (seen: 1 of 1000)"
    );
    assert!(!one_fails.holds);
    assert!(
        !verdict(failed(0), nothing).holds,
        "where there are no flows none was shown to be well"
    );

    let lost = |bound| Expect {
        udp: UdpExpect { held_lost: Some(Bound::Count(bound)), ..UdpExpect::default() },
        ..Expect::default()
    };
    assert!(!verdict(lost(0), with_flows).holds);
    assert!(verdict(lost(1), with_flows).holds);
    assert!(!verdict(lost(1), nothing).holds);

    let mut recording = dc1_gone(ms(600), Some(ms(200)));
    with_flows(&mut recording);
    recording.flows.as_mut().unwrap().interruptions.remove(0);
    let udp = UdpBars { p99_during: Some(ms(300)), held_outage: Some(ms(400)) };
    let seen = bars(&Bars { udp, ..Bars::default() }, &outcome(&recording));
    assert_eq!(seen.iter().map(|it| it.holds).collect::<Vec<_>>(), [true, true], "{seen:?}");
}

#[test]
fn the_crowd_is_judged_by_itself_and_nobody_of_it_proves_nothing() {
    let crowd = |failed, served_by| Expect {
        crowd: CrowdExpect { failed, served_by },
        ..Expect::default()
    };
    let bound = |bound| ByPhase { before: Some(bound), ..ByPhase::default() };
    let none = || ByPhase { fault: Some(BTreeSet::new()), ..ByPhase::default() };
    let without = verdict(crowd(bound(Bound::Count(0)), ByPhase::default()), nothing);
    assert!(!without.holds, "nobody came");
    let dead_since_the_fault = |recording: &mut Recording| {
        let failed = |began| failed(began, ms(10), Failure::Reset);
        let served = |began| answered(began, ms(20), 2);
        recording.crowd = Some(vec![served(ms(1_000)), failed(ms(6_000)), failed(ms(7_000))]);
    };
    assert!(verdict(crowd(bound(Bound::Count(0)), ByPhase::default()), dead_since_the_fault).holds);
    assert!(verdict(crowd(ByPhase::default(), none()), dead_since_the_fault).holds);
    let one_gets_through = |recording: &mut Recording| {
        recording.crowd = Some(vec![answered(ms(6_000), ms(20), 2)]);
    };
    let broken = verdict(crowd(ByPhase::default(), none()), one_gets_through);
    assert!(!broken.holds);
    let asked = "sessions of the crowd served by no other than none in the phase fault";
    assert_eq!((broken.asked.as_str(), broken.seen.as_str()), (asked, "dc2"));
}
