//! What operators want, and the end of it.

use std::sync::Arc;
use std::time::Instant;

use super::{Change, ControlState, Effect, IntentChange};
use crate::routing::health::AdminState;
use crate::routing::intent::{Intent, Target};

impl ControlState {
    /// Somebody wants this of a DC or an access point, known or not: it holds when that comes, too.
    pub(super) fn on_intent(
        &mut self,
        target: Target,
        intent: Intent,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let before = self.intents.get(target).cloned();
        let change = IntentChange {
            target,
            from: before.as_ref().map_or(AdminState::Ready, |before| before.state),
            to: intent.state,
            lasting: intent.until.map(|until| until.saturating_duration_since(now)),
            expired: false,
            told: Arc::clone(&intent.told),
        };
        let is_news = match before {
            Some(before) => {
                (before.state, before.until, before.told)
                    != (intent.state, intent.until, Arc::clone(&intent.told))
            }
            None => intent.state != AdminState::Ready,
        };
        if Arc::make_mut(&mut self.intents).set(target, intent) && is_news {
            effects.push(Effect::Changed(Change::Intent(change)));
        }
        self.follow_intent(target, now, effects);
    }

    /// Those whose time is over want nothing any more.
    pub(super) fn end_intents(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.intents.next_end().is_none_or(|end| end > now) {
            return;
        }
        for (target, over) in Arc::make_mut(&mut self.intents).take_over(now) {
            effects.push(Effect::Changed(Change::Intent(IntentChange {
                target,
                from: over.state,
                to: AdminState::Ready,
                lasting: None,
                expired: true,
                told: over.told,
            })));
            self.follow_intent(target, now, effects);
        }
    }

    fn follow_intent(&mut self, target: Target, now: Instant, effects: &mut Vec<Effect>) {
        let state = self.intents.state(target);
        match target {
            Target::Dc(dc) => {
                if let Some(cell) = self.dcs.get_mut(&dc) {
                    cell.admin = state;
                }
            }
            Target::AccessPoint(id) => {
                if let Some(cell) = self.access_points.get_mut(&id) {
                    cell.admin = state;
                }
                self.retire_finished(now, effects);
            }
        }
        self.publish_soon(now);
    }
}
