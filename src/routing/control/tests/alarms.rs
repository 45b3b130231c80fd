//! What answers come to that are neither simply good nor simply bad.

use super::*;
use crate::routing::alarm::{Alarm, AlarmKind};
use crate::routing::failure::Foreign;
use crate::routing::topology::{AccessPointSecret, Framing, MtprotoProbe};

const HOUR: Duration = Duration::from_secs(3600);

fn asking(pins: &[u64]) -> Probe {
    Probe::Mtproto(Arc::new(MtprotoProbe::new(Framing::Abridged, false, pins.to_vec())))
}

/// Amsterdam with one access point, and Miami, asked in MTProto.
fn spec() -> TopologySpec {
    let mut spec = topology(vec![dc(2, Some(AMSTERDAM), 1), dc(1, Some(MIAMI), 1)]);
    spec.dcs.iter_mut().for_each(|dc| dc.health.probe = asking(&[7]));
    spec
}

fn answer(remark: Option<Remark>) -> ProbeOutcome {
    let times = ProbeTimes::Asked { connect: 20 * MS, answer: 20 * MS };
    Ok(ProbeAnswer { times, remark })
}

fn good() -> ProbeOutcome {
    answer(None)
}

fn limited() -> ProbeOutcome {
    answer(Some(Remark::RateLimited))
}

fn other_keys(seen: &[u64]) -> ProbeOutcome {
    answer(Some(Remark::OtherFingerprints(seen.into())))
}

const WRONG_DC: ProbeOutcome = Err(ProbeFailure::WrongDc);
const FOREIGN: ProbeOutcome = Err(ProbeFailure::Foreign(Foreign::Bytes));
const NO_BACK_END: ProbeOutcome = Err(ProbeFailure::NoBackEnd);

impl Lab {
    fn amsterdam(&self) -> AccessPointId {
        self.access_points_of(2)[0]
    }

    /// From now on Amsterdam answers so.
    fn say(&mut self, outcome: ProbeOutcome) {
        self.answers.insert(self.amsterdam(), outcome);
    }

    /// Amsterdam answers the next probe so, and all after it until it is told otherwise.
    fn say_once(&mut self, outcome: ProbeOutcome) {
        self.say(outcome);
        let before = self.ended();
        self.run_until(|lab| lab.ended() > before);
    }

    /// Probes of Amsterdam that have ended.
    fn ended(&self) -> usize {
        let id = self.amsterdam();
        let begun = self.probed.iter().filter(|(_, probed)| *probed == id).count();
        begun - self.probes.iter().filter(|(_, it)| it.access_point == id).count()
    }

    fn alarm(&self) -> Option<&Alarm> {
        let index = self.snapshot.topology.find_access_point(self.amsterdam()).expect("is there");
        self.snapshot.access_point(index).alarm.as_ref()
    }

    fn alarm_kind(&self) -> Option<AlarmKind> {
        self.alarm().map(Alarm::kind)
    }

    /// What was told of alarms: of which kind, and why it ended, if it did.
    fn told(&self) -> Vec<(AlarmKind, Option<AlarmEnd>)> {
        let told = self.changes.iter().filter_map(|change| match change {
            Change::Alarm(change) => Some((change.alarm.kind(), change.end)),
            _ => None,
        });
        told.collect()
    }

    /// How long the next probe of Amsterdam may take to connect, and in all.
    fn next_patience(&mut self) -> (Duration, Duration) {
        let id = self.amsterdam();
        let begun = |lab: &Self| lab.probed.iter().filter(|(_, it)| *it == id).count();
        let before = begun(self);
        self.run_until(|lab| begun(lab) > before);
        let under_way = self.probes.iter().find(|(_, it)| it.access_point == id);
        let (_, request) = under_way.expect("it takes longer than a step of the lab");
        (request.connect_timeout, request.timeout)
    }

    /// The pauses between probes of Amsterdam since then.
    fn pauses_since(&self, since: Instant) -> Vec<Duration> {
        let id = self.amsterdam();
        let times = self.probed.iter().filter(|(at, probed)| *probed == id && *at >= since);
        let times: Vec<Instant> = times.map(|(at, _)| *at).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

#[test]
fn each_answer_has_its_health_and_its_alarm() {
    use AlarmKind::{ForeignAnswer, OtherFingerprints, RateLimited, WrongDc};
    for (outcome, health, alarm) in [
        (good(), Health::Up, None),
        (limited(), Health::Up, Some(RateLimited)),
        (other_keys(&[8]), Health::Up, Some(OtherFingerprints)),
        (FOREIGN, Health::Down, Some(ForeignAnswer)),
        (Err(ProbeFailure::Foreign(Foreign::Nonce)), Health::Down, Some(ForeignAnswer)),
        (NO_BACK_END, Health::Down, None),
        (Err(ProbeFailure::ErrorCode(-403)), Health::Down, None),
        (Err(ProbeFailure::Closed), Health::Down, None),
        (Err(ProbeFailure::Silent), Health::Down, None),
        (Err(ConnectFailure::Refused.into()), Health::Down, None),
    ] {
        let mut lab = Lab::new(spec());
        lab.run(10 * SECOND);
        assert_eq!((lab.dc(2).health, lab.alarm()), (Health::Up, None));
        lab.say(outcome.clone());
        lab.run(10 * SECOND);
        assert_eq!((lab.dc(2).health, lab.alarm_kind()), (health, alarm), "{outcome:?}");
        lab.say(good());
        lab.run(2 * 60 * SECOND);
        assert_eq!((lab.dc(2).health, lab.alarm()), (Health::Up, None), "{outcome:?}");
        let raised = alarm.map(|kind| [(kind, None), (kind, Some(AlarmEnd::Answered))]);
        assert_eq!(lab.told(), raised.into_iter().flatten().collect::<Vec<_>>(), "once each");
    }
    // The last row: not even a trace in health, whatever was known.
    for (before, health) in [
        (good(), Health::Up),
        (NO_BACK_END, Health::Down),
        (Err(ConnectFailure::Local(LocalFailure::NoPort).into()), Health::Unknown),
    ] {
        let mut lab = Lab::new(spec());
        lab.say(before);
        lab.run(10 * SECOND);
        let turns = lab.turned().count();
        lab.say(WRONG_DC);
        lab.run(60 * SECOND);
        assert_eq!((lab.dc(2).health, lab.alarm_kind()), (health, Some(WrongDc)));
        assert_eq!(lab.turned().count(), turns);
        assert_eq!(lab.told(), [(WrongDc, None)]);
        let index = lab.snapshot.topology.find_access_point(lab.amsterdam()).expect("is there");
        assert!(!lab.snapshot.access_point(index).unreachable);
    }
}

#[test]
fn a_probe_that_names_the_wrong_dc_counts_neither_for_nor_against() {
    let mut lab = Lab::new(spec());
    lab.run(10 * SECOND);
    for outcome in [NO_BACK_END, WRONG_DC, NO_BACK_END, WRONG_DC] {
        lab.say_once(outcome);
        assert_eq!(lab.dc(2).health, Health::Up, "twice of three times");
    }
    lab.say_once(NO_BACK_END);
    assert_eq!(lab.health(lab.amsterdam()), Some(Health::Down), "no success lay between");
    for outcome in [good(), WRONG_DC] {
        lab.say_once(outcome);
        assert_eq!(lab.health(lab.amsterdam()), Some(Health::Down));
    }
    lab.say_once(good());
    lab.run(COALESCE);
    assert_eq!(lab.dc(2).health, Health::Up, "no failure lay between");
}

#[test]
fn a_probe_that_names_the_wrong_dc_is_not_put_in_a_hurry() {
    let mut lab = Lab::new(spec());
    lab.say(WRONG_DC);
    lab.run(30 * MS);
    assert!(lab.snapshot.warmed_up, "it was probed");
    let began = lab.now;
    lab.run(60 * SECOND);
    assert!(lab.pauses_since(began).iter().all(|pause| *pause == 2 * SECOND));
    lab.say_once(good());
    lab.say(NO_BACK_END);
    let took = lab.run_until(|lab| lab.dc(2).health == Health::Down);
    assert!(took <= 3 * SECOND, "{took:?}");
}

#[test]
fn who_limits_the_rate_is_asked_half_as_often_each_time_until_it_answers() {
    let mut lab = Lab::new(spec());
    lab.run(10 * SECOND);
    let began = lab.now;
    lab.say(limited());
    lab.run(10 * 60 * SECOND);
    let pauses = lab.pauses_since(began);
    let seconds: Vec<u64> = pauses.iter().map(Duration::as_secs).collect();
    assert_eq!(seconds[..6], [4, 8, 16, 32, 60, 60], "{seconds:?}");
    assert!(seconds[6..].iter().all(|pause| *pause == 60), "{seconds:?}");
    assert_eq!((lab.dc(2).health, lab.turned().count()), (Health::Up, 2), "it lives");
    lab.say_once(good());
    let began = lab.now;
    lab.run(20 * SECOND);
    let pauses = lab.pauses_since(began);
    assert!(pauses.iter().all(|pause| *pause == 2 * SECOND), "{pauses:?}");
    lab.say_once(limited());
    let began = lab.now;
    lab.run(20 * SECOND);
    assert_eq!(lab.pauses_since(began)[0], 8 * SECOND, "four, and then eight, as at first");
}

#[test]
fn who_limited_the_rate_and_fails_now_is_found_as_fast_as_anybody() {
    let mut lab = Lab::new(spec());
    lab.say(limited());
    lab.run(HOUR);
    lab.say_once(Err(ConnectFailure::Timeout.into()));
    let took = lab.run_until(|lab| lab.dc(2).health == Health::Down);
    assert!(took <= SECOND, "{took:?}");
    assert_eq!(lab.alarm_kind(), Some(AlarmKind::RateLimited), "no answer says that it is over");
    lab.say_once(limited());
    let began = lab.now;
    lab.run_until(|lab| lab.dc(2).health == Health::Up);
    assert!(lab.now - began <= 10 * SECOND, "answers that limit the rate bring it back");
}

#[test]
fn where_intervals_are_long_already_nothing_is_backed_off_beyond_a_minute() {
    let mut spec = spec();
    spec.dcs[0].health.interval = 5 * 60 * SECOND;
    let mut lab = Lab::new(spec);
    lab.say(limited());
    lab.run(SECOND);
    let began = lab.now;
    lab.run(HOUR);
    assert!(lab.pauses_since(began).iter().all(|pause| *pause == 300 * SECOND));
}

#[test]
fn an_answer_that_turns_probes_away_has_no_time_that_counts() {
    let mut lab = Lab::new(spec());
    lab.run(60 * SECOND);
    let times = |connect, answer| ProbeTimes::Asked { connect, answer };
    let answer = |lab: &Lab| {
        let index = lab.snapshot.topology.find_access_point(lab.amsterdam()).expect("is there");
        lab.snapshot.access_point(index).answer_time
    };
    let before = answer(&lab);
    assert!(before.is_some());
    let remark = Some(Remark::RateLimited);
    lab.say(Ok(ProbeAnswer { times: times(40 * MS, 900 * MS), remark }));
    lab.run(HOUR);
    assert_eq!(answer(&lab), before);
    assert!(lab.dc(2).round_trip > Some(30 * MS), "the connection has");
}

#[test]
fn who_is_asked_has_all_the_time_until_it_is_known_how_long_an_answer_takes() {
    let (connect, all) = (250 * MS, spec().dcs[0].health.timeout);
    assert!(all > connect);
    let mut lab = Lab::new(spec());
    lab.say(limited());
    lab.run(SECOND);
    assert_eq!(lab.dc(2).health, Health::Up);
    assert_eq!(lab.next_patience(), (connect, all), "it has turned probes away, and no more");
    lab.say_once(good());
    assert_eq!(lab.next_patience(), (connect, connect));
    lab.say(NO_BACK_END);
    lab.run_until(|lab| lab.dc(2).health == Health::Down);
    lab.say(limited());
    lab.run_until(|lab| lab.dc(2).health == Health::Up);
    assert_eq!(lab.next_patience(), (connect, all), "what was usual is long ago");

    let mut connecting = spec();
    connecting.dcs[0].health.probe = Probe::Tcp;
    let mut lab = Lab::new(connecting);
    lab.run(SECOND);
    assert_eq!(lab.next_patience(), (connect, connect));
    lab.say(limited());
    lab.reload(spec());
    assert_eq!(lab.next_patience(), (connect, all), "it is asked only now");
}

#[test]
fn alarms_take_each_others_place_and_the_same_one_is_told_once() {
    let mut lab = Lab::new(spec());
    lab.say_once(other_keys(&[8]));
    lab.say_once(other_keys(&[8]));
    lab.say_once(other_keys(&[9]));
    lab.run(COALESCE);
    assert_eq!(lab.alarm(), Some(&Alarm::OtherFingerprints([9].into())), "what was seen last");
    assert_eq!(lab.told(), [(AlarmKind::OtherFingerprints, None)]);
    lab.say_once(WRONG_DC);
    lab.say_once(Err(ProbeFailure::Silent));
    lab.say_once(Err(ConnectFailure::Local(LocalFailure::NoPort).into()));
    assert_eq!(lab.alarm_kind(), Some(AlarmKind::WrongDc), "silence ends no alarm");
    lab.say_once(good());
    let told = [
        (AlarmKind::OtherFingerprints, None),
        (AlarmKind::OtherFingerprints, Some(AlarmEnd::Replaced)),
        (AlarmKind::WrongDc, None),
        (AlarmKind::WrongDc, Some(AlarmEnd::Answered)),
    ];
    assert_eq!(lab.told(), told);
}

#[test]
fn another_question_ends_an_alarm_and_other_intervals_do_not() {
    type Edit = fn(&mut TopologySpec);
    let other_questions: [Edit; 5] = [
        |spec| spec.dcs[0].health.probe = asking(&[8]),
        |spec| spec.dcs[0].health.probe = Probe::Tcp,
        |spec| spec.dcs[0].access_points[0].flags.tcpo_only = true,
        |spec| spec.dcs[0].access_points[0].secret = Some(AccessPointSecret::new(&[1; 16])),
        |spec| {
            spec.dcs[0].access_points[0].flags.tcpo_only = true;
            spec.is_test_network = true;
        },
    ];
    for edit in other_questions {
        let mut lab = Lab::new(spec());
        lab.say_once(other_keys(&[8]));
        lab.say(good());
        let mut other = spec();
        edit(&mut other);
        lab.reload(other);
        let ended = (AlarmKind::OtherFingerprints, Some(AlarmEnd::Reconfigured));
        assert_eq!(lab.told(), [(AlarmKind::OtherFingerprints, None), ended]);
        assert_eq!(lab.alarm(), None);
        lab.run(60 * SECOND);
        assert_eq!((lab.dc(2).health, lab.told().len()), (Health::Up, 2));
    }
    let same_question: [Edit; 4] = [
        |spec| spec.dcs[1].access_points[0].secret = Some(AccessPointSecret::new(&[1; 16])),
        |spec| spec.dcs[0].health.interval = 3 * SECOND,
        |spec| spec.dcs[0].weight = 7,
        // Whoever is asked in clear is not named.
        |spec| spec.is_test_network = true,
    ];
    for edit in same_question {
        let mut lab = Lab::new(spec());
        lab.say(limited());
        lab.run(5 * 60 * SECOND);
        let mut other = spec();
        edit(&mut other);
        lab.reload(other);
        assert_eq!(lab.told(), [(AlarmKind::RateLimited, None)]);
        lab.run(SECOND);
        let began = lab.now;
        lab.run(5 * 60 * SECOND);
        let pauses = lab.pauses_since(began);
        assert!(pauses.iter().all(|pause| *pause == 60 * SECOND), "backed off: {pauses:?}");
    }
}

#[test]
fn who_leaves_takes_its_alarm_along() {
    let mut lab = Lab::new(spec());
    lab.say_once(other_keys(&[8]));
    let mut moved = spec();
    moved.dcs[0].access_points[0].address.socket.set_port(8443);
    lab.reload(moved.clone());
    assert_eq!(lab.told().len(), 1, "it serves until its successor is up");
    lab.run(SECOND);
    let left = (AlarmKind::OtherFingerprints, Some(AlarmEnd::Left));
    assert_eq!(lab.told()[1..], [left]);
    lab.say_once(limited());
    moved.dcs.remove(0);
    lab.reload(moved);
    assert_eq!(
        lab.told()[2..],
        [(AlarmKind::RateLimited, None), (AlarmKind::RateLimited, Some(AlarmEnd::Left))]
    );
}

#[test]
fn what_was_asked_before_raises_nothing_after() {
    let mut lab = Lab::new(spec());
    lab.run(10 * SECOND);
    lab.say(other_keys(&[8]));
    lab.run_until(|lab| lab.probes.iter().any(|(_, it)| it.access_point == lab.amsterdam()));
    let mut other = spec();
    other.dcs[0].health.probe = asking(&[8]);
    let before = lab.ended();
    lab.reload(other);
    lab.run_until(|lab| lab.ended() > before);
    lab.say(good());
    lab.run(10 * SECOND);
    assert_eq!(lab.told(), []);
}

#[test]
fn strange_answers_show_that_the_edge_is_not_cut_off() {
    for outcome in [FOREIGN, WRONG_DC, limited(), NO_BACK_END] {
        let mut spec = three_dcs();
        spec.dcs.iter_mut().for_each(|dc| dc.health.probe = asking(&[]));
        let mut lab = Lab::new(spec);
        lab.run(10 * SECOND);
        [1, 2, 5].iter().for_each(|dc| lab.break_dc(*dc, Fault::Blackhole));
        lab.run(10 * SECOND);
        assert!(lab.snapshot.isolated);
        lab.say(outcome.clone());
        lab.run_until(|lab| !lab.snapshot.isolated);
        lab.run(20 * SECOND);
        assert!(!lab.snapshot.isolated, "{outcome:?}");
    }
}

fn any_outcome() -> impl Strategy<Value = ProbeOutcome> {
    prop_oneof![
        Just(good()),
        Just(limited()),
        Just(other_keys(&[8])),
        Just(other_keys(&[9, 10])),
        Just(WRONG_DC),
        Just(FOREIGN),
        Just(NO_BACK_END),
        Just(Err(ProbeFailure::Silent)),
        Just(Err(ConnectFailure::Local(LocalFailure::HeldUp).into())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Who follows the events knows what the snapshot says; nobody is asked more often for an answer
    /// that limits the rate, nor forgotten for it.
    #[test]
    fn alarms_begin_and_end_in_turn_and_the_snapshot_agrees(
        outcomes in prop::collection::vec((any_outcome(), 1..40_u32), 1..20),
    ) {
        let mut lab = Lab::new(spec());
        for (outcome, seconds) in outcomes {
            lab.say(outcome.clone());
            lab.run(seconds * SECOND);
            // What is told just now is published a little later.
            let mut told = lab.told();
            loop {
                lab.run(COALESCE);
                let since = std::mem::replace(&mut told, lab.told());
                if told == since {
                    break;
                }
            }
            let mut raised = None;
            for (kind, end) in told {
                match end {
                    None => prop_assert_eq!(raised.replace(kind), None),
                    Some(_) => prop_assert_eq!(raised.take(), Some(kind)),
                }
            }
            prop_assert_eq!(lab.alarm_kind(), raised, "{:?}", outcome);
        }
        let most = 60 * SECOND + lab.snapshot.topology.dcs()[0].health.timeout;
        let pauses = lab.pauses_since(lab.began);
        prop_assert!(pauses.iter().all(|pause| *pause <= most), "{pauses:?}");
    }
}
