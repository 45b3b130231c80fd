//! The beginning of a flow: what limits allow, where its client goes, and its place in the table.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use arrayvec::ArrayVec;

use super::choose::Chooser;
use super::evict::evict;
use super::flow::{Flow, FlowKey, Places};
use super::pass::Around;
use super::plane::Token;
use super::port::Port;
use crate::net::Segmenting;
use crate::routing::{ClientAddr, DatagramDrop, FlowId};

/// A client whose first datagram has come.
pub(super) struct Newcomer<'a> {
    pub(super) around: Around<'a>,
    pub(super) key: FlowKey,
    pub(super) now: Instant,
}

impl Port {
    /// A flow for a client that has none. Whom policy refuses, and who is one too many of his own, takes
    /// nobody's place; where places, descriptors or ports are used up, the flow that is missed least makes
    /// room: at once if it is of this worker, else for the client's next datagram.
    ///
    /// # Errors
    /// With why its datagram is dropped.
    pub(super) fn begin(&mut self, newcomer: &Newcomer<'_>) -> Result<FlowId, DatagramDrop> {
        let &Newcomer { around, key, now } = newcomer;
        let Around { worker, readiness, snapshot, ports, metrics: _ } = around;
        let settings = Rc::clone(&self.settings);
        if self.draining {
            return Err(DatagramDrop::Draining);
        }
        let client = ClientAddr::new(key.client.ip());
        let client_permit = settings.gate.admit(client)?;
        let announced = self.announced(&key);
        let chooser = Chooser { worker, settings: &settings, snapshot, client, announced, now };
        let way = match chooser.begin() {
            Err(used_up @ (DatagramDrop::NoPort | DatagramDrop::NoDescriptor)) => {
                evict(ports, Some(&mut *self), |_| true, now).ok_or_else(|| {
                    worker.shared.descriptors.want_flow();
                    used_up
                })?;
                chooser.begin()?
            }
            // Of those that this listener has given the places: a flood makes room for who comes behind it.
            Err(DatagramDrop::Overflow) if self.evict_unanswered(now).is_some() => {
                chooser.begin()?
            }
            chosen => chosen?,
        };
        let flows = &settings.flows;
        let of_listener = |port: &Port| Arc::ptr_eq(&port.settings.flows, flows);
        let permit = flows.admit(settings.udp().flows).or_else(|| {
            evict(ports, Some(&mut *self), of_listener, now)?;
            flows.admit(settings.udp().flows)
        });
        let Some(permit) = permit.or_else(|| flows.take_handed()) else {
            if self.table.is_empty() {
                flows.want_place();
            }
            return Err(DatagramDrop::FlowLimit);
        };
        let descriptors = &worker.shared.descriptors;
        let place = descriptors.reserve_flow().or_else(|| {
            evict(ports, Some(&mut *self), |_| true, now)?;
            descriptors.reserve_flow()
        });
        let Some(place) = place else {
            descriptors.want_flow();
            return Err(DatagramDrop::NoDescriptor);
        };
        let flow = Flow {
            way,
            client,
            generation: snapshot.generation,
            looks_again: None,
            refused: false,
            refused_at: None,
            refused_by: ArrayVec::new(),
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
            self.give_up(id, now);
            return Err(DatagramDrop::Local);
        }
        Ok(id)
    }
}
