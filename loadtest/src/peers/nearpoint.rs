//! nearpoint with one DC of one access point: the whole decision, with one possible result.

use super::{PeerError, Plan};
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// At `given`, or else beside this program, where cargo puts both.
pub(super) fn find(given: Option<&Path>) -> Result<PathBuf, PeerError> {
    let program = match given {
        Some(program) => program.to_owned(),
        None => env::current_exe().map_err(PeerError::Prepare)?.with_file_name("nearpoint"),
    };
    if program.is_file() {
        return Ok(program);
    }
    let place = program.display();
    let what = format!("there is no {place}: build it in the same profile, or use --nearpoint");
    Err(PeerError::Missing { what })
}

pub(super) fn command(program: &Path, directory: &Path, plan: &Plan) -> io::Result<Command> {
    let file = directory.join("nearpoint.yaml");
    fs::write(&file, config(plan))?;
    fs::write(directory.join("dc_options.yaml"), dc_options(plan))?;
    let mut command = Command::new(program);
    command.arg("run").arg(file);
    Ok(command)
}

fn config(plan: &Plan) -> String {
    let Plan { listen, admin, .. } = plan;
    format!(
        "edge: {{name: loadtest, workers: auto}}\n\
         dc_options: dc_options.yaml\n\
         dcs: [{{id: 1, location: {{country: NL}}}}]\n\
         listeners: [{{name: load, bind: [\"{listen}\"], route: nearest}}]\n\
         admin: {{bind: \"{admin}\"}}\n\
         metrics: {{bind: none}}\n\
         geoip: {{database: embedded, default: {{country: NL}}}}\n"
    )
}

fn dc_options(plan: &Plan) -> String {
    let backend = plan.backend;
    format!("- {{id: 1, ip_address: {}, port: {}}}\n", backend.ip(), backend.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_names_listener_and_admin_and_the_list_names_the_backend() {
        let plan = Plan::example();
        assert!(config(&plan).contains("bind: [\"127.0.0.1:20001\"], route: nearest"));
        assert!(config(&plan).contains("admin: {bind: \"127.0.0.1:20002\"}"));
        assert_eq!(dc_options(&plan), "- {id: 1, ip_address: 127.0.0.1, port: 20003}\n");
    }

    #[test]
    fn binary_that_is_not_there_is_missing_with_advice() {
        let error = find(Some(Path::new("/nowhere/nearpoint"))).unwrap_err();
        assert!(error.to_string().contains("/nowhere/nearpoint"));
        assert!(error.to_string().contains("--nearpoint"));
    }
}
