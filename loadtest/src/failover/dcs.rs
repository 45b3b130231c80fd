//! The data centres: a stub in each of their hosts, as a process that can be killed, stopped and told to
//! misbehave.

use super::scenario::fault::ServiceFault;
use crate::event::Event;
use crate::lab::layout::{AccessPoint, DC_PORT, Dc, Door};
use crate::lab::topology::Lab;
use crate::process::{Child, ProcessError};
use nearpoint::stub::{Service, UdpService};
use rustix::process::Signal;
use std::error::Error;
use std::fmt;
use std::time::Duration;
use tokio::process::Command;

/// For a stub to start, or to obey.
const PATIENCE: Duration = Duration::from_secs(10);

/// What DCs do when all is well: answer whoever speaks, and probes of HTTP.
const RIGHT: Service = Service::Http;

/// The same for datagrams.
const RIGHT_UDP: Service = Service::Udp(UdpService::Who);

/// What is at their addresses when it is not theirs any more: somebody who talks without end.
const WRONG: Service = Service::Source { bytes: None };

/// What becomes of the process of a DC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// It ends at once; its kernel ends its sessions.
    Kill,
    /// It is started again after [`Order::Kill`], or instead of the wrong one.
    Start,
    /// Another service is at its addresses.
    StartWrong,
    /// SIGSTOP: its kernel accepts, nobody answers.
    Stop,
    /// SIGCONT
    Continue,
}

/// All of them. Dropping it kills them.
#[derive(Debug)]
pub(super) struct Dcs<'a> {
    lab: &'a Lab,
    /// Whether they serve UDP as well.
    udp: bool,
    stubs: [Option<Child>; 3],
}

impl<'a> Dcs<'a> {
    /// Returns when all of them listen.
    pub(super) async fn start(lab: &'a Lab, udp: bool) -> Result<Dcs<'a>, DcError> {
        let mut dcs = Dcs { lab, udp, stubs: [None, None, None] };
        for dc in Dc::ALL {
            dcs.carry_out(dc, Order::Start).await?;
        }
        Ok(dcs)
    }

    /// Returns when the order has had its effect.
    pub(super) async fn carry_out(&mut self, dc: Dc, order: Order) -> Result<(), DcError> {
        let failed = |source| DcError { dc, source };
        let lab = self.lab;
        let right_udp = self.udp.then_some(RIGHT_UDP);
        let stub = &mut self.stubs[dc.index()];
        match order {
            Order::Kill => stop(stub).await,
            Order::Start => {
                stop(stub).await;
                let services = [Some(RIGHT), right_udp];
                *stub = Some(serve(lab, dc, services).await.map_err(failed)?);
            }
            Order::StartWrong => {
                stop(stub).await;
                *stub = Some(serve(lab, dc, [Some(WRONG), None]).await.map_err(failed)?);
            }
            Order::Stop => signal(stub, Signal::STOP).map_err(failed)?,
            Order::Continue => signal(stub, Signal::CONT).map_err(failed)?,
        }
        Ok(())
    }

    /// The service at one address goes wrong, or (`None`) is well again.
    pub(super) async fn ail(
        &mut self,
        at: AccessPoint,
        fault: Option<ServiceFault>,
    ) -> Result<(), DcError> {
        let told = tell(&mut self.stubs[at.dc.index()], &line(at, fault)).await;
        told.map_err(|source| DcError { dc: at.dc, source })
    }
}

async fn serve(lab: &Lab, dc: Dc, services: [Option<Service>; 2]) -> Result<Child, ProcessError> {
    let program = std::env::current_exe().map_err(ProcessError::Spawn)?;
    let mut command = Command::from(lab.dc(dc).command(program));
    command.arg("serve").args(["--dc", &dc.id().to_string()]);
    let addresses = [Door::A, Door::B, Door::V6].map(|door| AccessPoint { dc, door }.address());
    let services = services.into_iter().flatten();
    let listen: Vec<String> = services
        .flat_map(|service| addresses.map(|address| format!("{address}/{service}")))
        .collect();
    command.arg("--listen").args(&listen);
    let mut child = Child::spawn(command)?;
    for _ in listen {
        match child.event(PATIENCE).await? {
            Event::Listening { address, .. } if address.port() == DC_PORT => {}
            other => return Err(ProcessError::Unexpected(other)),
        }
    }
    Ok(child)
}

/// What a stub is told: a command of `loadtest serve`.
fn line(at: AccessPoint, fault: Option<ServiceFault>) -> String {
    let address = at.address();
    match fault {
        None => format!("heal {address}"),
        Some(ServiceFault::Refuse) => format!("kill {address}"),
        Some(ServiceFault::Mute) => format!("mute {address}"),
        Some(ServiceFault::Delay(by)) => format!("slow {address} {}us", by.as_micros()),
        Some(ServiceFault::Status(code)) => format!("status {address} {code}"),
    }
}

async fn stop(stub: &mut Option<Child>) {
    if let Some(child) = stub.take() {
        child.process.stop().await;
    }
}

fn signal(stub: &Option<Child>, signal: Signal) -> Result<(), ProcessError> {
    let child = stub.as_ref().ok_or(ProcessError::Ended)?;
    child.process.signal(signal).map_err(ProcessError::Signal)
}

async fn tell(stub: &mut Option<Child>, line: &str) -> Result<(), ProcessError> {
    let child = stub.as_mut().ok_or(ProcessError::Ended)?;
    child.send(line).await?;
    match child.event(PATIENCE).await? {
        Event::Done { .. } => Ok(()),
        other => Err(ProcessError::Unexpected(other)),
    }
}

/// A stub did not start, or did not obey.
#[derive(Debug)]
pub(crate) struct DcError {
    dc: Dc,
    source: ProcessError,
}

impl fmt::Display for DcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the stub of {} failed", self.dc)
    }
}

impl Error for DcError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stubs_are_told_what_becomes_of_their_services() {
        let told = |fault| line(AccessPoint { dc: Dc::Dc2, door: Door::B }, fault);
        assert_eq!(told(None), "heal 198.19.2.11:4430");
        // Open sessions are reset as well, which `refuse` alone would leave.
        assert_eq!(told(Some(ServiceFault::Refuse)), "kill 198.19.2.11:4430");
        assert_eq!(told(Some(ServiceFault::Mute)), "mute 198.19.2.11:4430");
        let slow = ServiceFault::Delay(Duration::from_micros(1_500));
        assert_eq!(told(Some(slow)), "slow 198.19.2.11:4430 1500us");
        assert_eq!(told(Some(ServiceFault::Status(503))), "status 198.19.2.11:4430 503");
    }
}
