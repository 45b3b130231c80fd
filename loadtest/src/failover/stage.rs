//! What the lab does in a run, carried out.

use super::dcs::{DcError, Dcs, Order};
use super::edge::Edge;
use super::run::{JITTER, round_trip};
use super::scenario::fault::{Direction, Family, PathFault, Place, ProcessFault, Share, What};
use super::scenario::schedule::{Act, Step};
use crate::lab::error::LabError;
use crate::lab::layout::Dc;
use crate::lab::paths::{self, Where};
use crate::lab::topology::Lab;
use std::error::Error;
use std::fmt;
use std::io;

/// Everything that can go wrong on purpose.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    pub(super) lab: &'a Lab,
    pub(super) dcs: Dcs<'a>,
    pub(super) edge: Edge<'a>,
    /// Faults of the path that are there, each with its number in the scenario.
    pub(super) on_the_way: Vec<(usize, paths::PathFault)>,
}

impl Stage<'_> {
    /// Returns when it has had its effect, except for a list, which the peer has only been told of.
    pub(super) async fn perform(&mut self, step: &Step<'_>) -> Result<(), StageError> {
        match step.what {
            What::Path(fault, place) => self.set_path(step, *fault, *place)?,
            What::Slow { factor, dcs } => {
                let factor = if step.act == Act::Begin { *factor } else { 1.0 };
                for &dc in dcs {
                    let line = self.lab.line(dc);
                    line.set(round_trip(dc).mul_f64(factor), JITTER.mul_f64(factor));
                }
            }
            What::Process(fault, dcs) => {
                let order = match (fault, step.act) {
                    (ProcessFault::Kill, Act::Begin | Act::Usurp) => Order::Kill,
                    (ProcessFault::Kill, Act::End) => Order::Start,
                    (ProcessFault::Stop, Act::Begin | Act::Usurp) => Order::Stop,
                    (ProcessFault::Stop, Act::End) => Order::Continue,
                };
                self.order(dcs, order).await?;
            }
            What::WrongService { dcs, .. } => {
                let order = match step.act {
                    Act::Begin => Order::Kill,
                    Act::Usurp => Order::StartWrong,
                    Act::End => Order::Start,
                };
                self.order(dcs, order).await?;
            }
            What::Service(fault, access_points) => {
                let fault = (step.act == Act::Begin).then_some(*fault);
                for &access_point in access_points {
                    self.dcs.ail(access_point, fault).await.map_err(StageError::Dc)?;
                }
            }
            What::Replace(list) => self.edge.replace(list).map_err(StageError::Replace)?,
        }
        Ok(())
    }

    fn set_path(&mut self, step: &Step<'_>, fault: PathFault, at: Place) -> Result<(), StageError> {
        self.on_the_way.retain(|(number, _)| *number != step.fault);
        if step.act == Act::Begin {
            let faults = places(at).into_iter().map(|place| path_fault(fault, place));
            self.on_the_way.extend(faults.map(|fault| (step.fault, fault)));
        }
        let faults: Vec<_> = self.on_the_way.iter().map(|(_, fault)| *fault).collect();
        self.lab.paths().set(&faults).map_err(StageError::Path)
    }

    async fn order(&mut self, dcs: &[Dc], order: Order) -> Result<(), StageError> {
        for &dc in dcs {
            self.dcs.carry_out(dc, order).await.map_err(StageError::Dc)?;
        }
        Ok(())
    }
}

fn places(place: Place) -> Vec<Where> {
    match place {
        Place::AccessPoint(access_point) => vec![Where::AccessPoint(access_point)],
        Place::Dc(dc) => vec![Where::Dc(dc)],
        Place::Family(dc, Family::Ipv6) => vec![Where::V6(dc)],
        Place::Family(..) => place.access_points().into_iter().map(Where::AccessPoint).collect(),
        Place::Site(site) => site.dcs().map(Where::Dc).collect(),
        Place::All => vec![Where::AllDcs],
        Place::Uplink => vec![Where::Uplink],
    }
}

fn path_fault(fault: PathFault, place: Where) -> paths::PathFault {
    use paths::What;
    let share = |share: Share| paths::Share::new(share.value()).unwrap_or(paths::Share::ALL);
    let what = match fault {
        PathFault::Blackhole => What::Blackhole,
        PathFault::OneWay(Direction::ToDc) => What::OneWay(paths::Direction::To),
        PathFault::OneWay(Direction::FromDc) => What::OneWay(paths::Direction::From),
        PathFault::Loss(part) => What::Loss(share(part)),
        PathFault::Reset(part) => What::Reset(share(part)),
        PathFault::Unreachable => What::Unreachable,
        PathFault::Police { packets_per_second } => {
            What::Police(std::num::NonZeroU32::new(packets_per_second).unwrap())
        }
    };
    paths::PathFault { place, what }
}

/// Something did not go wrong as it should.
#[derive(Debug)]
pub(crate) enum StageError {
    /// The router did not take its rules.
    Path(LabError),
    Dc(DcError),
    /// The peer could not be given another list.
    Replace(io::Error),
}

impl fmt::Display for StageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StageError::Path(error) => error.fmt(f),
            StageError::Dc(error) => error.fmt(f),
            StageError::Replace(_) => f.write_str("the list cannot be replaced"),
        }
    }
}

impl Error for StageError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            StageError::Path(error) => error.source(),
            StageError::Dc(error) => error.source(),
            StageError::Replace(source) => Some(source),
        }
    }
}
