//! Which flow makes room, of all that one worker has.

use std::cell::RefCell;
use std::time::Instant;

use slab::Slab;

use super::port::Port;

/// Ends the flow that is missed least, of this port and of those others whose flows would help: a flood
/// that has come in by one address must not cost flows of another. `None` if there is none.
///
/// `own` is the port that is in use, if one is, and therefore not to be had among `ports`.
pub(super) fn evict(
    ports: &Slab<RefCell<Port>>,
    own: Option<&mut Port>,
    helps: impl Fn(&Port) -> bool,
    now: Instant,
) -> Option<()> {
    let others = ports.iter().filter_map(|(_, port)| {
        let it = port.try_borrow().ok().filter(|it| helps(it))?;
        it.table.first_to_go().map(|first| (first, port))
    });
    let other = others.min_by_key(|(first, _)| *first);
    let of_own = own.as_ref().and_then(|own| own.table.first_to_go());
    match (own, other) {
        (Some(own), Some((first, _))) if of_own.is_some_and(|of_own| of_own <= first) => {
            own.evict(now)
        }
        (_, Some((_, port))) => port.try_borrow_mut().ok()?.evict(now),
        (Some(own), None) => own.evict(now),
        (None, None) => None,
    }
}
