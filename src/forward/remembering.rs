//! What a listener that is `sticky` knows of its clients.

use std::sync::Arc;

use prometheus::IntCounter;

use super::plane::Context;
use crate::memory::{EpochSeconds, ListenerMemory, Room};
use crate::routing::{ClientAddr, DcId};

/// The memory of a listener, and the counter of those who had to make room in it.
pub(super) struct Remembering {
    memory: Arc<ListenerMemory>,
    evicted: IntCounter,
}

impl Remembering {
    /// What the listener of this name has, if it remembers anybody.
    pub(super) fn resolve(context: &Context, listener: &str) -> Option<Self> {
        let memory = context.memory.of_listener(listener)?;
        let evicted = context.metrics.sticky_evicted_total.with_label_values(&[listener]);
        Some(Self { memory, evicted })
    }

    /// The DC that this client was given when it last came.
    pub(super) fn recall(&self, client: ClientAddr, now: EpochSeconds) -> Option<DcId> {
        self.memory.recall(client, now)
    }

    /// This client is connected to this DC.
    pub(super) fn remember(&self, client: ClientAddr, dc: DcId, now: EpochSeconds) {
        match self.memory.remember(client, dc, now) {
            Room::Found => {}
            Room::Made => self.evicted.inc(),
        }
    }
}
