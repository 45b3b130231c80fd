//! How many sessions or flows of each client of a listener may be new, over all workers.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use governor::RateLimiter;
use governor::clock::DefaultClock;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;

use super::pace::Rate;

/// Parts that are locked one by one: workers seldom meet.
const SHARDS: usize = 64;

/// Clients that a part knows at most: as many as 4,096 buckets of a map take. All parts together know 229,376
/// clients in 4.5 MiB.
const CLIENTS: usize = 3584;

/// The paces of the clients of a listener, which all workers keep together.
///
/// Whoever has used nothing of the rate lately is forgotten when the room is needed. While all that are known
/// have, a client that is not known is admitted and stays unknown: no crowd can grow the memory, and none
/// can keep others out.
#[derive(Debug)]
pub struct ClientPace {
    shards: Box<[Shard]>,
    /// Clients that each of them knows at most.
    room: usize,
    hasher: RandomState,
    began: Instant,
}

#[derive(Debug)]
struct Shard {
    limiter: RateLimiter<u64, Known, DefaultClock>,
    /// The second, counted from one, in which clients were last forgotten.
    swept: AtomicU64,
}

impl From<Rate> for ClientPace {
    fn from(rate: Rate) -> Self {
        Self::with_room(rate, CLIENTS)
    }
}

impl ClientPace {
    fn with_room(rate: Rate, room: usize) -> Self {
        let shard = || Shard {
            limiter: RateLimiter::new(rate.into(), Known::new(room), DefaultClock::default()),
            swept: AtomicU64::new(0),
        };
        let shards = (0..SHARDS).map(|_| shard()).collect();
        Self { shards, room, hasher: RandomState::new(), began: Instant::now() }
    }

    /// Whether this client, an IPv4 address or an IPv6 /64 as a number, may begin one more now.
    #[must_use]
    pub fn admits(&self, client: u64) -> bool {
        let shard = &self.shards[self.hasher.hash_one(client) as usize % SHARDS];
        if shard.limiter.len() >= self.room {
            self.sweep(shard);
        }
        shard.limiter.check_key(&client).is_ok()
    }

    /// Forgets clients, at most once a second: looking through all of them takes a while.
    fn sweep(&self, shard: &Shard) {
        let second = self.began.elapsed().as_secs() + 1;
        if shard.swept.swap(second, Ordering::Relaxed) != second {
            shard.limiter.retain_recent();
        }
    }
}

/// When clients will have used nothing any more, for so many of them at most.
#[derive(Debug)]
struct Known {
    clients: Mutex<HashMap<u64, Nanos>>,
    /// How many they are, for those who do not hold the lock.
    count: AtomicUsize,
    room: usize,
}

impl Known {
    fn new(room: usize) -> Self {
        Self { clients: Mutex::default(), count: AtomicUsize::new(0), room }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Nanos>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for Known {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, client: &u64, judge: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut clients = self.lock();
        if let Some(state) = clients.get_mut(client) {
            let (admitted, next) = judge(Some(*state))?;
            *state = next;
            return Ok(admitted);
        }
        let (admitted, next) = judge(None)?;
        if clients.len() < self.room {
            clients.insert(*client, next);
            self.count.store(clients.len(), Ordering::Relaxed);
        }
        Ok(admitted)
    }
}

impl ShrinkableKeyedStateStore<u64> for Known {
    fn retain_recent(&self, drop_below: Nanos) {
        let mut clients = self.lock();
        clients.retain(|_, state| *state > drop_below);
        self.count.store(clients.len(), Ordering::Relaxed);
    }

    fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;

    const ROOM: usize = 4;

    fn pace(per_second: u32, burst: u32) -> ClientPace {
        let number = |n| NonZeroU32::new(n).expect("a number of the test");
        ClientPace::with_room(Rate { per_second: number(per_second), burst: number(burst) }, ROOM)
    }

    fn known(pace: &ClientPace) -> usize {
        pace.shards.iter().map(|shard| shard.limiter.len()).sum()
    }

    #[test]
    fn each_client_has_a_burst_of_its_own() {
        let pace = pace(1, 3);
        for client in 1..=5 {
            assert_eq!((0..10).filter(|_| pace.admits(client)).count(), 3, "client {client}");
        }
    }

    #[test]
    fn a_crowd_grows_no_memory_is_let_in_and_hides_no_offender() {
        let pace = pace(1, 1);
        assert!(pace.admits(0) && !pace.admits(0));
        assert!((1..10_000).all(|client| pace.admits(client)), "newcomers are let in");
        assert_eq!(known(&pace), SHARDS * ROOM);
        assert!(!pace.admits(0), "who is known stays known while it has used its rate up");
    }

    #[test]
    fn who_has_used_nothing_lately_makes_room_once_a_second() {
        let pace = pace(10_000_000, 1);
        (0..10_000).for_each(|client| assert!(pace.admits(client)));
        assert_eq!(known(&pace), SHARDS * ROOM);
        // Their rates are as good as unused after a microsecond.
        std::thread::sleep(Duration::from_millis(1));
        let shard = &pace.shards[0];
        let this_second = pace.began.elapsed().as_secs() + 1;
        // Whatever the clock says, none has come since then.
        shard.swept.store(this_second, Ordering::Relaxed);
        pace.sweep(shard);
        let kept = shard.limiter.len();
        shard.swept.store(0, Ordering::Relaxed);
        pace.sweep(shard);
        assert_eq!((kept, shard.limiter.len()), (ROOM, 0));
    }
}
