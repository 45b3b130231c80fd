//! One power loss, from its beginning until all clients are home again.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{ClientId, Note};
use crate::routing::{DcId, Health};

/// What is known of one power loss.
pub(super) struct Outage {
    dc: DcId,
    began: Duration,
    /// From now on the DC answers nobody.
    done: Duration,
    returned: Option<Duration>,
    /// The clients of the DC when its power went.
    residents: BTreeSet<ClientId>,
    /// Those whose session was cut and who are not served elsewhere yet.
    waiting: BTreeSet<ClientId>,
    /// Those whose last session another DC answered.
    away: BTreeSet<ClientId>,
    lost: u64,
    slowest: Option<Duration>,
    served_after: Option<Duration>,
    down_after: Option<Duration>,
    used_after: Option<Duration>,
    home_after: Option<Duration>,
}

/// The figures of one power loss, or the worst of several. `None`: did not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::demo) struct Figures {
    /// How often the power went.
    pub(in crate::demo) losses: u32,
    /// Sessions that ended with it.
    pub(in crate::demo) lost: u64,
    /// Clients that lost a session and have not been answered since.
    pub(in crate::demo) waiting: usize,
    /// From the loss until the last who had lost a session was answered by another DC.
    pub(in crate::demo) served_after: Option<Duration>,
    /// The slowest start of a session of the DC's clients elsewhere, from connect to answer.
    pub(in crate::demo) slowest: Option<Duration>,
    /// From the loss until the daemon called the DC down.
    pub(in crate::demo) down_after: Option<Duration>,
    /// From the return of the power until the daemon called the DC up.
    pub(in crate::demo) used_after: Option<Duration>,
    /// From the return of the power until its last client was with it again.
    pub(in crate::demo) home_after: Option<Duration>,
}

impl Figures {
    /// Sums of counts, and the later of each time.
    pub(super) fn worst(self, other: Self) -> Self {
        Self {
            losses: self.losses + other.losses,
            lost: self.lost + other.lost,
            waiting: self.waiting + other.waiting,
            served_after: self.served_after.max(other.served_after),
            slowest: self.slowest.max(other.slowest),
            down_after: self.down_after.max(other.down_after),
            used_after: self.used_after.max(other.used_after),
            home_after: self.home_after.max(other.home_after),
        }
    }
}

impl Outage {
    /// `cut` are those of the `residents` who have a session open.
    pub(super) fn new(
        dc: DcId,
        began: Duration,
        done: Duration,
        residents: BTreeSet<ClientId>,
        cut: BTreeSet<ClientId>,
    ) -> Self {
        Self {
            dc,
            began,
            done,
            returned: None,
            residents,
            waiting: cut,
            away: BTreeSet::new(),
            lost: 0,
            slowest: None,
            served_after: None,
            down_after: None,
            used_after: None,
            home_after: None,
        }
    }

    pub(super) fn dc(&self) -> DcId {
        self.dc
    }

    /// Whether a session that broke did so for want of power: it belonged to the DC and had begun
    /// before the DC was gone.
    pub(super) fn explains(&self, dc: Option<DcId>, began: Duration, at: Duration) -> bool {
        dc == Some(self.dc) && began <= self.done && at >= self.began
    }

    /// Whether a client of the DC that is answered by `dc` has been moved there.
    pub(super) fn is_refuge(&self, client: ClientId, dc: DcId) -> bool {
        dc != self.dc && self.used_after.is_none() && self.residents.contains(&client)
    }

    pub(super) fn on_answered(
        &mut self,
        client: ClientId,
        dc: DcId,
        began: Duration,
        at: Duration,
    ) -> Option<Note> {
        if dc == self.dc {
            // While the power goes, a session may still be answered: its client belongs here too.
            self.residents.insert(client);
            let was_away = self.away.remove(&client);
            let returned = self.returned?;
            let all_home = was_away && self.away.is_empty() && self.home_after.is_none();
            return all_home.then(|| {
                let after = at.saturating_sub(returned);
                self.home_after = Some(after);
                Note::AllHome { dc, clients: self.residents.len(), after }
            });
        }
        if !self.is_refuge(client, dc) {
            return None;
        }
        self.away.insert(client);
        self.slowest = self.slowest.max(Some(at.saturating_sub(began)));
        self.settle(client, at)
    }

    pub(super) fn on_ended(&mut self, client: ClientId, at: Duration) -> Option<Note> {
        self.settle(client, at)
    }

    pub(super) fn on_lost(&mut self, client: ClientId) {
        self.lost += 1;
        self.residents.insert(client);
        self.waiting.insert(client);
    }

    pub(super) fn on_power_back(&mut self, at: Duration) {
        self.returned = Some(at);
    }

    /// How long after the cause the daemon judged so, where it judged as it should.
    pub(super) fn on_health(&mut self, health: Health, at: Duration) -> Option<Duration> {
        match (health, self.returned) {
            (Health::Down, None) if self.down_after.is_none() => {
                self.down_after = Some(at.saturating_sub(self.began));
                self.down_after
            }
            (Health::Up, Some(returned)) if self.used_after.is_none() => {
                self.used_after = Some(at.saturating_sub(returned));
                self.used_after
            }
            (Health::Up | Health::Unknown | Health::Suspect | Health::Down, _) => None,
        }
    }

    pub(super) fn figures(&self) -> Figures {
        Figures {
            losses: 1,
            lost: self.lost,
            waiting: self.waiting.len(),
            served_after: self.served_after,
            slowest: self.slowest,
            down_after: self.down_after,
            used_after: self.used_after,
            home_after: self.home_after,
        }
    }

    fn settle(&mut self, client: ClientId, at: Duration) -> Option<Note> {
        let waited = self.waiting.remove(&client);
        (waited && self.waiting.is_empty() && self.lost > 0).then(|| {
            let after = at.saturating_sub(self.began);
            self.served_after = Some(after);
            Note::AllServed { clients: self.lost, after }
        })
    }
}
