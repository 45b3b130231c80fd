//! The flows of one socket: who speaks through it, for how long, and who goes first when there is no room.
//!
//! Pure: the time comes in, what ended comes out. Nothing here bounds how many flows there are, because
//! many tables share one limit: who finds none left has one of them [evicted](FlowTable::evict).
//!
//! What a flow has shown so far decides how long it may be idle and when it is evicted. Anybody can write a
//! sender's address into a datagram. That its flow was answered shows that there is a service, and
//! only a datagram that follows an answer shows that there is a client, too.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::time::{Duration, Instant};

/// How long flows may be idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowTimes {
    /// Without a datagram in either direction.
    pub idle: Duration,
    /// The same, until the upstream has answered.
    pub unanswered: Duration,
}

/// A flow of one table; never the name of another one, however many have come and gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowId {
    /// Its place in the table.
    pub place: u32,
    /// Which of those that have had this place.
    pub generation: u32,
}

/// What a flow has shown, the least first: in this order flows are evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Somebody sent something.
    Unanswered,
    /// The upstream has answered.
    Answered,
    /// The client has gone on after that: it is where its address says.
    Conversing,
}

impl Standing {
    const COUNT: usize = 3;
}

/// The flows of one socket by their keys `K`, with what is kept of each.
#[derive(Debug)]
pub struct FlowTable<K, V, S> {
    by_key: HashMap<K, u32, S>,
    places: Vec<Place<K, V>>,
    /// The first free place.
    free: Option<u32>,
    /// One for each [`Standing`].
    queues: [Queue; Standing::COUNT],
    generation: u32,
    times: FlowTimes,
}

#[derive(Debug)]
enum Place<K, V> {
    /// With the next one that is free.
    Free(Option<u32>),
    Taken(Flow<K, V>),
}

#[derive(Debug)]
struct Flow<K, V> {
    generation: u32,
    key: K,
    value: V,
    standing: Standing,
    last: Instant,
    before: Option<u32>,
    after: Option<u32>,
}

/// Flows of one standing, the one that has been idle for longest first.
#[derive(Clone, Copy, Debug, Default)]
struct Queue {
    first: Option<u32>,
    last: Option<u32>,
}

impl<K: Copy + Eq + Hash, V, S: BuildHasher> FlowTable<K, V, S> {
    /// A table without flows.
    #[must_use]
    pub fn new(times: FlowTimes, hasher: S) -> Self {
        Self {
            by_key: HashMap::with_hasher(hasher),
            places: Vec::new(),
            free: None,
            queues: [Queue::default(); Standing::COUNT],
            generation: 0,
            times,
        }
    }

    /// Other times hold, for flows that are there as well.
    pub fn set_times(&mut self, times: FlowTimes) {
        self.times = times;
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// The flow with this key.
    #[must_use]
    pub fn find(&self, key: &K) -> Option<FlowId> {
        let place = *self.by_key.get(key)?;
        self.taken(place).map(|flow| FlowId { place, generation: flow.generation })
    }

    /// What is kept of a flow, and its key; `None` once it has ended.
    #[must_use]
    pub fn entry(&self, id: FlowId) -> Option<(&K, &V)> {
        self.flow(id).map(|flow| (&flow.key, &flow.value))
    }

    /// What is kept of a flow; `None` once it has ended.
    pub fn get_mut(&mut self, id: FlowId) -> Option<&mut V> {
        match self.places.get_mut(id.place as usize)? {
            Place::Taken(flow) if flow.generation == id.generation => Some(&mut flow.value),
            Place::Taken(_) | Place::Free(_) => None,
        }
    }

    /// All flows, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (FlowId, &V)> {
        (0..).zip(&self.places).filter_map(|(place, it)| match it {
            Place::Taken(flow) => {
                Some((FlowId { place, generation: flow.generation }, &flow.value))
            }
            Place::Free(_) => None,
        })
    }

    /// What is kept of all flows, in no order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// A client has sent its first datagram. There must be no flow with this key.
    pub fn insert(&mut self, key: K, value: V, now: Instant) -> FlowId {
        debug_assert!(!self.by_key.contains_key(&key), "a flow has one beginning");
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let standing = Standing::Unanswered;
        let flow = Flow { generation, key, value, standing, last: now, before: None, after: None };
        let place = match self.free {
            Some(place) => {
                self.free = match self.places[place as usize] {
                    Place::Free(next) => next,
                    Place::Taken(_) => None,
                };
                self.places[place as usize] = Place::Taken(flow);
                place
            }
            None => {
                self.places.push(Place::Taken(flow));
                self.places.len() as u32 - 1
            }
        };
        self.by_key.insert(key, place);
        self.append(place);
        FlowId { place, generation }
    }

    /// The client has sent a datagram.
    pub fn on_client(&mut self, id: FlowId, now: Instant) {
        self.on_datagram(id, now, |standing| match standing {
            Standing::Unanswered => Standing::Unanswered,
            Standing::Answered | Standing::Conversing => Standing::Conversing,
        });
    }

    /// The upstream has sent a datagram.
    pub fn on_upstream(&mut self, id: FlowId, now: Instant) {
        self.on_datagram(id, now, |standing| standing.max(Standing::Answered));
    }

    /// What the flow that would be [evicted](Self::evict) first has shown, and since when it is idle.
    #[must_use]
    pub fn first_to_go(&self) -> Option<(Standing, Instant)> {
        let first = self.queues.iter().find_map(|queue| queue.first)?;
        self.taken(first).map(|flow| (flow.standing, flow.last))
    }

    /// Ends a flow.
    pub fn remove(&mut self, id: FlowId) -> Option<(K, V)> {
        self.flow(id)?;
        self.take(id.place).map(|flow| (flow.key, flow.value))
    }

    /// Ends the flow that is missed least: of those that have shown least the one that has been idle for
    /// longest.
    pub fn evict(&mut self) -> Option<(K, V)> {
        let first = self.queues.iter().find_map(|queue| queue.first)?;
        self.take(first).map(|flow| (flow.key, flow.value))
    }

    /// Ends the flow that has been idle for longest of those that were never answered, if there is one.
    pub fn evict_unanswered(&mut self) -> Option<(K, V)> {
        let first = self.queues[Standing::Unanswered as usize].first?;
        self.take(first).map(|flow| (flow.key, flow.value))
    }

    /// Ends one flow that has been idle for too long, if there is one; with what it had shown.
    pub fn expire(&mut self, now: Instant) -> Option<(Standing, V)> {
        let heads = self.queues.iter().filter_map(|queue| queue.first);
        let expired = heads.into_iter().find(|place| {
            self.taken(*place).is_some_and(|flow| {
                let idle = match flow.standing {
                    Standing::Unanswered => self.times.unanswered,
                    Standing::Answered | Standing::Conversing => self.times.idle,
                };
                now.saturating_duration_since(flow.last) >= idle
            })
        })?;
        self.take(expired).map(|flow| (flow.standing, flow.value))
    }

    /// Ends all flows.
    pub fn drain(&mut self) -> impl Iterator<Item = V> + use<K, V, S> {
        self.by_key.clear();
        self.give_back();
        let places = std::mem::take(&mut self.places);
        places.into_iter().filter_map(|place| match place {
            Place::Taken(flow) => Some(flow.value),
            Place::Free(_) => None,
        })
    }

    fn on_datagram(&mut self, id: FlowId, now: Instant, becomes: impl Fn(Standing) -> Standing) {
        if self.flow(id).is_none() {
            return;
        }
        self.unlink(id.place);
        if let Some(flow) = self.taken_mut(id.place) {
            flow.last = now;
            flow.standing = becomes(flow.standing);
        }
        self.append(id.place);
    }

    fn flow(&self, id: FlowId) -> Option<&Flow<K, V>> {
        self.taken(id.place).filter(|flow| flow.generation == id.generation)
    }

    fn taken(&self, place: u32) -> Option<&Flow<K, V>> {
        match self.places.get(place as usize)? {
            Place::Taken(flow) => Some(flow),
            Place::Free(_) => None,
        }
    }

    fn taken_mut(&mut self, place: u32) -> Option<&mut Flow<K, V>> {
        match self.places.get_mut(place as usize)? {
            Place::Taken(flow) => Some(flow),
            Place::Free(_) => None,
        }
    }

    fn take(&mut self, place: u32) -> Option<Flow<K, V>> {
        self.unlink(place);
        let free = Place::Free(self.free);
        let Place::Taken(flow) = std::mem::replace(&mut self.places[place as usize], free) else {
            return None;
        };
        self.free = Some(place);
        self.by_key.remove(&flow.key);
        if self.by_key.is_empty() {
            self.give_back();
            self.places = Vec::new();
        }
        Some(flow)
    }

    /// What a flood has made the table grow to goes back when it is empty.
    fn give_back(&mut self) {
        self.by_key.shrink_to_fit();
        self.free = None;
        self.queues = [Queue::default(); Standing::COUNT];
    }

    /// Puts a flow behind all of its standing: nobody has been idle for less.
    fn append(&mut self, place: u32) {
        let Some(standing) = self.taken(place).map(|flow| flow.standing) else { return };
        let before = self.queues[standing as usize].last.replace(place);
        match before.and_then(|before| self.taken_mut(before)) {
            Some(flow) => flow.after = Some(place),
            None => self.queues[standing as usize].first = Some(place),
        }
        if let Some(flow) = self.taken_mut(place) {
            (flow.before, flow.after) = (before, None);
        }
    }

    fn unlink(&mut self, place: u32) {
        let Some(flow) = self.taken(place) else { return };
        let (standing, before, after) = (flow.standing, flow.before, flow.after);
        match before.and_then(|before| self.taken_mut(before)) {
            Some(flow) => flow.after = after,
            None => self.queues[standing as usize].first = after,
        }
        match after.and_then(|after| self.taken_mut(after)) {
            Some(flow) => flow.before = before,
            None => self.queues[standing as usize].last = before,
        }
    }
}

#[cfg(test)]
mod tests;
