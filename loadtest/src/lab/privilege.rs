//! Whether a lab can be built here at all.

use super::error::LabError;
use super::namespace::Namespace;
use super::owner::Owner;
use super::tool;
use crate::report::with_sources;
use rustix::process::geteuid;
use std::process::Command;
use tun_rs::DeviceBuilder;

/// Why no lab can be built here, in a sentence; `None` if it can.
///
/// Permissions of containers are not told by looking at them, so that a namespace is made, with a
/// device and a rule in it, and is removed again: some 50 ms.
pub(crate) fn missing_privilege() -> Option<String> {
    if !geteuid().is_root() {
        return Some("only root may make network namespaces".to_owned());
    }
    for (program, of) in [("ip", "iproute2"), ("nft", "nftables")] {
        let mut command = Command::new(program);
        command.arg("-V");
        if let Err(error) = tool::run(command, program, "") {
            let why = with_sources(&error);
            return Some(format!("the program {program} of {of} does not run ({why})"));
        }
    }
    try_out().err().map(|error| with_sources(&error))
}

fn try_out() -> Result<(), LabError> {
    let owner = Owner::new().map_err(LabError::io("tell when this process started"))?;
    let [namespace] = Namespace::create(&[owner.name("trial")])?;
    let device = || DeviceBuilder::new().name("trial").build_sync().map(drop);
    namespace.run(device)?.map_err(LabError::io("make a TUN device"))?;
    let mut nft = namespace.command("nft");
    nft.args(["-f", "-"]);
    tool::run(nft, "nft", TRIAL)
}

/// What faults of the path are made of.
const TRIAL: &str = "\
table inet trial {
  chain forward {
    type filter hook forward priority filter; policy accept;
    numgen random mod 2 < 1 limit rate over 1/second drop
    meta l4proto tcp reject with tcp reset
  }
}
";
