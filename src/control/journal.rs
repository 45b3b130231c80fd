//! Tells people of changes: an event each, and a line in the log, so many for each access point.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tracing::{info, warn};

use crate::events::{EventLog, LeftOut, LogLimit};
use crate::routing::control::{
    AlarmChange, Brought, Change, ConfigurationChange, DrillChange, HealthChange, IntentChange,
};
use crate::routing::{AccessPointId, DcId, Health, Topology};

/// Where changes are written down.
pub(super) struct Journal {
    events: Arc<EventLog>,
    limit: LogLimit,
    /// Knows the names of DCs: what is configured, and what was before. A DC that leaves still
    /// changes while its access points do.
    topologies: [Arc<Topology>; 2],
}

impl Journal {
    pub(super) fn new(events: Arc<EventLog>, topology: &Arc<Topology>) -> Self {
        let topologies = [Arc::clone(topology), Arc::clone(topology)];
        Self { events, limit: LogLimit::default(), topologies }
    }

    /// Another topology is configured.
    pub(super) fn on_topology(&mut self, topology: &Arc<Topology>) {
        self.topologies.swap(0, 1);
        self.topologies[0] = Arc::clone(topology);
    }

    /// A change that happened at this time, by the process's clock and the calendar.
    pub(super) fn on_change(&mut self, change: Change, now: Instant, today: SystemTime) {
        let admitted = match &change {
            Change::AccessPoint(HealthChange { access_point, transition, .. }) => {
                self.limit.admits(*access_point, Some(transition.to), now)
            }
            Change::Alarm(change) => self.limit.admits(change.access_point, None, now),
            Change::Closing { access_point, .. } => !self.limit.leaves_out(*access_point),
            Change::Dc { .. }
            | Change::Intent(_)
            | Change::Drill(_)
            | Change::Isolation { .. }
            | Change::Configuration(_) => true,
        };
        if admitted {
            log_change(&change);
        }
        self.events.push(today, change, |dc| self.name_of(dc));
    }

    /// When [`Journal::on_time`] has something to do.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.limit.next_deadline()
    }

    /// Time has passed: tells of changes that had no line of their own.
    pub(super) fn on_time(&mut self, now: Instant) {
        for LeftOut { access_point, changes, health } in self.limit.take_over(now) {
            warn!(
                dc = %access_point.dc,
                access_point = %access_point.address,
                changes,
                health = health.map(Health::as_str),
                "access point keeps changing; so many changes were not logged"
            );
        }
    }

    fn name_of(&self, dc: DcId) -> Option<Arc<str>> {
        let name = |topology: &Arc<Topology>| {
            topology.find_dc(dc).map(|index| Arc::clone(&topology.dc(index).name))
        };
        self.topologies.iter().find_map(name)
    }
}

fn log_change(change: &Change) {
    match change {
        Change::AccessPoint(HealthChange { access_point, transition, cause, held_for }) => {
            info!(
                dc = %access_point.dc,
                access_point = %access_point.address,
                from = transition.from.as_str(),
                to = transition.to.as_str(),
                cause = cause.to_string(),
                held_for_seconds = held_for.as_secs(),
                "access point changed"
            );
        }
        Change::Alarm(AlarmChange { access_point: AccessPointId { dc, address }, alarm, end }) => {
            let kind = alarm.kind().as_str();
            let seen = alarm.to_string();
            match end {
                None => warn!(%dc, access_point = %address, alarm = kind, seen, "alarm"),
                Some(end) => {
                    let cause = end.as_str();
                    info!(%dc, access_point = %address, alarm = kind, seen, cause, "alarm over");
                }
            }
        }
        Change::Dc { dc, transition } => {
            let (from, to) = (transition.from.as_str(), transition.to.as_str());
            info!(%dc, from, to, "DC changed");
        }
        Change::Closing { access_point: AccessPointId { dc, address }, sessions } => {
            info!(%dc, access_point = %address, sessions, "closing silent sessions");
        }
        Change::Intent(IntentChange { target, from, to, lasting, expired, told }) => {
            let (from, to, by, reason) = (from.as_str(), to.as_str(), &*told.by, &*told.reason);
            let for_seconds = lasting.map(|lasting| lasting.as_secs());
            match expired {
                true => info!(%target, from, to, "the time of an operator's intent is over"),
                false => info!(%target, from, to, for_seconds, by, reason, "operator's intent"),
            }
        }
        Change::Drill(DrillChange { dc, step, is_ready: _, told }) => {
            let (step, by, reason) = (step.as_str(), &*told.by, &*told.reason);
            info!(%dc, step, by, reason, "drill");
        }
        Change::Isolation { isolated: true } => {
            warn!("this edge is cut off from every site; health stays as it was");
        }
        Change::Isolation { isolated: false } => info!("this edge is connected again"),
        Change::Configuration(ConfigurationChange { revision, brought: Brought { how, told } }) => {
            let (source, by, reason) = (how, &*told.by, &*told.reason);
            info!(%revision, source, by, reason, "configuration in force");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::routing::control::Cause;
    use crate::routing::health::Transition;
    use crate::routing::topology::{
        ConnectLimits, DcSpec, Egress, HealthSettings, OnDown, Revision, TopologySpec,
    };
    use crate::routing::{Health, Policy};

    fn topology(dcs: &[(u16, &str)]) -> Arc<Topology> {
        let dc = |(id, name): &(u16, &str)| DcSpec {
            id: DcId(*id),
            name: (*name).into(),
            location: None,
            site: None,
            weight: 100,
            max_sessions: None,
            max_connecting: 512,
            source: Arc::default(),
            egress: Egress::default(),
            send_proxy: None,
            replicas: Arc::default(),
            health: HealthSettings::default(),
            access_points: Vec::new(),
        };
        Arc::new(Topology::new(TopologySpec {
            revision: Revision([0; 8]),
            is_test_network: false,
            dcs: dcs.iter().map(dc).collect(),
            routes: BTreeMap::new(),
            advertised: Vec::new(),
            policy: Policy::default(),
            connect: ConnectLimits::default(),
            on_down: OnDown::default(),
            edge: None,
            startup_grace: Duration::ZERO,
            max_probes: 1,
        }))
    }

    #[test]
    fn events_have_the_names_of_dcs_that_come_and_of_those_that_leave() {
        let events = Arc::new(EventLog::new(SystemTime::UNIX_EPOCH));
        let mut journal = Journal::new(Arc::clone(&events), &topology(&[(1, "mia"), (2, "ams")]));
        journal.on_topology(&topology(&[(1, "miami"), (5, "sin")]));
        for dc in [1, 2, 5, 7] {
            let transition = Transition { from: Health::Up, to: Health::Down };
            let change = Change::Dc { dc: DcId(dc), transition };
            journal.on_change(change, Instant::now(), SystemTime::UNIX_EPOCH);
        }
        let page = events.since(0, 10, |_| true);
        let names: Vec<_> = page.records.iter().map(|it| it.dc_name.as_deref()).collect();
        assert_eq!(names, [Some("miami"), Some("ams"), Some("sin"), None]);
    }

    #[test]
    fn the_log_is_spared_what_keeps_changing_and_events_have_all_of_it() {
        let events = Arc::new(EventLog::new(SystemTime::UNIX_EPOCH));
        let mut journal = Journal::new(Arc::clone(&events), &topology(&[(2, "ams")]));
        let start = Instant::now();
        let address = "10.0.2.1:443".parse().expect("an address");
        let change = Change::AccessPoint(HealthChange {
            access_point: AccessPointId { dc: DcId(2), address },
            transition: Transition { from: Health::Up, to: Health::Down },
            cause: Cause::Overtaken,
            held_for: Duration::ZERO,
        });
        (0..30).for_each(|_| journal.on_change(change.clone(), start, SystemTime::UNIX_EPOCH));
        assert_eq!(events.since(0, 100, |_| true).records.len(), 30);
        let due = journal.next_deadline().expect("something is left to be told");
        assert!(due > start);
        journal.on_time(due);
        assert_eq!(journal.next_deadline(), None);
    }
}
