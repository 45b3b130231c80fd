//! The data centres: a stub in each of their hosts, as a process that can be killed, stopped and told to
//! misbehave.

use crate::event::Event;
use crate::lab::Lab;
use crate::lab::layout::{AccessPoint, DC_PORT, Dc, Door};
use crate::process::{Child, ProcessError};
use nearpoint::stub::Service;
use rustix::process::Signal;
use std::time::Duration;

/// For a stub to start, or to obey.
const PATIENCE: Duration = Duration::from_secs(10);

/// What DCs do when all is well: answer whoever speaks, and probes of HTTP.
const RIGHT: Service = Service::Http;

/// What is at their addresses when it is not theirs any more: somebody who talks without end.
const WRONG: Service = Service::Source { bytes: None };

/// What a stub is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Order {
    /// The process ends at once, its sessions are reset by its kernel.
    Kill,
    /// It is started again after [`Order::Kill`], or instead of the wrong one.
    Start,
    /// Another service is at its addresses.
    StartWrong,
    /// SIGSTOP: its kernel accepts, nobody answers.
    Stop,
    /// SIGCONT
    Continue,
    /// Ports are closed and sessions reset.
    Refuse,
    /// Everything is read, nothing answered.
    Mute,
    /// Every answer leaves so much later.
    Delay(Duration),
    /// Requests of HTTP are answered with this status.
    Status(u16),
    /// Serves again after one of the four.
    Heal,
}

/// All of them. Dropping it kills them.
#[derive(Debug)]
pub(super) struct Dcs<'a> {
    lab: &'a Lab,
    stubs: Vec<(Dc, Option<Child>)>,
}

impl<'a> Dcs<'a> {
    pub(super) async fn start(lab: &'a Lab) -> Result<Dcs<'a>, DcError> {
        let mut dcs = Dcs { lab, stubs: Dc::ALL.into_iter().map(|dc| (dc, None)).collect() };
        for dc in Dc::ALL {
            dcs.carry_out(dc, Order::Start).await?;
        }
        Ok(dcs)
    }

    /// Returns when the order has had its effect.
    pub(super) async fn carry_out(&mut self, dc: Dc, order: Order) -> Result<(), DcError> {
        let failed = |source| DcError { dc, source };
        let lab = self.lab;
        let stub = self.stubs.iter_mut().find(|(of, _)| *of == dc).map(|(_, stub)| stub);
        // Every DC has its place from the start on.
        let stub = stub.ok_or(ProcessError::Ended).map_err(failed)?;
        match order {
            Order::Kill => stop(stub).await,
            Order::Start => {
                stop(stub).await;
                *stub = Some(serve(lab, dc, RIGHT).await.map_err(failed)?);
            }
            Order::StartWrong => {
                stop(stub).await;
                *stub = Some(serve(lab, dc, WRONG).await.map_err(failed)?);
            }
            Order::Stop => signal(stub, Signal::STOP).map_err(failed)?,
            Order::Continue => signal(stub, Signal::CONT).map_err(failed)?,
            Order::Refuse => tell(stub, "kill all").await.map_err(failed)?,
            Order::Mute => tell(stub, "mute all").await.map_err(failed)?,
            Order::Heal => tell(stub, "heal all").await.map_err(failed)?,
            Order::Status(code) => tell(stub, &format!("status all {code}")).await.map_err(failed)?,
            Order::Delay(by) => {
                let by = humantime::format_duration(by);
                // A duration with two units would be two words.
                let by = by.to_string().replace(' ', "");
                tell(stub, &format!("slow all {by}")).await.map_err(failed)?;
            }
        }
        Ok(())
    }
}

async fn serve(lab: &Lab, dc: Dc, service: Service) -> Result<Child, ProcessError> {
    let program = std::env::current_exe().map_err(ProcessError::Spawn)?;
    let mut command = lab.dc(dc).command(program).map_err(ProcessError::Spawn)?;
    command.arg("serve").args(["--dc", &dc.id().to_string()]);
    command.args(["--service", &service.to_string(), "--listen"]);
    let doors = [Door::A, Door::B, Door::V6];
    command.args(doors.map(|door| AccessPoint { dc, door }.address().to_string()));
    let mut child = Child::spawn(command)?;
    for _ in doors {
        match child.event(PATIENCE).await? {
            Event::Listening { address, .. } if address.port() == DC_PORT => {}
            other => return Err(ProcessError::Unexpected(other)),
        }
    }
    Ok(child)
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

impl std::fmt::Display for DcError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the stub of {} failed", self.dc)
    }
}

impl std::error::Error for DcError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
