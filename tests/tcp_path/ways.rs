//! Ways between two hosts that end.

use std::process::Command;

use crate::network::{DEVICE, Host};

/// `host` has its address of IPv4 no more, and nobody is told.
pub(crate) fn leave(host: &Host) {
    let ip = host.v4();
    host.ip(&format!("address delete {ip}/24 dev {DEVICE}")).expect("it has had one");
}

/// `host` keeps the way to another one, which does not have to say where it is any more.
pub(crate) fn know(host: &Host, other: &Host) {
    let (to, at) = (other.v4(), other.run(device_address));
    let known = host.ip(&format!("neighbour replace {to} lladdr {at} dev {DEVICE} nud permanent"));
    known.expect("a neighbour");
}

/// `host` has to ask where another one is.
pub(crate) fn forget(host: &Host, other: &Host) {
    let to = other.v4();
    host.ip(&format!("neighbour flush to {to} dev {DEVICE}")).expect("no neighbour");
}

/// Of the device of whoever asks, as Ethernet has it.
fn device_address() -> String {
    let output = Command::new("ip").args(["-brief", "link", "show", "dev", DEVICE]).output();
    let shown = String::from_utf8(output.expect("it ran").stdout).expect("text");
    shown.split_whitespace().nth(2).expect("name, state, address").to_owned()
}
