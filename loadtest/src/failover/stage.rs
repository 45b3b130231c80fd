//! What the lab does in a run, carried out.

use super::dcs::{DcError, Dcs, Order};
use super::edge::Edge;
use super::scenario::fault::{ProcessFault, What};
use super::scenario::place::Place;
use super::scenario::schedule::{Act, Step};
use super::ways::{JITTER, round_trip};
use crate::lab::error::LabError;
use crate::lab::layout::Dc;
use crate::lab::paths::{self, PathFault};
use crate::lab::topology::Lab;
use crate::peers::PeerError;
use std::error::Error;
use std::fmt;
use std::io;

/// Everything that can go wrong on purpose.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    lab: &'a Lab,
    dcs: Dcs<'a>,
    pub(super) edge: Edge<'a>,
    obstacles: Obstacles,
}

impl<'a> Stage<'a> {
    /// With nothing wrong yet.
    pub(super) fn new(lab: &'a Lab, dcs: Dcs<'a>, edge: Edge<'a>) -> Stage<'a> {
        Stage { lab, dcs, edge, obstacles: Obstacles::default() }
    }

    /// Returns when it has had its effect, except for a list, which the peer has only been told of.
    pub(super) async fn perform(&mut self, step: &Step<'_>) -> Result<(), StageError> {
        match step.what {
            What::Path(what, place) => {
                let obstacles = self.obstacles.after(step, *what, *place);
                self.lab.paths().set(&obstacles).map_err(StageError::Path)?;
            }
            What::Slow { factor, dcs } => {
                let factor = if step.act == Act::Begin { *factor } else { 1.0 };
                for &dc in dcs {
                    let line = self.lab.line(dc);
                    line.set(round_trip(dc).mul_f64(factor), JITTER.mul_f64(factor));
                }
            }
            What::Process(fault, dcs) => self.order(dcs, process(*fault, step.act)).await?,
            What::WrongService { dcs, .. } => self.order(dcs, wrong_service(step.act)).await?,
            What::Service(fault, access_points) => {
                let fault = (step.act == Act::Begin).then_some(*fault);
                for &access_point in access_points {
                    self.dcs.ail(access_point, fault).await.map_err(StageError::Dc)?;
                }
            }
            What::Replace(list) => self.edge.replace(list).map_err(StageError::Replace)?,
            What::Drill { dc, lasts, force } => {
                self.edge.drill(*dc, *lasts, *force).map_err(StageError::Drill)?;
            }
        }
        Ok(())
    }

    async fn order(&mut self, dcs: &[Dc], order: Order) -> Result<(), StageError> {
        for &dc in dcs {
            self.dcs.carry_out(dc, order).await.map_err(StageError::Dc)?;
        }
        Ok(())
    }
}

fn process(fault: ProcessFault, act: Act) -> Order {
    match (fault, act) {
        (ProcessFault::Kill, Act::Begin | Act::Usurp) => Order::Kill,
        (ProcessFault::Kill, Act::End) => Order::Start,
        (ProcessFault::Stop, Act::Begin | Act::Usurp) => Order::Stop,
        (ProcessFault::Stop, Act::End) => Order::Continue,
    }
}

fn wrong_service(act: Act) -> Order {
    match act {
        Act::Begin => Order::Kill,
        Act::Usurp => Order::StartWrong,
        Act::End => Order::Start,
    }
}

/// Faults of the path that are there, each with its number in the scenario. The router is told all of them
/// at once.
#[derive(Debug, Default)]
struct Obstacles(Vec<(usize, PathFault)>);

impl Obstacles {
    /// All that are there when the step has been done.
    fn after(&mut self, step: &Step<'_>, what: paths::What, place: Place) -> Vec<PathFault> {
        self.0.retain(|(number, _)| *number != step.fault);
        match step.act {
            Act::Begin | Act::Usurp => {
                let faults = place.paths().into_iter().map(|place| PathFault { place, what });
                self.0.extend(faults.map(|fault| (step.fault, fault)));
            }
            Act::End => {}
        }
        self.0.iter().map(|(_, fault)| *fault).collect()
    }
}

/// Something did not go wrong as it should.
#[derive(Debug)]
pub(crate) enum StageError {
    /// The router did not take its rules.
    Path(LabError),
    Dc(DcError),
    /// The peer could not be given another list.
    Replace(io::Error),
    /// A drill could not be ordered.
    Drill(PeerError),
}

impl fmt::Display for StageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StageError::Path(error) => error.fmt(f),
            StageError::Dc(error) => error.fmt(f),
            StageError::Replace(_) => f.write_str("the list cannot be replaced"),
            StageError::Drill(error) => error.fmt(f),
        }
    }
}

impl Error for StageError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            StageError::Path(error) => error.source(),
            StageError::Dc(error) => error.source(),
            StageError::Replace(source) => Some(source),
            StageError::Drill(error) => error.source(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failover::scenario::Scenario;
    use std::path::Path;

    fn scenario(faults: &str) -> Scenario {
        let text = format!(
            "title: a test\nstands_for: a test\nphases: {{before: 5s, fault: 10s, after: 10s}}\n\
             short: {{before: 2s, fault: 5s, after: 4s}}\nfaults:\n{faults}\n"
        );
        Scenario::parse("test", Path::new("test.yaml"), &text).unwrap()
    }

    /// What the router is told with each step.
    fn obstacles(scenario: &Scenario) -> Vec<Vec<String>> {
        let mut obstacles = Obstacles::default();
        let mut told = Vec::new();
        for step in scenario.schedule(&scenario.long) {
            let What::Path(what, place) = step.what else { continue };
            let there = obstacles.after(&step, *what, *place);
            told.push(there.iter().map(ToString::to_string).collect());
        }
        told
    }

    #[test]
    fn faults_of_the_path_are_there_from_their_begin_to_their_end() {
        let overlapping = scenario(
            "  - {what: blackhole, where: ams, for: 6s}\n  - {what: loss, where: dc1, share: 5%, from: 2s}",
        );
        let told = [
            vec!["dc1: blackhole", "dc2: blackhole"],
            vec!["dc1: blackhole", "dc2: blackhole", "dc1: loss of 5%"],
            vec!["dc1: loss of 5%"],
            vec![],
        ];
        assert_eq!(obstacles(&overlapping), told);
    }

    #[test]
    fn the_end_of_one_of_two_equal_faults_leaves_the_other() {
        let twice = scenario(
            "  - {what: blackhole, where: dc1, for: 4s}\n  - {what: blackhole, where: dc1, from: 2s}",
        );
        let there: Vec<usize> = obstacles(&twice).iter().map(Vec::len).collect();
        assert_eq!(there, [1, 2, 1, 0]);
    }

    #[test]
    fn every_fault_of_a_process_is_undone_by_its_end() {
        let orders = |fault| [Act::Begin, Act::End].map(|act| process(fault, act));
        assert_eq!(orders(ProcessFault::Kill), [Order::Kill, Order::Start]);
        assert_eq!(orders(ProcessFault::Stop), [Order::Stop, Order::Continue]);
        let wrong = [Act::Begin, Act::Usurp, Act::End].map(wrong_service);
        assert_eq!(wrong, [Order::Kill, Order::StartWrong, Order::Start]);
    }
}
