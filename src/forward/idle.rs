//! A coarse timer wheel per worker: one entry per session, no system timer, no clock read.
//!
//! A session that moves bytes only notes the current tick. The wheel looks at an entry when its
//! time could have come, and puts it back if the session was busy since.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use slab::Slab;

/// How exact timeouts are.
pub(super) const TICK: Duration = Duration::from_millis(250);

/// Ticks the wheel spans: 64 s. A longer timeout is looked at once per turn.
const SLOTS: u32 = 256;

const NONE: u32 = u32::MAX;

/// Why a session was woken by the wheel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    /// No byte for as long as its timeout says.
    Idle,
    /// The daemon ends, and so must the session.
    Shutdown,
}

/// The sessions of one worker by the time they were last looked at.
pub(super) struct IdleWheel {
    entries: Slab<Entry>,
    /// First entry of each slot; entries of a slot are linked both ways.
    slots: [u32; SLOTS as usize],
    now: u32,
    /// Who comes now is to leave at once.
    shut_down: bool,
}

struct Entry {
    last_active: u32,
    timeout: u32,
    expired: Option<Expiry>,
    waker: Option<Waker>,
    slot: u32,
    next: u32,
    previous: u32,
}

impl Default for IdleWheel {
    fn default() -> Self {
        Self { entries: Slab::new(), slots: [NONE; SLOTS as usize], now: 0, shut_down: false }
    }
}

impl IdleWheel {
    /// The current tick.
    pub(super) fn now(&self) -> u32 {
        self.now
    }

    /// One tick has passed: wakes the sessions whose time is over.
    pub(super) fn tick(&mut self) {
        self.now = self.now.wrapping_add(1);
        let mut at = std::mem::replace(&mut self.slots[(self.now % SLOTS) as usize], NONE);
        while at != NONE {
            let entry = &mut self.entries[at as usize];
            let next = entry.next;
            let idle = self.now.wrapping_sub(entry.last_active);
            match idle < entry.timeout {
                true => {
                    let left = entry.timeout - idle;
                    self.link(at, left);
                }
                false => {
                    entry.slot = NONE;
                    entry.expire(Expiry::Idle);
                }
            }
            at = next;
        }
    }

    /// Ends every session, and those that are still to begin.
    pub(super) fn shut_down(&mut self) {
        self.shut_down = true;
        for (_, entry) in &mut self.entries {
            entry.expire(Expiry::Shutdown);
        }
    }

    fn insert(&mut self, timeout: Duration) -> u32 {
        let entry = Entry {
            last_active: self.now,
            timeout: ticks(timeout),
            expired: self.shut_down.then_some(Expiry::Shutdown),
            waker: None,
            slot: NONE,
            next: NONE,
            previous: NONE,
        };
        let key = u32::try_from(self.entries.insert(entry)).expect("fewer sessions than 2^32");
        self.link(key, ticks(timeout));
        key
    }

    fn restart(&mut self, key: u32, timeout: Duration) {
        self.unlink(key);
        let entry = &mut self.entries[key as usize];
        (entry.timeout, entry.last_active) = (ticks(timeout), self.now);
        self.link(key, ticks(timeout));
    }

    /// Puts an unlinked entry where it is looked at after `left` ticks, or after a whole turn.
    fn link(&mut self, key: u32, left: u32) {
        let slot = self.now.wrapping_add(left.clamp(1, SLOTS - 1)) % SLOTS;
        let next = std::mem::replace(&mut self.slots[slot as usize], key);
        let entry = &mut self.entries[key as usize];
        (entry.slot, entry.next, entry.previous) = (slot, next, NONE);
        if next != NONE {
            self.entries[next as usize].previous = key;
        }
    }

    fn unlink(&mut self, key: u32) {
        let Entry { slot, next, previous, .. } = self.entries[key as usize];
        if slot == NONE {
            return;
        }
        match previous {
            NONE => self.slots[slot as usize] = next,
            previous => self.entries[previous as usize].next = next,
        }
        if next != NONE {
            self.entries[next as usize].previous = previous;
        }
        self.entries[key as usize].slot = NONE;
    }
}

impl Entry {
    fn expire(&mut self, why: Expiry) {
        self.expired = Some(why);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// At least one tick more than the duration, since the current tick is partly over.
fn ticks(duration: Duration) -> u32 {
    let ticks = duration.as_millis().div_ceil(TICK.as_millis()) + 1;
    u32::try_from(ticks).unwrap_or(u32::MAX / 2)
}

/// A session's place in the wheel, given up when dropped.
pub(super) struct IdleTimer {
    wheel: Rc<RefCell<IdleWheel>>,
    key: u32,
}

impl IdleTimer {
    /// A timer that expires after `timeout` without [`IdleTimer::touch`].
    pub(super) fn new(wheel: &Rc<RefCell<IdleWheel>>, timeout: Duration) -> Self {
        let key = wheel.borrow_mut().insert(timeout);
        Self { wheel: Rc::clone(wheel), key }
    }

    /// Bytes have moved. Returns the current tick.
    pub(super) fn touch(&self) -> u32 {
        let mut wheel = self.wheel.borrow_mut();
        let now = wheel.now;
        wheel.entries[self.key as usize].last_active = now;
        now
    }

    /// Another timeout holds, and its time begins now.
    pub(super) fn restart(&self, timeout: Duration) {
        self.wheel.borrow_mut().restart(self.key, timeout);
    }

    /// Whether the time is over; if not, `waker` is woken when it is.
    pub(super) fn poll_expired(&self, waker: &Waker) -> Option<Expiry> {
        let mut wheel = self.wheel.borrow_mut();
        let entry = &mut wheel.entries[self.key as usize];
        if entry.expired.is_none() && !entry.waker.as_ref().is_some_and(|it| it.will_wake(waker)) {
            entry.waker = Some(waker.clone());
        }
        entry.expired
    }
}

impl Drop for IdleTimer {
    fn drop(&mut self) {
        let mut wheel = self.wheel.borrow_mut();
        wheel.unlink(self.key);
        wheel.entries.remove(self.key as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn expired(timer: &IdleTimer) -> Option<Expiry> {
        timer.poll_expired(Waker::noop())
    }

    fn turn(wheel: &Rc<RefCell<IdleWheel>>, ticks: u32) {
        (0..ticks).for_each(|_| wheel.borrow_mut().tick());
    }

    #[test]
    fn a_busy_session_stays_and_an_idle_one_expires() {
        let wheel = Rc::default();
        let busy = IdleTimer::new(&wheel, TICK * 10);
        let idle = IdleTimer::new(&wheel, TICK * 10);
        for _ in 0..10 {
            turn(&wheel, 1);
            busy.touch();
        }
        assert_eq!(expired(&idle), None);
        turn(&wheel, 1);
        assert_eq!(expired(&idle), Some(Expiry::Idle));
        assert_eq!(expired(&busy), None);
        turn(&wheel, 11);
        assert_eq!(expired(&busy), Some(Expiry::Idle));
    }

    #[test]
    fn timeouts_longer_than_a_turn_of_the_wheel_hold() {
        let wheel = Rc::default();
        let timer = IdleTimer::new(&wheel, TICK * 2400);
        turn(&wheel, 2400);
        assert_eq!(expired(&timer), None);
        turn(&wheel, 1);
        assert_eq!(expired(&timer), Some(Expiry::Idle));
    }

    #[test]
    fn a_shorter_timeout_takes_force_at_once_and_begins_anew() {
        let wheel = Rc::default();
        let timer = IdleTimer::new(&wheel, TICK * 2400);
        turn(&wheel, 50);
        timer.restart(TICK * 3);
        turn(&wheel, 3);
        assert_eq!(expired(&timer), None);
        turn(&wheel, 1);
        assert_eq!(expired(&timer), Some(Expiry::Idle));
    }

    #[test]
    fn shutdown_ends_everybody() {
        let wheel: Rc<RefCell<IdleWheel>> = Rc::default();
        let timers = [IdleTimer::new(&wheel, TICK * 10), IdleTimer::new(&wheel, TICK * 999)];
        wheel.borrow_mut().shut_down();
        assert!(timers.iter().all(|timer| expired(timer) == Some(Expiry::Shutdown)));
        let late = IdleTimer::new(&wheel, TICK * 10);
        assert_eq!(expired(&late), Some(Expiry::Shutdown));
    }

    proptest! {
        /// Against a model: whatever is inserted, touched and dropped, each timer expires exactly
        /// when its own time is over.
        #[test]
        fn every_timer_expires_at_its_own_time(
            steps in prop::collection::vec((0u8..4, 0usize..8, 1u32..700), 1..200),
        ) {
            let wheel = Rc::default();
            let mut timers: Vec<(IdleTimer, u32, u32)> = Vec::new();
            let mut now = 0u32;
            for (step, which, ticks) in steps {
                match step {
                    0 => timers.push((IdleTimer::new(&wheel, TICK * ticks), now, ticks)),
                    1 if which < timers.len() => drop(timers.swap_remove(which)),
                    2 => {
                        if let Some((timer, last, _)) = timers.get_mut(which)
                            && expired(timer).is_none()
                        {
                            timer.touch();
                            *last = now;
                        }
                    }
                    _ => {
                        turn(&wheel, ticks);
                        now += ticks;
                    }
                }
                for (timer, last, timeout) in &timers {
                    let over = now - last > *timeout;
                    prop_assert_eq!(expired(timer).is_some(), over);
                }
            }
            let alive = timers.len();
            prop_assert_eq!(wheel.borrow().entries.len(), alive);
        }
    }
}
