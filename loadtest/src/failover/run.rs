//! One run: a lab, a peer at its edge, clients, and a failure.

use super::dcs::{DcError, Dcs};
use super::edge::Edge;
use super::load::{Load, LoadError, Shape};
use super::peers::{Installed, Peer, Setting};
use super::record::{Flows, Mark, Recording, Strike};
use super::scenario::{Phases, Scenario};
use super::stage::{Stage, StageError};
use super::ways;
use crate::lab::error::LabError;
use crate::lab::layout;
use crate::lab::topology::Lab;
use crate::peers::PeerError;
use std::error::Error;
use std::fmt;
use std::io;
use std::time::SystemTime;
use tokio::time::{Instant, sleep_until};

/// Runs the scenario through one peer, and returns what clients met.
pub(super) async fn run(
    scenario: &Scenario,
    phases: &Phases,
    peer: &Installed,
) -> Result<Recording, RunError> {
    let lab = Lab::build(&ways::wires()).map_err(RunError::Lab)?;
    let dcs = Dcs::start(&lab, scenario.udp.is_some()).await.map_err(RunError::Dc)?;
    // A peer that knows no UDP has clients of TCP only.
    let udp = scenario.udp.filter(|_| peer.peer.serves_udp());
    let setting = Setting {
        extra: scenario.nearpoint.clone(),
        udp: udp.is_some(),
        ..Setting::new(scenario.access_points.clone(), scenario.probe)
    };
    let edge = Edge::start(&lab, peer, setting).await.map_err(RunError::Peer)?;
    // Peers have no other listener.
    let crowd = scenario.crowd.filter(|_| peer.peer == Peer::Nearpoint);
    let shape = Shape {
        new_per_second: scenario.load.new,
        held: scenario.load.held,
        udp: udp.map(|udp| (udp.new, udp.held)),
        crowd: crowd.map(|crowd| (crowd.new, crowd.port)),
    };
    let load = Load::start(lab.clients().entrance(), layout::edge(), shape);
    let load = load.await.map_err(RunError::Load)?;
    let began = load.began;
    // The same moment as a time of day, by which nearpoint tells its events.
    let began_at = SystemTime::now() - began.elapsed();

    let mut stage = Stage::new(&lab, dcs, edge);
    let fault_began = Instant::from_std(began) + phases.before;
    let (mut strikes, mut marks) = (Vec::new(), Vec::new());
    for step in scenario.schedule(phases) {
        sleep_until(fault_began + step.at).await;
        let from = began.elapsed();
        stage.perform(&step).await.map_err(RunError::Stage)?;
        let to = began.elapsed();
        if step.breaks() {
            strikes.push(Strike { from, to });
        }
        marks.push(Mark::of_the_lab(to, step.to_string()));
    }
    sleep_until(fault_began + phases.fault).await;
    // Who comes while the lab still mends something is not of the phase in which all is well.
    let fault_ended = began.elapsed();
    sleep_until(fault_began + phases.fault + phases.after).await;
    let load_ended = began.elapsed();
    let met = load.stop().await.map_err(RunError::Load)?;
    stage.edge.lives().map_err(RunError::Peer)?;
    if peer.peer == Peer::Nearpoint {
        let news = stage.edge.news(began_at).await.map_err(RunError::News)?;
        marks.extend(news.into_iter().filter(|mark| mark.at <= load_ended));
        marks.sort_by_key(|mark| mark.at);
    }
    let drill = stage.edge.drill_report().await.map_err(RunError::News)?;
    stage.edge.stop().await;
    Ok(Recording {
        fault_began: phases.before,
        fault_ended,
        load_ended,
        arrivals: met.arrivals,
        held: scenario.load.held as usize,
        interruptions: met.interruptions,
        flows: udp.map(|udp| Flows { held: udp.held as usize, ..met.flows }),
        crowd: crowd.map(|_| met.crowd),
        strikes,
        marks,
        drill,
    })
}

#[derive(Debug)]
pub(crate) enum RunError {
    Lab(LabError),
    Dc(DcError),
    /// The peer did not start, or has ended.
    Peer(PeerError),
    Load(LoadError),
    Stage(StageError),
    /// nearpoint did not tell its events.
    News(io::Error),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Lab(error) => error.fmt(f),
            RunError::Dc(error) => error.fmt(f),
            RunError::Peer(error) => error.fmt(f),
            RunError::Load(error) => error.fmt(f),
            RunError::Stage(error) => error.fmt(f),
            RunError::News(_) => f.write_str("nearpoint does not tell its events"),
        }
    }
}

impl Error for RunError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            RunError::Lab(error) => error.source(),
            RunError::Dc(error) => error.source(),
            RunError::Peer(error) => error.source(),
            RunError::Load(error) => error.source(),
            RunError::Stage(error) => error.source(),
            RunError::News(source) => Some(source),
        }
    }
}
