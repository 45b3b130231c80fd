//! One phase of the storm: what clients meet while the crowd answers, or while it fails, and what
//! operators meet meanwhile.

use super::StormError;
use super::clients::{Clients, Recording};
use super::daemon::{CpuTime, Daemon, Doors};
use super::network::Network;
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tokio::task::spawn_blocking;

/// Lists put in force in each phase. An even number, so that each phase ends with the list that it
/// began with.
const RELOADS: u32 = 4;

/// What was seen in a phase.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) lasted: Duration,
    pub(super) clients: Recording,
    pub(super) cpu: CpuTime,
    pub(super) operator: Operator,
}

/// What an operator has seen of the daemon.
#[derive(Clone, Debug, Default)]
pub(super) struct Operator {
    /// From the signal to the publication of each list that was put in force.
    pub(super) reloads: Vec<Duration>,
    /// The longest lag of probes, in seconds, of some looks.
    pub(super) probe_lag: f64,
    /// Access points that were not up at the end.
    pub(super) down: u64,
}

impl Seen {
    pub(super) fn merge(&mut self, other: Seen) {
        self.lasted += other.lasted;
        self.clients.merge(other.clients);
        self.cpu.all += other.cpu.all;
        self.cpu.workers += other.cpu.workers;
        self.operator.reloads.extend(other.operator.reloads);
        self.operator.probe_lag = self.operator.probe_lag.max(other.operator.probe_lag);
        self.operator.down = self.operator.down.max(other.operator.down);
    }
}

/// Measures for `duration`, from before `begin` on, or until the operator is done if that takes
/// longer.
pub(super) async fn measure(
    daemon: &Daemon,
    clients: &mut Clients,
    network: &mut Network,
    fails: bool,
    duration: Duration,
) -> Result<Seen, StormError> {
    let lists = [network.dc_options(1), network.dc_options(0)];
    let doors = daemon.doors();
    // What came between phases belongs to none.
    clients.take();
    let (began, before) = (Instant::now(), daemon.cpu_time().map_err(StormError::Read)?);
    if fails {
        network.fail().await?;
    }
    let operator = spawn_blocking(move || operate(&doors, &lists, duration));
    tokio::time::sleep(duration).await;
    // A thread that panicked has said why.
    let operator = operator.await.map_err(|_| StormError::Read(io::ErrorKind::Other.into()))?;
    let after = daemon.cpu_time().map_err(StormError::Read)?;
    Ok(Seen {
        lasted: began.elapsed(),
        clients: clients.take(),
        cpu: CpuTime {
            all: after.all.saturating_sub(before.all),
            workers: after.workers.saturating_sub(before.workers),
        },
        operator: operator.map_err(StormError::Operator)?,
    })
}

/// Puts lists in force, and looks at probes, all through the phase.
fn operate(doors: &Doors, lists: &[String], duration: Duration) -> io::Result<Operator> {
    let began = Instant::now();
    let mut seen = Operator::default();
    for (number, list) in (0..RELOADS).zip(lists.iter().cycle()) {
        sleep((duration / RELOADS * number).saturating_sub(began.elapsed()));
        seen.reloads.push(doors.reload(list)?);
        seen.probe_lag = seen.probe_lag.max(doors.probe_lag()?);
    }
    sleep(duration.saturating_sub(began.elapsed()));
    seen.probe_lag = seen.probe_lag.max(doors.probe_lag()?);
    let (up, all) = doors.up()?;
    seen.down = all.saturating_sub(up);
    Ok(seen)
}
