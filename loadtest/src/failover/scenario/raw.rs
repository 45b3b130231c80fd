//! The shape of the file, and how it becomes a scenario.

mod crowd;
mod drill;
mod udp;

use super::error::Problem;
use super::expect::Bound;
use super::fault::{Fault, ProcessFault, ServiceFault, Times, What};
use super::place::Place;
use super::text::{Bounds, Length, Text};
use super::{Bars, Expect, Load, Phases, Probe};
use crate::failover::phase::ByPhase;
use crate::lab::layout::{AccessPoint, Dc, Door};
use crate::lab::paths::{self, Direction};
use crate::lab::share::Share;
use crowd::{RawCrowd, RawCrowdExpect};
use drill::RawDrillExpect;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;
use udp::{RawFlows, RawUdpBars, RawUdpExpect};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    title: String,
    stands_for: String,
    phases: Lengths,
    short: Lengths,
    #[serde(default)]
    load: RawLoad,
    udp: Option<RawFlows>,
    crowd: Option<RawCrowd>,
    #[serde(default = "tcp")]
    probe: Probe,
    #[serde(default = "one_of_each")]
    access_points: Vec<Text<AccessPoint>>,
    #[serde(default)]
    nearpoint: serde_yaml::Mapping,
    faults: Vec<RawFault>,
    #[serde(default)]
    expect: RawExpect,
    #[serde(default)]
    bars: RawBars,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lengths {
    before: Length,
    fault: Length,
    after: Length,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawLoad {
    new: u32,
    held: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFault {
    what: Kind,
    #[serde(rename = "where")]
    place: Option<Text<Place>>,
    from: Option<Length>,
    #[serde(rename = "for")]
    lasting: Option<Length>,
    every: Option<Length>,
    direction: Option<Direction>,
    share: Option<Text<Share>>,
    packets_per_second: Option<u32>,
    factor: Option<f64>,
    by: Option<Length>,
    code: Option<u16>,
    back: Option<Length>,
    access_points: Option<Vec<Text<AccessPoint>>>,
    lasts: Option<Length>,
    force: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Blackhole,
    OneWay,
    Loss,
    Reset,
    Unreachable,
    Prohibited,
    Police,
    Slow,
    Kill,
    Stop,
    Refuse,
    Mute,
    Delay,
    Status,
    WrongService,
    Replace,
    Drill,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawExpect {
    failed: Bounds,
    out_of_use: Option<Vec<Text<Dc>>>,
    used_again: Option<bool>,
    served_by: ServedBy,
    held_interrupted: Option<Text<Bound>>,
    held_interrupted_from: Option<Vec<Text<Dc>>>,
    isolated: Option<bool>,
    udp: RawUdpExpect,
    crowd: RawCrowdExpect,
    drill: Option<RawDrillExpect>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ServedBy {
    before: Option<Vec<Text<Dc>>>,
    fault: Option<Vec<Text<Dc>>>,
    after: Option<Vec<Text<Dc>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawBars {
    p99_at_first: Option<Length>,
    p99_during: Option<Length>,
    back_to_normal_within: Option<Length>,
    out_of_use_within: Option<Length>,
    used_again_within: Option<Length>,
    held_outage: Option<Length>,
    udp: RawUdpBars,
}

impl ServedBy {
    fn sets(self) -> ByPhase<Option<BTreeSet<Dc>>> {
        let Self { before, fault, after } = self;
        ByPhase { before: before.map(set), fault: fault.map(set), after: after.map(set) }
    }
}

impl Default for RawLoad {
    fn default() -> RawLoad {
        RawLoad { new: 100, held: 40 }
    }
}

fn tcp() -> Probe {
    Probe::Tcp
}

fn one_of_each() -> Vec<Text<AccessPoint>> {
    Dc::ALL.map(|dc| Text(AccessPoint { dc, door: Door::A })).into()
}

impl Scenario {
    /// Everything that is wrong is told at once.
    pub(super) fn validate(self, name: &str) -> Result<super::Scenario, Vec<Problem>> {
        let mut problems = Problems::default();
        let long = problems.phases("phases", self.phases);
        let short = problems.phases("short", self.short);
        if self.title.trim().is_empty() || self.title.contains('\n') {
            problems.add("title", "one line is needed");
        }
        if self.stands_for.trim().is_empty() {
            problems.add("stands_for", "say what in life it is");
        }
        if !(1..=1_000).contains(&self.load.new) {
            problems.add("load.new", "1 to 1000 sessions a second");
        }
        if self.load.held > 1_000 {
            problems.add("load.held", "1000 sessions at most");
        }
        let udp = self.udp.map(|udp| udp.validate(&mut problems));
        let crowd = self.crowd.map(|crowd| crowd.validate(&mut problems));
        let access_points = problems.list("access_points", self.access_points);
        if self.faults.is_empty() {
            problems.add("faults", "there is none");
        }
        let faults: Vec<Fault> = (self.faults.into_iter().enumerate())
            .filter_map(|(number, raw)| {
                let path = format!("faults[{number}]");
                raw.validate(long.fault, FaultProblems { path, problems: &mut problems })
            })
            .collect();
        if !problems.0.is_empty() {
            return Err(problems.0);
        }
        for (number, fault) in faults.iter().enumerate() {
            if let Some(first) = faults[..number].iter().position(|it| fault.hinders(it)) {
                let both = "both have the same process, line or service in their hands";
                let key = format!("faults[{number}]");
                problems.add(&key, format!("overlaps with faults[{first}], and {both}"));
            }
        }
        if !problems.0.is_empty() {
            return Err(problems.0);
        }
        let expect = self.expect;
        let bars = self.bars;
        let length = |it: Option<Length>| it.map(|Length(length)| length);
        Ok(super::Scenario {
            name: name.to_owned(),
            title: self.title.trim().to_owned(),
            stands_for: self.stands_for.trim().to_owned(),
            long,
            short,
            load: Load { new: self.load.new, held: self.load.held },
            udp,
            crowd,
            probe: self.probe,
            access_points,
            nearpoint: self.nearpoint,
            faults,
            expect: Expect {
                failed: expect.failed.0,
                out_of_use: expect.out_of_use.map(set),
                used_again: expect.used_again,
                served_by: expect.served_by.sets(),
                held_interrupted: expect.held_interrupted.map(|Text(bound)| bound),
                held_interrupted_from: expect.held_interrupted_from.map(set),
                isolated: expect.isolated,
                udp: expect.udp.into(),
                crowd: expect.crowd.into(),
                drill: expect.drill.map(Into::into),
            },
            bars: Bars {
                p99_at_first: length(bars.p99_at_first),
                p99_during: length(bars.p99_during),
                back_to_normal_within: length(bars.back_to_normal_within),
                out_of_use_within: length(bars.out_of_use_within),
                used_again_within: length(bars.used_again_within),
                held_outage: length(bars.held_outage),
                udp: bars.udp.into(),
            },
        })
    }
}

fn set(dcs: Vec<Text<Dc>>) -> BTreeSet<Dc> {
    dcs.into_iter().map(|Text(dc)| dc).collect()
}

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, key: &str, what: impl Into<String>) {
        self.0.push(Problem { key: key.to_owned(), what: what.into() });
    }

    fn phases(&mut self, key: &str, Lengths { before, fault, after }: Lengths) -> Phases {
        for (phase, Length(length)) in [("before", before), ("fault", fault), ("after", after)] {
            if !(Duration::from_secs(1)..=Duration::from_secs(600)).contains(&length) {
                self.add(&format!("{key}.{phase}"), "1s to 10m");
            }
        }
        Phases { before: before.0, fault: fault.0, after: after.0 }
    }

    fn list(&mut self, key: &str, list: Vec<Text<AccessPoint>>) -> Vec<AccessPoint> {
        let list: Vec<AccessPoint> = list.into_iter().map(|Text(it)| it).collect();
        let distinct: BTreeSet<AccessPoint> = list.iter().copied().collect();
        if list.is_empty() {
            self.add(key, "there is none");
        }
        if distinct.len() < list.len() {
            self.add(key, "one of them is there twice");
        }
        list
    }
}

/// Problems of one fault.
struct FaultProblems<'a> {
    path: String,
    problems: &'a mut Problems,
}

impl FaultProblems<'_> {
    fn add(&mut self, key: &str, what: impl Into<String>) {
        self.problems.add(&format!("{}.{key}", self.path), what);
    }

    fn needed<T>(&mut self, key: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.add(key, "is missing");
        }
        value
    }
}

impl RawFault {
    /// `phase` is the phase `fault` of the long run.
    fn validate(mut self, phase: Duration, mut problems: FaultProblems) -> Option<Fault> {
        let times = self.times(phase, &mut problems);
        let what = self.what(&times, &mut problems);
        for (key, is_left) in self.left() {
            if is_left {
                problems.add(key, "has no meaning for this fault");
            }
        }
        Some(Fault { what: what?, times })
    }

    fn times(&mut self, phase: Duration, problems: &mut FaultProblems) -> Times {
        let from = self.from.take().map_or(Duration::ZERO, |Length(from)| from);
        if from >= phase {
            problems.add("from", "the phase is over by then");
        }
        let is_undone = !matches!(self.what, Kind::Replace | Kind::Drill);
        let may_flap = is_undone && !matches!(self.what, Kind::WrongService);
        let lasting = is_undone.then(|| self.lasting.take()).flatten();
        let until = lasting.map_or(phase, |Length(lasting)| from + lasting);
        if until > phase {
            problems.add("for", "the phase is over before");
        } else if until <= from && from < phase {
            problems.add("for", "is no time at all");
        }
        let every = may_flap.then(|| self.every.take()).flatten().map(|Length(every)| every);
        if every.is_some_and(|every| every < Duration::from_millis(100)) {
            problems.add("every", "100ms at least");
        }
        Times { from, until, every }
    }

    /// Takes what this kind of fault has; what is left does not belong to it.
    fn what(&mut self, times: &Times, problems: &mut FaultProblems) -> Option<What> {
        if self.what == Kind::Replace {
            let list = problems.needed("access_points", self.access_points.take())?;
            let key = format!("{}.access_points", problems.path);
            return Some(What::Replace(problems.problems.list(&key, list)));
        }
        let Text(place) = problems.needed("where", self.place.take())?;
        let path = |what| Some(What::Path(what, place));
        match self.what {
            Kind::Blackhole => path(paths::What::Blackhole),
            Kind::Unreachable => path(paths::What::Unreachable),
            Kind::Prohibited => path(paths::What::Prohibited),
            Kind::OneWay => {
                let direction = problems.needed("direction", self.direction.take())?;
                if place == Place::Uplink {
                    problems.add("where", "the uplink leads to clients and DCs: say which DCs");
                }
                path(paths::What::OneWay(direction))
            }
            Kind::Loss => {
                let Text(share) = problems.needed("share", self.share.take())?;
                path(paths::What::Loss(share))
            }
            Kind::Reset => {
                let share = self.share.take().map_or(Share::ALL, |Text(share)| share);
                path(paths::What::Reset(share))
            }
            Kind::Police => {
                let rate = self.packets_per_second.take();
                let rate = problems.needed("packets_per_second", rate)?;
                let Some(rate) = NonZeroU32::new(rate) else {
                    problems.add("packets_per_second", "1 at least: none at all is a blackhole");
                    return None;
                };
                path(paths::What::Police(rate))
            }
            Kind::Slow => {
                let factor = problems.needed("factor", self.factor.take())?;
                if !(1.0..=1_000.0).contains(&factor) {
                    problems.add("factor", "1 to 1000");
                }
                Some(What::Slow { factor, dcs: dcs_of(place, problems)? })
            }
            Kind::Kill => Some(What::Process(ProcessFault::Kill, dcs_of(place, problems)?)),
            Kind::Stop => Some(What::Process(ProcessFault::Stop, dcs_of(place, problems)?)),
            Kind::WrongService => {
                let Length(back) = problems.needed("back", self.back.take())?;
                if !(times.from..times.until).contains(&back) {
                    problems.add("back", "is not within the fault");
                }
                Some(What::WrongService { dcs: dcs_of(place, problems)?, back })
            }
            Kind::Refuse => service(ServiceFault::Refuse, place, problems),
            Kind::Mute => service(ServiceFault::Mute, place, problems),
            Kind::Delay => {
                let Length(by) = problems.needed("by", self.by.take())?;
                service(ServiceFault::Delay(by), place, problems)
            }
            Kind::Status => {
                let code = problems.needed("code", self.code.take())?;
                if !(100..=599).contains(&code) {
                    problems.add("code", "100 to 599");
                }
                service(ServiceFault::Status(code), place, problems)
            }
            Kind::Drill => drill::what((place, self.lasts.take(), self.force.take()), problems),
            // Returned above: it has no place.
            Kind::Replace => None,
        }
    }

    fn left(&self) -> [(&'static str, bool); 14] {
        [
            ("where", self.place.is_some()),
            ("from", self.from.is_some()),
            ("for", self.lasting.is_some()),
            ("every", self.every.is_some()),
            ("direction", self.direction.is_some()),
            ("share", self.share.is_some()),
            ("packets_per_second", self.packets_per_second.is_some()),
            ("factor", self.factor.is_some()),
            ("by", self.by.is_some()),
            ("code", self.code.is_some()),
            ("back", self.back.is_some()),
            ("access_points", self.access_points.is_some()),
            ("lasts", self.lasts.is_some()),
            ("force", self.force.is_some()),
        ]
    }
}

/// A process or a line is all of a DC.
fn dcs_of(place: Place, problems: &mut FaultProblems) -> Option<Vec<Dc>> {
    match place {
        Place::Dc(_) | Place::Site(_) | Place::All => Some(place.dcs()),
        Place::AccessPoint(_) | Place::Family(..) | Place::Uplink => {
            problems.add("where", "this fault is of whole DCs: dc1, ams, or all");
            None
        }
    }
}

fn service(what: ServiceFault, place: Place, problems: &mut FaultProblems) -> Option<What> {
    match place {
        Place::AccessPoint(_) | Place::Dc(_) | Place::Site(_) | Place::All => {
            Some(What::Service(what, place.access_points()))
        }
        Place::Family(..) | Place::Uplink => {
            problems.add("where", "this fault is of services: dc1/a, dc1, ams, or all");
            None
        }
    }
}
