//! `dcs[]`: what `dc_options` does not say about a DC.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DcHealth, Place};
use crate::config::value::{Count, DcNumber, Given, Interface, Ip, List, Name, OrNone};

/// The largest weight of a DC or an access point.
pub(crate) const MOST_WEIGHT: u32 = 10_000;

/// The weight of a DC or an access point that says nothing of it.
pub(crate) const WEIGHT: u32 = 100;

/// A DC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["id"]))]
pub(crate) struct Dc {
    /// Its number, as in `dc_options`; unique.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) id: Given<DcNumber>,
    /// How it is called in logs and metrics; unique. Without one it is `dc` and its id.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) name: Given<Name>,
    /// Where it is. Without a place, `nearest` uses it after all that have one.
    pub(crate) location: OrNone<Place>,
    /// What fails together with it, by name. DCs at the same coordinates share a site when they name
    /// none.
    pub(crate) site: OrNone<Name>,
    /// Its share among DCs that are equally near.
    pub(crate) weight: Count<0, MOST_WEIGHT>,
    /// Sessions of TCP and flows of UDP at a time, of this edge, those that connect included. Who finds no room goes to the next
    /// DC; see `overflow`.
    pub(crate) max_sessions: OrNone<Count<1, 10_000_000>>,
    /// Connects in flight at a time, of this edge: a dead DC must not starve the others.
    pub(crate) max_connecting: Count<1, 1_000_000>,
    /// DCs that hold the same keys and data, in the order in which they stand in for it: for ordinary
    /// sessions, not for those of media or a CDN. None twice.
    #[schemars(extend("uniqueItems" = true))]
    pub(crate) replicas: List<DcNumber>,
    /// The PROXY header that its access points expect: `v1`, or `v2`, which goes before every datagram of
    /// UDP too. Probes send one that says that nobody but this edge is there.
    pub(crate) send_proxy: OrNone<SendProxy>,
    /// How this edge dials it.
    pub(crate) source: Source,
    /// What is different from the section `health` for its access points.
    pub(crate) health: DcHealth,
}

impl Default for Dc {
    fn default() -> Self {
        Self {
            id: Given::default(),
            name: Given::default(),
            location: OrNone::default(),
            site: OrNone::default(),
            weight: Count::of(WEIGHT),
            max_sessions: OrNone::default(),
            max_connecting: Count::of(512),
            replicas: List::default(),
            send_proxy: OrNone::default(),
            source: Source::default(),
            health: DcHealth::default(),
        }
    }
}

/// How this edge dials a DC, its probes included.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Source {
    /// Addresses of this machine to dial from, none twice; where none is of the family that is dialled, the
    /// kernel chooses. Each gives as many flows more as there are ports.
    pub(crate) addresses: List<Ip>,
    /// The mark of packets, by which this machine may route them (`SO_MARK`). It takes the capability
    /// CAP_NET_ADMIN or, since Linux 5.17, CAP_NET_RAW.
    pub(crate) mark: OrNone<Count<1, { u32::MAX }>>,
    /// The interface that packets leave by, and no other (`SO_BINDTODEVICE`).
    pub(crate) interface: OrNone<Interface>,
}

/// The version of a PROXY header.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", expecting = "`v1` or `v2`")]
pub(crate) enum SendProxy {
    /// A line of text.
    V1,
    /// Binary, with what else is known of the session.
    V2,
}
