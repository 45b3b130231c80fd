//! A coarse timer wheel per worker: one entry per session, no system timer, no clock read.
//!
//! A session that moves bytes only notes the current tick. The wheel looks at an entry when its
//! time could have come, and puts it back if the session was busy since. Beside its timeout an entry
//! may carry an alarm, a moment that no byte puts off: it is looked at when the nearer of the two
//! could have come. And it may be told, once, that it has lasted longer than short sessions do.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use slab::Slab;

use crate::routing::AccessPointSlot;
use crate::sessions::{OpenSession, Which};

/// How exact timeouts are.
pub(super) const TICK: Duration = Duration::from_millis(250);

const TICKS_A_SECOND: u32 = 1_000_000_000 / TICK.subsec_nanos();

/// Ticks the wheel spans: 64 s. A longer timeout is looked at once per turn.
const SLOTS: u32 = 256;

/// Ticks after which a session is not a short one: at least one of them is a whole one.
const LASTING: u32 = 2;

const NONE: u32 = u32::MAX;

/// Sessions that an operator's wish ends at one tick: 2,000 a second of each worker.
const KILLED_AT_ONCE: usize = 500;

/// Why a session was woken by the wheel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    /// No byte for as long as its timeout says.
    Idle,
    /// Its alarm rang. Told once; the timeout goes on.
    Alarm,
    /// Its access point is down: it is to look whether it still hears of it. Told once for each time
    /// that it is asked; the timeout goes on.
    Look,
    /// The daemon ends, and so must the session.
    Shutdown,
    /// An operator ends it.
    Killed,
}

/// The sessions of one worker by the time they were last looked at.
pub(super) struct IdleWheel {
    entries: Slab<Entry>,
    /// First entry of each slot; entries of a slot are linked both ways.
    slots: [u32; SLOTS as usize],
    now: u32,
    /// How many are to end by an operator's wish, and do not know yet.
    condemned: usize,
    /// Who comes now is to leave at once.
    shut_down: bool,
}

struct Entry {
    last_active: u32,
    timeout: u32,
    alarm: Alarm,
    /// When it is told that it lasts.
    lasting: Alarm,
    /// It is to look, and does not know yet.
    look: bool,
    /// Whose session it is: an address to compare with, and never to follow. Sessions hold the slot.
    access_point: *const AccessPointSlot,
    /// What operators are shown of it.
    session: Rc<OpenSession>,
    /// An operator wants it to end.
    condemned: bool,
    /// Why the session is to end, if it is.
    expired: Option<Expiry>,
    waker: Option<Waker>,
    slot: u32,
    next: u32,
    previous: u32,
}

/// A moment, beside the timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alarm {
    Off,
    /// It rings in this tick.
    At(u32),
    /// It rang, and the session does not know yet.
    Rang,
}

impl Alarm {
    /// Ticks until it rings.
    fn left(self, now: u32) -> u32 {
        match self {
            Self::At(tick) => tick.wrapping_sub(now),
            Self::Off | Self::Rang => u32::MAX,
        }
    }

    /// Whether it rings now.
    fn ring_if_due(&mut self, now: u32) -> bool {
        let rings = *self == Self::At(now);
        if rings {
            *self = Self::Rang;
        }
        rings
    }

    /// Whether it rang, and nobody has been told.
    fn take_rang(&mut self) -> bool {
        let rang = *self == Self::Rang;
        if rang {
            *self = Self::Off;
        }
        rang
    }
}

impl Default for IdleWheel {
    fn default() -> Self {
        Self {
            entries: Slab::new(),
            slots: [NONE; SLOTS as usize],
            now: 0,
            condemned: 0,
            shut_down: false,
        }
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
        self.end_condemned();
        let mut at = std::mem::replace(&mut self.slots[(self.now % SLOTS) as usize], NONE);
        while at != NONE {
            let entry = &mut self.entries[at as usize];
            let next = entry.next;
            entry.slot = NONE;
            entry.ring_if_due(self.now);
            match entry.idle_left(self.now) {
                0 => entry.expire(Expiry::Idle),
                _ => self.link(at),
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

    /// Sessions that are connected and meant, with their places in the table.
    pub(super) fn sessions(&self, which: &Which) -> impl Iterator<Item = (usize, &OpenSession)> {
        let all = self.entries.iter().map(|(at, entry)| (at, &*entry.session));
        all.filter(|(_, session)| which.fits(session))
    }

    /// Ends sessions that are meant, so many at most, and says how many these are: some at once, others with
    /// the next ticks, so that their clients do not come back all at a time.
    pub(super) fn kill(&mut self, which: &Which, most: usize) -> usize {
        let meant = self.sessions(which).filter(|(at, _)| self.entries[*at].lives());
        let meant: Vec<usize> = meant.map(|(at, _)| at).take(most).collect();
        meant.iter().for_each(|at| self.entries[*at].condemned = true);
        self.condemned += meant.len();
        self.end_condemned();
        meant.len()
    }

    /// Ends some of those who are to end.
    fn end_condemned(&mut self) {
        if self.condemned == 0 {
            return;
        }
        let condemned = self.entries.iter_mut().map(|(_, entry)| entry).filter(|it| it.condemned);
        for entry in condemned.take(KILLED_AT_ONCE) {
            entry.condemned = false;
            self.condemned -= 1;
            if entry.expired.is_none() {
                entry.expire(Expiry::Killed);
            }
        }
    }

    /// How many sessions there are with access points that are `meant`.
    pub(super) fn count(&self, meant: impl Fn(*const AccessPointSlot) -> bool) -> usize {
        self.entries.iter().filter(|(_, entry)| meant(entry.access_point)).count()
    }

    /// Has sessions with access points that are `meant` look whether they still hear of them: so many at
    /// most, from this place of the table on. Returns the place to go on from.
    pub(super) fn ask(
        &mut self,
        mut place: usize,
        most: usize,
        meant: impl Fn(*const AccessPointSlot) -> bool,
    ) -> usize {
        let mut asked = 0;
        while asked < most && place < self.entries.capacity() {
            if let Some(entry) = self.entries.get_mut(place)
                && meant(entry.access_point)
            {
                entry.look = true;
                entry.wake();
                asked += 1;
            }
            place += 1;
        }
        place
    }

    fn insert(
        &mut self,
        timeout: Duration,
        session: Rc<OpenSession>,
        access_point: *const AccessPointSlot,
    ) -> u32 {
        let entry = Entry {
            last_active: self.now,
            timeout: ticks(timeout),
            alarm: Alarm::Off,
            lasting: Alarm::At(self.now.wrapping_add(LASTING)),
            look: false,
            access_point,
            session,
            condemned: false,
            expired: self.shut_down.then_some(Expiry::Shutdown),
            waker: None,
            slot: NONE,
            next: NONE,
            previous: NONE,
        };
        let key = u32::try_from(self.entries.insert(entry)).expect("fewer sessions than 2^32");
        self.link(key);
        key
    }

    fn touch(&mut self, key: u32) -> u32 {
        let entry = &mut self.entries[key as usize];
        entry.last_active = self.now;
        if entry.is_idle() {
            // It has not been told yet, and is not idle any more.
            entry.expired = None;
            self.link(key);
        }
        self.now
    }

    fn restart(&mut self, key: u32, timeout: Duration) {
        self.unlink(key);
        let entry = &mut self.entries[key as usize];
        (entry.timeout, entry.last_active) = (ticks(timeout), self.now);
        if entry.is_idle() {
            entry.expired = None;
        }
        self.link(key);
    }

    fn set_alarm(&mut self, key: u32, after: Duration) {
        let entry = &mut self.entries[key as usize];
        let left = ticks(after);
        entry.alarm = Alarm::At(self.now.wrapping_add(left));
        // It may have to be looked at sooner. One that is unlinked is over, and is not looked at again.
        let looked_at_in = entry.slot.wrapping_sub(self.now) % SLOTS;
        if entry.slot != NONE && left < looked_at_in {
            self.unlink(key);
            self.link(key);
        }
    }

    /// Puts an unlinked entry where it is looked at when its time could have come, or after a whole
    /// turn.
    fn link(&mut self, key: u32) {
        let entry = &mut self.entries[key as usize];
        let alarms = entry.alarm.left(self.now).min(entry.lasting.left(self.now));
        let left = entry.idle_left(self.now).min(alarms);
        let slot = self.now.wrapping_add(left.clamp(1, SLOTS - 1)) % SLOTS;
        let next = std::mem::replace(&mut self.slots[slot as usize], key);
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
    /// Whether it is not about to end.
    fn lives(&self) -> bool {
        self.expired.is_none() && !self.condemned
    }

    /// Whether its time is over.
    fn is_idle(&self) -> bool {
        self.expired == Some(Expiry::Idle)
    }

    /// Ticks until it has been idle for too long.
    fn idle_left(&self, now: u32) -> u32 {
        self.timeout.saturating_sub(now.wrapping_sub(self.last_active))
    }

    fn ring_if_due(&mut self, now: u32) {
        let rings = [&mut self.alarm, &mut self.lasting].map(|it| it.ring_if_due(now));
        if rings.contains(&true) {
            self.wake();
        }
    }

    fn expire(&mut self, why: Expiry) {
        self.expired = Some(why);
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// At least one tick more than the duration, since the current tick is partly over.
fn ticks(duration: Duration) -> u32 {
    let whole = duration.as_secs().saturating_mul(u64::from(TICKS_A_SECOND));
    let part = duration.subsec_nanos().div_ceil(TICK.subsec_nanos());
    u32::try_from(whole.saturating_add(u64::from(part) + 1)).unwrap_or(u32::MAX / 2)
}

/// A session's place in the wheel, given up when dropped.
pub(super) struct IdleTimer {
    wheel: Rc<RefCell<IdleWheel>>,
    key: u32,
}

impl IdleTimer {
    /// The timer of this session, with this access point, whose slot outlives it. It expires after `timeout`
    /// without [`IdleTimer::touch`].
    pub(super) fn new(
        wheel: &Rc<RefCell<IdleWheel>>,
        timeout: Duration,
        session: Rc<OpenSession>,
        access_point: &AccessPointSlot,
    ) -> Self {
        let key = wheel.borrow_mut().insert(timeout, session, access_point);
        Self { wheel: Rc::clone(wheel), key }
    }

    /// Whether it has lasted for about half a second, told once. It is woken then.
    pub(super) fn take_lasting(&self) -> bool {
        self.wheel.borrow_mut().entries[self.key as usize].lasting.take_rang()
    }

    /// Bytes have moved: if its time was just over, it is not. Returns the current tick.
    pub(super) fn touch(&self) -> u32 {
        self.wheel.borrow_mut().touch(self.key)
    }

    /// Another timeout holds, and its time begins now.
    pub(super) fn restart(&self, timeout: Duration) {
        self.wheel.borrow_mut().restart(self.key, timeout);
    }

    /// The alarm rings after this time, whatever moves until then. It takes the place of one that
    /// was set before.
    pub(super) fn set_alarm(&self, after: Duration) {
        self.wheel.borrow_mut().set_alarm(self.key, after);
    }

    /// The alarm rings no more.
    pub(super) fn clear_alarm(&self) {
        // The wheel may look at the entry too early now, and puts it back then.
        self.wheel.borrow_mut().entries[self.key as usize].alarm = Alarm::Off;
    }

    /// Whether the time is over, the alarm rang, or it is to look; if not, `waker` is woken when one of
    /// these is so.
    pub(super) fn poll_expired(&self, waker: &Waker) -> Option<Expiry> {
        let mut wheel = self.wheel.borrow_mut();
        let entry = &mut wheel.entries[self.key as usize];
        if entry.alarm.take_rang() {
            return Some(Expiry::Alarm);
        }
        if std::mem::take(&mut entry.look) {
            return Some(Expiry::Look);
        }
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
        if wheel.entries.remove(self.key as usize).condemned {
            wheel.condemned -= 1;
        }
    }
}

#[cfg(test)]
mod tests;
