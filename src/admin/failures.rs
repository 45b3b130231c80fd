//! How often tokens may be guessed: a few times in a row from one address, and then slowly.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wrong tokens at once.
const BURST: u32 = 10;

/// One more after this time.
const EVERY: Duration = Duration::from_secs(6);

/// Addresses that are remembered, in some 100 KiB.
const ROOM: usize = 4096;

/// Who has failed lately. Only guesses count: who has a token may use it as often as they like, and a
/// program that goes on with one that is not right any more locks nobody out who shares its address.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// By whom. None of them is over for long.
    known: Mutex<HashMap<u64, Failed>>,
}

/// What is known of one who has failed.
#[derive(Clone, Copy, Debug)]
struct Failed {
    /// When all that they have used will be theirs again.
    until: Instant,
    /// What they tried last.
    tried: u64,
}

impl Failures {
    /// Lets somebody try, unless they have to wait. That nobody learns anything meanwhile, a right token
    /// has to wait as well. `guess` says whether it was right, and is not asked while others try. What was
    /// `tried` is a hash; the same as last time is no other guess, and as wrong as it was, until it has
    /// been forgotten.
    ///
    /// # Errors
    /// With the time that is to be waited.
    pub(super) fn attempt<T>(
        &self,
        (who, tried): (u64, u64),
        now: Instant,
        guess: impl FnOnce() -> Option<T>,
    ) -> Result<Option<T>, Duration> {
        // Nothing panics while it is held.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.get(&who).copied();
        let used = before.map_or(now, |failed| failed.until.max(now));
        let is_other = before.is_none_or(|failed| failed.tried != tried);
        let after_this_one = if is_other { used + EVERY } else { used };
        let wait = after_this_one.saturating_duration_since(now + EVERY * BURST);
        if is_other && !wait.is_zero() {
            return Err(wait);
        }
        let guessed = guess();
        if guessed.is_none() {
            make_room(&mut known, who, now);
            known.insert(who, Failed { until: after_this_one, tried });
        }
        Ok(guessed)
    }
}

/// Forgets those who have nothing left to wait for, and if need be the one with the least.
fn make_room(known: &mut HashMap<u64, Failed>, who: u64, now: Instant) {
    if known.len() < ROOM || known.contains_key(&who) {
        return;
    }
    known.retain(|_, failed| failed.until > now);
    if known.len() >= ROOM {
        let least = known.iter().min_by_key(|(_, failed)| failed.until).map(|(who, _)| *who);
        least.map(|who| known.remove(&who));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Another guess than all before.
    fn wrong(failures: &Failures, who: u64, now: Instant) -> bool {
        static GUESSES: AtomicU64 = AtomicU64::new(1);
        let tried = GUESSES.fetch_add(1, Ordering::Relaxed);
        failures.attempt((who, tried), now, || None::<()>).is_ok()
    }

    #[test]
    fn one_who_goes_on_with_the_same_wrong_token_locks_nobody_out() {
        let (failures, now) = (Failures::default(), Instant::now());
        let same = || failures.attempt((1, u64::MAX), now, || None::<()>);
        assert!((0..100).all(|_| same() == Ok(None)));
        assert_eq!(failures.attempt((1, 7), now, || Some(7)), Ok(Some(7)));
        assert_eq!((0..20).filter(|_| wrong(&failures, 1, now)).count(), 9);
    }

    #[test]
    fn ten_wrong_tokens_are_heard_and_then_one_in_six_seconds() {
        let (failures, start) = (Failures::default(), Instant::now());
        assert_eq!((0..20).filter(|_| wrong(&failures, 1, start)).count(), 10);
        assert_eq!(
            failures.attempt((1, 0), start, || Some(())),
            Err(EVERY),
            "a right one waits too"
        );
        assert!(wrong(&failures, 2, start), "another address");
        let later = start + EVERY;
        assert!(wrong(&failures, 1, later) && !wrong(&failures, 1, later));
        let much_later = start + 100 * EVERY;
        assert_eq!((0..20).filter(|_| wrong(&failures, 1, much_later)).count(), 10);
    }

    #[test]
    fn right_tokens_are_not_counted() {
        let (failures, now) = (Failures::default(), Instant::now());
        assert!((0..100).all(|_| failures.attempt((1, 0), now, || Some(7)) == Ok(Some(7))));
        assert!(failures.known.lock().is_ok_and(|known| known.is_empty()));
    }

    #[test]
    fn a_crowd_fills_no_memory_and_frees_no_offender() {
        let (failures, now) = (Failures::default(), Instant::now());
        assert_eq!((0..11).filter(|_| wrong(&failures, 0, now)).count(), 10);
        for who in 1..=3 * ROOM as u64 {
            assert!(wrong(&failures, who, now));
        }
        assert!(failures.known.lock().is_ok_and(|known| known.len() == ROOM));
        assert!(!wrong(&failures, 0, now));
        assert!(wrong(&failures, u64::MAX, now + 2 * EVERY));
        let left = failures.known.lock().map(|known| known.len());
        assert_eq!(left.ok(), Some(2), "those with nothing to wait for are gone");
    }
}
