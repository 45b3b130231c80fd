//! Entries that name one access point several times, as real dumps do.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::SocketAddr;

use crate::routing::DcId;
use crate::routing::topology::AccessPointFlags;

use super::listed::Offer;
use super::{DcOption, Listed};
use crate::config::finding::Findings;

/// Each (DC, address) once, by DC and address.
pub(super) fn merge(options: impl Iterator<Item = DcOption>, notes: &Findings) -> Vec<Listed> {
    let mut merged: BTreeMap<(DcId, SocketAddr), (DcOption, Offers)> = BTreeMap::new();
    for mut option in options {
        let (dc, address) = (option.dc, option.address);
        let offer = option.offered_to.take();
        match merged.entry((dc, address)) {
            Entry::Vacant(free) => {
                free.insert((option, Offers::new(offer)));
            }
            Entry::Occupied(mut taken) => {
                let (first, offers) = taken.get_mut();
                let secrets = (&first.secret, &option.secret);
                let which = match secrets {
                    (Some(first), Some(other)) if first != other => {
                        ", and of two secrets the first counts"
                    }
                    (Some(_) | None, Some(_) | None) => "",
                };
                notes.add(
                    &option.path,
                    format!("DC {dc}/{address} is listed before, at {}; merged{which}", first.path),
                );
                first.protocols = first.protocols.or(option.protocols);
                first.flags = both(first.flags, option.flags);
                first.weight = first.weight.or(option.weight);
                first.secret = first.secret.take().or(option.secret);
                offers.add(offer);
            }
        }
    }
    merged.into_values().map(|(option, offers)| Listed::new(option, offers.into_list())).collect()
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
