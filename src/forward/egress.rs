//! Which DCs nobody could dial from here, because of what this process may do or this host has.

use std::fmt;
use std::io;

use crate::net;
use crate::routing::DcId;
use crate::routing::topology::{Egress, Topology};

/// A DC that sockets of this process cannot leave for as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusableEgress {
    /// The DC.
    pub dc: DcId,
    /// What cannot be done, and why.
    pub reason: String,
}

impl fmt::Display for UnusableEgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dc, reason } = self;
        write!(f, "DC {dc} cannot be dialled as configured: {reason}")
    }
}

/// Tries the mark and the interface of every DC on a socket that goes nowhere.
#[must_use]
pub fn unusable_egress(topology: &Topology) -> Vec<UnusableEgress> {
    let unusable = topology.dcs().iter().flat_map(|dc| {
        let Egress { mark, interface } = &dc.egress;
        let mark = mark.and_then(|mark| {
            let only = net::Egress { mark: Some(mark), interface: None };
            let error = only.try_out().err()?;
            Some(format!("its packets cannot have the mark {mark}{}", why(&error)))
        });
        let interface = interface.as_deref().and_then(|name| {
            let only = net::Egress { mark: None, interface: Some(name) };
            let error = only.try_out().err()?;
            Some(format!("its packets cannot leave by the interface {name}{}", why(&error)))
        });
        let reasons = mark.into_iter().chain(interface);
        reasons.map(|reason| UnusableEgress { dc: dc.id, reason })
    });
    unusable.collect()
}

fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            " without the capability CAP_NET_ADMIN or CAP_NET_RAW".to_owned()
        }
        _ if error.raw_os_error() == Some(libc::ENODEV) => ", which this host has not".to_owned(),
        _ => format!(": {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::fixture::three_dcs;

    #[test]
    fn an_interface_that_is_not_there_is_told_of_each_dc_that_wants_it() {
        let mut spec = three_dcs();
        let leave_by = |name: &str| Egress { mark: None, interface: Some(name.into()) };
        spec.dcs[0].egress = leave_by("nowhere0");
        spec.dcs[1].egress = leave_by("lo");
        let id = spec.dcs[0].id;
        let told: Vec<String> =
            unusable_egress(&Topology::new(spec)).iter().map(ToString::to_string).collect();
        let expected = format!(
            "DC {id} cannot be dialled as configured: its packets cannot leave by the interface \
             nowhere0, which this host has not"
        );
        assert_eq!(told, [expected]);
    }

    #[test]
    fn a_privilege_that_lacks_is_told_by_its_name() {
        let refused = io::Error::from_raw_os_error(libc::EPERM);
        assert_eq!(why(&refused), " without the capability CAP_NET_ADMIN or CAP_NET_RAW");
    }
}
