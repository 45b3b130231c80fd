//! The network behind the edge: three DCs that live, and a crowd of access points in others that all
//! answer or all fail.
//!
//! The crowd is one socket. Every address of 127.0.0.0/8 is this machine, so thousands of access
//! points need one port and one listener on it. While that has a full accept queue, all of them are
//! a blackhole.

use super::StormError;
use crate::cli::{Failure, StormOptions};
use crate::event::Event;
use crate::process::{Child, ProcessError};
use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::process::Command;

/// For an answer of a stub.
const PATIENCE: Duration = Duration::from_secs(10);
/// Access points in each DC of the crowd.
const PER_DC: u32 = 250;
/// The id of the first DC of the crowd.
const FIRST_DC: u32 = 101;
/// The first address of the crowd.
const FIRST_ADDRESS: u32 = u32::from_be_bytes([127, 1, 0, 0]);
/// Where the live DCs are: Amsterdam, Brussels, Cologne. So close to each other that clients are
/// shared among them.
const LIVE: [(f64, f64); 3] = [(52.37, 4.90), (50.85, 4.35), (50.94, 6.96)];

#[derive(Debug)]
pub(super) struct Network {
    /// Stubs for the live DCs and for the crowd.
    live: Stub,
    crowd: Stub,
    failure: Failure,
    /// Access points of the crowd.
    size: u32,
}

impl Network {
    pub(super) async fn start(options: &StormOptions) -> Result<Network, StormError> {
        let anywhere = ["127.0.0.1:0"; LIVE.len()];
        let live = Stub::start(&[&["--listen"], &anywhere[..]].concat(), LIVE.len()).await;
        let crowd = Stub::start(&["--device", "lo", "--listen", "0.0.0.0:0"], 1).await;
        Ok(Network {
            live: live.map_err(StormError::Stub)?,
            crowd: crowd.map_err(StormError::Stub)?,
            failure: options.failure,
            size: options.access_points,
        })
    }

    /// The crowd fails, all of it at once.
    pub(super) async fn fail(&mut self) -> Result<(), StormError> {
        let order = match self.failure {
            Failure::Blackhole => "drop all",
            Failure::Refuse => "refuse all",
        };
        self.crowd.obey(order).await.map_err(StormError::Stub)
    }

    /// The crowd answers again.
    pub(super) async fn heal(&mut self) -> Result<(), StormError> {
        self.crowd.obey("heal all").await.map_err(StormError::Stub)
    }

    /// The section `dcs` of a configuration.
    pub(super) fn dcs(&self) -> String {
        let mut dcs = String::from("dcs:\n");
        for (id, (lat, lon)) in (1..).zip(LIVE) {
            // Writing to a string cannot fail.
            let _ = writeln!(dcs, "  - {{id: {id}, location: {{lat: {lat}, lon: {lon}}}}}");
        }
        for nth in 0..self.size.div_ceil(PER_DC) {
            // All around the world near the equator: nobody's home.
            let (id, lat, lon) = (FIRST_DC + nth, nth % 20, (nth * 7) % 360);
            let lon = f64::from(lon) - 180.0;
            let _ = writeln!(dcs, "  - {{id: {id}, location: {{lat: -{lat}, lon: {lon}}}}}");
        }
        dcs
    }

    /// The list of access points, of the crowd with `more` than it has.
    pub(super) fn dc_options(&self, more: u32) -> String {
        let mut list = String::new();
        for (id, at) in (1..).zip(&self.live.listening) {
            let _ = writeln!(list, "- {{id: {id}, ip_address: {}, port: {}}}", at.ip(), at.port());
        }
        let port = self.crowd.listening.first().map_or(0, SocketAddr::port);
        for nth in 0..self.size + more {
            // One that is too many belongs to the last DC.
            let id = FIRST_DC + nth.min(self.size - 1) / PER_DC;
            let ip = Ipv4Addr::from_bits(FIRST_ADDRESS + nth);
            let _ = writeln!(list, "- {{id: {id}, ip_address: {ip}, port: {port}}}");
        }
        list
    }

    pub(super) async fn stop(self) {
        self.live.child.process.stop().await;
        self.crowd.child.process.stop().await;
    }
}

/// A stub DC in a process of its own.
#[derive(Debug)]
struct Stub {
    child: Child,
    listening: Vec<SocketAddr>,
}

impl Stub {
    async fn start(arguments: &[&str], access_points: usize) -> Result<Stub, ProcessError> {
        let program = std::env::current_exe().map_err(ProcessError::Spawn)?;
        let mut command = Command::new(program);
        command.arg("serve").args(arguments);
        let mut stub = Stub { child: Child::spawn(command)?, listening: Vec::new() };
        for _ in 0..access_points {
            match stub.child.event(PATIENCE).await? {
                Event::Listening { address, .. } => stub.listening.push(address),
                other => return Err(ProcessError::Unexpected(other)),
            }
        }
        Ok(stub)
    }

    async fn obey(&mut self, order: &str) -> Result<(), ProcessError> {
        self.child.send(order).await?;
        match self.child.event(PATIENCE).await? {
            Event::Done { .. } => Ok(()),
            other => Err(ProcessError::Unexpected(other)),
        }
    }
}
