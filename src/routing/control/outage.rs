//! Whether the open sessions of an access point that is Down may be given up.
//!
//! A session that has had no byte since the access point began to fail is as good as dead, and its
//! client waits for nothing: a reset sends it to another DC. But silence may be the edge's own, when it
//! loses its way to everybody. So there has to be a sign that it has not: another DC has answered since
//! the first failure, and a probe of this access point that began after that has failed all the same. A
//! short cut, in which all go Down and come back together, shows no such thing. Short cuts one after the
//! other may: they are known by [`Unsteady`](super::unsteady::Unsteady).
//!
//! And there has to be somebody who could serve the clients. Where nothing is Up for their class of
//! sessions they would come back to the same access points: most likely it is the probes that ask for the
//! wrong thing.

use std::time::Instant;

use super::cell::AccessPointCell;
use super::dc::DcCell;
use super::{Change, ControlState, Effect};
use crate::routing::health::AdminState;
use crate::routing::ids::{AccessPointId, AccessPointIndex, DcId};
use crate::routing::snapshot::Closing;
use crate::routing::topology::{Class, OnDown, Traffic};

/// The time in which an access point that has sessions is Down. Flows choose again by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outage {
    /// When the first failure was seen that led to it.
    pub(super) began: Instant,
    /// Its probes do not see it, and go well.
    pub(super) unseen: bool,
    /// It is not the edge that is cut off.
    pub(super) confirmed: bool,
}

impl ControlState {
    /// Whether a DC other than this one has answered later than that.
    pub(super) fn another_has_answered(&self, dc: DcId, since: Instant) -> bool {
        let mut others = self.dcs.iter().filter(|(id, _)| **id != dc);
        others.any(|(_, other)| other.answered_at > Some(since))
    }

    /// A probe that began after another DC had answered has failed: if this access point is Down, and fails
    /// for as long, its outage is confirmed.
    pub(super) fn confirm_outage(
        &mut self,
        id: AccessPointId,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        // What it failed for when the probe began may have been made up for since, and it fails anew.
        let is_dubious = |cell| self.dubious(id, cell).is_some();
        if !self.unsteady.is_unsteady(now)
            && self.access_points.get(&id).is_some_and(is_dubious)
            && self.sessions_have_refuge(id)
        {
            self.confirm(id, now, effects);
        }
    }

    /// Confirms the outages that no probe will: the answer of another DC is sign enough. Of the others
    /// those are probed at once whose sessions wait for it: what is Down is not probed often.
    pub(super) fn look_at_outages(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.unsteady.is_unsteady(now) {
            return;
        }
        let cells = self.access_points.iter();
        let dubious = cells.filter_map(|(id, cell)| {
            let unseen = self.dubious(*id, cell)?.unseen;
            let awaited = cell.slot.active() > 0 && !cell.is_probe_telling;
            (unseen || awaited).then_some((*id, unseen))
        });
        for (id, unseen) in dubious.collect::<Vec<_>>() {
            match unseen {
                _ if !self.sessions_have_refuge(id) => {}
                true => self.confirm(id, now, effects),
                false => self.hasten(id, now),
            }
        }
    }

    /// Its outage, if that is not confirmed, though another DC has answered since it began.
    fn dubious(&self, id: AccessPointId, cell: &AccessPointCell) -> Option<Outage> {
        let outage = cell.outage.filter(|it| !it.confirmed)?;
        self.another_has_answered(id.dc, outage.began).then_some(outage)
    }

    fn confirm(&mut self, id: AccessPointId, now: Instant, effects: &mut Vec<Effect>) {
        let Some(cell) = self.access_points.get_mut(&id) else { return };
        let Some(outage) = &mut cell.outage else { return };
        outage.confirmed = true;
        let sessions = cell.slot.active();
        if sessions > 0 && self.effective.on_down() != OnDown::Keep {
            effects.push(Effect::Changed(Change::Closing { access_point: id, sessions }));
        }
        self.publish_soon(now);
    }

    /// Whose silent sessions are to be closed: nobody's while the edge is cut off, or nothing is Up for
    /// such sessions.
    pub(super) fn closing(&self) -> Box<[Closing]> {
        let keep = self.effective.on_down() == OnDown::Keep;
        if keep || self.isolation.is_isolated() {
            return Box::default();
        }
        let cells = (0..).map(AccessPointIndex).zip(self.access_points.values());
        let confirmed = cells.filter_map(|(access_point, cell)| {
            let outage = cell.outage.filter(|it| it.confirmed)?;
            Some(Closing { access_point, silent_since: outage.began })
        });
        let mut closing: Vec<Closing> = confirmed.collect();
        if !closing.is_empty() {
            let refuges = Class::ALL.map(|class| self.has_refuge(Traffic::tcp(class)));
            let class = |it: &Closing| self.effective.access_point(it.access_point).flags.class();
            closing.retain(|it| refuges[class(it) as usize]);
        }
        closing.into()
    }

    /// Whether clients that come back with such sessions find an access point that is in use.
    fn has_refuge(&self, traffic: Traffic) -> bool {
        let mut all = self.effective.access_points().iter().zip(self.access_points.values());
        all.any(|(it, cell)| {
            let ready = |dc: &DcCell| dc.admin == AdminState::Ready;
            let in_use = it.takes(traffic) && cell.is_in_use();
            in_use && self.dcs.get(&it.id.dc).is_some_and(ready)
        })
    }

    /// The same of the sessions that an access point is made for.
    fn sessions_have_refuge(&self, id: AccessPointId) -> bool {
        let found = self.effective.find_access_point(id);
        found.is_some_and(|at| self.has_refuge(self.effective.access_point(at).traffic()))
    }
}
