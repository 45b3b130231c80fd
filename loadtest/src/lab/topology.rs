//! The lab itself: hosts, what connects them, and their routes.

use super::error::LabError;
use super::layout::{AccessPoint, CLIENTS_LINK, CLIENTS_V4, CLIENTS_V6, Dc, Door, EDGE_LINK, Link};
use super::line::{End, Line, MTU};
use super::namespace::Namespace;
use super::owner::Owner;
use super::paths::Paths;
use super::sweep::sweep;
use super::tool;
use std::fmt::Write;
use std::process::Command;
use std::time::Duration;

/// Devices of the router are called as what is behind them.
const CLIENTS_DEVICE: &str = "clients";
pub(super) const EDGE_DEVICE: &str = "edge";
/// The one device of everybody else.
const UPLINK: &str = "uplink";

/// A lab that is up. Dropping it kills what runs in it and removes everything.
#[derive(Debug)]
pub(crate) struct Lab {
    // Dropped in this order: lines first, they have devices in the namespaces.
    lines: [Line; 3],
    clients: Namespace,
    router: Namespace,
    edge: Namespace,
    dcs: [Namespace; 3],
}

/// How long the lines are, one for each DC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wires([Wire; 3]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wire {
    /// Between the edge and the DC, without jitter.
    pub(crate) round_trip: Duration,
    /// Each way takes up to so much longer.
    pub(crate) jitter: Duration,
}

impl Wires {
    pub(crate) fn of(wire: impl FnMut(Dc) -> Wire) -> Wires {
        Wires(Dc::ALL.map(wire))
    }

    pub(crate) fn of_dc(&self, dc: Dc) -> Wire {
        self.0[dc.index()]
    }
}

impl Lab {
    /// Sweeps what killed labs left behind, and builds a new one: packets reach everybody when this
    /// returns. Takes about 50 ms, and blocks its thread for as long.
    ///
    /// A machine that cannot have a lab is an error like any other: ask
    /// [`missing_privilege`](super::privilege::missing_privilege) first.
    pub(crate) fn build(wires: &Wires) -> Result<Lab, LabError> {
        sweep()?;
        let owner = Owner::new().map_err(LabError::io("tell when this process started"))?;
        let roles = ["clients", "router", "edge", "dc1", "dc2", "dc3"];
        let [clients, router, edge, dc1, dc2, dc3] =
            Namespace::create(&roles.map(|role| owner.name(role)))?;
        let dcs = [dc1, dc2, dc3];

        for namespace in [&clients, &router, &edge].into_iter().chain(&dcs) {
            namespace.sysctl(EVERYBODY)?;
        }
        router.sysctl(FORWARDING)?;
        // Any address of the clients may be the source of a connect.
        clients.sysctl(&[("net.ipv6.ip_nonlocal_bind", "1")])?;

        let lay = |dc: Dc| {
            let name = dc.to_string();
            let router_end = End { namespace: &router, device: &name };
            let dc_end = End { namespace: &dcs[dc.index()], device: UPLINK };
            let Wire { round_trip, jitter } = wires.of_dc(dc);
            Line::lay(&name, &router_end, &dc_end, round_trip, jitter)
        };
        let lines = [lay(Dc::Dc1)?, lay(Dc::Dc2)?, lay(Dc::Dc3)?];

        configure(&router, &router_batch(clients.name(), edge.name()))?;
        configure(&clients, &clients_batch())?;
        configure(&edge, &host_batch(&EDGE_LINK))?;
        for (dc, namespace) in Dc::ALL.into_iter().zip(&dcs) {
            configure(namespace, &dc_batch(dc))?;
        }
        Ok(Lab { lines, clients, router, edge, dcs })
    }

    pub(crate) fn clients(&self) -> &Namespace {
        &self.clients
    }

    pub(crate) fn router(&self) -> &Namespace {
        &self.router
    }

    pub(crate) fn edge(&self) -> &Namespace {
        &self.edge
    }

    pub(crate) fn dc(&self, dc: Dc) -> &Namespace {
        &self.dcs[dc.index()]
    }

    pub(crate) fn line(&self, dc: Dc) -> &Line {
        &self.lines[dc.index()]
    }

    /// The faults of the path, in the router.
    pub(crate) fn paths(&self) -> Paths<'_> {
        Paths { router: self.router() }
    }

    /// Everybody's namespace.
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = &Namespace> {
        [&self.clients, &self.router, &self.edge].into_iter().chain(&self.dcs)
    }
}

/// What every namespace has. How often the kernel sends ICMP is left as it is.
const EVERYBODY: &[(&str, &str)] = &[
    // Answers may come another way than the question.
    ("net.ipv4.conf.all.rp_filter", "0"),
    ("net.ipv4.conf.default.rp_filter", "0"),
    // Addresses can be used at once: looking for duplicates of them takes a second.
    ("net.ipv6.conf.all.accept_dad", "0"),
    ("net.ipv6.conf.default.accept_dad", "0"),
    // Nobody asks for a router that is configured.
    ("net.ipv6.conf.default.accept_ra", "0"),
    ("net.ipv6.conf.default.router_solicitations", "0"),
    // 1,000 connects a second, for minutes: all ports, used again as soon as timestamps allow, and
    // queues that are not what is measured.
    ("net.ipv4.ip_local_port_range", "1024 65535"),
    ("net.ipv4.tcp_tw_reuse", "1"),
    ("net.ipv4.tcp_max_syn_backlog", "65536"),
    ("net.core.somaxconn", "65535"),
];

const FORWARDING: &[(&str, &str)] =
    &[("net.ipv4.ip_forward", "1"), ("net.ipv6.conf.all.forwarding", "1")];

/// Carries out lines of `ip` inside.
fn configure(namespace: &Namespace, batch: &str) -> Result<(), LabError> {
    let mut ip = Command::new("ip");
    ip.args(["-n", namespace.name(), "-batch", "-"]);
    tool::run(ip, &format!("ip -n {}", namespace.name()), batch)
}

/// Both links and all routes. Packets on a link are as large as on the wire (`gso_max_segs`):
/// else the kernel passes up to 64 KB as one, and losing one packet would lose 45.
fn router_batch(clients: &str, edge: &str) -> String {
    let mut batch = "link set lo up\n".to_owned();
    for (link, device, host) in
        [(&CLIENTS_LINK, CLIENTS_DEVICE, clients), (&EDGE_LINK, EDGE_DEVICE, edge)]
    {
        let Link { router_v4, router_v6, .. } = link;
        // Writing to a string cannot fail.
        let _ = write!(
            batch,
            "link add {device} mtu {MTU} type veth peer name {UPLINK} mtu {MTU} netns {host}\n\
             link set {device} gso_max_segs 1 up\n\
             addr add {router_v4}/30 dev {device}\n\
             addr add {router_v6}/64 dev {device} nodad\n"
        );
    }
    let Link { host_v4, host_v6, .. } = CLIENTS_LINK;
    let _ = write!(
        batch,
        "route add {CLIENTS_V4} via {host_v4} dev {CLIENTS_DEVICE}\n\
         route add {CLIENTS_V6} via {host_v6} dev {CLIENTS_DEVICE}\n"
    );
    for dc in Dc::ALL {
        let _ = writeln!(batch, "link set {dc} addrgenmode none up");
        for network in dc.networks() {
            let _ = writeln!(batch, "route add {network} dev {dc}");
        }
    }
    batch
}

fn host_batch(link: &Link) -> String {
    let Link { router_v4, router_v6, host_v4, host_v6 } = link;
    format!(
        "link set lo up\n\
         link set {UPLINK} gso_max_segs 1 up\n\
         addr add {host_v4}/30 dev {UPLINK}\n\
         addr add {host_v6}/64 dev {UPLINK} nodad\n\
         route add 0.0.0.0/0 via {router_v4}\n\
         route add ::/0 via {router_v6}\n"
    )
}

fn clients_batch() -> String {
    let local =
        [CLIENTS_V4, CLIENTS_V6].map(|network| format!("route add local {network} dev lo\n"));
    host_batch(&CLIENTS_LINK) + &local.concat()
}

fn dc_batch(dc: Dc) -> String {
    let mut batch = format!("link set lo up\nlink set {UPLINK} addrgenmode none up\n");
    for door in [Door::A, Door::B, Door::V6] {
        let ip = AccessPoint { dc, door }.address().ip();
        let (bits, nodad) = if ip.is_ipv4() { (32, "") } else { (128, " nodad") };
        let _ = writeln!(batch, "addr add {ip}/{bits} dev {UPLINK}{nodad}");
    }
    batch + &format!("route add 0.0.0.0/0 dev {UPLINK}\nroute add ::/0 dev {UPLINK}\n")
}
