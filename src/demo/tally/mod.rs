//! What happened, counted: sessions, failures, who is served where, and how long a move took.
//!
//! Pure: events and times come in, counts and [`Note`]s go out. Times are since the demo began. A
//! session counts as lost with its DC when the power loss explains its end, and as failed in every
//! other case: nothing else excuses a session without an answer.

mod flows;
mod outage;
mod recent;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::routing::{CountryCode, DcId, Health};

pub(super) use flows::{Asked, FlowFigures, FlowId, Flows};
pub(super) use outage::Figures;
use outage::Outage;
use recent::Recent;

/// Failures kept to be told about; beyond it they are only counted.
const FAILURES_TOLD: usize = 10;

/// A simulated client, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ClientId(pub(super) usize);

/// Something a client saw.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    /// Whose.
    pub(super) client: ClientId,
    /// When.
    pub(super) at: Duration,
    /// What.
    pub(super) seen: Seen,
}

/// What a client saw.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seen {
    /// A session it began then was answered by this DC.
    Answered { dc: DcId, began: Duration },
    /// The session came to its orderly end.
    Ended,
    /// The session it began then did not; `dc` had answered it before.
    Broken { dc: Option<DcId>, began: Duration, failure: Failure },
}

/// How a session broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The edge could not be connected to.
    Connect,
    /// A reset.
    Reset,
    /// An end of the stream where an answer was due.
    Ended,
    /// No answer in time.
    Silent,
    /// Bytes that nobody sent.
    Garbled,
}

impl Failure {
    /// A fixed phrase.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "cannot connect to the edge",
            Self::Reset => "reset",
            Self::Ended => "closed without an answer",
            Self::Silent => "no answer in time",
            Self::Garbled => "a wrong answer",
        }
    }
}

/// A session that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    /// When.
    pub(super) at: Duration,
    /// Where its client is.
    pub(super) country: CountryCode,
    /// The DC that had answered it, if any had.
    pub(super) dc: Option<DcId>,
    /// How.
    pub(super) failure: Failure,
}

/// Something worth telling at once.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Note {
    /// The power went with so many sessions open.
    PowerLost { dc: DcId, open: usize },
    /// Everybody who lost a session is served elsewhere: so many clients, so long after the loss.
    AllServed { clients: u64, after: Duration },
    /// The power is back.
    PowerBack { dc: DcId },
    /// The daemon judges anew; so long after the power went, or came.
    Judged { dc: DcId, health: Health, after: Option<Duration> },
    /// All its clients are with the DC again, so long after the power came.
    AllHome { dc: DcId, clients: usize, after: Duration },
    /// A session failed.
    Failed(Failed),
}

/// The counts so far.
pub(super) struct Tally {
    clients: Vec<Client>,
    dcs: BTreeMap<DcId, Served>,
    failed: u64,
    failures: Vec<Failed>,
    recent: Recent,
    outage: Option<Outage>,
    past: Figures,
    moves: BTreeMap<DcId, BTreeSet<CountryCode>>,
}

/// What one DC did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Served {
    /// Sessions it answered.
    pub(super) answered: u64,
    /// Sessions that ended with its power.
    pub(super) lost: u64,
}

struct Client {
    country: CountryCode,
    /// The DC that answered last.
    dc: Option<DcId>,
    open: bool,
}

impl Tally {
    /// Nothing yet, of the clients of these countries.
    pub(super) fn new(countries: impl IntoIterator<Item = CountryCode>) -> Self {
        let client = |country| Client { country, dc: None, open: false };
        Self {
            clients: countries.into_iter().map(client).collect(),
            dcs: BTreeMap::new(),
            failed: 0,
            failures: Vec::new(),
            recent: Recent::default(),
            outage: None,
            past: Figures::default(),
            moves: BTreeMap::new(),
        }
    }

    /// A client saw something.
    pub(super) fn on_event(&mut self, event: Event) -> Option<Note> {
        let Event { client: id, at, seen } = event;
        let client = self.clients.get_mut(id.0)?;
        match seen {
            Seen::Answered { dc, began } => {
                (client.dc, client.open) = (Some(dc), true);
                let country = client.country;
                self.dcs.entry(dc).or_default().answered += 1;
                self.recent.add(at, dc);
                let outage = self.outage.as_mut()?;
                if outage.is_refuge(id, dc) {
                    self.moves.entry(dc).or_default().insert(country);
                }
                outage.on_answered(id, dc, began, at)
            }
            Seen::Ended => {
                client.open = false;
                self.outage.as_mut()?.on_ended(id, at)
            }
            Seen::Broken { dc, began, failure } => {
                client.open = false;
                let (country, last) = (client.country, dc.or(client.dc));
                match self.outage.as_mut().filter(|outage| outage.explains(last, began, at)) {
                    Some(outage) => {
                        outage.on_lost(id);
                        self.dcs.entry(outage.dc()).or_default().lost += 1;
                        None
                    }
                    None => Some(self.fail(Failed { at, country, dc, failure })),
                }
            }
        }
    }

    /// The power of a DC went; from `done` on nothing there answered any more.
    pub(super) fn on_power_lost(&mut self, dc: DcId, began: Duration, done: Duration) -> Note {
        let of_dc = self.clients.iter().enumerate().filter(|(_, client)| client.dc == Some(dc));
        let (mut residents, mut cut) = (BTreeSet::new(), BTreeSet::new());
        for (id, client) in of_dc {
            residents.insert(ClientId(id));
            if client.open {
                cut.insert(ClientId(id));
            }
        }
        let open = cut.len();
        if let Some(last) = self.outage.replace(Outage::new(dc, began, done, residents, cut)) {
            self.past = self.past.worst(last.figures());
        }
        Note::PowerLost { dc, open }
    }

    /// The power is back.
    pub(super) fn on_power_back(&mut self, at: Duration) -> Option<Note> {
        let outage = self.outage.as_mut()?;
        outage.on_power_back(at);
        Some(Note::PowerBack { dc: outage.dc() })
    }

    /// The daemon judges a DC anew.
    pub(super) fn on_health(&mut self, dc: DcId, health: Health, at: Duration) -> Note {
        let outage = self.outage.as_mut().filter(|outage| outage.dc() == dc);
        let after = outage.and_then(|outage| outage.on_health(health, at));
        Note::Judged { dc, health, after }
    }

    /// Sessions that were answered.
    pub(super) fn answered(&self) -> u64 {
        self.dcs.values().map(|dc| dc.answered).sum()
    }

    /// Sessions that ended with the power of their DC.
    pub(super) fn lost(&self) -> u64 {
        self.dcs.values().map(|dc| dc.lost).sum()
    }

    /// Sessions that failed.
    pub(super) fn failed(&self) -> u64 {
        self.failed
    }

    /// The first of them.
    pub(super) fn failures(&self) -> &[Failed] {
        &self.failures
    }

    /// What one DC did.
    pub(super) fn served_by(&self, dc: DcId) -> Served {
        self.dcs.get(&dc).copied().unwrap_or_default()
    }

    /// New sessions a second, lately.
    pub(super) fn rate(&self, now: Duration) -> f64 {
        self.recent.rate(now)
    }

    /// The part of the new sessions that went to a DC lately: 0 to 1.
    pub(super) fn share(&self, dc: DcId, now: Duration) -> f64 {
        self.recent.share(dc, now)
    }

    /// The clients whose last session a DC answered.
    pub(super) fn clients_of(&self, dc: DcId) -> impl Iterator<Item = ClientId> {
        let of_dc = self.clients.iter().enumerate().filter(move |(_, it)| it.dc == Some(dc));
        of_dc.map(|(id, _)| ClientId(id))
    }

    /// The countries of [`Tally::clients_of`], most clients first.
    pub(super) fn countries_of(&self, dc: DcId) -> Vec<CountryCode> {
        let mut counts = BTreeMap::<CountryCode, usize>::new();
        for id in self.clients_of(dc) {
            *counts.entry(self.clients[id.0].country).or_default() += 1;
        }
        let mut countries: Vec<_> = counts.into_iter().collect();
        // Stable: countries with as many clients stay in the order of their codes.
        countries.sort_by_key(|(_, clients)| std::cmp::Reverse(*clients));
        countries.into_iter().map(|(country, _)| country).collect()
    }

    /// Where clients went whose DC had no power.
    pub(super) fn moves(&self) -> &BTreeMap<DcId, BTreeSet<CountryCode>> {
        &self.moves
    }

    /// All power losses together: the worst of each figure.
    pub(super) fn figures(&self) -> Figures {
        match &self.outage {
            Some(outage) => self.past.worst(outage.figures()),
            None => self.past,
        }
    }

    fn fail(&mut self, failed: Failed) -> Note {
        self.failed += 1;
        if self.failures.len() < FAILURES_TOLD {
            self.failures.push(failed);
        }
        Note::Failed(failed)
    }
}
