//! The catalogue: every case that can be measured, and what is asked of nearpoint in it.

use super::metric::Metric;
use crate::load::{Appetite, Opening, Pace, Plan, Sources, Workload};
use crate::peers::{Beginning, Duty};
use std::fmt;
use std::str::FromStr;

/// One load through one kind of proxy.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// As it is called on the command line and in reports.
    pub(crate) name: String,
    pub(crate) group: Group,
    pub(crate) plan: Plan,
    pub(crate) duty: Duty,
    /// The figure that it is there for.
    pub(crate) headline: Metric,
    pub(crate) bar: Option<Bar>,
}

/// What nearpoint is to reach in the headline of a case, at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bar {
    /// By the best other proxy.
    Ratio { most: f64, aim: Option<f64> },
    /// In the unit of the figure.
    Value { most: f64 },
}

impl Bar {
    /// Of CPU for a gigabyte by TCP, and by UDP.
    pub(super) const BULK: Bar = Bar::Ratio { most: 0.6, aim: Some(0.4) };
    const UDP_BULK: Bar = Bar::Ratio { most: 0.1, aim: Some(0.05) };
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Bar::Ratio { most, aim: Some(aim) } => write!(f, "{most} x best (aim {aim})"),
            Bar::Ratio { most, aim: None } => write!(f, "{most} x best"),
            Bar::Value { most } => write!(f, "{most}"),
        }
    }
}

/// Cases that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    RoundTrips,
    Bulk,
    /// That come and go, or are many.
    Sessions,
    Udp,
}

impl Group {
    const ALL: [Group; 4] = [Group::RoundTrips, Group::Bulk, Group::Sessions, Group::Udp];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Group::RoundTrips => "round-trips",
            Group::Bulk => "bulk",
            Group::Sessions => "sessions",
            Group::Udp => "udp",
        }
    }
}

/// Sessions, streams and flows that hardly cost time: enough to show that a case works.
const FEW: u32 = 5;

impl Case {
    fn new(name: impl Into<String>, group: Group, workload: Workload) -> Case {
        Case {
            name: name.into(),
            group,
            plan: Plan::new(workload),
            duty: Duty::plain(workload.transport()),
            headline: Metric::Cpu,
            bar: None,
        }
    }

    fn bar(self, bar: Bar) -> Case {
        Case { bar: Some(bar), ..self }
    }

    fn headline(self, headline: Metric) -> Case {
        Case { headline, ..self }
    }

    /// Its sessions begin so, and come from so many addresses.
    fn beginning(mut self, beginning: Beginning) -> Case {
        self.duty.beginning = beginning;
        self.plan.opening = match beginning {
            Beginning::Plain | Beginning::ProxyOut => Opening::Plain,
            Beginning::Sniffed => Opening::Obfuscated,
            Beginning::ProxyIn => Opening::ProxyHeader,
        };
        self.plan.sources = Sources::new(SOURCES).expect("few addresses");
        self
    }

    /// 64 B round trips over so many sessions, for growth.
    pub(crate) fn round_trips(sessions: u32) -> Case {
        let name = format!("rt-64b-{sessions}");
        Case::new(name, Group::RoundTrips, Workload::RoundTrips { sessions, bytes: 64 })
    }

    /// Sessions that come and go, with so many DCs to choose from.
    pub(crate) fn connects(dcs: u32) -> Case {
        let name = if dcs == 1 { "connects".to_owned() } else { format!("connects-{dcs}-dcs") };
        let mut case = Case::new(name, Group::Sessions, CONNECTS).beginning(Beginning::Plain);
        case.duty.dcs = dcs;
        case
    }

    /// The same with few clients, whose content is looked at: it shows that it works, and no speed.
    pub(crate) fn smoke(mut self) -> Case {
        let few = |count: u32| count.min(FEW);
        let workload = match self.plan.workload {
            Workload::RoundTrips { sessions, bytes } => {
                Workload::RoundTrips { sessions: few(sessions), bytes }
            }
            Workload::Upload { streams } => Workload::Upload { streams: few(streams) },
            Workload::Download { streams } => Workload::Download { streams: few(streams) },
            Workload::Connects { clients, bytes } => {
                Workload::Connects { clients: few(clients), bytes }
            }
            Workload::Idle { sessions } => Workload::Idle { sessions: sessions.min(20 * FEW) },
            Workload::Mixed { sessions, appetite } => {
                Workload::Mixed { sessions: sessions.min(10 * FEW), appetite }
            }
            Workload::UdpRoundTrips { flows } => Workload::UdpRoundTrips { flows: few(flows) },
            Workload::UdpUpload { flows, pace } => Workload::UdpUpload { flows: few(flows), pace },
            Workload::UdpDownload { flows } => Workload::UdpDownload { flows: few(flows) },
        };
        self.plan = Plan { workload, verify: true, ..self.plan };
        self
    }

    /// What happens.
    pub(crate) fn title(&self) -> String {
        let mut title = self.plan.workload.to_string();
        match self.duty.beginning {
            Beginning::Plain => {}
            Beginning::Sniffed => {
                title += "; the DC is found in obfuscated MTProto, whose header is echoed before";
            }
            Beginning::ProxyIn => title += "; a PROXY header from the client",
            Beginning::ProxyOut => title += "; a PROXY header to the backend",
        }
        if self.duty.dcs > 1 {
            title += &format!("; {} DCs", self.duty.dcs);
        }
        title
    }
}

const SOURCES: u32 = 200;
const CONNECTS: Workload = Workload::Connects { clients: 20, bytes: 64 };

/// All of them, in the order in which they are measured.
pub(crate) fn catalogue(pace: Pace) -> Vec<Case> {
    let mut cases = Vec::new();
    for (size, bytes) in [("64b", 64), ("1kib", 1024), ("16kib", 16 * 1024)] {
        for sessions in [1, 100, 1000] {
            let workload = Workload::RoundTrips { sessions, bytes };
            let case = Case::new(format!("rt-{size}-{sessions}"), Group::RoundTrips, workload);
            cases.push(match (bytes, sessions) {
                (64, 100) => case.bar(Bar::Ratio { most: 1.0, aim: Some(0.75) }),
                _ => case,
            });
        }
    }
    for streams in [1, 4, 32] {
        for (name, workload) in
            [("upload", Workload::Upload { streams }), ("download", Workload::Download { streams })]
        {
            let case = Case::new(format!("{name}-{streams}"), Group::Bulk, workload);
            cases.push(if streams == 4 { case.bar(Bar::BULK) } else { case });
        }
    }
    cases.push(Case::connects(1).bar(Bar::Ratio { most: 1.0, aim: None }));
    for (name, beginning) in [
        ("sniffed-connects", Beginning::Sniffed),
        ("proxy-in-connects", Beginning::ProxyIn),
        ("proxy-out-connects", Beginning::ProxyOut),
    ] {
        cases.push(Case::new(name, Group::Sessions, CONNECTS).beginning(beginning));
    }
    let idle = Case::new("idle", Group::Sessions, Workload::Idle { sessions: 5000 });
    cases.push(idle.headline(Metric::UserMemory).bar(Bar::Value { most: 2.0 }));
    for (name, appetite) in [("mixed", Appetite::Modest), ("crowded", Appetite::Greedy)] {
        let mixed = Workload::Mixed { sessions: 1000, appetite };
        cases.push(Case::new(name, Group::Sessions, mixed).headline(Metric::P99));
    }
    let round_trips =
        Case::new("udp-round-trips", Group::Udp, Workload::UdpRoundTrips { flows: 50 });
    cases.push(round_trips.bar(Bar::Ratio { most: 0.9, aim: None }));
    for (name, workload) in [
        ("udp-upload", Workload::UdpUpload { flows: 1, pace }),
        ("udp-download", Workload::UdpDownload { flows: 1 }),
    ] {
        cases.push(Case::new(name, Group::Udp, workload).bar(Bar::UDP_BULK));
    }
    cases
}

/// Some of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    All,
    /// Those that have a bar.
    Bars,
    Group(Group),
    Name(String),
}

impl Selection {
    fn includes(&self, case: &Case) -> bool {
        match self {
            Selection::All => true,
            Selection::Bars => case.bar.is_some(),
            Selection::Group(group) => case.group == *group,
            Selection::Name(name) => case.name == *name,
        }
    }
}

impl FromStr for Selection {
    type Err = String;

    fn from_str(text: &str) -> Result<Selection, String> {
        let group = Group::ALL.into_iter().find(|group| group.name() == text);
        match (text, group) {
            ("all", _) => Ok(Selection::All),
            ("bars", _) => Ok(Selection::Bars),
            (_, Some(group)) => Ok(Selection::Group(group)),
            (name, None) => {
                let cases = catalogue(Pace::Window);
                let is_known = cases.iter().any(|case| case.name == name);
                is_known
                    .then(|| Selection::Name(name.to_owned()))
                    .ok_or_else(|| "no such group, and no such case: see --list".to_owned())
            }
        }
    }
}

/// Those that are included in any selection, each once.
pub(crate) fn select(pace: Pace, selections: &[Selection]) -> Vec<Case> {
    let mut cases = catalogue(pace);
    cases.retain(|case| selections.iter().any(|selection| selection.includes(case)));
    cases
}

/// The catalogue as lines.
pub(crate) fn list() -> String {
    let line = |case: &Case| {
        let bar = match (case.bar, case.headline) {
            (None, _) => String::new(),
            (Some(bar @ Bar::Ratio { .. }), metric) => format!("; {}: {bar}", metric.name()),
            (Some(Bar::Value { most }), metric) => {
                let unit = case.plan.workload.unit();
                format!("; {}: {}", metric.name(), metric.phrase(unit, most))
            }
        };
        let Case { name, group, .. } = case;
        format!("{name:<20} {:<12} {}{bar}\n", group.name(), case.title())
    };
    catalogue(Pace::Window).iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn names(only: &str) -> Vec<String> {
        let selections: Vec<Selection> =
            only.split(',').map(|text| text.parse().unwrap()).collect();
        select(Pace::Window, &selections).into_iter().map(|case| case.name).collect()
    }

    #[test]
    fn cases_are_chosen_by_group_or_name_and_measured_once_in_their_order() {
        let all = names("all");
        assert_eq!(all.len(), 25);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 25);
        assert_eq!(names("round-trips,bulk,sessions,udp"), all);
        assert_eq!(
            names("udp,udp-upload,upload-4"),
            ["upload-4", "udp-round-trips", "udp-upload", "udp-download"]
        );
        assert_eq!(names("udp-download,rt-16kib-1"), ["rt-16kib-1", "udp-download"]);
        assert!("udp-uploads".parse::<Selection>().is_err());
    }

    #[test]
    fn bars_are_those_of_the_budgets() {
        assert_eq!(
            names("bars"),
            [
                "rt-64b-100",
                "upload-4",
                "download-4",
                "connects",
                "idle",
                "udp-round-trips",
                "udp-upload",
                "udp-download",
            ]
        );
    }

    #[test]
    fn every_case_is_listed_with_what_happens() {
        let list = list();
        assert_eq!(list.lines().count(), 25);
        for line in [
            "connects             sessions     connect, 64 B echo, close; 20 clients; CPU: 1 x best",
            "idle                 sessions     idle, 5000 sessions; user memory: 2.00 KiB/session",
            "upload-4             bulk         bulk upload, 4 streams; CPU: 0.6 x best (aim 0.4)",
        ] {
            assert!(list.lines().any(|it| it == line), "{line:?} is not in\n{list}");
        }
    }

    #[test]
    fn smoke_is_the_same_with_few_clients_and_verified() {
        for case in catalogue(Pace::Window) {
            let smoke = case.clone().smoke();
            assert!(smoke.plan.verify && smoke.plan.workload.clients() <= 100, "{}", smoke.name);
            assert_eq!(smoke.plan.workload.service(), case.plan.workload.service());
            assert_eq!((smoke.duty, smoke.plan.opening), (case.duty, case.plan.opening));
        }
    }
}
