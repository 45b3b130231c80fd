//! Two hosts with an Ethernet between them: network namespaces, and a pair of virtual devices.

use std::fs;
use std::net::{IpAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::Path;

use rustix::net::netdevice::name_to_index;
use rustix::process::geteuid;

use crate::namespace::Namespace;

/// The same name at both hosts.
pub(crate) const DEVICE: &str = "path0";

/// A host. It has no name any more, so that nothing of it is left when this process ends, however that
/// comes about.
#[derive(Debug)]
pub(crate) struct Host {
    namespace: Namespace,
    number: u8,
}

/// Two hosts, or why there can be none.
pub(crate) fn build() -> Result<[Host; 2], String> {
    if !geteuid().is_root() {
        return Err("only root may make network namespaces".to_owned());
    }
    let hosts = [Host::new(1)?, Host::new(2)?];
    let there = format!("/proc/{}/fd/{}", std::process::id(), hosts[1].namespace.0.as_raw_fd());
    hosts[0].ip(&format!("link add {DEVICE} type veth peer name {DEVICE} netns {there}"))?;
    for host in &hosts {
        host.ip("link set lo up")?;
        host.ip(&format!("link set {DEVICE} mtu 1500 up"))?;
        let (v4, v6, link_local) = (host.v4(), host.v6(), host.link_local());
        host.ip(&format!("address add {v4}/24 dev {DEVICE}"))?;
        // Nobody else could have them.
        for address in [v6, link_local] {
            host.ip(&format!("address replace {address}/64 dev {DEVICE} nodad"))?;
        }
    }
    Ok(hosts)
}

impl Host {
    fn new(number: u8) -> Result<Self, String> {
        Ok(Self { namespace: Namespace::new()?, number })
    }

    /// Of a range that is kept for benchmarks (RFC 2544).
    pub(crate) fn v4(&self) -> IpAddr {
        IpAddr::from([198, 18, 77, self.number])
    }

    /// The same of IPv6 (RFC 5180).
    pub(crate) fn v6(&self) -> IpAddr {
        IpAddr::from([0x2001, 2, 0, 0x77, 0, 0, 0, self.number.into()])
    }

    pub(crate) fn link_local(&self) -> IpAddr {
        IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, self.number.into()])
    }

    /// The index of its device.
    pub(crate) fn interface(&self) -> u32 {
        let socket = self.run(|| UdpSocket::bind("0.0.0.0:0")).expect("bound");
        name_to_index(socket, DEVICE).expect("the device is there")
    }

    /// Fragments of IPv4 and IPv6 that this host has made.
    pub(crate) fn fragments(&self) -> [u64; 2] {
        let read = |file| {
            let text =
                self.run(|| fs::read_to_string(Path::new("/proc/thread-self/net").join(file)));
            text.expect("the kernel tells")
        };
        let v4 = read("snmp");
        let mut lines = v4.lines().filter(|line| line.starts_with("Ip: "));
        let mut words = || lines.next().expect("names, and values").split_whitespace();
        let (names, values) = (words(), words());
        let v4 = names.zip(values).find(|(name, _)| *name == "FragCreates").map(|it| it.1);
        let v6 = read("snmp6");
        let v6 = v6.split_whitespace().skip_while(|word| *word != "Ip6FragCreates").nth(1);
        [v4, v6].map(|count| count.and_then(|it| it.parse().ok()).expect("the kernel tells"))
    }

    /// Does this on a thread inside. Sockets stay inside whoever uses them later.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.namespace.run(work)
    }

    /// Runs the program `ip` of iproute2 inside.
    pub(crate) fn ip(&self, arguments: &str) -> Result<(), String> {
        self.namespace.ip(arguments)
    }
}
