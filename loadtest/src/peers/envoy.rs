//! Envoy with a thread for each core, and its fastest way through a UDP proxy.

use super::Plan;
use crate::load::Transport;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use tokio::process::Command;

pub(super) fn command(program: &Path, directory: &Path, plan: &Plan) -> io::Result<Command> {
    let file = directory.join("envoy.yaml");
    fs::write(&file, config(plan))?;
    let mut command = Command::new(program);
    command.arg("-c").arg(file);
    command.args(["--concurrency", &plan.cores.to_string(), "--log-level", "error"]);
    // Its shared memory would be one for all Envoys of the machine.
    command.arg("--disable-hot-restart");
    Ok(command)
}

pub(super) fn config(plan: &Plan) -> String {
    let (protocol, listener, cluster) = match plan.duty.transport {
        Transport::Tcp => ("TCP", TCP_LISTENER, ""),
        Transport::Udp => ("UDP", UDP_LISTENER, UDP_CLUSTER),
    };
    format!(
        "node: {{id: load, cluster: load}}
admin: {{address: {admin}}}
static_resources:
  listeners:
  - name: load
    address: {listen}
{listener}  clusters:
  - name: backend
    type: STATIC
    connect_timeout: 5s
    # By default it holds back after 1,024 of each.
    circuit_breakers: {{thresholds: [{{max_connections: 1000000, max_pending_requests: 1000000}}]}}
{cluster}    load_assignment:
      cluster_name: backend
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {backend}}}}}]}}]
",
        admin = address("TCP", plan.admin),
        listen = address(protocol, plan.listen),
        backend = address(protocol, plan.backend),
    )
}

fn address(protocol: &str, at: SocketAddr) -> String {
    let (ip, port) = (at.ip(), at.port());
    format!("{{socket_address: {{protocol: {protocol}, address: \"{ip}\", port_value: {port}}}}}")
}

const TCP_LISTENER: &str = "    filter_chains:
    - filters:
      - name: envoy.filters.network.tcp_proxy
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: load
          cluster: backend
          idle_timeout: 600s
";

/// Receive buffers as large as nearpoint's; the longest datagrams are a little longer than those of the
/// load, since with each of them Envoy allocates that much.
const UDP_LISTENER: &str = "    # A socket for each thread, as the others have.
    enable_reuse_port: true
    socket_options:
    - {description: SO_RCVBUF, level: 1, name: 8, int_value: 4194304, state: STATE_PREBIND}
    udp_listener_config:
      # Datagrams that are sent together are segmented by the kernel: half the time of a download. It is
      # there for QUIC and off by default.
      udp_packet_packet_writer_config:
        name: envoy.udp_packet_writer.gso
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.udp_packet_writer.v3.UdpGsoBatchWriterFactory
      downstream_socket_config:
        # Coalesced datagrams: off by default for listeners.
        prefer_gro: true
        max_rx_datagram_size: 1500
    listener_filters:
    - name: envoy.filters.udp_listener.udp_proxy
      typed_config:
        \"@type\": type.googleapis.com/envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig
        stat_prefix: load
        # A flow is one session, and stays: a new one for each datagram would cost more.
        idle_timeout: 60s
        matcher:
          on_no_match:
            action:
              name: route
              typed_config:
                \"@type\": type.googleapis.com/envoy.extensions.filters.udp.udp_proxy.v3.Route
                cluster: backend
        upstream_socket_config:
          prefer_gro: true
          max_rx_datagram_size: 1500
";

/// Without it the kernel's default of 208 KiB bounds downloads, at 90 datagrams.
const UDP_CLUSTER: &str = "    upstream_bind_config:
      source_address: {address: 127.0.0.1, port_value: 0}
      socket_options:
      - {description: SO_RCVBUF, level: 1, name: 8, int_value: 4194304, state: STATE_PREBIND}
";

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

    #[test]
    fn config_names_addresses_of_the_right_protocol() {
        for (transport, protocol) in [(Transport::Tcp, "TCP"), (Transport::Udp, "UDP")] {
            let config = config(&Plan { duty: Duty::plain(transport), ..Plan::example() });
            let config: Value = serde_yaml::from_str(&config).unwrap();
            let at = |value: &Value| {
                let at = &value["socket_address"];
                (at["protocol"].as_str().unwrap().to_owned(), at["port_value"].as_u64().unwrap())
            };
            assert_eq!(at(&config["admin"]["address"]), ("TCP".to_owned(), 20_002));
            let resources = &config["static_resources"];
            let listener = &resources["listeners"][0];
            assert_eq!(at(&listener["address"]), (protocol.to_owned(), 20_001));
            let endpoint = &resources["clusters"][0]["load_assignment"]["endpoints"][0];
            let endpoint = &endpoint["lb_endpoints"][0]["endpoint"]["address"];
            assert_eq!(at(endpoint), (protocol.to_owned(), 20_003));
            let is_udp = !listener["udp_listener_config"].is_null();
            assert_eq!(is_udp, transport == Transport::Udp);
        }
    }

    #[test]
    fn version_is_a_word_and_a_number() {
        let line = "/usr/bin/envoy  version: 9e5580/1.40.0/Clean/RELEASE/BoringSSL";
        assert_eq!(short_version(line), "Envoy 1.40.0");
        assert_eq!(short_version("something else"), "something else");
    }
}
