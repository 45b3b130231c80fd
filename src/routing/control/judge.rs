//! What probes and sessions show, and what the machine concludes from it.

use std::sync::Arc;
use std::time::Instant;

use super::cell::Turn;
use super::{
    Cause, Change, ControlState, Effect, HealthChange, ProbeReport, ROUND_TRIP_PAUSE, settings_of,
};
use crate::routing::failure::Way;
use crate::routing::health::Health;
use crate::routing::ids::{AccessPointId, DcId};
use crate::routing::isolation::Signs;

impl ControlState {
    pub(super) fn on_probed(
        &mut self,
        report: ProbeReport,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let ProbeReport { access_point: id, number, outcome } = report;
        let Some(started) = self.schedule.finish(id, number) else { return };
        let topology = Arc::clone(&self.effective);
        let Some(settings) = settings_of(&topology, id) else { return };
        let Some(cell) = self.access_points.get_mut(&id) else { return };
        let lived = cell.take_seen(topology.connect().timeout, now);
        match outcome.as_ref().map_or_else(|failure| failure.way(), |_| Way::Open) {
            Way::Open => {
                cell.contact.on_answer(now);
                self.on_life_sign(now, now, effects);
            }
            Way::Silent => {
                let is_news = cell.contact.on_failure(now);
                if is_news {
                    self.isolation.on_failure();
                }
                if let Some(access_point) = topology.find_access_point(id) {
                    let site = &topology.dc(topology.access_point(access_point).dc).site;
                    let last_answer = self.isolation.last_answer();
                    self.unsteady.on_silence(site, is_news, last_answer, now);
                }
            }
            Way::Untried => {}
        }
        if lived {
            self.on_lived(id.dc, now, effects);
        }
        match outcome {
            Ok(_) => self.on_answer_of(id.dc, now),
            Err(failure) if failure.way() == Way::Untried => {}
            Err(_) => self.note_failure(id),
        }
        let in_isolation = self.isolation.covers(started.since);
        let isolated = self.isolation.is_isolated();
        let Some(cell) = self.access_points.get_mut(&id) else { return };
        if !cell.probed {
            self.unprobed -= 1;
        }
        let was_unreachable = cell.is_unreachable();
        let is_void = cell.is_probe_void() || in_isolation && outcome.is_err();
        let turn = match &outcome {
            _ if is_void => {
                cell.on_void_probe();
                None
            }
            Ok(answer) => {
                let tie_margin = topology.policy().tie_margin;
                cell.on_answer(answer, settings, tie_margin, now)
            }
            Err(failure) => cell.on_failure(*failure, settings, now),
        };
        let alarms = (!is_void).then(|| cell.watch.on_outcome(&outcome, settings)).flatten();
        let (pause, urgency) = (cell.pause(settings, isolated, now), cell.urgency());
        self.schedule.again(id, started, pause, urgency, now);
        let reachability_changed = cell.is_unreachable() != was_unreachable;
        let news = cell.measured.has_news();
        let failed = outcome.is_err_and(|it| it.depth().is_some()) && !in_isolation;
        let telling = failed && cell.is_probe_telling;
        self.change(id, turn, now, effects);
        if let Some(turns) = alarms {
            self.change_alarm(id, turns, now, effects);
        }
        if telling {
            self.confirm_outage(id, now, effects);
        }
        if reachability_changed {
            self.publish_soon(now);
        } else if news {
            self.publish_by(self.published_at.map_or(now, |at| (at + ROUND_TRIP_PAUSE).max(now)));
        }
    }

    /// Takes what sessions have left in the slots since the last look, and judges by it. Those that look
    /// ill are probed at once.
    pub(super) fn look_at_sessions(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let since = std::mem::replace(&mut self.looked_at, now);
        let topology = Arc::clone(&self.effective);
        let mut lived = false;
        for (id, cell) in &mut self.access_points {
            if cell.take_seen(topology.connect().timeout, now) {
                lived = true;
                if let Some(dc) = self.dcs.get_mut(&id.dc) {
                    dc.on_answer(since);
                }
            }
        }
        if lived {
            self.on_life_sign(since, now, effects);
        }
        let isolated = self.isolation.is_isolated();
        let cells = self.access_points.iter_mut();
        let suspects = cells.filter_map(|(id, cell)| Some((id, cell.complaint()?, cell)));
        let dcs = &self.dcs;
        let turns = suspects.filter_map(|(id, complaint, cell)| match isolated {
            true => {
                cell.dismiss_complaints();
                None
            }
            false => {
                // Of dials that failed those know that made them.
                if complaint == Cause::Mute
                    && let Some(dc) = dcs.get(&id.dc)
                {
                    dc.slot.member_failed(&cell.slot);
                }
                Some((*id, cell.judge(settings_of(&topology, *id)?, now)?))
            }
        });
        for (id, turn) in turns.collect::<Vec<_>>() {
            match turn.cause {
                Cause::FailedConnects | Cause::Overtaken => self.ask_all(id.dc, now),
                Cause::Mute
                | Cause::ProbeAnswered
                | Cause::ProbeFailed(_)
                | Cause::Isolated
                | Cause::TcpOfDc
                | Cause::HoldDownOver
                | Cause::NoComplaints => {}
            }
            self.hasten(id, now);
            self.change(id, Some(turn), now, effects);
        }
        if !isolated {
            self.look_at_outages(now, effects);
            self.follow(now, effects);
        }
    }

    /// Where one access point is gone the whole DC may be: the others are probed at once, too, and not
    /// each when sessions have found out. So it is for one of UDP: a host that is not there is an error of
    /// its flows as much as a port that refuses, and who is not probed learns the rest from the others.
    fn ask_all(&mut self, dc: DcId, now: Instant) {
        if self.dcs.get_mut(&dc).is_some_and(|cell| cell.asks_all(now))
            && let Some(index) = self.effective.find_dc(dc)
        {
            let topology = Arc::clone(&self.effective);
            topology.access_points_of(index).for_each(|(_, it)| self.hasten(it.id, now));
        }
    }

    /// Sessions that began earn their DCs hedges.
    pub(super) fn earn_hedges(&mut self, now: Instant) {
        let passed = now - std::mem::replace(&mut self.earned_at, now);
        let hedging = self.effective.connect().hedging;
        self.dcs.values_mut().for_each(|cell| cell.earn_hedges(hedging, passed));
    }

    /// Everybody has fallen silent at once: then it is this edge, and what was concluded since the
    /// last answer is taken back.
    pub(super) fn look_for_isolation(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.isolation.next_look().is_none_or(|due| now < due) {
            return;
        }
        let last_answer = self.isolation.last_answer();
        // A session may have had an answer that nobody has announced.
        self.look_at_sessions(now, effects);
        if self.isolation.last_answer() != last_answer {
            return;
        }
        let silence = self.isolation.silent_since();
        let topology = Arc::clone(&self.effective);
        let cells = topology.access_points().iter().zip(self.access_points.values());
        let contacts = cells.map(|(it, cell)| (&*topology.dc(it.dc).site, it.id, cell.contact));
        match self.isolation.look(contacts, now) {
            Signs::Absent => return,
            Signs::Untried(ids) => return ids.into_iter().for_each(|id| self.hasten(id, now)),
            Signs::Complete => self.isolation.begin(),
        }
        effects.push(Effect::Changed(Change::Isolation { isolated: true }));
        let cells = self.access_points.iter_mut();
        let turns = cells.filter_map(|(id, cell)| {
            let turn = cell.exonerate(silence, settings_of(&topology, *id)?, now);
            Some((*id, turn))
        });
        for (id, turn) in turns.collect::<Vec<_>>() {
            self.hasten(id, now);
            self.change(id, turn, now, effects);
        }
        self.follow(now, effects);
        self.publish_soon(now);
    }

    /// Something came back from somebody, at some time between `since` and now: the edge is not cut off.
    pub(super) fn on_life_sign(&mut self, since: Instant, now: Instant, effects: &mut Vec<Effect>) {
        if self.isolation.on_answer(since, now) {
            self.access_points.values_mut().for_each(|cell| cell.on_return(now));
            effects.push(Effect::Changed(Change::Isolation { isolated: false }));
            self.publish_soon(now);
        }
    }

    /// Sessions got something from this DC since everybody's were looked at.
    pub(super) fn on_lived(&mut self, dc: DcId, now: Instant, effects: &mut Vec<Effect>) {
        self.on_answer_of(dc, self.looked_at);
        self.on_life_sign(self.looked_at, now, effects);
    }

    fn on_answer_of(&mut self, dc: DcId, at: Instant) {
        if let Some(cell) = self.dcs.get_mut(&dc) {
            cell.on_answer(at);
        }
    }

    /// It failed just now: of its DC it is the last that did.
    fn note_failure(&self, id: AccessPointId) {
        if let (Some(dc), Some(cell)) = (self.dcs.get(&id.dc), self.access_points.get(&id)) {
            dc.slot.member_failed(&cell.slot);
        }
    }

    pub(super) fn hasten(&mut self, id: AccessPointId, now: Instant) {
        if let Some(cell) = self.access_points.get(&id) {
            self.schedule.hasten(id, cell.urgency(), now);
        }
    }

    pub(super) fn change(
        &mut self,
        access_point: AccessPointId,
        turn: Option<Turn>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let Some(Turn { transition, cause, held_for }) = turn else { return };
        let change = HealthChange { access_point, transition, cause, held_for };
        effects.push(Effect::Changed(Change::AccessPoint(change)));
        self.has_successors |= transition.to == Health::Up && !self.retiring.is_empty();
        self.publish_soon(now);
    }
}
