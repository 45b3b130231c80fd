use super::expect::Bound;
use super::fault::What;
use super::place::Place;
use super::schedule::{Act, Broken};
use super::*;
use crate::failover::example::ms;
use crate::failover::phase::ByPhase;
use crate::lab::layout::{Door, Site};
use crate::lab::paths::Where;

const README: &str = include_str!("../../../lab/README.md");

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("lab/scenarios")
}

fn parse(text: &str) -> Result<Scenario, ScenarioError> {
    Scenario::parse("test", Path::new("test.yaml"), text)
}

/// A scenario with these lines as well.
fn with(faults: &str, more: &str) -> String {
    format!(
        "title: a test\nstands_for: a test\nphases: {{before: 5s, fault: 10s, after: 10s}}\n\
         short: {{before: 2s, fault: 5s, after: 4s}}\nfaults:\n{faults}\n{more}\n"
    )
}

fn scenario(faults: &str) -> Scenario {
    let text = with(faults, "");
    parse(&text).unwrap_or_else(|error| panic!("{}", crate::report::with_sources(&error)))
}

fn refusal(text: &str) -> String {
    crate::report::with_sources(&parse(text).unwrap_err())
}

/// Times in milliseconds, and what is done.
fn acts(scenario: &Scenario, phases: &Phases) -> Vec<(u128, usize, Act)> {
    let steps = scenario.schedule(phases).into_iter();
    steps.map(|step| (step.at.as_millis(), step.fault, step.act)).collect()
}

#[test]
fn every_scenario_is_valid_and_none_is_there_twice() {
    let scenarios = Scenario::read_all(&folder());
    let scenarios = scenarios.unwrap_or_else(|it| panic!("{}", crate::report::with_sources(&it)));
    assert!(scenarios.len() >= 17, "{} scenarios", scenarios.len());
    let distinct = |of: fn(&Scenario) -> &str| {
        scenarios.iter().map(of).collect::<BTreeSet<_>>().len() == scenarios.len()
    };
    assert!(distinct(|it| &it.name) && distinct(|it| &it.title));
    for scenario in &scenarios {
        assert_ne!(scenario.expect, Expect::default(), "{} asks for nothing", scenario.name);
        for phases in [&scenario.long, &scenario.short] {
            let steps = scenario.schedule(phases);
            assert!(!steps.is_empty(), "{}", scenario.name);
            assert!(steps.is_sorted_by_key(|step| step.at), "{}", scenario.name);
            for step in &steps {
                assert!(step.at <= phases.fault, "{}: {step:?}", scenario.name);
            }
            let acts = |act| steps.iter().filter(|it| it.act == act && is_undone(it.what)).count();
            assert_eq!(acts(Act::Begin), acts(Act::End), "{}", scenario.name);
        }
        assert!(scenario.short.total() < scenario.long.total(), "{}", scenario.name);
    }
}

/// A list stays, and a drill ends by itself.
fn is_undone(what: &What) -> bool {
    !matches!(what, What::Replace(_) | What::Drill { .. })
}

#[test]
fn the_example_of_the_readme_is_a_scenario_and_its_table_has_every_key() {
    let block = README.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
    let example = Scenario::parse("half-open", Path::new("README.md"), block.unwrap());
    let example = example.unwrap_or_else(|it| panic!("{}", crate::report::with_sources(&it)));
    assert_eq!(example.faulty(), BTreeSet::from([Dc::Dc2]));
    assert_eq!(example.faults.len(), 1);
    for key in [
        "title",
        "stands_for",
        "phases",
        "short",
        "load",
        "probe",
        "access_points",
        "nearpoint",
        "faults",
        "what",
        "where",
        "from",
        "for",
        "every",
        "expect",
        "failed",
        "out_of_use",
        "used_again",
        "served_by",
        "held_interrupted",
        "held_interrupted_from",
        "isolated",
        "bars",
        "p99_at_first",
        "p99_during",
        "back_to_normal_within",
        "out_of_use_within",
        "used_again_within",
        "held_outage",
    ] {
        assert!(README.contains(&format!("`{key}`")), "the README does not explain {key}");
    }
    // What it names when it refuses one are all that there are.
    let refused = refusal(&with("  - {what: melt, where: dc1}", ""));
    let kinds = refused.split_once("expected one of ").unwrap().1;
    let kinds: Vec<&str> = kinds.split('`').skip(1).step_by(2).collect();
    assert!(kinds.contains(&"blackhole"), "{refused}");
    for kind in kinds {
        assert!(README.contains(&format!("\n| `{kind}` |")), "the README does not explain {kind}");
    }
}

#[test]
fn what_is_not_said_has_a_default() {
    let scenario = scenario("  - {what: blackhole, where: dc1}");
    assert_eq!(scenario.load, Load { new: 100, held: 40 });
    assert_eq!(scenario.probe, Probe::Tcp);
    let access_points: Vec<String> =
        scenario.access_points.iter().map(ToString::to_string).collect();
    assert_eq!(access_points, ["dc1/a", "dc2/a", "dc3/a"]);
    assert_eq!(scenario.expect, Expect::default());
    let whole = [(0, 0, Act::Begin), (10_000, 0, Act::End)];
    assert_eq!(acts(&scenario, &scenario.long), whole);
}

#[test]
fn every_kind_of_fault_is_read_with_its_place() {
    let scenario = scenario(
        "  - {what: blackhole, where: dc1 ipv6}
  - {what: one-way, where: ams, direction: from-dc}
  - {what: loss, where: dc1, share: 5%}
  - {what: reset, where: uplink}
  - {what: reset, where: dc1/v6, share: 20%}
  - {what: unreachable, where: all}
  - {what: prohibited, where: dc2}
  - {what: police, where: dc2, packets_per_second: 50}
  - {what: slow, where: ams, factor: 10}
  - {what: kill, where: dc1, for: 1s}
  - {what: stop, where: sin, for: 1s}
  - {what: refuse, where: dc1/a, from: 1s, for: 1s}
  - {what: mute, where: dc3, from: 1s, for: 1s}
  - {what: delay, where: dc3/b, from: 2s, for: 1s, by: 200ms}
  - {what: status, where: dc3/b, from: 3s, code: 503}
  - {what: wrong-service, where: dc1, from: 2s, back: 3s}
  - {what: replace, from: 4s, access_points: [dc1/b]}",
    );
    let told: Vec<String> = scenario.faults.iter().map(|it| it.what.to_string()).collect();
    let expected = [
        "blackhole dc1 ipv6",
        "one-way loss from ams",
        "loss of 5% dc1",
        "resets uplink",
        "resets of 20% dc1/v6",
        "host unreachable all",
        "prohibited dc2",
        "at most 50 packets/s dc2",
        "slow x10 dc1 dc2",
        "kill dc1",
        "stop dc3",
        "refuse dc1/a",
        "mute dc3/a dc3/b dc3/v6",
        "delay by 200ms dc3/b",
        "status 503 dc3/b",
        "wrong service dc1",
        "list of dc1/b",
    ];
    assert_eq!(told, expected);
    assert_eq!(scenario.faulty(), BTreeSet::from(Dc::ALL));
}

#[test]
fn places_have_dcs_and_addresses() {
    let read = |text: &str| text.parse::<Place>().unwrap();
    assert_eq!(read("ams"), Place::Site(Site::Ams));
    assert_eq!(read("ams").dcs(), [Dc::Dc1, Dc::Dc2]);
    assert_eq!(read("uplink").dcs(), Dc::ALL);
    let v6 = AccessPoint { dc: Dc::Dc1, door: Door::V6 };
    assert_eq!(read("dc1 ipv6").access_points(), [v6]);
    assert_eq!(read("dc1/v6").access_points(), [v6]);
    assert_eq!(read("dc1 ipv4").access_points().len(), 2);
    assert_eq!(read("all").access_points().len(), 9);
    for text in ["", "dc4", "dc1 ipv5", "dc1/c", "nowhere"] {
        assert!(text.parse::<Place>().is_err(), "{text}");
    }
}

#[test]
fn places_are_told_as_they_are_written_and_the_router_knows_them() {
    let door = |door| Where::AccessPoint(AccessPoint { dc: Dc::Dc1, door });
    for (text, paths) in [
        ("dc1/b", vec![door(Door::B)]),
        ("dc1", vec![Where::Dc(Dc::Dc1)]),
        ("dc1 ipv4", vec![door(Door::A), door(Door::B)]),
        ("dc1 ipv6", vec![Where::V6(Dc::Dc1)]),
        ("ams", vec![Where::Dc(Dc::Dc1), Where::Dc(Dc::Dc2)]),
        ("sin", vec![Where::Dc(Dc::Dc3)]),
        ("all", vec![Where::AllDcs]),
        ("uplink", vec![Where::Uplink]),
    ] {
        let place: Place = text.parse().unwrap();
        assert_eq!(place.paths(), paths, "{text}");
        assert_eq!(place.to_string(), text);
    }
}

#[test]
fn what_flaps_is_on_and_off_in_turn_and_off_in_the_end() {
    let flapping = scenario("  - {what: blackhole, where: dc1, from: 1s, for: 8s, every: 3s}");
    let (on, off) = (Act::Begin, Act::End);
    let long = [(1_000, 0, on), (4_000, 0, off), (7_000, 0, on), (9_000, 0, off)];
    assert_eq!(acts(&flapping, &flapping.long), long);
    // Half as long a phase, everything twice as fast.
    let short = [(500, 0, on), (2_000, 0, off), (3_500, 0, on), (4_500, 0, off)];
    assert_eq!(acts(&flapping, &flapping.short), short);
    let broken = |from, to| Broken { from: ms(from), to: ms(to) };
    let long = [broken(1_000, 4_000), broken(7_000, 9_000)];
    assert_eq!(flapping.broken(&flapping.long), long);
    let whole = scenario("  - {what: refuse, where: dc1, every: 5s}");
    assert_eq!(acts(&whole, &whole.long), [(0, 0, on), (5_000, 0, off)]);
}

#[test]
fn faults_overlap_and_ends_come_before_begins() {
    let overlapping = scenario(
        "  - {what: blackhole, where: dc1, for: 6s}
  - {what: loss, where: dc1, share: 5%, from: 2s, for: 6s}
  - {what: kill, where: dc2, from: 6s}",
    );
    let expected = [
        (0, 0, Act::Begin),
        (2_000, 1, Act::Begin),
        (6_000, 0, Act::End),
        (6_000, 2, Act::Begin),
        (8_000, 1, Act::End),
        (10_000, 2, Act::End),
    ];
    assert_eq!(acts(&overlapping, &overlapping.long), expected);
    let broken = overlapping.broken(&overlapping.long).into_iter();
    let broken: Vec<_> = broken.map(|it| (it.from.as_secs(), it.to.as_secs())).collect();
    assert_eq!(broken, [(0, 6), (2, 8), (6, 10)]);
}

#[test]
fn faults_of_the_same_process_line_or_service_do_not_overlap() {
    for (one, other) in [
        ("{what: kill, where: dc1}", "{what: mute, where: dc1/a}"),
        ("{what: stop, where: ams}", "{what: kill, where: dc2, from: 2s, for: 2s}"),
        ("{what: slow, where: all, factor: 2}", "{what: slow, where: dc3, factor: 9, from: 1s}"),
        ("{what: mute, where: dc1}", "{what: refuse, where: dc1/b, from: 9s}"),
    ] {
        for (first, second) in [(one, other), (other, one)] {
            let why = refusal(&with(&format!("  - {first}\n  - {second}"), ""));
            assert!(why.contains("faults[1]: overlaps with faults[0]"), "{first} {second}: {why}");
        }
    }
    for (one, other) in [
        ("{what: kill, where: dc1, for: 5s}", "{what: mute, where: dc1, from: 5s}"),
        ("{what: kill, where: dc1}", "{what: kill, where: dc2}"),
        ("{what: mute, where: dc1/a}", "{what: mute, where: dc1/b}"),
        ("{what: kill, where: dc1}", "{what: slow, where: dc1, factor: 2}"),
        ("{what: stop, where: dc1}", "{what: blackhole, where: dc1}"),
    ] {
        scenario(&format!("  - {one}\n  - {other}"));
    }
}

#[test]
fn a_list_is_replaced_once_and_is_no_blow() {
    let replaced = scenario(
        "  - {what: blackhole, where: dc1/a}
  - {what: replace, from: 4s, access_points: [dc1/b, dc2/a]}",
    );
    let expected = [(0, 0, Act::Begin), (4_000, 1, Act::Begin), (10_000, 0, Act::End)];
    assert_eq!(acts(&replaced, &replaced.long), expected);
    let broken = [Broken { from: ms(0), to: ms(10_000) }];
    assert_eq!(replaced.broken(&replaced.long), broken);
    assert_eq!(replaced.faulty(), BTreeSet::from([Dc::Dc1]));
}

#[test]
fn a_wrong_service_comes_after_the_right_one_is_gone() {
    let wrong = scenario("  - {what: wrong-service, where: dc1, back: 3s}");
    let expected = [(0, 0, Act::Begin), (3_000, 0, Act::Usurp), (10_000, 0, Act::End)];
    assert_eq!(acts(&wrong, &wrong.long), expected);
    assert_eq!(acts(&wrong, &wrong.short)[1].0, 1_500);
}

#[test]
fn expectations_and_bars_are_read() {
    let more = "expect:\n  failed: {before: 0, fault: at most 2%}\n  out_of_use: []\n  \
                held_interrupted: at most 3\n  served_by: {fault: [dc2]}\n\
                bars: {p99_during: 330ms}";
    let scenario = parse(&with("  - {what: kill, where: dc1}", more)).unwrap();
    let Expect { failed, out_of_use, held_interrupted, served_by, isolated, .. } = scenario.expect;
    let share = Bound::Share("2%".parse().unwrap());
    assert_eq!(failed, ByPhase { before: Some(Bound::Count(0)), fault: Some(share), after: None });
    assert_eq!(out_of_use, Some(BTreeSet::new()));
    assert_eq!(held_interrupted, Some(Bound::Count(3)));
    assert_eq!(served_by.fault, Some(BTreeSet::from([Dc::Dc2])));
    assert_eq!(isolated, None);
    assert_eq!(scenario.bars.p99_during, Some(ms(330)));
    assert!(share.allows(2, 100) && !share.allows(3, 100));
}

#[test]
fn errors_name_the_file_and_the_key() {
    let kill = "  - {what: kill, where: dc1}";
    for (text, expected) in [
        (with(kill, "colour: red"), "test.yaml: unknown field `colour`"),
        (with("  - {what: kill, where: dc9}", ""), "faults[0].where: there is no \"dc9\""),
        (with("  - {what: melt, where: dc1}", ""), "unknown variant `melt`"),
        (with("  - {what: loss, where: dc1, share: 5}", ""), "\"5\" is no share"),
        (with("  - {what: kill, where: dc1, from: soon}", ""), "\"soon\" is no time"),
        (with(kill, "expect: {failed: few}"), "expect.failed: \"few\" is no bound"),
        (with(kill, "expect: {failed: {now: 0}}"), "unknown field `now`"),
        (with("  - {what: loss, where: dc1}", ""), "test.yaml: faults[0].share: is missing"),
        (with("  - {what: kill}", ""), "faults[0].where: is missing"),
        (
            with("  - {what: police, where: dc1, packets_per_second: 0}", ""),
            "faults[0].packets_per_second: 1 at least",
        ),
        (
            with("  - {what: one-way, where: uplink, direction: to-dc}", ""),
            "faults[0].where: the uplink leads to clients and DCs",
        ),
        (with(kill, "load: {ip: v6}"), "unknown field `ip`"),
        (with("  - {what: kill, where: uplink}", ""), "faults[0].where: this fault is of whole"),
        (with("  - {what: mute, where: dc1 ipv6}", ""), "faults[0].where: this fault is of serv"),
        (
            with("  - {what: kill, where: dc1, share: 5%}", ""),
            "faults[0].share: has no meaning for this fault",
        ),
        (
            with("  - {what: replace, for: 1s, access_points: [dc1/a]}", ""),
            "faults[0].for: has no meaning for this fault",
        ),
        (with("  - {what: kill, where: dc1, from: 10s}", ""), "faults[0].from: the phase is over"),
        (with("  - {what: kill, where: dc1, from: 3s, for: 8s}", ""), "faults[0].for: the phase"),
        (with("  - {what: kill, where: dc1, for: 0s}", ""), "faults[0].for: is no time"),
        (with("  - {what: kill, where: dc1, every: 1ns}", ""), "faults[0].every: 100ms at least"),
        (
            with("  - {what: wrong-service, where: dc1, for: 2s, back: 3s}", ""),
            "faults[0].back: is not within the fault",
        ),
        (with(kill, "load: {new: 0}"), "load.new: 1 to 1000"),
        (with(kill, "access_points: [dc1/a, dc1/a]"), "access_points: one of them is there twice"),
        (with("  []", ""), "faults: there is none"),
    ] {
        let told = refusal(&text);
        assert!(told.starts_with("test.yaml: ") && told.contains(expected), "{expected}: {told}");
    }
    let both = refusal(&with("  - {what: loss, where: dc1}", "load: {new: 0}"));
    assert!(both.contains("faults[0].share") && both.contains("load.new"), "{both}");
    let nowhere = Scenario::read(Path::new("/nowhere/at-all.yaml")).unwrap_err();
    assert!(nowhere.to_string().contains("/nowhere/at-all.yaml"), "{nowhere}");
}

#[test]
fn clients_of_udp_are_there_if_a_scenario_says_so() {
    let fault = "  - {what: blackhole, where: dc1}";
    assert_eq!(scenario(fault).udp, None);
    let udp = "udp: {new: 50, held: 20}\nexpect: {udp: {failed: 0, held_lost: at most 1}}";
    let scenario = parse(&with(fault, udp)).unwrap();
    assert_eq!(scenario.udp, Some(Load { new: 50, held: 20 }));
    assert_eq!(scenario.expect.udp.held_lost, Some(Bound::Count(1)));
    assert_eq!(scenario.expect.udp.failed.fault, Some(Bound::Count(0)));
    let refused = refusal(&with(fault, "udp: {new: 0, held: 1001}"));
    assert!(refused.contains("udp.new") && refused.contains("udp.held"), "{refused}");
}

#[test]
fn a_crowd_needs_a_port_of_its_own_and_has_outcomes_of_its_own() {
    let scenario = |crowd: &str| {
        let text = format!(
            "title: a test\nstands_for: a test\nphases: {{before: 5s, fault: 10s, after: 10s}}\n\
             short: {{before: 2s, fault: 5s, after: 4s}}\ncrowd: {crowd}\n\
             faults: [{{what: blackhole, where: dc2}}]\n\
             expect: {{crowd: {{failed: {{before: 0}}, served_by: {{fault: []}}}}}}\n"
        );
        Scenario::parse("test", Path::new("test.yaml"), &text)
    };
    let good = scenario("{new: 1000, port: 8444}").unwrap();
    assert_eq!(good.crowd, Some(Crowd { new: 1_000, port: 8_444 }));
    assert_eq!(good.expect.crowd.failed.before, Some(Bound::Count(0)));
    assert_eq!(good.expect.crowd.served_by.fault, Some(BTreeSet::new()));
    for bad in ["{new: 0, port: 8444}", "{new: 1000, port: 8443}", "{new: 1000, port: 0}"] {
        assert!(matches!(scenario(bad), Err(ScenarioError::Invalid { .. })), "{bad}");
    }
}
