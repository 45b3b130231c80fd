//! Entries that name one access point several times, as real dumps do.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::routing::AccessPointId;
use crate::routing::topology::AccessPointFlags;

use super::DcOption;
use crate::config::finding::Findings;

/// Each (DC, address) once, by DC and address.
pub(super) fn merge(options: impl Iterator<Item = DcOption>, notes: &Findings) -> Vec<DcOption> {
    let mut merged: BTreeMap<AccessPointId, DcOption> = BTreeMap::new();
    for option in options {
        let id = AccessPointId { dc: option.dc, address: option.address };
        match merged.entry(id) {
            Entry::Vacant(free) => {
                free.insert(option);
            }
            Entry::Occupied(mut taken) => {
                let first = taken.get_mut();
                notes.add(
                    &option.path,
                    format!("DC {id} is listed before, at {}; merged", first.path),
                );
                first.flags = both(first.flags, option.flags);
                first.weight = first.weight.or(option.weight);
            }
        }
    }
    merged.into_values().collect()
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
