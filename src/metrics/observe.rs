//! What a snapshot and the process say, written into gauges when somebody scrapes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::removable::Removable;
use super::{Metrics, kernel};
use crate::routing::{AdminState, Alarm, AlarmKind, DcIndex, Health, Snapshot};

impl Metrics {
    /// Brings the gauges that mirror a snapshot up to date, and lets go of series whose DC or
    /// access point has been gone for a while.
    pub fn observe(&self, snapshot: &Snapshot, now: Instant) {
        let topology = &snapshot.topology;
        self.config_generation.set(i64::try_from(snapshot.generation).unwrap_or(i64::MAX));
        self.edge_isolated.set(i64::from(snapshot.isolated));
        for (dc, state) in topology.dcs().iter().zip(&snapshot.dcs) {
            let up = i64::from(state.health == Health::Up);
            let id = dc.id.to_string();
            self.dc_up.with_label_values(&[&id]).set(up);
            for word in AdminState::ALL {
                let is_so = i64::from(state.admin == word);
                self.dc_admin_state.with_label_values(&[&id, word.as_str()]).set(is_so);
            }
            self.source_ports_in_use.with_label_values(&[&id]).set(state.slot.placed().into());
        }
        self.observe_alarms(snapshot);
        self.access_point_admin_state.reset();
        for (access_point, state) in topology.access_points().iter().zip(&snapshot.access_points) {
            let dc = topology.dc(access_point.dc).id.to_string();
            let address = access_point.id.address.to_string();
            let labels = [dc.as_str(), address.as_str()];
            let usable = i64::from(state.health.is_usable());
            self.access_point_up.with_label_values(&labels).set(usable);
            // Those that are ready are most, and have none.
            if state.admin != AdminState::Ready {
                let labels = [labels[0], labels[1], state.admin.as_str()];
                self.access_point_admin_state.with_label_values(&labels).set(1);
            }
            if let Some(round_trip) = state.round_trip {
                let seconds = round_trip.as_secs_f64();
                self.access_point_rtt_seconds.with_label_values(&labels).set(seconds);
            }
        }
        self.forget_gone(snapshot, now);
        self.fds_open.set(kernel::open_descriptors());
        self.fds_limit.set(kernel::descriptor_limit());
        self.namespace.follow();
    }

    /// Of each DC how many alarms of each kind there are.
    fn observe_alarms(&self, snapshot: &Snapshot) {
        for (index, dc) in (0..).map(DcIndex).zip(snapshot.topology.dcs()) {
            let members = snapshot.topology.access_points_of(index);
            let alarms = members.filter_map(|(at, _)| snapshot.access_point(at).alarm.as_ref());
            let raised: Vec<AlarmKind> = alarms.map(Alarm::kind).collect();
            for kind in AlarmKind::ALL {
                let count = raised.iter().filter(|raised| **raised == kind).count();
                let labels = [&dc.id.to_string(), kind.as_str()];
                self.probe_alarms.with_label_values(&labels).set(count as i64);
            }
        }
    }

    /// Brings the gauge of remembered clients up to date: all listeners that remember any.
    pub fn observe_memory(&self, clients: &BTreeMap<Arc<str>, usize>) {
        let is_known = |name: &str| clients.keys().any(|it| **it == *name);
        let gauges: &dyn Removable = &self.sticky_clients;
        gauges.remove(&|labels| !labels.iter().any(|(_, name)| is_known(name)));
        for (listener, clients) in clients {
            let clients = i64::try_from(*clients).unwrap_or(i64::MAX);
            self.sticky_clients.with_label_values(&[listener]).set(clients);
        }
    }

    fn forget_gone(&self, snapshot: &Snapshot, now: Instant) {
        let topology = &snapshot.topology;
        let dcs = topology.dcs().iter().map(|dc| dc.id.to_string());
        let access_points = (0..).zip(topology.dcs()).flat_map(|(index, dc)| {
            let members = topology.access_points_of(DcIndex(index));
            members.map(|(_, member)| (dc.id.to_string(), member.id.address.to_string()))
        });
        let mut retention = self.retention.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let Some(expired) = retention.update(dcs, access_points, now) else {
            return;
        };
        for series in self.owned_series() {
            series.remove(&|labels| expired.owns(labels));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::admin::fixture::{all_up, three_dcs};
    use crate::routing::slot::Capacity;
    use crate::routing::{Protocol, SlotPermit};

    #[test]
    fn an_edge_that_is_cut_off_shows_it_and_its_dcs_as_they_were() {
        let metrics = Metrics::new("edge-1");
        let mut snapshot = all_up(three_dcs());
        for isolated in [true, false] {
            snapshot.isolated = isolated;
            metrics.observe(&snapshot, Instant::now());
            let text = metrics.render();
            let gauge = format!("nearpoint_edge_isolated {}\n", u8::from(isolated));
            assert!(text.contains(&gauge), "{text}");
            assert!(text.contains("nearpoint_dc_up{dc=\"2\"} 1\n"), "{text}");
        }
    }

    #[test]
    fn what_an_address_serves_by_udp_has_series_of_its_own_until_it_is_gone() {
        let metrics = Metrics::new("edge-1");
        let mut spec = three_dcs();
        let mut both = spec.dcs[0].access_points[0].clone();
        both.address.protocol = Protocol::Udp;
        spec.dcs[0].access_points.push(both);
        let mut snapshot = all_up(spec);
        snapshot.access_points[3].health = Health::Down;
        let shown = |snapshot: &Snapshot, now| {
            metrics.observe(snapshot, now);
            let text = metrics.render();
            let of = |address: &str, up| {
                let labels = format!("{{access_point=\"{address}\",dc=\"2\"}}");
                text.contains(&format!("nearpoint_access_point_up{labels} {up}\n"))
            };
            [of("10.0.2.1:443", 1), of("10.0.2.1:443/udp", 0)]
        };
        let now = Instant::now();
        assert_eq!(shown(&snapshot, now), [true, true]);
        let without = all_up(three_dcs());
        assert_eq!(shown(&without, now), [true, true], "for a while");
        let later = now + Duration::from_secs(15 * 60);
        assert_eq!(shown(&without, later), [true, false]);
    }

    #[test]
    fn what_operators_want_is_one_of_three_states_of_a_dc_and_of_access_points_what_is_not_ready() {
        let metrics = Metrics::new("edge-1");
        let mut snapshot = all_up(three_dcs());
        snapshot.dcs[1].admin = AdminState::Drain;
        snapshot.access_points[2].admin = AdminState::Maint;
        let lines = |snapshot: &Snapshot, of: &str| -> Vec<String> {
            metrics.observe(snapshot, Instant::now());
            let text = metrics.render();
            let lines = text.lines().filter_map(|line| line.strip_prefix(of));
            lines.map(str::to_owned).collect()
        };
        let of_dc = lines(&snapshot, "nearpoint_dc_admin_state{dc=\"2\",");
        let expected = ["state=\"drain\"} 1", "state=\"maint\"} 0", "state=\"ready\"} 0"];
        assert_eq!(of_dc, expected);
        let name = "nearpoint_access_point_admin_state";
        let expected = "{access_point=\"10.0.2.1:443\",dc=\"2\",state=\"maint\"} 1";
        assert_eq!(lines(&snapshot, name), [expected]);
        snapshot.access_points[2].admin = AdminState::Ready;
        assert_eq!(lines(&snapshot, name), [] as [&str; 0]);
    }

    #[test]
    fn a_place_in_a_dc_is_a_port_in_use() {
        let metrics = Metrics::new("edge-1");
        let snapshot = all_up(three_dcs());
        let in_use = |dc: &str| {
            metrics.observe(&snapshot, Instant::now());
            metrics.source_ports_in_use.with_label_values(&[dc]).get()
        };
        assert_eq!([in_use("1"), in_use("2")], [0, 0]);
        let slots = (&snapshot.dcs[1].slot, &snapshot.access_points[2].slot);
        let place = SlotPermit::reserve(slots.0, slots.1, Capacity::default()).expect("no bound");
        assert_eq!([in_use("1"), in_use("2")], [0, 1]);
        drop(place);
        assert_eq!(in_use("2"), 0);
    }

    #[test]
    fn alarms_are_counted_by_dc_and_kind_and_come_back_to_zero() {
        let metrics = Metrics::new("edge-1");
        let mut snapshot = all_up(three_dcs());
        let gauge = |metrics: &Metrics, dc, kind: AlarmKind| {
            metrics.probe_alarms.with_label_values(&[dc, kind.as_str()]).get()
        };
        snapshot.access_points[2].alarm = Some(Alarm::RateLimited);
        snapshot.access_points[3].alarm = Some(Alarm::RateLimited);
        snapshot.access_points[4].alarm = Some(Alarm::WrongDc);
        metrics.observe(&snapshot, Instant::now());
        assert_eq!(
            ["1", "2", "5"].map(|dc| gauge(&metrics, dc, AlarmKind::RateLimited)),
            [0, 2, 0]
        );
        assert_eq!(["1", "2", "5"].map(|dc| gauge(&metrics, dc, AlarmKind::WrongDc)), [0, 0, 1]);
        snapshot.access_points[2].alarm = None;
        metrics.observe(&snapshot, Instant::now());
        assert_eq!(gauge(&metrics, "2", AlarmKind::RateLimited), 1);
    }

    #[test]
    fn a_listener_that_remembers_nobody_any_more_has_no_gauge() {
        let metrics = Metrics::new("edge-1");
        let observe = |listeners: &[(&str, usize)]| {
            let clients = listeners.iter().map(|(name, clients)| ((*name).into(), *clients));
            metrics.observe_memory(&clients.collect());
            let text = metrics.render();
            let lines = text.lines().filter(|line| line.starts_with("nearpoint_sticky_clients"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let line =
            |name, clients| format!("nearpoint_sticky_clients{{listener=\"{name}\"}} {clients}");
        assert_eq!(observe(&[("a", 1), ("b", 2)]), [line("a", 1), line("b", 2)]);
        assert_eq!(observe(&[("b", 0)]), [line("b", 0)]);
    }

    #[test]
    fn the_process_knows_its_descriptors() {
        assert!(kernel::open_descriptors() > 2);
        assert!(kernel::descriptor_limit() >= kernel::open_descriptors());
    }
}
