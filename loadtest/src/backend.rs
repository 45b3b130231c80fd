//! The backend: a stub DC in a process of its own, the same for every peer.

use crate::event::Event;
use crate::load::{LONGEST_CHAT, Transport};
use crate::peers::{Beginning, Duty};
use crate::process::{Child, ProcessError};
use nearpoint::stub::{Service, UdpService};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::process::Command;

/// For an answer that needs no waiting on the other side.
const PATIENCE: Duration = Duration::from_secs(10);
/// For sessions to be closed, through a proxy.
const CLOSING: Duration = Duration::from_secs(30);

const SERVICES: [Service; 7] = [
    Service::Echo,
    Service::EchoFirst { bytes: LONGEST_CHAT },
    Service::Sink,
    Service::Source { bytes: None },
    Service::Udp(UdpService::Echo),
    Service::Udp(UdpService::Sink),
    Service::Udp(UdpService::Source),
];

#[derive(Debug)]
pub(crate) struct Backend {
    child: Child,
    access_points: Vec<(Service, SocketAddr)>,
}

impl Backend {
    /// One access point for each of echo, with and without an end, sink and endless source, and for those of UDP.
    pub(crate) async fn start() -> Result<Backend, ProcessError> {
        Backend::start_for(Duty::plain(Transport::Tcp)).await
    }

    /// The same for a proxy that does this: one that sends PROXY headers has a backend that expects them.
    pub(crate) async fn start_for(duty: Duty) -> Result<Backend, ProcessError> {
        let program = std::env::current_exe().map_err(ProcessError::Spawn)?;
        let mut command = Command::new(program);
        // All of loopback, so that many addresses lead to it.
        command.args(["serve", "--device", "lo"]);
        if duty.beginning == Beginning::ProxyOut {
            command.arg("--expects-header");
        }
        for service in SERVICES {
            command.args(["--listen", &format!("0.0.0.0:0/{service}")]);
        }
        let mut child = Child::spawn(command)?;
        let mut access_points = Vec::new();
        for service in SERVICES {
            match child.event(PATIENCE).await? {
                Event::Listening { address, .. } => access_points.push((service, address)),
                other => return Err(ProcessError::Unexpected(other)),
            }
        }
        Ok(Backend { child, access_points })
    }

    /// Where `service` is served, if it is; and at the same port of every other address of loopback.
    pub(crate) fn address(&self, service: Service) -> Option<SocketAddr> {
        let access_point = self.access_points.iter().find(|(served, _)| *served == service);
        access_point.map(|(_, at)| SocketAddr::from((Ipv4Addr::LOCALHOST, at.port())))
    }

    pub(crate) fn cpu_time(&self) -> io::Result<Duration> {
        self.child.process.cpu_time()
    }

    /// Returns when exactly `open` sessions are open at `address`, and all others of its port.
    pub(crate) async fn wait_open(
        &mut self,
        address: SocketAddr,
        open: u32,
    ) -> Result<(), ProcessError> {
        let at_most = humantime::format_duration(CLOSING);
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
        self.child.send(&format!("wait {address} open {open} {at_most}")).await?;
        match self.child.event(CLOSING + PATIENCE).await? {
            Event::Counts { .. } => Ok(()),
            other => Err(ProcessError::Unexpected(other)),
        }
    }

    pub(crate) async fn stop(self) {
        self.child.process.stop().await;
    }
}
