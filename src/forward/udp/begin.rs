//! The beginning of a flow: what limits allow, where its client goes, and its place in the table.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::choose::Chooser;
use super::flow::{Flow, FlowKey, Places};
use super::plane::Token;
use super::port::Port;
use crate::forward::worker::Worker;
use crate::net::Readiness;
use crate::net::Segmenting;
use crate::routing::{ClientAddr, DatagramDrop, FlowEnd, FlowId, Snapshot};

/// A client whose first datagram has come.
pub(super) struct Newcomer<'a> {
    pub(super) worker: &'a Rc<Worker>,
    pub(super) readiness: &'a Readiness,
    pub(super) snapshot: &'a Arc<Snapshot>,
    pub(super) key: FlowKey,
    pub(super) now: Instant,
}

impl Port {
    /// A flow for a client that has none. Whom policy refuses, and who is one too many of his own, takes
    /// nobody's place; where places, descriptors or ports are used up, the flow that is missed least makes
    /// room: at once if it is of this socket, else for the client's next datagram.
    ///
    /// # Errors
    /// With why its datagram is dropped.
    pub(super) fn begin(&mut self, newcomer: &Newcomer<'_>) -> Result<FlowId, DatagramDrop> {
        let &Newcomer { worker, readiness, snapshot, key, now } = newcomer;
        let settings = Rc::clone(&self.settings);
        if self.draining {
            return Err(DatagramDrop::Draining);
        }
        if settings.pace.as_ref().is_some_and(|pace| !pace.admits()) {
            return Err(DatagramDrop::Rate);
        }
        let client = ClientAddr::new(key.client.ip());
        let client_permit = match settings.udp().flows_per_client {
            None => None,
            Some(most) => {
                let permit = settings.flows.clients.admit(client.prefix(), most);
                Some(permit.ok_or(DatagramDrop::ClientLimit)?)
            }
        };
        let chooser = Chooser { worker, settings: &settings, snapshot, client, now };
        let way = match chooser.begin() {
            Err(used_up @ (DatagramDrop::NoPort | DatagramDrop::NoDescriptor)) => {
                self.make_room(now).ok_or_else(|| {
                    worker.shared.descriptors.want_flow();
                    used_up
                })?;
                chooser.begin()?
            }
            chosen => chosen?,
        };
        let flows = &settings.flows;
        let permit = self.with_room(now, || flows.admit(settings.udp().flows));
        let Some(permit) = permit.or_else(|| flows.take_handed()) else {
            if self.table.is_empty() {
                flows.want_place();
            }
            return Err(DatagramDrop::FlowLimit);
        };
        let descriptors = &worker.shared.descriptors;
        let Some(place) = self.with_room(now, || descriptors.reserve_flow()) else {
            descriptors.want_flow();
            return Err(DatagramDrop::NoDescriptor);
        };
        let flow = Flow {
            way,
            client,
            generation: snapshot.generation,
            refused: false,
            refused_at: None,
            queued: false,
            up: Segmenting::default(),
            down: Segmenting::default(),
            began: now,
            metrics: Rc::clone(&settings.metrics),
            _places: Places {
                _live: worker.enter(),
                _permit: permit,
                _client: client_permit,
                _place: place,
            },
        };
        settings.metrics.began.inc();
        let id = self.table.insert(key, flow, now);
        if !Token::can_name(id) || self.watch(readiness, id).is_err() {
            self.table.remove(id);
            return Err(DatagramDrop::Local);
        }
        Ok(id)
    }

    /// What `take` gives, if need be after one flow has made room.
    fn with_room<T>(&mut self, now: Instant, take: impl Fn() -> Option<T>) -> Option<T> {
        take().or_else(|| {
            self.make_room(now)?;
            take()
        })
    }

    /// Ends the flow that is missed least; `None` if there is none.
    pub(super) fn make_room(&mut self, now: Instant) -> Option<()> {
        let (_, flow) = self.table.evict()?;
        flow.end(FlowEnd::Evicted, now);
        Some(())
    }
}
