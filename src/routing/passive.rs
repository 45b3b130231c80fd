//! What sessions show of one access point within ten seconds: who found it failing, and how many
//! found it well.
//!
//! It takes many to condemn: ten neighbourhoods of clients, each counted once, and not fewer than
//! the sessions that went well. A scanner, or all of one network, cannot.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::client::ClientPrefix;
use super::failure::Depth;
use super::slot::Seen;

/// How long what was seen counts.
pub const WINDOW: Duration = Duration::from_secs(10);

/// Neighbourhoods that condemn an access point.
pub const ENOUGH: usize = 10;

/// Neighbourhoods kept. Beyond that the oldest is forgotten early.
const MOST: usize = 512;

/// Whole seconds of a window, and the one that has begun.
const SECONDS: usize = WINDOW.as_secs() as usize + 1;

/// What sessions have seen of one access point lately.
#[derive(Clone, Debug, Default)]
pub struct PassiveWindow {
    connects: Tally,
    first_bytes: Tally,
}

/// What sessions make of an access point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opinion {
    /// Nobody has found it failing lately, or more have found it well.
    Well,
    /// It may be failing at this depth.
    Suspect(Depth),
    /// It is failing at this depth: enough say so.
    Failing(Depth),
}

impl PassiveWindow {
    /// Takes what was seen since the last time.
    pub fn on_seen(&mut self, seen: &Seen, now: Instant) {
        self.connects.add(&seen.failed, seen.connected, now);
        self.first_bytes.add(&seen.mute, seen.answered, now);
    }

    /// What the sessions of the window make of it. One failed connect is enough to look; of mute
    /// sessions there must not be fewer than answered ones, since clients can cause them.
    #[must_use]
    pub fn opinion(&self, now: Instant) -> Opinion {
        let (connects, first_bytes) = (self.connects.verdict(now), self.first_bytes.verdict(now));
        if connects.is_failing() {
            Opinion::Failing(Depth::Connect)
        } else if first_bytes.is_failing() {
            Opinion::Failing(Depth::FirstByte)
        } else if first_bytes.bad > 0 && first_bytes.prevails() {
            Opinion::Suspect(Depth::FirstByte)
        } else if connects.bad > 0 {
            Opinion::Suspect(Depth::Connect)
        } else {
            Opinion::Well
        }
    }

    /// Whether sessions find it failing where a probe of this depth does not look.
    #[must_use]
    pub fn suspects_below(&self, depth: Depth, now: Instant) -> bool {
        let verdict = self.first_bytes.verdict(now);
        depth < Depth::FirstByte && verdict.bad > 0 && verdict.prevails()
    }

    /// When the oldest of those that count found it failing at this depth.
    #[must_use]
    pub fn first_complaint(&self, depth: Depth, now: Instant) -> Option<Instant> {
        match depth {
            Depth::Connect => self.connects.first_bad(now),
            Depth::FirstByte | Depth::Answer => self.first_bytes.first_bad(now),
        }
    }

    /// Forgets everything: it was seen of what is over.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

/// What was seen at one depth.
#[derive(Clone, Debug, Default)]
struct Tally {
    /// Who found it failing, and when; oldest first.
    bad: VecDeque<(Instant, ClientPrefix)>,
    /// Sessions that found it well, by second, the current one first.
    good: [u32; SECONDS],
    second_began: Option<Instant>,
}

struct Verdict {
    bad: usize,
    good: usize,
}

impl Verdict {
    fn prevails(&self) -> bool {
        self.bad >= self.good
    }

    fn is_failing(&self) -> bool {
        self.bad >= ENOUGH && self.prevails()
    }
}

impl Tally {
    fn add(&mut self, bad: &[ClientPrefix], good: u32, now: Instant) {
        if !bad.is_empty() {
            self.bad.retain(|(at, _)| now < *at + WINDOW);
        }
        for prefix in bad {
            if self.bad.iter().any(|(_, known)| known == prefix) {
                continue;
            }
            if self.bad.len() == MOST {
                self.bad.pop_front();
            }
            self.bad.push_back((now, *prefix));
        }
        if good > 0 {
            self.turn_seconds(now);
            self.good[0] = self.good[0].saturating_add(good);
        }
    }

    fn verdict(&self, now: Instant) -> Verdict {
        let bad = self.bad.iter().filter(|(at, _)| now < *at + WINDOW).count();
        let passed = self.seconds_since(now);
        let good = self.good.iter().take(SECONDS.saturating_sub(passed));
        Verdict { bad, good: good.map(|it| *it as usize).sum() }
    }

    fn first_bad(&self, now: Instant) -> Option<Instant> {
        self.bad.iter().map(|(at, _)| *at).find(|at| now < *at + WINDOW)
    }

    fn seconds_since(&self, now: Instant) -> usize {
        let passed = self.second_began.map_or(0, |at| now.saturating_duration_since(at).as_secs());
        usize::try_from(passed).unwrap_or(usize::MAX)
    }

    fn turn_seconds(&mut self, now: Instant) {
        let passed = self.seconds_since(now);
        let began = self.second_began.get_or_insert(now);
        if passed > 0 {
            *began += Duration::from_secs(passed as u64);
            let gone = passed.min(SECONDS);
            self.good.rotate_right(gone % SECONDS);
            self.good[..gone].fill(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::client::ClientAddr;
    use crate::routing::fixture::start;

    const SECOND: Duration = Duration::from_secs(1);

    fn prefixes(range: std::ops::Range<u8>) -> Vec<ClientPrefix> {
        range.map(|n| ClientAddr::new([203, 0, n, 7].into()).network()).collect()
    }

    fn mute(range: std::ops::Range<u8>) -> Seen {
        Seen { mute: prefixes(range), ..Seen::default() }
    }

    #[test]
    fn ten_neighbourhoods_condemn_and_nine_do_not() {
        let mut window = PassiveWindow::default();
        window.on_seen(&mute(0..9), start());
        assert_eq!(window.opinion(start()), Opinion::Suspect(Depth::FirstByte));
        window.on_seen(&mute(0..10), start());
        assert_eq!(window.opinion(start()), Opinion::Failing(Depth::FirstByte));
        assert_eq!(window.opinion(start() + WINDOW), Opinion::Well);
    }

    #[test]
    fn one_neighbourhood_counts_once_in_ten_seconds() {
        let mut window = PassiveWindow::default();
        for n in 0..1000 {
            let now = start() + SECOND * n / 10;
            window.on_seen(&mute(3..4), now);
            assert_eq!(window.opinion(now), Opinion::Suspect(Depth::FirstByte));
        }
    }

    #[test]
    fn those_that_are_well_served_outvote_the_others() {
        let mut window = PassiveWindow::default();
        window.on_seen(&Seen { answered: 31, ..mute(0..30) }, start());
        assert_eq!(window.opinion(start()), Opinion::Well);
        let later = start() + 9 * SECOND;
        window.on_seen(&mute(30..60), later);
        assert_eq!(window.opinion(later), Opinion::Failing(Depth::FirstByte));
        window.on_seen(&Seen { answered: 30, ..Seen::default() }, later);
        assert_eq!(window.opinion(later), Opinion::Well);
        let without_the_first = start() + 11 * SECOND;
        assert_eq!(window.opinion(without_the_first), Opinion::Failing(Depth::FirstByte));
    }

    #[test]
    fn one_failed_connect_is_enough_to_look() {
        let mut window = PassiveWindow::default();
        let failed = prefixes(0..1);
        window.on_seen(&Seen { connected: 1000, failed, ..Seen::default() }, start());
        assert_eq!(window.opinion(start()), Opinion::Suspect(Depth::Connect));
        window.clear();
        assert_eq!(window.opinion(start()), Opinion::Well);
    }

    #[test]
    fn good_connects_do_not_outvote_mute_sessions() {
        let mut window = PassiveWindow::default();
        window.on_seen(&Seen { connected: 1000, ..mute(0..10) }, start());
        assert_eq!(window.opinion(start()), Opinion::Failing(Depth::FirstByte));
    }

    #[test]
    fn the_window_is_bounded() {
        let mut window = PassiveWindow::default();
        for n in 0..=u16::MAX {
            let [a, b] = n.to_be_bytes();
            let mute = vec![ClientAddr::new([203, a, b, 7].into()).network()];
            window.on_seen(&Seen { mute, ..Seen::default() }, start());
        }
        assert_eq!(window.first_bytes.bad.len(), MOST);
    }
}
