//! nearpoint as it is shipped, with DCs around the world.

use super::file::fill;
use super::plan::{Given, Plan};
use super::{Beginning, File};
use crate::load::Transport;
use std::fmt::Write;

const CONFIG: &str = "nearpoint.yaml";
const LIST: &str = "dc_options.yaml";
const TOKENS: &str = "tokens";

/// What a command shows that changes something.
pub(super) const TOKEN: &str = "token-of-the-load-test-0123456789";

pub(super) fn given(plan: &Plan) -> Given {
    let words = |command: &str| vec![command.to_owned(), plan.path(CONFIG)];
    let tokens = File { name: TOKENS, text: format!("loadtest write {TOKEN}\n") };
    Given {
        files: vec![config(plan), list(plan), tokens],
        args: words("run"),
        check: words("check"),
    }
}

fn config(plan: &Plan) -> File {
    let (route, accept_from, send_proxy) = match plan.duty.beginning {
        Beginning::Plain => ("nearest", "", ""),
        Beginning::Sniffed => ("{mtproto: {trust_plain_dc: known}}", "", ""),
        Beginning::ProxyIn => ("nearest", "127.0.0.0/8", ""),
        Beginning::ProxyOut => ("nearest", "", ", send_proxy: v2"),
    };
    let mut dcs = String::new();
    for nth in 0..plan.duty.dcs {
        let (id, place) = (nth + 1, place(nth, plan.duty.dcs));
        // Writing to a string cannot fail.
        let _ = writeln!(dcs, "- {{id: {id}, location: {place}{send_proxy}}}");
    }
    let protocol = match plan.duty.transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    };
    let values = [
        ("listen", plan.listen.to_string().into()),
        ("admin", plan.admin.to_string().into()),
        ("protocol", protocol.into()),
        ("route", route.into()),
        ("accept_from", accept_from.into()),
        ("dcs", dcs.into()),
    ];
    File { name: CONFIG, text: fill(include_str!("../../peers/nearpoint.yaml"), &values) }
}

/// The first DC is with the clients; the others lie on a spiral from pole to pole, evenly spread.
fn place(nth: u32, count: u32) -> String {
    if nth == 0 {
        return "{country: NL}".to_owned();
    }
    const GOLDEN_ANGLE: f64 = 137.507_764;
    let height = 1.0 - 2.0 * (f64::from(nth) + 0.5) / f64::from(count);
    let (lat, lon) = (height.asin().to_degrees(), (f64::from(nth) * GOLDEN_ANGLE) % 360.0 - 180.0);
    format!("{{lat: {lat:.2}, lon: {lon:.2}}}")
}

/// Each DC has an equal share of the access points, one after the other.
pub(super) fn list(plan: &Plan) -> File {
    let per_dc = plan.servers.len().div_ceil(plan.duty.dcs.max(1) as usize).max(1);
    let protocols = match plan.duty.transport {
        Transport::Tcp => "",
        Transport::Udp => ", protocols: [udp]",
    };
    let mut text = String::new();
    for (nth, server) in plan.servers.iter().enumerate() {
        let (id, ip, port) = (nth / per_dc + 1, server.ip(), server.port());
        // Writing to a string cannot fail.
        let _ = writeln!(text, "- {{id: {id}, ip_address: {ip}, port: {port}{protocols}}}");
    }
    File { name: LIST, text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::Duty;
    use serde_yaml::Value;

    fn read(plan: &Plan) -> Value {
        serde_yaml::from_str(&config(plan).text).unwrap()
    }

    #[test]
    fn config_names_listener_and_admin_and_the_list_names_the_backend() {
        let plan = Plan::example();
        let config = read(&plan);
        assert_eq!(config["listeners"][0]["bind"][0], "127.0.0.1:20001");
        assert_eq!(config["listeners"][0]["protocol"], "tcp");
        assert_eq!(config["admin"]["bind"], "127.0.0.1:20002");
        assert_eq!(list(&plan).text, "- {id: 1, ip_address: 127.0.0.1, port: 20003}\n");
        let plan = Plan { duty: Duty::plain(Transport::Udp), ..plan };
        assert_eq!(read(&plan)["listeners"][0]["protocol"], "udp");
        assert!(list(&plan).text.contains("port: 20003, protocols: [udp]}"));
    }

    #[test]
    fn access_points_are_shared_out_among_dcs_around_the_world() {
        let at = |last| std::net::SocketAddr::from(([127, 1, 0, last], 443));
        let duty = Duty { dcs: 3, ..Duty::plain(Transport::Tcp) };
        let plan = Plan { duty, servers: (0..6).map(at).collect(), ..Plan::example() };
        let dcs = read(&plan)["dcs"].as_sequence().unwrap().clone();
        assert_eq!(dcs.len(), 3);
        assert_eq!(dcs[0]["location"]["country"], "NL");
        assert!(dcs[1..].iter().all(|dc| dc["location"]["lat"].is_number()), "{dcs:?}");
        let list: Vec<Value> = serde_yaml::from_str(&list(&plan).text).unwrap();
        let ids: Vec<_> = list.iter().filter_map(|it| it["id"].as_u64()).collect();
        assert_eq!(ids, [1, 1, 2, 2, 3, 3]);
    }

    #[test]
    fn beginnings_are_a_route_or_headers_that_are_believed_or_sent() {
        let of = |beginning| {
            let duty = Duty { beginning, ..Duty::plain(Transport::Tcp) };
            read(&Plan { duty, ..Plan::example() })
        };
        let route = |config: &Value| config["listeners"][0]["route"].clone();
        let sniffed = of(Beginning::Sniffed);
        assert_eq!(route(&sniffed)["mtproto"]["trust_plain_dc"], "known");
        let accepts = of(Beginning::ProxyIn);
        assert_eq!(accepts["listeners"][0]["proxy_protocol"]["accept_from"][0], "127.0.0.0/8");
        let sends = of(Beginning::ProxyOut);
        assert_eq!(
            (route(&sends), &sends["dcs"][0]["send_proxy"]),
            ("nearest".into(), &"v2".into())
        );
    }
}
