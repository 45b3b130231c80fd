//! What probes say of an access point beside its health: what somebody should look at, and how often it
//! wants to be asked.

use std::time::{Duration, Instant};

use super::event::{AlarmChange, AlarmEnd, Change, Effect, ProbeOutcome, Remark};
use super::{AccessPointCell, ControlState};
use crate::routing::alarm::Alarm;
use crate::routing::failure::ProbeFailure;
use crate::routing::ids::AccessPointId;
use crate::routing::topology::HealthSettings;

/// Probes of who wants fewer are no further apart than this, unless they always are.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(60);

/// The alarm about one access point, and the pace of its probes.
#[derive(Debug, Default)]
pub(super) struct Watch {
    alarm: Option<Alarm>,
    pace: Pace,
    /// How often the pauses between its probes have doubled since the last whole answer.
    doublings: u32,
}

/// What the last probe says of the time of the next.
#[derive(Debug, Default, PartialEq)]
enum Pace {
    /// Nothing.
    #[default]
    Usual,
    /// It is to come later.
    BackedOff,
    /// There is no hurry: who refuses a question does so however often it is put.
    Unhurried,
}

/// An alarm that begins or ends.
pub(super) type AlarmTurn = (Alarm, Option<AlarmEnd>);

impl Watch {
    /// What somebody should look at.
    pub(super) fn alarm(&self) -> Option<&Alarm> {
        self.alarm.as_ref()
    }

    /// A probe ended so. `None` when that changes no alarm; else what ends and what begins, which may be
    /// nothing too: of the same alarm something else was seen.
    pub(super) fn on_outcome(
        &mut self,
        outcome: &ProbeOutcome,
        settings: &HealthSettings,
    ) -> Option<Vec<AlarmTurn>> {
        let alarm = match outcome {
            Ok(answer) => answer.remark.as_ref().map(|remark| match remark {
                Remark::RateLimited => Alarm::RateLimited,
                Remark::OtherFingerprints(seen) => Alarm::OtherFingerprints(seen.clone()),
            }),
            Err(ProbeFailure::Foreign(foreign)) => Some(Alarm::ForeignAnswer(*foreign)),
            Err(ProbeFailure::WrongDc) => Some(Alarm::WrongDc),
            // It was not asked.
            Err(ProbeFailure::Connect(failure)) if !failure.is_evidence() => return None,
            // Whether what raised an alarm is over, these do not say; nor that fewer probes are wanted.
            Err(
                ProbeFailure::Connect(_)
                | ProbeFailure::Closed
                | ProbeFailure::Silent
                | ProbeFailure::WrongAnswer
                | ProbeFailure::NoBackEnd
                | ProbeFailure::ErrorCode(_),
            ) => {
                self.pace = Pace::Usual;
                return None;
            }
        };
        self.set_pace(alarm.as_ref(), settings);
        if alarm == self.alarm {
            return None;
        }
        let before = std::mem::replace(&mut self.alarm, alarm.clone());
        let kind = |alarm: &Option<Alarm>| alarm.as_ref().map(Alarm::kind);
        if kind(&before) == kind(&alarm) {
            return Some(Vec::new());
        }
        let end = if alarm.is_some() { AlarmEnd::Replaced } else { AlarmEnd::Answered };
        let ended = before.map(|before| (before, Some(end)));
        Some(ended.into_iter().chain(alarm.map(|alarm| (alarm, None))).collect())
    }

    /// From now on it is asked something else, or not at all. Returns the alarm that ends with that.
    pub(super) fn restart(&mut self) -> Option<Alarm> {
        std::mem::take(self).alarm
    }

    /// The pause between its probes, where the `usual` one would be this.
    pub(super) fn interval(&self, usual: Duration, settings: &HealthSettings) -> Duration {
        match self.pace {
            Pace::Usual => usual,
            Pace::BackedOff => self.stretched(usual),
            Pace::Unhurried => usual.max(settings.interval),
        }
    }

    fn set_pace(&mut self, alarm: Option<&Alarm>, settings: &HealthSettings) {
        match alarm {
            Some(Alarm::RateLimited) => {
                if self.stretched(settings.interval) < LONGEST_BACK_OFF {
                    self.doublings += 1;
                }
                self.pace = Pace::BackedOff;
            }
            Some(Alarm::WrongDc) => self.pace = Pace::Unhurried,
            Some(Alarm::ForeignAnswer(_)) => self.pace = Pace::Usual,
            Some(Alarm::OtherFingerprints(_)) | None => {
                (self.pace, self.doublings) = (Pace::Usual, 0);
            }
        }
    }

    fn stretched(&self, usual: Duration) -> Duration {
        let factor = 1_u32.checked_shl(self.doublings).unwrap_or(u32::MAX);
        usual.saturating_mul(factor).min(LONGEST_BACK_OFF.max(usual))
    }
}

impl ControlState {
    /// The alarm about an access point has changed.
    pub(super) fn change_alarm(
        &mut self,
        access_point: AccessPointId,
        turns: Vec<AlarmTurn>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        for (alarm, end) in turns {
            let change = AlarmChange { access_point, alarm, end };
            effects.push(Effect::Changed(Change::Alarm(change)));
        }
        self.publish_soon(now);
    }
}

impl AccessPointCell {
    /// It leaves: so does its alarm.
    pub(super) fn end_alarm(&mut self, access_point: AccessPointId, effects: &mut Vec<Effect>) {
        if let Some(alarm) = self.watch.restart() {
            let change = AlarmChange { access_point, alarm, end: Some(AlarmEnd::Left) };
            effects.push(Effect::Changed(Change::Alarm(change)));
        }
    }
}
