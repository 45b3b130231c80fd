//! nearpoint as it is shipped: where DCs and clients are, and how to probe, is all it is told.

use super::setting::{Probe, Setting};
use crate::lab::layout::{CLIENTS_V4, CLIENTS_V6, Dc, Site};
use crate::peers::File;
use serde_yaml::{Mapping, Value};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

const CONFIG: &str = "nearpoint.yaml";
const LIST: &str = "dc_options.yaml";
const TOKENS: &str = "tokens";

/// What a command shows that changes something.
pub(in crate::failover) const TOKEN: &str = "token-of-the-laboratory-0123456789";

pub(super) fn args(directory: &Path) -> Vec<OsString> {
    vec!["run".into(), directory.join(CONFIG).into()]
}

/// # Errors
///
/// `setting.extra` has something that YAML can be read from and not be written as: a tag in a tag.
pub(super) fn files(setting: &Setting) -> Result<Vec<File>, serde_yaml::Error> {
    let tokens = File { name: TOKENS, text: format!("lab write {TOKEN}\n") };
    Ok(vec![File { name: CONFIG, text: config(setting)? }, list(setting), tokens])
}

/// The list is a file of its own. SIGHUP has it read at once; without, its change is noticed.
pub(super) fn list(setting: &Setting) -> File {
    let mut text = String::new();
    let protocols = if setting.udp { ", protocols: [tcp, udp]" } else { "" };
    for access_point in &setting.access_points {
        let (id, address) = (access_point.dc.id(), access_point.address());
        let (ip, port) = (address.ip(), address.port());
        let _ = writeln!(text, "- {{id: {id}, ip_address: \"{ip}\", port: {port}{protocols}}}");
    }
    // A list of none is written as one.
    if text.is_empty() {
        text.push_str("[]\n");
    }
    File { name: LIST, text }
}

fn config(setting: &Setting) -> Result<String, serde_yaml::Error> {
    let Setting { listen, admin, metrics, cores, .. } = setting;
    let mut dcs = String::new();
    for dc in Dc::ALL {
        let (site, location) = place(dc.site());
        let id = dc.id();
        let _ = writeln!(dcs, "- {{id: {id}, name: {dc}, site: {site}, location: {location}}}");
    }
    let probe = match setting.probe {
        Probe::Tcp => "tcp",
        Probe::Http => "{http: {path: /, expect: 200}}",
    };
    let (_, clients) = place(Site::Ams);
    // A service of UDP is asked what its clients ask; whatever it answers will do.
    let (datagrams, udp_probe) = match setting.udp {
        true => (
            format!(", {{name: datagrams, protocol: udp, bind: [\"{listen}\"], route: nearest}}"),
            ", udp_probe: {send: who, expect: any}",
        ),
        false => (String::new(), ""),
    };
    // Everything else is default: nothing here is tuned for the lab.
    let text = format!(
        "edge: {{name: failover, workers: {cores}}}\n\
         dc_options: {LIST}\n\
         dcs:\n{dcs}\
         listeners: [{{name: clients, bind: [\"{listen}\"], route: nearest}}{datagrams}]\n\
         geoip: {{overrides: {{\"{CLIENTS_V4}\": {clients}, \"{CLIENTS_V6}\": {clients}}}}}\n\
         health: {{probe: {probe}{udp_probe}}}\n\
         admin: {{bind: \"{admin}\", tokens_file: {TOKENS}}}\n\
         metrics: {{bind: \"{metrics}\"}}\n"
    );
    let mut config: Mapping = serde_yaml::from_str(&text)?;
    merge(&mut config, setting.extra.clone());
    serde_yaml::to_string(&config)
}

/// Name and coordinates.
fn place(site: Site) -> (&'static str, &'static str) {
    match site {
        Site::Ams => ("ams", "{lat: 52.37, lon: 4.90}"),
        Site::Sin => ("sin", "{lat: 1.35, lon: 103.82}"),
    }
}

/// Maps are merged key by key; of everything else there is only the new.
fn merge(into: &mut Mapping, new: Mapping) {
    for (key, new) in new {
        match (into.get_mut(&key), new) {
            (Some(Value::Mapping(old)), Value::Mapping(new)) => merge(old, new),
            (Some(old), new) => *old = new,
            (None, new) => {
                into.insert(key, new);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::layout::{AccessPoint, Door};

    fn read(setting: &Setting) -> Value {
        serde_yaml::from_str(&config(setting).unwrap()).unwrap()
    }

    #[test]
    fn config_says_where_dcs_and_clients_are_and_how_to_probe() {
        let config = read(&Setting::example(Probe::Http));
        let sites: Vec<_> =
            config["dcs"].as_sequence().unwrap().iter().map(|dc| &dc["site"]).collect();
        assert_eq!(sites, ["ams", "ams", "sin"]);
        assert_eq!(config["dcs"][0]["location"], config["dcs"][1]["location"]);
        for clients in [CLIENTS_V4, CLIENTS_V6] {
            assert_eq!(config["geoip"]["overrides"][clients], config["dcs"][0]["location"]);
        }
        assert_eq!(config["listeners"][0]["bind"][0], "198.19.0.2:8443");
        assert_eq!(config["health"]["probe"]["http"]["expect"], 200);
        assert_eq!(read(&Setting::example(Probe::Tcp))["health"]["probe"], "tcp");
    }

    #[test]
    fn what_a_scenario_adds_is_merged_into_maps_and_replaces_the_rest() {
        let extra = "health: {fall: 7}\non_down: {sessions: keep}\nadmin: {bind: none}\n";
        let extra = serde_yaml::from_str(extra).unwrap();
        let setting = Setting { extra, ..Setting::example(Probe::Tcp) };
        let config = read(&setting);
        assert_eq!(config["health"]["fall"], 7);
        assert_eq!(config["health"]["probe"], "tcp", "the rest of a map stays");
        assert_eq!(config["on_down"]["sessions"], "keep");
        assert_eq!(config["admin"]["bind"], "none");
    }

    #[test]
    fn list_has_a_line_for_each_access_point() {
        let at = |dc, door| AccessPoint { dc, door };
        let setting =
            |access_points, udp| Setting { access_points, udp, ..Setting::example(Probe::Tcp) };
        assert_eq!(
            list(&setting(vec![at(Dc::Dc1, Door::A), at(Dc::Dc3, Door::V6)], false)).text,
            "- {id: 1, ip_address: \"198.19.1.10\", port: 4430}\n\
             - {id: 3, ip_address: \"2001:2:0:3::10\", port: 4430}\n"
        );
        assert_eq!(
            list(&setting(vec![at(Dc::Dc2, Door::B)], true)).text,
            "- {id: 2, ip_address: \"198.19.2.11\", port: 4430, protocols: [tcp, udp]}\n"
        );
        assert_eq!(list(&setting(vec![], false)).text, "[]\n");
    }

    #[test]
    fn datagrams_have_a_listener_and_a_probe_of_their_own() {
        let config = read(&Setting { udp: true, ..Setting::example(Probe::Tcp) });
        assert_eq!(config["listeners"][1]["protocol"], "udp");
        assert_eq!(config["listeners"][1]["bind"], config["listeners"][0]["bind"]);
        assert_eq!(config["health"]["udp_probe"]["expect"], "any");
    }
}
