//! `listeners[].udp` and `udp_probe`: flows, and what is said to access points that serve them.

use std::time::Duration;

use schemars::JsonSchema;
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};

use crate::config::value::{Any, Count, Given, Or, OrNone, Payload, Size, Time};

/// A day, in milliseconds.
const DAY: u64 = 86_400_000;

/// Flows of a listener that serves UDP. A flow is what one client, by its address and port, has with one
/// access point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Udp {
    /// How long a flow stays without a datagram in either direction.
    pub(crate) idle: Time<100, DAY>,
    /// The same of one whose access point has never answered; not longer than `idle`.
    pub(crate) unanswered_idle: Time<100, DAY>,
    /// Flows at a time. A new one beyond takes the place of another: of one that was never answered if
    /// there is any, else of the one that has been idle longest.
    pub(crate) flows: Count<1, 10_000_000>,
    /// Flows at a time of one client, an IPv4 address or an IPv6 /64; new ones beyond are refused.
    pub(crate) flows_per_client: OrNone<Count<1, 10_000_000>>,
    /// What each socket may hold while its worker is busy; the kernel may give less
    /// (net.core.rmem_max).
    pub(crate) receive_buffer: Size<{ 4 << 10 }, { 1 << 30 }>,
    /// What becomes of flows whose access point leaves the list.
    pub(crate) on_removed: OnRemoved,
}

impl Default for Udp {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(60).into(),
            unanswered_idle: Duration::from_secs(10).into(),
            flows: Count::of(100_000),
            flows_per_client: OrNone::default(),
            receive_buffer: Size::of(4 << 20),
            on_removed: OnRemoved::default(),
        }
    }
}

/// What becomes of flows whose access point leaves the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnRemoved {
    /// They stay with it until they are idle.
    #[default]
    Keep,
    /// They choose again on their next datagram.
    Move,
}

/// A datagram and the answer that it wants. Text is sent as UTF-8; anything else is written as `hex:00ff`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UdpProbe {
    /// What is sent; an empty datagram is one too.
    pub(crate) send: Payload<0>,
    /// How a good answer begins; `any` takes every answer.
    #[serde(default)]
    pub(crate) expect: Or<Any, Payload<1>>,
}

/// The same, before it is known whether anything is missing.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct UdpProbeKeys {
    send: Given<Payload<0>>,
    expect: Or<Any, Payload<1>>,
}

impl<'de> Deserialize<'de> for UdpProbe {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let UdpProbeKeys { send, expect } = UdpProbeKeys::deserialize(from)?;
        let send = send.0.ok_or_else(|| D::Error::custom("needs `send`"))?;
        Ok(Self { send, expect })
    }
}
