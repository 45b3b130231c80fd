//! Judges a drill: how the other DCs do while one is drained, and when that has to end.
//!
//! Looks come in, once a second; out comes nothing, or why the drill is to be given up. What a look counts
//! only rises. A rate is that of the last half minute, so that the trouble of a moment is neither lost in ten
//! good minutes nor held against the nine that follow.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::health::Health;
use super::ids::DcId;

/// Looks that a rate is taken of.
const WINDOW: usize = 30;

/// Of what a DC may have, it has too much above this share, in percent.
const FULL_PERCENT: u64 = 95;

/// Connects that a mean says something of.
const ENOUGH: u64 = 20;

/// How much longer connects may take than before: so many times, or so much, whichever is more.
const SLOWER_FACTOR: u32 = 3;
const SLOWER_BY: Duration = Duration::from_millis(200);

/// Failures below this many, or this share of what began, happen on other days too.
const FAILURES: u64 = 5;
const FAILURES_PERCENT: u64 = 5;
const REFUSED_PERCENT: u64 = 1;

/// How the network does at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// Whether this edge is cut off.
    pub is_isolated: bool,
    /// Clients refused since ever because no DC had room.
    pub refused_for_room: u64,
    /// Clients refused since ever because no DC could be used.
    pub refused: u64,
    /// The DCs that take no part in the drill but for having its clients.
    pub survivors: BTreeMap<DcId, Survivor>,
}

/// How a DC does that stays.
#[derive(Clone, Debug, PartialEq)]
pub struct Survivor {
    /// The place whose power fails.
    pub site: Arc<str>,
    /// As the snapshot has it.
    pub health: Health,
    /// Whether operators let it take sessions.
    pub is_ready: bool,
    /// Sessions and flows that it has, dials included.
    pub placed: u32,
    /// Those that it may have.
    pub max_sessions: Option<u32>,
    /// Sessions that were connected to it since ever.
    pub connected: u64,
    /// How long that took, in all.
    pub connecting: Duration,
    /// Dials to it that failed since ever.
    pub failed: u64,
    /// The round trip of its probe.
    pub round_trip: Option<Duration>,
}

/// Why a drill is given up.
#[derive(Clone, Debug, PartialEq)]
pub enum Abort {
    /// This edge is cut off: nothing that is seen says anything.
    Isolated,
    /// No DC of another site is Up.
    NoneUp,
    /// A DC that was Up has gone Down.
    Down(DcId),
    /// A DC has this many sessions, and may have so many.
    Full(DcId, u32, u32),
    /// So many clients found no DC with room.
    NoRoom(u64),
    /// So many clients found no DC, of so many that came.
    Refused(u64, u64),
    /// So many dials to this DC failed, of so many.
    Failing(DcId, u64, u64),
    /// Connects to this DC take so long, and took so long before.
    Slow(DcId, Duration, Duration),
}

impl fmt::Display for Abort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Isolated => f.write_str("this edge is cut off from every site"),
            Self::NoneUp => f.write_str("no DC of another site is up"),
            Self::Down(dc) => write!(f, "DC {dc} has gone down"),
            Self::Full(dc, placed, most) => {
                write!(f, "DC {dc} has {placed} of {most} sessions (max_sessions)")
            }
            Self::NoRoom(refused) => {
                write!(f, "{refused} clients were refused because no DC had room")
            }
            Self::Refused(refused, of) => {
                write!(f, "{refused} clients were refused, of {of} that came within half a minute")
            }
            Self::Failing(dc, failed, of) => {
                write!(f, "{failed} of {of} dials to DC {dc} failed within half a minute")
            }
            Self::Slow(dc, now, before) => {
                let (now, before) = (now.as_secs_f64() * 1e3, before.as_secs_f64() * 1e3);
                write!(f, "connects to DC {dc} take {now:.0} ms, and took {before:.0} ms before")
            }
        }
    }
}

/// Watches one drill.
#[derive(Clone, Debug)]
pub struct Judge {
    /// The site of the DC that is drained.
    site: Arc<str>,
    first: Look,
    /// The last ones, the newest last; never empty.
    lately: VecDeque<Look>,
    peaks: BTreeMap<DcId, u32>,
    /// Those that were Up in any look.
    ever_up: BTreeSet<DcId>,
    /// What was true when it was forced, and is no reason to give it up.
    borne: Vec<Abort>,
    bears_refusals: bool,
}

/// What a drill did to a DC that stayed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Strain {
    /// Which.
    pub dc: DcId,
    /// The most sessions and flows that it had.
    pub peak: u32,
    /// Those that it may have.
    pub max_sessions: Option<u32>,
    /// Sessions that were connected to it.
    pub connected: u64,
    /// Dials to it that failed.
    pub failed: u64,
    /// How long connects took before, if any were made.
    pub before: Option<Duration>,
    /// How long they took meanwhile, if any were made.
    pub during: Option<Duration>,
}

impl Judge {
    /// A drill of a DC of this site begins, with all as `first` has it.
    #[must_use]
    pub fn new(site: Arc<str>, first: Look) -> Self {
        let mut judge = Self {
            site,
            lately: [first.clone()].into(),
            first,
            peaks: BTreeMap::new(),
            ever_up: BTreeSet::new(),
            borne: Vec::new(),
            bears_refusals: false,
        };
        judge.note();
        judge
    }

    /// Why the drill should not even begin.
    #[must_use]
    pub fn objection(&self) -> Option<Abort> {
        self.verdict()
    }

    /// It is forced: what speaks against it now does not end it, nor do clients that find no DC if that is
    /// known to happen.
    pub fn bear(&mut self, refusals: bool) {
        self.bears_refusals = refusals;
        self.borne = self.standing().collect();
    }

    /// Another look. Why the drill is to be given up, if it is.
    pub fn look(&mut self, look: Look) -> Option<Abort> {
        self.lately.push_back(look);
        if self.lately.len() > WINDOW + 1 {
            self.lately.pop_front();
        }
        self.note();
        self.verdict()
    }

    /// Clients that were refused so far: for want of room, and for want of a DC.
    #[must_use]
    pub fn refused(&self) -> (u64, u64) {
        let now = self.newest();
        let rise = |now: u64, before: u64| now.saturating_sub(before);
        (
            rise(now.refused_for_room, self.first.refused_for_room),
            rise(now.refused, self.first.refused),
        )
    }

    /// What became of each DC that stayed.
    #[must_use]
    pub fn strains(&self) -> Vec<Strain> {
        let all = self.newest().survivors.iter().map(|(dc, now)| {
            let first = self.first.survivors.get(dc);
            let (connected, took) = since(first, now);
            Strain {
                dc: *dc,
                peak: self.peaks.get(dc).copied().unwrap_or_default(),
                max_sessions: now.max_sessions,
                connected,
                failed: now.failed.saturating_sub(first.map_or(0, |it| it.failed)),
                before: first.and_then(|it| mean(it.connected, it.connecting)),
                during: mean(connected, took),
            }
        });
        all.collect()
    }

    fn newest(&self) -> &Look {
        self.lately.back().unwrap_or(&self.first)
    }

    fn note(&mut self) {
        let Some(newest) = self.lately.back() else { return };
        for (dc, survivor) in &newest.survivors {
            let peak = self.peaks.entry(*dc).or_default();
            *peak = survivor.placed.max(*peak);
            if survivor.health == Health::Up {
                self.ever_up.insert(*dc);
            }
        }
    }

    /// What is true of the newest look alone, the worst first.
    fn standing(&self) -> impl Iterator<Item = Abort> + '_ {
        let now = self.newest();
        let isolated = now.is_isolated.then_some(Abort::Isolated);
        let none_up = (!has_refuge(now, &self.site)).then_some(Abort::NoneUp);
        let is_gone =
            |(dc, it): &(&DcId, &Survivor)| it.health == Health::Down && self.ever_up.contains(dc);
        let down = now.survivors.iter().filter(is_gone).map(|(dc, _)| Abort::Down(*dc));
        let down: Vec<Abort> = down.collect();
        let full = now.survivors.iter().filter_map(full);
        isolated.into_iter().chain(none_up).chain(down).chain(full)
    }

    /// Whether it was so when the drill was forced. A DC that had too much may have more, while nobody is
    /// refused.
    fn bears(&self, abort: &Abort) -> bool {
        self.borne.iter().any(|borne| match (borne, abort) {
            (Abort::Full(dc, ..), Abort::Full(now, ..)) => dc == now,
            (borne, now) => borne == now,
        })
    }

    fn verdict(&self) -> Option<Abort> {
        let now = self.newest();
        if let Some(abort) = self.standing().find(|it| !self.bears(it)) {
            return Some(abort);
        }
        match self.refused() {
            (0, _) => {}
            (refused, _) => return Some(Abort::NoRoom(refused)),
        }
        let before = self.lately.front().unwrap_or(&self.first);
        let refusals = self.refusals(before, now).filter(|_| !self.bears_refusals);
        refusals.or_else(|| {
            let mut all = now.survivors.iter();
            all.find_map(|(dc, it)| self.trouble(*dc, before.survivors.get(dc), it))
        })
    }

    /// Whether too many clients were refused since `before`.
    fn refusals(&self, before: &Look, now: &Look) -> Option<Abort> {
        let refused = now.refused.saturating_sub(before.refused);
        let served: u64 =
            now.survivors.iter().map(|(dc, it)| since(before.survivors.get(dc), it).0).sum();
        let of = served + refused;
        let is_much = refused >= FAILURES && refused * 100 > of * REFUSED_PERCENT;
        is_much.then_some(Abort::Refused(refused, of))
    }

    /// Whether a DC fails, or is slow.
    fn trouble(&self, dc: DcId, before: Option<&Survivor>, now: &Survivor) -> Option<Abort> {
        let (connected, took) = since(before, now);
        let failed = now.failed.saturating_sub(before.map_or(0, |it| it.failed));
        let dials = connected + failed;
        if failed >= FAILURES && failed * 100 > dials * FAILURES_PERCENT {
            return Some(Abort::Failing(dc, failed, dials));
        }
        let first = self.first.survivors.get(&dc)?;
        let lived = mean(first.connected, first.connecting).filter(|_| first.connected >= ENOUGH);
        let usual = lived.or(first.round_trip)?;
        let is_slow = |now: Duration| now > (usual * SLOWER_FACTOR).max(usual + SLOWER_BY);
        let now = mean(connected, took).filter(|_| connected >= ENOUGH)?;
        is_slow(now).then_some(Abort::Slow(dc, now, usual))
    }
}

/// Whether the clients of a site have a DC elsewhere.
fn has_refuge(look: &Look, site: &str) -> bool {
    let takes = |it: &Survivor| it.health == Health::Up && it.is_ready && *it.site != *site;
    look.survivors.values().any(takes)
}

fn full((dc, it): (&DcId, &Survivor)) -> Option<Abort> {
    let most = it.max_sessions?;
    let is_full = u64::from(it.placed) * 100 >= u64::from(most) * FULL_PERCENT;
    is_full.then_some(Abort::Full(*dc, it.placed, most))
}

/// Sessions that were connected since `before`, and how long that took in all.
fn since(before: Option<&Survivor>, now: &Survivor) -> (u64, Duration) {
    let (count, sum) = before.map_or((0, Duration::ZERO), |it| (it.connected, it.connecting));
    (now.connected.saturating_sub(count), now.connecting.saturating_sub(sum))
}

fn mean(count: u64, sum: Duration) -> Option<Duration> {
    (count > 0).then(|| Duration::from_secs_f64(sum.as_secs_f64() / count as f64))
}

#[cfg(test)]
mod tests;
