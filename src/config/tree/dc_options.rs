//! `dc_options`: the list of access points, in the shapes that dumps of Telegram's `help.getConfig`
//! have and that people write.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Clients;
use super::dcs::MOST_WEIGHT;
use crate::config::value::{
    Count, DcNumber, Flag, FlagBits, Given, Ip, List, NotYet, OptionalSecret, OrNone, Port,
};

/// A list of access points: bare, or in an object whose other keys mean nothing.
#[derive(JsonSchema)]
#[schemars(untagged, rename = "Access points")]
#[expect(dead_code, reason = "says to schemars what `super::super::dc_options` takes apart")]
pub(crate) enum Document {
    /// The list.
    Bare(#[schemars(extend("minItems" = 1))] List<AccessPoint>),
    /// A dump of a whole `config`.
    Dump {
        /// The list.
        #[schemars(extend("minItems" = 1))]
        dc_options: List<AccessPoint>,
    },
}

/// One address of a DC that can be dialled: a `dcOption` of TL, and some keys more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend(
    "required" = ["id", "port"],
    "oneOf" = [{"required": ["ip_address"]}, {"required": ["ip"]}],
))]
pub(crate) struct AccessPoint {
    /// The TL constructor, in dumps.
    #[serde(rename = "_", skip_serializing_if = "Given::is_absent")]
    pub(crate) constructor: Given<Constructor>,
    /// The DC it belongs to.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) id: Given<DcNumber>,
    /// Its address.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) ip_address: Given<Ip>,
    /// `ip_address` for short.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) ip: Given<Ip>,
    /// Its port.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) port: Given<Port>,
    /// The address is IPv6; the address itself says so too, and counts.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) ipv6: Given<Flag>,
    /// Up- and downloads only: ordinary sessions never go there.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) media_only: Given<Flag>,
    /// Obfuscated TCP only.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) tcpo_only: Given<Flag>,
    /// Belongs to a CDN DC, which has no user data.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) cdn: Given<Flag>,
    /// A stable address, meant for proxies: preferred within its DC.
    #[serde(rename = "static", skip_serializing_if = "Given::is_absent")]
    pub(crate) static_address: Given<Flag>,
    /// Clients must not try other ports.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) this_port_only: Given<Flag>,
    /// All flags by their bits in TL: 1 `ipv6`, 2 `media_only`, 4 `tcpo_only`, 8 `cdn`, 16 `static`,
    /// 32 `this_port_only`.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) flags: Given<FlagBits>,
    /// The secret of a proxy: 16 bytes, 17 that begin with dd, or 21 and more that begin with ee. Probes
    /// that speak MTProto use it.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) secret: Given<OptionalSecret>,
    /// Its share within the DC; 100 is usual.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) weight: Given<Count<1, MOST_WEIGHT>>,
    /// What it serves; at least one. Each is an access point of its own, with its own health.
    #[serde(default = "only_tcp")]
    #[schemars(extend("minItems" = 1))]
    pub(crate) protocols: List<Protocol>,
    /// The clients that it is offered to, and nobody else; without it, everybody.
    #[serde(rename = "for", skip_serializing_if = "Given::is_absent")]
    pub(crate) offered_to: Given<Clients>,
    /// Sessions at a time of this edge, those that connect included; as many flows of UDP where it serves
    /// both. Who finds no room goes to the next access point.
    pub(crate) max_sessions: OrNone<Count<1, 10_000_000>>,
    /// What is different from the health settings of its DC.
    #[serde(skip_serializing)]
    pub(crate) health: NotYet,
}

fn only_tcp() -> List<Protocol> {
    [Protocol::Tcp].into_iter().collect()
}

/// The name of the TL constructor, as dumps write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Constructor {
    /// As TL has it.
    #[serde(rename = "dcOption")]
    Tl,
    /// As a class of that name.
    #[serde(rename = "DcOption")]
    Class,
}

/// What an access point serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", expecting = "`tcp` or `udp`")]
pub(crate) enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}
