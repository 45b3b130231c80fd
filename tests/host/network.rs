//! An edge with two ways out, in network namespaces of their own: two hosts have the same address, and by who
//! answers there it shows which way was taken.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::path::Path;

use rustix::process::geteuid;

use crate::namespace::Namespace;

/// What both hosts behind the edge have: of a range that is kept for benchmarks (RFC 2544).
pub(crate) const THERE: Ipv4Addr = Ipv4Addr::new(198, 18, 88, 9);

/// Addresses of the edge, towards the first host.
pub(crate) const SOURCES: [Ipv4Addr; 2] =
    [Ipv4Addr::new(198, 18, 81, 1), Ipv4Addr::new(198, 18, 81, 3)];

/// Packets with this mark go to the second host.
pub(crate) const MARK: u32 = 7;

/// The device of the edge towards the second host.
pub(crate) const SECOND_DEVICE: &str = "second0";

/// A host, which is gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Host {
    namespace: Namespace,
}

/// All hosts.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) edge: Host,
    /// Where packets go that are nothing special.
    pub(crate) first: Host,
    pub(crate) second: Host,
}

/// A network, or why there can be none.
pub(crate) fn build() -> Result<Network, String> {
    if !geteuid().is_root() {
        return Err("only root may make network namespaces".to_owned());
    }
    let network = Network { edge: Host::new()?, first: Host::new()?, second: Host::new()? };
    let Network { edge, first, second } = &network;
    for host in [edge, first, second] {
        host.ip("link set lo up")?;
        // An answer comes by the way that its question took, and not by the best one.
        host.set("net/ipv4/conf/all/rp_filter", "0")?;
        host.set("net/ipv4/conf/default/rp_filter", "0")?;
    }
    for (number, device, host) in [(81, "first0", first), (82, SECOND_DEVICE, second)] {
        let there = format!("/proc/{}/fd/{}", std::process::id(), host.namespace.0.as_raw_fd());
        edge.ip(&format!("link add {device} type veth peer name edge0 netns {there}"))?;
        edge.ip(&format!("link set {device} up"))?;
        edge.ip(&format!("address add 198.18.{number}.1/24 dev {device}"))?;
        host.ip("link set edge0 up")?;
        host.ip(&format!("address add 198.18.{number}.2/24 dev edge0"))?;
        host.ip(&format!("address add {THERE}/32 dev lo"))?;
        edge.set(&format!("net/ipv4/conf/{device}/rp_filter"), "0")?;
    }
    edge.ip(&format!("address add {}/24 dev first0", SOURCES[1]))?;
    edge.ip(&format!("route add {THERE} via 198.18.81.2 dev first0"))?;
    let second = format!("{THERE} via 198.18.82.2 dev {SECOND_DEVICE}");
    edge.ip(&format!("route add {second} metric 100"))?;
    edge.ip(&format!("route add {second} table 100"))?;
    edge.ip(&format!("rule add fwmark {MARK} table 100"))?;
    Ok(network)
}

impl Host {
    fn new() -> Result<Self, String> {
        Ok(Self { namespace: Namespace::new()? })
    }

    /// Does this on a thread inside. Sockets and processes stay inside whoever uses them later.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.namespace.run(work)
    }

    /// Sets what is below `/proc/sys`.
    pub(crate) fn set(&self, key: &str, value: &str) -> Result<(), String> {
        let path = Path::new("/proc/sys").join(key);
        self.run(|| fs::write(&path, value)).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn ip(&self, arguments: &str) -> Result<(), String> {
        self.namespace.ip(arguments)
    }
}

/// At this port of both hosts.
pub(crate) fn there(port: u16) -> SocketAddr {
    (THERE, port).into()
}
