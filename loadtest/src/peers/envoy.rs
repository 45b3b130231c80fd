//! Envoy with a thread for each core, and its fastest way through a UDP proxy.

use super::file::fill;
use super::plan::{Given, Plan};
use super::{Beginning, File};
use crate::http;
use crate::load::Transport;
use std::fmt::Write;
use std::io;

const CONFIG: &str = "envoy.yaml";
/// In a directory of its own, which Envoy watches for what is renamed into it.
const LIST: &str = "lists/load.yaml";

pub(super) fn given(plan: &Plan) -> Given {
    let (file, cores) = (plan.path(CONFIG), plan.cores.to_string());
    let args = [
        "-c",
        &file,
        "--concurrency",
        &cores,
        "--log-level",
        "error",
        // Its shared memory would be one for all Envoys of the machine.
        "--disable-hot-restart",
    ];
    let args: Vec<String> = args.map(str::to_owned).into();
    let check = ["--mode", "validate"].map(str::to_owned).into_iter().chain(args.clone()).collect();
    Given { files: vec![list(plan), config(plan)], args, check }
}

fn config(plan: &Plan) -> File {
    let text = match plan.duty.transport {
        Transport::Tcp => include_str!("../../peers/envoy.yaml"),
        Transport::Udp => include_str!("../../peers/envoy-udp.yaml"),
    };
    let (accept, send) = match plan.duty.beginning {
        Beginning::Plain | Beginning::Sniffed => ("", ""),
        Beginning::ProxyIn => (include_str!("../../peers/envoy-accept-proxy.yaml"), ""),
        Beginning::ProxyOut => ("", include_str!("../../peers/envoy-send-proxy.yaml")),
    };
    let values = [
        ("admin_ip", plan.admin.ip().to_string().into()),
        ("admin_port", plan.admin.port().to_string().into()),
        ("listen_ip", plan.listen.ip().to_string().into()),
        ("listen_port", plan.listen.port().to_string().into()),
        ("directory", plan.directory().to_string().into()),
        ("accept_proxy", accept.into()),
        ("send_proxy", send.into()),
    ];
    File { name: CONFIG, text: fill(text, &values) }
}

pub(super) fn list(plan: &Plan) -> File {
    let protocol = match plan.duty.transport {
        Transport::Tcp => "TCP",
        Transport::Udp => "UDP",
    };
    let mut servers = String::new();
    for server in &plan.servers {
        let (ip, port) = (server.ip(), server.port());
        // Writing to a string cannot fail.
        let _ = writeln!(
            servers,
            "- endpoint: {{address: {{socket_address: \
             {{protocol: {protocol}, address: \"{ip}\", port_value: {port}}}}}}}"
        );
    }
    let text = include_str!("../../peers/envoy-endpoints.yaml");
    File { name: LIST, text: fill(text, &[("servers", servers.into())]) }
}

/// How many lists were put in force so far.
pub(super) fn updates(plan: &Plan) -> io::Result<u64> {
    const COUNTER: &str = "cluster.load.update_success";
    let stats = http::get(plan.admin, &format!("/stats?filter=^{COUNTER}$"))?;
    let count = stats.lines().find_map(|line| line.strip_prefix(COUNTER)?.strip_prefix(": "));
    let count = count.and_then(|count| count.trim().parse().ok());
    count.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("no {COUNTER}")))
}

/// `/usr/bin/envoy  version: 9e5580.../1.40.0/Clean/RELEASE/BoringSSL` is a line for machines.
pub(crate) fn short_version(line: &str) -> String {
    let version = line.split_once("version: ").and_then(|(_, rest)| rest.split('/').nth(1));
    version.map_or_else(|| line.to_owned(), |version| format!("Envoy {version}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::Duty;
    use serde_yaml::Value;

    fn read(file: &File) -> Value {
        serde_yaml::from_str(&file.text).unwrap()
    }

    fn plan(duty: Duty) -> Plan {
        Plan { duty, ..Plan::example() }
    }

    #[test]
    fn config_and_list_name_addresses_of_the_right_protocol() {
        for (transport, protocol) in [(Transport::Tcp, Value::Null), (Transport::Udp, "UDP".into())]
        {
            let plan = plan(Duty::plain(transport));
            let config = read(&config(&plan));
            let admin = &config["admin"]["address"]["socket_address"];
            assert_eq!(admin["port_value"], 20_002);
            let listener = &config["static_resources"]["listeners"][0];
            let at = &listener["address"]["socket_address"];
            assert_eq!((&at["protocol"], &at["port_value"]), (&protocol, &20_001.into()));
            let endpoint = &read(&list(&plan))["resources"][0]["endpoints"][0]["lb_endpoints"][0];
            let at = &endpoint["endpoint"]["address"]["socket_address"];
            let protocol = protocol.as_str().unwrap_or("TCP");
            assert_eq!((&at["protocol"], &at["port_value"]), (&protocol.into(), &20_003.into()));
        }
    }

    #[test]
    fn headers_are_accepted_or_sent() {
        let of =
            |beginning| read(&config(&plan(Duty { beginning, ..Duty::plain(Transport::Tcp) })));
        let filter = |config: &Value| {
            config["static_resources"]["listeners"][0]["listener_filters"][0]["name"].clone()
        };
        let socket = |config: &Value| {
            config["static_resources"]["clusters"][0]["transport_socket"]["name"].clone()
        };
        let (plain, accepts, sends) =
            (of(Beginning::Plain), of(Beginning::ProxyIn), of(Beginning::ProxyOut));
        assert_eq!((filter(&plain), socket(&plain)), (Value::Null, Value::Null));
        assert_eq!(filter(&accepts), "envoy.filters.listener.proxy_protocol");
        assert_eq!(socket(&accepts), Value::Null);
        assert_eq!(socket(&sends), "envoy.transport_sockets.upstream_proxy_protocol");
        assert_eq!(filter(&sends), Value::Null);
    }

    #[test]
    fn version_is_a_word_and_a_number() {
        let line = "/usr/bin/envoy  version: 9e5580/1.40.0/Clean/RELEASE/BoringSSL";
        assert_eq!(short_version(line), "Envoy 1.40.0");
        assert_eq!(short_version("something else"), "something else");
    }
}
