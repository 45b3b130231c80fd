//! `nearpoint status` for people.

use std::time::Duration;

use comfy_table::{Cell, Color};

use super::{Look, NOTHING, millis, number, plural, table, text, wanted, word};
use crate::admin::view::{
    AccessPointAlarmView, DatabaseView, DcStatusView, DescriptorsView, ListenerView, ReloadView,
    SiteStatusView, StandingView, StatusView,
};
use crate::routing::Protocol;

/// The daemon on one screen: whether it is ready, its DCs and their sites, its listeners.
pub(in crate::cli) fn render(view: &StatusView, look: Look) -> String {
    let tables = [
        dcs(&view.dcs, look),
        rooms(&view.dcs, look),
        sites(&view.sites, look),
        listeners(&view.listeners, look),
    ];
    let wanted = wanted::intents(&view.intents, look);
    let parts = [Some(headline(view)), alarms(&view.dcs, look)].into_iter().flatten();
    let parts = parts.chain(wanted).chain(tables).chain([footer(view)]);
    parts.collect::<Vec<_>>().join("\n\n")
}

fn headline(view: &StatusView) -> String {
    let ready = match view.ready {
        true => "ready",
        false => "NOT READY",
    };
    let workers = plural(view.workers, "worker", "workers");
    let active = view.sessions_active as usize;
    let active = match view.listeners.iter().any(|listener| listener.protocol == UDP) {
        true => format!("{active} sessions and flows"),
        false => plural(active, "session", "sessions"),
    };
    let mut lines = vec![format!(
        "{} is {ready}: {active}, up {}, {workers}",
        view.edge,
        lasting(view.uptime_seconds)
    )];
    lines.extend(view.not_ready.iter().map(|reason| format!("  {reason}")));
    lines.join("\n")
}

fn dcs(dcs: &[DcStatusView], look: Look) -> String {
    // What the local ports allow is of interest where there are flows.
    let has_flows = dcs.iter().any(|dc| dc.most_flows.is_some());
    let columns = ["DC", "NAME", "STATE", "UP", "SESSIONS", "ROUND TRIP", "MOST FLOWS", ""];
    let shown = |title: &&str| has_flows || *title != "MOST FLOWS";
    let mut table = table(look, &columns.into_iter().filter(shown).collect::<Vec<_>>());
    for dc in dcs {
        let [state, up, sessions, round_trip, says] = standing(&dc.stands);
        let most = dc.most_flows.map_or_else(|| NOTHING.to_owned(), |most| most.to_string());
        let most = has_flows.then(|| number(most));
        let row = [number(dc.id), Cell::new(&dc.name), state, up, sessions, round_trip];
        table.add_row(row.into_iter().chain(most).chain([says]));
    }
    text(&table)
}

/// How much of each DC is taken, and what it is dialled by.
fn rooms(dcs: &[DcStatusView], look: Look) -> String {
    let header = ["DC", "PLACES TAKEN", "MAX SESSIONS", "SOURCE PORTS", "MARK", "INTERFACE"];
    let mut table = table(look, &header);
    for DcStatusView { id, room, source_ports, .. } in dcs {
        let known = |it: Option<String>| it.unwrap_or_else(|| NOTHING.to_owned());
        table.add_row([
            number(id),
            number(room.placed),
            number(known(room.max_sessions.map(|most| most.to_string()))),
            number(known(source_ports.map(|ports| ports.to_string()))),
            number(known(room.mark.map(|mark| mark.to_string()))),
            Cell::new(known(room.interface.clone())),
        ]);
    }
    text(&table)
}

/// What listeners for UDP say that they serve.
const UDP: &str = Protocol::Udp.as_str();

/// What somebody should look at, if there is anything.
fn alarms(dcs: &[DcStatusView], look: Look) -> Option<String> {
    let all = || dcs.iter().flat_map(|dc| dc.alarms.iter().map(|alarm| (dc.id, alarm)));
    let mut table = table(look, &["ALARM", "DC", "ACCESS POINT", ""]);
    for (dc, AccessPointAlarmView { access_point, alarm }) in all().take(MOST_ALARMS) {
        let kind = Cell::new(&alarm.alarm).fg(Color::Red);
        table.add_row([kind, number(dc), Cell::new(access_point), Cell::new(&alarm.says)]);
    }
    let shown = match all().count() {
        0 => return None,
        count if count <= MOST_ALARMS => text(&table),
        count => {
            let more = plural(count - MOST_ALARMS, "other alarm", "other alarms");
            format!("{}\n and {more}; --json has all", text(&table))
        }
    };
    Some(shown)
}

/// As many alarms fit on the screen beside all else.
const MOST_ALARMS: usize = 10;

fn sites(sites: &[SiteStatusView], look: Look) -> String {
    let mut table = table(look, &["SITE", "DCS", "STATE", "UP", "SESSIONS", "ROUND TRIP", ""]);
    for site in sites {
        let dcs = site.dcs.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        let named = [Cell::new(&site.name), Cell::new(dcs)];
        table.add_row(named.into_iter().chain(standing(&site.stands)));
    }
    text(&table)
}

/// What follows the name of a DC or a site.
fn standing(it: &StandingView) -> [Cell; 5] {
    [
        word(it.standing.as_str()),
        number(format!("{}/{}", it.access_points_up, it.access_points)),
        number(it.sessions_active),
        millis(it.round_trip_ms),
        Cell::new(&it.says),
    ]
}

fn listeners(listeners: &[ListenerView], look: Look) -> String {
    let header = ["LISTENER", "SERVES", "ADDRESSES", "ROUTE", "DCS", "OPEN", "REMEMBERS"];
    let mut table = table(look, &header);
    for listener in listeners {
        let dcs = match &listener.dcs {
            None => "all".to_owned(),
            Some(dcs) => dcs.iter().map(u16::to_string).collect::<Vec<_>>().join(", "),
        };
        let addresses = match listener.addresses.as_slice() {
            [] => NOTHING.to_owned(),
            addresses => addresses.join(" "),
        };
        let remembers = match listener.remembers {
            None => NOTHING.to_owned(),
            Some(clients) => plural(clients, "client", "clients"),
        };
        let open = listener.open as usize;
        let open = match listener.protocol.as_str() {
            UDP => plural(open, "flow", "flows"),
            _ => plural(open, "session", "sessions"),
        };
        let ListenerView { name, protocol, route, .. } = listener;
        table.add_row(vec![name, protocol, &addresses, route, &dcs, &open, &remembers]);
    }
    text(&table)
}

fn footer(view: &StatusView) -> String {
    let mut lines = vec![format!(
        "dc_options {}, {} old; snapshot {}",
        view.revision,
        lasting(view.dc_options_age_seconds),
        view.generation
    )];
    lines.extend(view.dc_options.as_ref().and_then(wanted::push));
    lines.extend(view.last_reload.iter().flat_map(reload));
    match &view.geoip {
        None => lines.push("geoip: none".to_owned()),
        Some(places) => lines.extend([database("geoip", places), contents(places)]),
    }
    if let Some(asn) = &view.geoip_asn {
        lines.extend([database("geoip asn", asn), contents(asn)]);
    }
    lines.extend(view.descriptors.map(|descriptors| {
        let DescriptorsView { open, limit, most_sessions } = descriptors;
        format!("descriptors: {open} of {limit} open; accepting pauses at {most_sessions} sessions")
    }));
    lines.push(format!("nearpoint {}, pid {}", view.version, view.pid));
    lines.join("\n")
}

fn database(what: &str, database: &DatabaseView) -> String {
    let DatabaseView { source, database_type, built, age_seconds, stale, .. } = database;
    let mut line = format!("{what} {source} ({database_type})");
    if let Some(built) = built {
        line.push_str(&format!(", built {built}"));
    }
    if let Some(age) = age_seconds {
        line.push_str(&format!(", {} old", plural((age / DAY) as usize, "day", "days")));
    }
    if *stale {
        line.push_str(": STALE");
    }
    line
}

/// Seconds.
const DAY: u64 = 24 * 60 * 60;

fn contents(database: &DatabaseView) -> String {
    let DatabaseView { networks, with_country, with_coordinates, with_asn, .. } = database;
    let families = match database.ip_version {
        6 => "IPv4 and IPv6",
        _ => "IPv4",
    };
    format!(
        "  {families}: {networks} networks, {with_country} with country, {with_coordinates} with \
         coordinates, {with_asn} with ASN"
    )
}

fn reload(reload: &ReloadView) -> Vec<String> {
    let ReloadView { at, source, accepted, problems } = reload;
    let verdict = match accepted {
        true => "accepted",
        false => "REFUSED, the last good configuration stays",
    };
    let first = format!("last reload {at} ({source}): {verdict}");
    std::iter::once(first).chain(problems.iter().map(|problem| format!("  {problem}"))).collect()
}

fn lasting(seconds: u64) -> String {
    humantime::format_duration(Duration::from_secs(seconds)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::view::{
        AlarmView, IntentView, OriginView, RoomView, Standing, StandingPushView,
    };
    use crate::routing::Alarm;

    fn stands(access_points: usize, standing: Standing, says: &str) -> StandingView {
        StandingView {
            standing,
            says: says.into(),
            access_points_up: 2,
            access_points,
            sessions_active: 1204,
            round_trip_ms: Some(12.3),
        }
    }

    fn dc(id: u16, name: &str, standing: Standing, says: &str) -> DcStatusView {
        let stands = stands(2, standing, says);
        let (held_down, alarms) = (Vec::new(), Vec::new());
        let name = name.into();
        let room = RoomView { placed: 1210, ..RoomView::default() };
        DcStatusView {
            id,
            name,
            stands,
            closing: 0,
            held_down,
            alarms,
            most_flows: None,
            room,
            source_ports: Some(112_928),
        }
    }

    fn site(name: &str, dcs: &[u16], standing: Standing, says: &str) -> SiteStatusView {
        SiteStatusView { name: name.into(), dcs: dcs.into(), stands: stands(4, standing, says) }
    }

    #[test]
    fn alarms_have_a_table_of_their_own_that_fits_on_the_screen() {
        let mut dcs = [dc(1, "mia", Standing::Serving, ""), dc(2, "ams", Standing::Serving, "")];
        assert_eq!(alarms(&dcs, Look::Plain), None);
        let alarm = |n: usize| AccessPointAlarmView {
            access_point: format!("192.0.2.{n}:443"),
            alarm: AlarmView::from(&Alarm::RateLimited),
        };
        dcs[1].alarms = vec![alarm(1)];
        let expected = [
            " ALARM         DC  ACCESS POINT",
            " rate_limited   2  192.0.2.1:443  limits the rate of connections from here (error -429)",
        ]
        .join("\n");
        assert_eq!(alarms(&dcs, Look::Plain).as_deref(), Some(&*expected));
        dcs[0].alarms = (2..=12).map(alarm).collect();
        let shown = alarms(&dcs, Look::Plain).expect("alarms");
        assert_eq!(shown.lines().count(), 1 + MOST_ALARMS + 1);
        assert!(shown.ends_with("\n and 2 other alarms; --json has all"), "{shown}");
    }

    #[test]
    fn flows_have_a_limit_by_ports_and_listeners_say_what_they_serve() {
        let mut two = [
            dc(1, "mia", Standing::Serving, "all access points up"),
            dc(2, "ams", Standing::Serving, ""),
        ];
        two[0].most_flows = Some(56_464);
        let expected = [
            " DC  NAME  STATE    UP   SESSIONS  ROUND TRIP  MOST FLOWS",
            "  1  mia   serving  2/2      1204       12 ms       56464  all access points up",
            "  2  ams   serving  2/2      1204       12 ms           -",
        ]
        .join("\n");
        let rendered = dcs(&two, Look::Plain);
        assert_eq!(rendered, expected, "\n{rendered}");
        let listener = |name: &str, protocol: &str, open| ListenerView {
            name: name.into(),
            protocol: protocol.into(),
            open,
            addresses: vec!["0.0.0.0:443".into()],
            route: "nearest".into(),
            dcs: None,
            remembers: None,
        };
        let rendered =
            listeners(&[listener("calls", "udp", 7), listener("web", "tcp", 1)], Look::Plain);
        let expected = [
            " LISTENER  SERVES  ADDRESSES    ROUTE    DCS  OPEN       REMEMBERS",
            " calls     udp     0.0.0.0:443  nearest  all  7 flows    -",
            " web       tcp     0.0.0.0:443  nearest  all  1 session  -",
        ]
        .join("\n");
        assert_eq!(rendered, expected, "\n{rendered}");
    }

    #[test]
    fn an_operator_reads_the_daemon_on_one_screen() {
        let says = "no access point up; its clients go to other DCs";
        let mut lost = dc(2, "ams", Standing::Down, says);
        (lost.stands.access_points_up, lost.stands.sessions_active) = (0, 0);
        lost.stands.round_trip_ms = None;
        lost.room = RoomView {
            placed: 0,
            max_sessions: Some(40_000),
            mark: Some(7),
            interface: Some("wg0".into()),
            send_proxy: None,
        };
        let view = StatusView {
            version: "0.1.0".into(),
            edge: "edge-1".into(),
            pid: 4711,
            uptime_seconds: 11_525,
            workers: 2,
            ready: true,
            not_ready: Vec::new(),
            isolated: false,
            isolated_since: None,
            generation: 42,
            revision: "9f86d081884c7d65".into(),
            dc_options_age_seconds: 61,
            dc_options: Some(OriginView {
                origin: OriginView::PUSHED.into(),
                push: Some(StandingPushView {
                    number: 7,
                    at: "2026-11-01T11:59:00Z".into(),
                    by: Some("anna".into()),
                    reason: Some("new hall".into()),
                    over: None,
                    survives_restart: true,
                }),
            }),
            intents: vec![IntentView {
                dc: 2,
                access_point: None,
                state: "drain".into(),
                since: "2026-11-01T11:00:00Z".into(),
                until: Some("2026-11-01T13:00:00Z".into()),
                remaining_seconds: Some(3600),
                by: Some("anna".into()),
                reason: None,
            }],
            descriptors: Some(DescriptorsView { open: 4_899, limit: 20_000, most_sessions: 9_543 }),
            sessions_active: 2408,
            listeners: vec![ListenerView {
                name: "clients".into(),
                protocol: "tcp".into(),
                open: 2410,
                addresses: vec!["0.0.0.0:443".into(), "[::]:443".into()],
                route: "nearest".into(),
                dcs: None,
                remembers: Some(41),
            }],
            dcs: vec![dc(1, "mia", Standing::Serving, "all access points up"), lost],
            sites: vec![site(
                "east",
                &[1, 2],
                Standing::Degraded,
                "2 of 4 access points up; DC 2 down",
            )],
            last_reload: Some(ReloadView {
                at: "2026-11-01T12:00:00Z".into(),
                source: "file".into(),
                accepted: false,
                problems: vec!["dc_options[2].port: 0 is not a port".into()],
            }),
            geoip: Some(DatabaseView {
                source: "embedded".into(),
                database_type: "DBIP-Country".into(),
                built: Some("2026-08-01T00:00:00Z".into()),
                age_seconds: Some(92 * DAY),
                stale: true,
                ip_version: 6,
                networks: 600_000,
                with_country: 599_000,
                with_coordinates: 0,
                with_asn: 0,
            }),
            geoip_asn: Some(DatabaseView {
                source: "/var/lib/asn.mmdb".into(),
                database_type: "GeoLite2-ASN".into(),
                built: Some("2026-10-31T00:00:00Z".into()),
                age_seconds: Some(DAY + 7),
                stale: false,
                ip_version: 4,
                networks: 70_000,
                with_country: 0,
                with_coordinates: 0,
                with_asn: 70_000,
            }),
        };
        let expected = "\
edge-1 is ready: 2408 sessions, up 3h 12m 5s, 2 workers

 WANTED  DC  ACCESS POINT  UNTIL                 BY    REASON
 drain    2  -             2026-11-01T13:00:00Z  anna  -

 DC  NAME  STATE    UP   SESSIONS  ROUND TRIP
  1  mia   serving  2/2      1204       12 ms  all access points up
  2  ams   down     0/2         0           -  no access point up; its clients go to other DCs

 DC  PLACES TAKEN  MAX SESSIONS  SOURCE PORTS  MARK  INTERFACE
  1          1210             -        112928     -  -
  2             0         40000        112928     7  wg0

 SITE  DCS   STATE     UP   SESSIONS  ROUND TRIP
 east  1, 2  degraded  2/4      1204       12 ms  2 of 4 access points up; DC 2 down

 LISTENER  SERVES  ADDRESSES             ROUTE    DCS  OPEN           REMEMBERS
 clients   tcp     0.0.0.0:443 [::]:443  nearest  all  2410 sessions  41 clients

dc_options 9f86d081884c7d65, 1m 1s old; snapshot 42
  pushed 2026-11-01T11:59:00Z, number 7 of the history, by anna: new hall; it stands for the file until that changes
last reload 2026-11-01T12:00:00Z (file): REFUSED, the last good configuration stays
  dc_options[2].port: 0 is not a port
geoip embedded (DBIP-Country), built 2026-08-01T00:00:00Z, 92 days old: STALE
  IPv4 and IPv6: 600000 networks, 599000 with country, 0 with coordinates, 0 with ASN
geoip asn /var/lib/asn.mmdb (GeoLite2-ASN), built 2026-10-31T00:00:00Z, 1 day old
  IPv4: 70000 networks, 0 with country, 0 with coordinates, 70000 with ASN
descriptors: 4899 of 20000 open; accepting pauses at 9543 sessions
nearpoint 0.1.0, pid 4711";
        let rendered = render(&view, Look::Plain);
        assert_eq!(rendered, expected, "\n{rendered}");
    }
}
