//! nearpoint with one DC of one access point: the whole decision, with one possible result.

use super::Plan;
use crate::load::Transport;
use std::fs;
use std::io;
use std::path::Path;
use tokio::process::Command;

pub(super) fn command(program: &Path, directory: &Path, plan: &Plan) -> io::Result<Command> {
    let file = directory.join("nearpoint.yaml");
    fs::write(&file, config(plan))?;
    fs::write(directory.join("dc_options.yaml"), dc_options(plan))?;
    let mut command = Command::new(program);
    command.arg("run").arg(file);
    Ok(command)
}

fn config(plan: &Plan) -> String {
    let Plan { listen, admin, duty, .. } = plan;
    let protocol = match duty.transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    };
    format!(
        "edge: {{name: loadtest, workers: auto}}\n\
         dc_options: dc_options.yaml\n\
         dcs: [{{id: 1, location: {{country: NL}}}}]\n\
         listeners: [{{name: load, bind: [\"{listen}\"], protocol: {protocol}, route: nearest}}]\n\
         admin: {{bind: \"{admin}\"}}\n\
         metrics: {{bind: none}}\n\
         geoip: {{database: embedded, default: {{country: NL}}}}\n"
    )
}

fn dc_options(plan: &Plan) -> String {
    let (ip, port) = (plan.backend.ip(), plan.backend.port());
    let protocols = match plan.duty.transport {
        Transport::Tcp => "",
        Transport::Udp => ", protocols: [udp]",
    };
    format!("- {{id: 1, ip_address: {ip}, port: {port}{protocols}}}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::Duty;

    #[test]
    fn config_names_listener_and_admin_and_the_list_names_the_backend() {
        let plan = Plan::example();
        assert!(config(&plan).contains("bind: [\"127.0.0.1:20001\"], protocol: tcp,"));
        assert!(config(&plan).contains("admin: {bind: \"127.0.0.1:20002\"}"));
        assert_eq!(dc_options(&plan), "- {id: 1, ip_address: 127.0.0.1, port: 20003}\n");
        let plan = Plan { duty: Duty::plain(Transport::Udp), ..plan };
        assert!(config(&plan).contains("bind: [\"127.0.0.1:20001\"], protocol: udp,"));
        assert!(dc_options(&plan).contains("port: 20003, protocols: [udp]}"));
    }
}
