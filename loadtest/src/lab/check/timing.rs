//! How long the lines are, and what they cost.

use super::Echoes;
use super::host::{Seen, connect, sender};
use super::report::{LineTiming, LoadReport};
use crate::lab::error::LabError;
use crate::lab::layout::{AccessPoint, Dc, Door};
use crate::lab::topology::{Lab, Wires};
use crate::procfs;
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval, sleep};

/// Packets a second of the load, and for how long.
const RATE: u32 = 2_000;
const LASTS: Duration = Duration::from_secs(2);
/// They are sent so many at a time.
const AT_ONCE: u32 = 2;

/// Times connects over each line, one after the other on each, on all lines at the same time.
pub(super) async fn lines(
    lab: &Lab,
    wires: &Wires,
    connects: u32,
) -> Result<Vec<LineTiming>, LabError> {
    let timed = |dc| line(lab, wires, dc, connects);
    let (a, b, c) = tokio::join!(timed(Dc::Dc1), timed(Dc::Dc2), timed(Dc::Dc3));
    Ok(vec![a?, b?, c?])
}

async fn line(lab: &Lab, wires: &Wires, dc: Dc, connects: u32) -> Result<LineTiming, LabError> {
    let to = AccessPoint { dc, door: Door::A }.address();
    let mut times = Vec::new();
    let mut failed = 0;
    for _ in 0..connects {
        match connect(lab.edge(), to).await? {
            Seen::Connected { after, .. } => times.push(after),
            Seen::Failed(_) | Seen::Silence => failed += 1,
        }
    }
    times.sort_unstable();
    let counts = lab.line(dc).counts();
    Ok(LineTiming::new(dc, wires.of_dc(dc).round_trip, &times, failed, counts))
}

/// Datagrams to the first DC at a steady rate: how many arrive, and what the thread of the line
/// needs for them.
pub(super) async fn load(lab: &Lab, echoes: &Echoes) -> Result<LoadReport, LabError> {
    let to = AccessPoint { dc: Dc::Dc1, door: Door::A };
    let socket = sender(lab.edge(), to.address())?;
    let cpu = || {
        procfs::cpu_time_of_threads(std::process::id(), "line-dc1")
            .map_err(LabError::io("read processor times"))
    };
    let (arrived, used, before) = (echoes.of(to).datagrams(), cpu()?, lab.line(Dc::Dc1).counts());
    let start = Instant::now();
    let mut ticks = interval(Duration::from_secs(1) * AT_ONCE / RATE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut sent = 0;
    while start.elapsed() < LASTS {
        ticks.tick().await;
        for _ in 0..AT_ONCE {
            socket.send(&[0; 32]).await.map_err(LabError::io("send a datagram"))?;
            sent += 1;
        }
    }
    let lasted = start.elapsed();
    // All of them are on their way for half a round trip.
    let until = Instant::now() + Duration::from_secs(2);
    while echoes.of(to).datagrams() - arrived < sent && Instant::now() < until {
        sleep(Duration::from_millis(5)).await;
    }
    let after = lab.line(Dc::Dc1).counts();
    Ok(LoadReport {
        packets_per_second: sent as f64 / lasted.as_secs_f64(),
        sent,
        arrived: echoes.of(to).datagrams() - arrived,
        dropped_by_the_line: after.dropped - before.dropped,
        late: after.late - before.late,
        cores: (cpu()? - used).as_secs_f64() / lasted.as_secs_f64(),
    })
}
