//! How much of a DC is taken, and what sockets towards it leave by.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::routing::DcState;
use crate::routing::topology::Dc;

/// What a DC has room for, and how it is dialled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoomView {
    /// Sessions and flows that have a place in it now, those that are being connected too. Each has a local
    /// port.
    pub placed: u32,
    /// The most there may be (`dcs[].max_sessions`); `null` without a bound.
    pub max_sessions: Option<u32>,
    /// The mark of packets to it (`dcs[].source.mark`); `null` without one.
    pub mark: Option<u32>,
    /// The only interface that they leave by (`dcs[].source.interface`); `null` where the host routes them.
    pub interface: Option<String>,
    /// The PROXY header that it expects (`dcs[].send_proxy`), `v1` or `v2`; `null` where it expects none.
    pub send_proxy: Option<String>,
}

impl RoomView {
    pub(super) fn new(dc: &Dc, state: &DcState) -> Self {
        Self {
            placed: state.slot.placed(),
            max_sessions: dc.max_sessions,
            mark: dc.egress.mark,
            interface: dc.egress.interface.as_deref().map(str::to_owned),
            send_proxy: dc.send_proxy.map(|it| it.as_str().to_owned()),
        }
    }
}
