//! Entries that name one access point several times, as real dumps do.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::routing::topology::AccessPointFlags;
use crate::routing::{AccessPointId, DialAddress};

use super::listed::Offer;
use super::{DcOption, Listed};
use crate::config::finding::Findings;

/// Each access point once, by DC and address: an entry is one for each protocol that it names.
pub(super) fn merge(options: impl Iterator<Item = DcOption>, notes: &Findings) -> Vec<Listed> {
    let mut merged: BTreeMap<AccessPointId, (DcOption, Offers)> = BTreeMap::new();
    for option in options {
        for protocol in &option.protocols {
            let address = DialAddress { socket: option.address, protocol: *protocol };
            let id = AccessPointId { dc: option.dc, address };
            match merged.entry(id) {
                Entry::Vacant(free) => {
                    free.insert((option.clone(), Offers::new(option.offered_to.clone())));
                }
                Entry::Occupied(mut taken) => repeat(taken.get_mut(), id, &option, notes),
            }
        }
    }
    let listed = merged.into_iter();
    listed.map(|(id, (it, offers))| Listed::new(id.address, it, offers.into_list())).collect()
}

/// Takes what another entry says of an access point.
fn repeat(
    (first, offers): &mut (DcOption, Offers),
    id: AccessPointId,
    option: &DcOption,
    notes: &Findings,
) {
    let which = match (&first.secret, &option.secret) {
        (Some(first), Some(other)) if first != other => ", and of two secrets the first counts",
        (Some(_) | None, Some(_) | None) => "",
    };
    let text = format!("DC {id} is listed before, at {}; merged{which}", first.path);
    notes.add(&option.path, text);
    first.flags = both(first.flags, option.flags);
    first.weight = first.weight.or(option.weight);
    first.max_sessions = first.max_sessions.or(option.max_sessions);
    first.secret = first.secret.take().or_else(|| option.secret.clone());
    offers.add(option.offered_to.clone());
}

/// Whom the entries of one access point offer it to.
enum Offers {
    Everybody,
    Some(Vec<Offer>),
}

impl Offers {
    fn new(offer: Option<Offer>) -> Self {
        offer.map_or(Self::Everybody, |offer| Self::Some(vec![offer]))
    }

    /// An entry without `for` offers it to everybody, whatever the others say.
    fn add(&mut self, offer: Option<Offer>) {
        match (self, offer) {
            (Self::Everybody, _) => {}
            (this @ Self::Some(_), None) => *this = Self::Everybody,
            (Self::Some(offers), Some(offer)) => {
                if !offers.contains(&offer) {
                    offers.push(offer);
                }
            }
        }
    }

    /// Empty for everybody. In one order, whatever that of the entries.
    fn into_list(self) -> Vec<Offer> {
        match self {
            Self::Everybody => Vec::new(),
            Self::Some(mut offers) => {
                offers.sort_by(|a, b| a.written.cmp(&b.written));
                offers
            }
        }
    }
}

/// What widens the use of an access point needs one entry, what narrows it needs both: an address
/// listed for media and for everything serves everything.
fn both(a: AccessPointFlags, b: AccessPointFlags) -> AccessPointFlags {
    AccessPointFlags {
        media_only: a.media_only && b.media_only,
        tcpo_only: a.tcpo_only && b.tcpo_only,
        cdn: a.cdn && b.cdn,
        static_address: a.static_address || b.static_address,
        this_port_only: a.this_port_only && b.this_port_only,
    }
}
