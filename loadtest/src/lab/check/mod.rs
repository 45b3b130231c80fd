//! `loadtest lab check`: builds a lab and proves it with real sockets. Lines are as long as they
//! should be, each fault of the path is what it says, and nothing is left in the end.

mod faults;
mod host;
mod report;
mod timing;

use super::command::LabCommandError;
use super::error::LabError;
use super::layout::{self, AccessPoint, Dc, Door};
use super::options::CheckOptions;
use super::owner::Owner;
use super::sweep;
use super::topology::{Lab, Wire, Wires};
use crate::procfs;
use crate::report::{Host as Machine, emit};
use host::{Echo, Seen, connect, connect_from};
use report::{Observation, Report, verdict};
use std::net::{Ipv6Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};
use tokio::process::Command;
use tokio::sync::oneshot;

/// Something near, something in between and something far. Faults are looked at on the first.
fn wires() -> Wires {
    Wires::of(|dc| Wire {
        round_trip: Duration::from_millis(match dc {
            Dc::Dc1 => 10,
            Dc::Dc2 => 40,
            Dc::Dc3 => 160,
        }),
        jitter: Duration::ZERO,
    })
}

pub(super) async fn run(options: &CheckOptions) -> Result<bool, LabCommandError> {
    let start = Instant::now();
    let lab = Lab::build(&wires())?;
    let build = start.elapsed();
    let echoes = Echoes::serve(&lab)?;

    let mut observations = hosts(&lab).await?;
    let lines = timing::lines(&lab, &wires(), options.connects.get()).await?;
    let load = timing::load(&lab, &echoes).await?;
    observations.extend(faults::observe(&lab, &echoes).await?);
    drop(echoes);
    observations.extend(ending(lab).await?);

    let ok = observations.iter().all(|observation| observation.ok);
    let report = Report { machine: Machine::read(), build, lines, load, observations, ok };
    emit(&report, &options.output).map_err(LabCommandError::Report)?;
    Ok(ok)
}

/// Who answers: every access point, and the edge in both families.
struct Echoes {
    _edge: Vec<Echo>,
    dcs: Vec<(AccessPoint, Echo)>,
}

impl Echoes {
    fn serve(lab: &Lab) -> Result<Echoes, LabError> {
        let edge = [layout::edge(), layout::edge_v6()];
        let edge =
            edge.into_iter().map(|at| Echo::serve(lab.edge(), at)).collect::<Result<_, _>>()?;
        let mut dcs = Vec::new();
        for dc in Dc::ALL {
            for door in [Door::A, Door::B, Door::V6] {
                let at = AccessPoint { dc, door };
                dcs.push((at, Echo::serve(lab.dc(dc), at.address())?));
            }
        }
        Ok(Echoes { _edge: edge, dcs })
    }

    fn of(&self, at: AccessPoint) -> &Echo {
        let (_, echo) = self.dcs.iter().find(|(it, _)| *it == at).expect("all of them serve");
        echo
    }
}

/// Everybody reaches everybody, and clients come from any of their addresses.
async fn hosts(lab: &Lab) -> Result<Vec<Observation>, LabError> {
    let mut observations = Vec::new();
    for dc in Dc::ALL {
        for door in [Door::A, Door::B, Door::V6] {
            let at = AccessPoint { dc, door };
            let seen = connect(lab.edge(), at.address()).await?;
            observations.push(verdict("no fault", &format!("edge to {at}"), "connects", &seen));
        }
    }
    let v6 = Ipv6Addr::new(0x2001, 2, 0, 0xc000, 0, 0, 0x1234, 0x5678);
    let clients: [(SocketAddr, SocketAddr); 3] = [
        (SocketAddr::from((layout::client(0), 0)), layout::edge()),
        (SocketAddr::from((layout::client(54_321), 0)), layout::edge()),
        (SocketAddr::from((v6, 0)), layout::edge_v6()),
    ];
    for (from, to) in clients {
        let seen = connect_from(lab.clients(), Some(from), to).await?;
        let who = format!("client {} to the edge", from.ip());
        let mut observation = verdict("no fault", &who, "connects", &seen);
        if let Seen::Connected { stream, .. } = &seen {
            // The address that the edge sees is the one that was bound: nothing translates it.
            observation.ok &= stream.local_addr().is_ok_and(|local| local.ip() == from.ip());
        }
        observations.push(observation);
    }
    let entered = thread_inside(lab).await?;
    observations.push(Observation::new("no fault", "a thread of a client", "connects", entered));
    Ok(observations)
}

/// Whether a thread that has entered the clients' namespace for good reaches the edge from there.
async fn thread_inside(lab: &Lab) -> Result<bool, LabError> {
    let entrance = lab.clients().entrance();
    let (tell, told) = oneshot::channel();
    let thread = thread::Builder::new().name("client".to_owned()).spawn(move || {
        let connected = entrance
            .enter()
            .and_then(|()| TcpStream::connect_timeout(&layout::edge(), host::PATIENCE))
            .is_ok();
        // Whoever asked does not go away.
        let _ = tell.send(connected);
    });
    thread.map_err(LabError::io("start a thread"))?;
    Ok(told.await.unwrap_or(false))
}

/// The end of the lab, with a program that runs in it.
async fn ending(lab: Lab) -> Result<Vec<Observation>, LabError> {
    let mut command = Command::from(lab.dc(Dc::Dc1).command("sleep"));
    let mut sleeper =
        command.arg("600").spawn().map_err(LabError::io("start a program in the lab"))?;
    let pid = sleeper.id().unwrap_or_default();
    let until = Instant::now() + Duration::from_secs(5);
    let failed = || LabError::io("look for processes");
    while !lab.dc(Dc::Dc1).processes().map_err(failed())?.contains(&pid) && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let inside = lab.dc(Dc::Dc1).processes().map_err(failed())?.contains(&pid);
    let entered =
        Observation::new("no fault", "a program is started in dc1", "runs inside", inside);

    let own: Vec<String> = lab.namespaces().map(|it| it.name().to_owned()).collect();
    let owner = own.first().and_then(|name| Owner::of(name));
    drop(lab);
    let killed = sleeper.wait().await.map_err(failed())?;
    let killed = std::os::unix::process::ExitStatusExt::signal(&killed) == Some(9);
    let left = sweep::namespaces()?.into_iter().any(|(_, whose)| Some(whose) == owner);
    let threads = procfs::threads("line-").map_err(failed())?;
    Ok(vec![
        entered,
        Observation::new("the lab ends", "the program in dc1", "is killed", killed),
        Observation::new("the lab ends", "namespaces", "are gone", !left),
        Observation::new("the lab ends", "threads of lines", "are gone", threads == 0),
    ])
}
