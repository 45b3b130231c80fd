//! Envoy as a TCP proxy, with active checks, outlier detection and a list that it watches.

use super::setting::{
    ATTEMPTS, CONNECT_TIMEOUT, ERRORS, FALL, FAST_INTERVAL, IDLE, INTERVAL, Probe, RISE, Setting,
    word,
};
use crate::lab::layout::AccessPoint;
use crate::peers::File;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

const CONFIG: &str = "envoy.yaml";
/// In a directory of its own, which Envoy watches for what is renamed into it.
const LIST: &str = "lists/dcs.yaml";

pub(super) fn args(directory: &Path, setting: &Setting) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec!["-c".into(), directory.join(CONFIG).into()];
    args.extend(["--concurrency".into(), setting.cores.to_string().into()]);
    args.extend(["--log-level".into(), "error".into()]);
    // Its shared memory would be one for all Envoys of the machine.
    args.push("--disable-hot-restart".into());
    args
}

pub(super) fn files(directory: &Path, setting: &Setting) -> Vec<File> {
    vec![config(directory, setting), list(setting)]
}

/// Envoy notices by itself.
pub(super) fn list(setting: &Setting) -> File {
    let (near, far) = setting.near_and_far();
    // A priority serves with factor x (healthy / all) of what comes, at most all of it, and the next
    // one gets the rest.
    let factor = 100 * setting.access_points.len().max(1);
    let text = format!(
        "resources:
- \"@type\": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment
  cluster_name: dcs
  policy:
    # One access point that is well is enough: the far ones get nobody while there is any. By
    # default they would get a part as soon as 3 in 10 are not well.
    overprovisioning_factor: {factor}
  endpoints:
  - priority: 0
    lb_endpoints:{near}
  - priority: 1
    lb_endpoints:{far}
",
        near = endpoints(&near),
        far = endpoints(&far),
    );
    File { name: LIST, text }
}

fn endpoints(access_points: &[AccessPoint]) -> String {
    if access_points.is_empty() {
        return " []".to_owned();
    }
    let mut text = String::new();
    for access_point in access_points {
        let (name, at) = (word(*access_point), access_point.address());
        let (ip, port) = (at.ip(), at.port());
        let _ = write!(
            text,
            "\n    - endpoint: {{hostname: {name}, address: {{socket_address: \
             {{address: \"{ip}\", port_value: {port}}}}}}}"
        );
    }
    text
}

fn config(directory: &Path, setting: &Setting) -> File {
    let Setting { listen, admin, .. } = setting;
    let (directory, lists) = (directory.display(), directory.join(LIST));
    let watched = lists.parent().unwrap_or(&lists).display();
    let lists = lists.display();
    let idle = IDLE * 60;
    let check = match setting.probe {
        Probe::Tcp => "tcp_health_check: {}",
        // By default answers other than 200 are bad.
        Probe::Http => "http_health_check: {path: /, host: dcs}",
    };
    let text = format!(
        "# All of it is in {directory}.
node: {{id: failover, cluster: failover}}
admin:
  address: {{socket_address: {{address: \"{admin_ip}\", port_value: {admin_port}}}}}
static_resources:
  listeners:
  - name: clients
    address: {{socket_address: {{address: \"{listen_ip}\", port_value: {listen_port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.tcp_proxy
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: clients
          cluster: dcs
          max_connect_attempts: {ATTEMPTS}
          idle_timeout: {idle}s
  clusters:
  - name: dcs
    type: EDS
    eds_cluster_config:
      eds_config:
        resource_api_version: V3
        path_config_source:
          path: {lists}
          watched_directory: {{path: {watched}}}
    connect_timeout: {CONNECT_TIMEOUT}s
    # The next attempt of a session goes to whoever's turn it is, mostly another access point: retries
    # of TCP exclude nobody. LEAST_REQUEST would prefer those that fail, which have no sessions.
    lb_policy: ROUND_ROBIN
    common_lb_config:
      # Nothing is well: all are tried. As long as anything is, the factor of the list keeps this
      # from mattering.
      healthy_panic_threshold: {{value: 50}}
      # Access points that are new get nobody before their first check.
      ignore_new_hosts_until_first_hc: true
    # What the list does not have any more is left at once, also if it answers checks.
    ignore_health_on_host_removal: true
    # Whoever is with an access point that is down may connect again at once.
    close_connections_on_host_health_failure: true
    health_checks:
    - timeout: {CONNECT_TIMEOUT}s
      interval: {INTERVAL}s
      # By default a minute, until the first client comes.
      no_traffic_interval: {INTERVAL}s
      no_traffic_healthy_interval: {INTERVAL}s
      # While the state is about to change.
      unhealthy_edge_interval: {fast}s
      healthy_edge_interval: {fast}s
      unhealthy_threshold: {FALL}
      healthy_threshold: {RISE}
      # Each check is a connect, as that of a client is.
      reuse_connection: false
      {check}
    # Connects of clients count too: so many in a row that fail take an access point out of use; a
    # good check brings it back.
    outlier_detection:
      split_external_local_origin_errors: true
      consecutive_local_origin_failure: {ERRORS}
      enforcing_consecutive_local_origin_failure: 100
      # Not who is worse than the others: that is for many, and there are few.
      enforcing_local_origin_success_rate: 0
      # By default one access point in ten, where a site is six.
      max_ejection_percent: 100
      interval: 1s
      base_ejection_time: 10s
      max_ejection_time: 10s
    circuit_breakers:
      thresholds:
      - max_connections: 1000000
        max_pending_requests: 1000000
        max_requests: 1000000
        max_retries: 1000000
",
        admin_ip = admin.ip(),
        admin_port = admin.port(),
        listen_ip = listen.ip(),
        listen_port = listen.port(),
        fast = f64::from(FAST_INTERVAL) / 1000.0,
    );
    File { name: CONFIG, text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_yaml::Value;

    fn read(file: &File) -> Value {
        serde_yaml::from_str(&file.text).unwrap()
    }

    #[test]
    fn list_has_the_near_ones_first_and_the_far_ones_only_after_the_last_of_them() {
        let list = &read(&list(&Setting::example(Probe::Tcp)))["resources"][0];
        assert_eq!(list["policy"]["overprovisioning_factor"], 900);
        let address = |priority: usize, n: usize| {
            let endpoint = &list["endpoints"][priority]["lb_endpoints"][n]["endpoint"];
            endpoint["address"]["socket_address"]["address"].clone()
        };
        assert_eq!(address(0, 0), "198.19.1.10");
        assert_eq!(address(0, 5), "2001:2:0:2::10");
        assert_eq!(address(1, 2), "2001:2:0:3::10");
    }

    #[test]
    fn a_list_without_the_near_ones_is_well_formed() {
        let mut setting = Setting::example(Probe::Tcp);
        setting.access_points.retain(|access_point| access_point.dc.id() == 3);
        let list = &read(&list(&setting))["resources"][0]["endpoints"];
        assert_eq!(list[0]["lb_endpoints"].as_sequence().unwrap().len(), 0);
        assert_eq!(list[1]["lb_endpoints"].as_sequence().unwrap().len(), 3);
    }

    #[test]
    fn config_watches_the_list_and_checks_as_it_is_told() {
        for (probe, key) in [(Probe::Tcp, "tcp_health_check"), (Probe::Http, "http_health_check")] {
            let config = read(&config(Path::new("/run/lab"), &Setting::example(probe)));
            let resources = &config["static_resources"];
            let cluster = &resources["clusters"][0];
            let source = &cluster["eds_cluster_config"]["eds_config"]["path_config_source"];
            assert_eq!(source["path"], "/run/lab/lists/dcs.yaml");
            assert_eq!(source["watched_directory"]["path"], "/run/lab/lists");
            assert!(!cluster["health_checks"][0][key].is_null());
            assert_eq!(cluster["health_checks"][0]["unhealthy_edge_interval"], "0.3s");
            let listener = &resources["listeners"][0]["address"]["socket_address"];
            assert_eq!(
                (&listener["address"], &listener["port_value"]),
                (&"198.19.0.2".into(), &8443.into())
            );
        }
    }
}
