//! How datagrams are put together, without sockets.
//!
//! A train is what the kernel sends as one message: datagrams of one length towards one peer, of which
//! the last may be shorter. Parcels are joined into trains and split among them at the boundaries of
//! datagrams; their order stays.

use std::time::Instant;

use super::parcel::{Parcel, Peer};

/// `UDP_MAX_SEGMENTS` of `linux/udp.h` before Linux 6.9, and half of it since.
pub(super) const MOST_DATAGRAMS: usize = 64;

/// 65,535 bytes of a packet without the headers of IPv4 and UDP.
const LONGEST_V4: usize = 65_507;

/// The same with the header of IPv6 in it, as the kernel counts while it segments.
const LONGEST_V6: usize = 65_487;

/// A place among parcels: where a datagram begins, or behind the last parcel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The number of the parcel.
    pub(super) parcel: usize,
    /// Bytes of its payload before this place.
    pub(super) offset: usize,
}

/// Datagrams of one parcel that follow each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) begins: Place,
    pub(super) bytes: usize,
    pub(super) datagrams: usize,
}

/// Pieces that the kernel gets together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Train {
    pub(super) begins: Place,
    /// Where the next one begins.
    pub(super) ends: Place,
    /// Bytes of each datagram but the last.
    pub(super) segment: usize,
    pub(super) datagrams: usize,
    pub(super) pieces: usize,
}

/// A refusal of the kernel that the parcels at hand do not know of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub(super) to: Option<Peer>,
    pub(super) segment: usize,
}

/// Parcels, and what of them may be segmented.
#[derive(Clone, Copy, Debug)]
pub(super) struct Yard<'a, 'b> {
    pub(super) parcels: &'a [Parcel<'b>],
    pub(super) now: Instant,
    pub(super) refusal: Option<Refusal>,
}

impl Yard<'_, '_> {
    /// The train that begins at this place, and the pieces that it consists of: at most
    /// [`MOST_DATAGRAMS`]. `None` behind the last parcel.
    pub(super) fn train(&self, begins: Place, mut add: impl FnMut(Piece)) -> Option<Train> {
        let first = self.parcels.get(begins.parcel)?;
        let segment = next_datagram(first, begins.offset);
        let mut room = match segment > 0 && self.allows(first, segment) {
            true => Room { datagrams: MOST_DATAGRAMS, bytes: longest(first.to).max(segment) },
            false => Room { datagrams: 1, bytes: segment },
        };
        let mut train = Train { begins, ends: begins, segment, datagrams: 0, pieces: 0 };
        while let Some(parcel) = self.parcels.get(train.ends.parcel) {
            if train.pieces > 0 && !self.joins(first, parcel, segment) {
                break;
            }
            let piece = room.take(parcel, train.ends, segment);
            if piece.datagrams == 0 {
                break;
            }
            room.datagrams -= piece.datagrams;
            room.bytes -= piece.bytes;
            train.datagrams += piece.datagrams;
            train.pieces += 1;
            let end = train.ends.offset + piece.bytes;
            let is_whole = end == parcel.payload.len();
            train.ends = match is_whole {
                true => Place { parcel: train.ends.parcel + 1, offset: 0 },
                false => Place { offset: end, ..train.ends },
            };
            add(piece);
            // A datagram that is shorter is the last.
            if !is_whole || piece.bytes != piece.datagrams * segment {
                break;
            }
        }
        Some(train)
    }

    fn joins(&self, first: &Parcel<'_>, next: &Parcel<'_>, segment: usize) -> bool {
        first.to == next.to && first.ecn == next.ecn && self.allows(next, segment)
    }

    fn allows(&self, parcel: &Parcel<'_>, segment: usize) -> bool {
        let refused = |refusal: Refusal| refusal.to == parcel.to && segment >= refusal.segment;
        parcel.prefix.is_empty()
            && !self.refusal.is_some_and(refused)
            && parcel.segmenting.allows(segment, self.now)
    }
}

/// What still fits into a train.
struct Room {
    datagrams: usize,
    bytes: usize,
}

impl Room {
    /// As much of the parcel, from this place on, as joins a train of such segments and fits.
    fn take(&self, parcel: &Parcel<'_>, begins: Place, segment: usize) -> Piece {
        let left = parcel.payload.len() - begins.offset;
        let own = segment_of(parcel);
        let next = own.min(left);
        let piece = |bytes, datagrams| Piece { begins, bytes, datagrams };
        // A longer one does not join, and an empty one goes alone.
        if next > segment
            || next > self.bytes
            || self.datagrams == 0
            || (next == 0) != (segment == 0)
        {
            return piece(0, 0);
        }
        if own != segment || segment == 0 {
            return piece(next, 1);
        }
        let equal = (left / segment).min(self.datagrams).min(self.bytes / segment);
        let shorter = left - equal * segment;
        let fits = shorter > 0
            && shorter < segment
            && equal < self.datagrams
            && shorter <= self.bytes - equal * segment;
        match fits {
            true => piece(left, equal + 1),
            false => piece(equal * segment, equal),
        }
    }
}

/// Bytes of the datagram at this place.
fn next_datagram(parcel: &Parcel<'_>, offset: usize) -> usize {
    segment_of(parcel).min(parcel.payload.len() - offset)
}

/// Bytes of all its datagrams but the last; 0 only of an empty one.
fn segment_of(parcel: &Parcel<'_>) -> usize {
    match parcel.segment {
        0 => parcel.payload.len(),
        segment => segment.min(parcel.payload.len()),
    }
}

/// Bytes of a train. Of a connected socket nobody asks which family it has.
fn longest(to: Option<Peer>) -> usize {
    match to {
        Some(to) if to.address.is_ipv4() => LONGEST_V4,
        Some(_) | None => LONGEST_V6,
    }
}

#[cfg(test)]
mod tests;
