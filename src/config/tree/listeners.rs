//! `listeners[]`: the addresses that clients connect to.

use std::time::Duration;

use schemars::JsonSchema;
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};

use super::Udp;
use super::mtproto::Mtproto;
use crate::config::value::{
    AdvertisedAddress, All, Count, DcNumber, Given, List, ListenAddress, Name, Or, OrNone,
    SourceNetwork, Time, whole_seconds,
};
use crate::routing::{sticky, topology};

/// A month and a year, in milliseconds.
const MONTH: u64 = 30 * 86_400_000;
const YEAR: u64 = 12 * MONTH;

/// One or more addresses at which clients are served alike.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "bind"]))]
pub(crate) struct Listener {
    /// How it is called in logs and metrics; unique.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) name: Given<Name>,
    /// Where it listens; at least one address, and none twice. An IPv6 address is IPv6 only. A reload
    /// opens sockets for new addresses and keeps those of addresses that stay.
    #[schemars(extend("minItems" = 1))]
    pub(crate) bind: List<ListenAddress>,
    /// What it serves. A TCP and a UDP listener may have the same address.
    pub(crate) protocol: Protocol,
    /// Which DC a client goes to: `nearest`; `{dc: 2}` for this one, its replicas, and never another; or
    /// `{mtproto: {..}}` for the one that the client names, of TCP.
    pub(crate) route: Route,
    /// Which access points of a DC its clients use. With `mtproto` the header says that of clients that
    /// name a DC, and this counts for the others.
    pub(crate) class: Class,
    /// The DCs that it may use: `all`, or a list of ids.
    #[schemars(extend("type" = ["string", "array"], "minItems" = 1))]
    pub(crate) dcs: Or<All, List<DcNumber>>,
    /// When a session is connected to its DC.
    pub(crate) dial: Dial,
    /// How it remembers which DC a client was given; `none` to forget. Of `nearest` listeners, and of those
    /// with `mtproto` whose `unknown` is `nearest`, only.
    pub(crate) sticky: OrSticky,
    /// Which neighbours tell the client's address in a PROXY header, over TCP.
    pub(crate) proxy_protocol: ProxyProtocol,
    /// The addresses at which clients reach it, as `/v1/config` tells them in place of the access points
    /// behind it, in this order; `none` tells them of the access points. Of TCP listeners of one DC, and of
    /// `mtproto` ones, for each DC they may lead to; `nearest` ones cannot be told as the address of a DC.
    #[schemars(extend("type" = ["string", "array"], "minItems" = 1))]
    pub(crate) advertise: OrNone<List<AdvertisedAddress>>,
    /// Bounds on its clients.
    pub(crate) limits: Limits,
    /// When its sessions end by themselves; of flows `udp` says that.
    pub(crate) timeouts: Timeouts,
    /// Socket options of TCP.
    pub(crate) tcp: Tcp,
    /// Its flows, where it serves UDP.
    pub(crate) udp: Udp,
}

/// What a listener serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", expecting = "`tcp` or `udp`")]
pub(crate) enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// Which DC a session goes to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", expecting = "`nearest`, `{dc: N}` or `{mtproto: {..}}`")]
pub(crate) enum Route {
    /// The closest healthy one.
    #[default]
    Nearest,
    /// This one, by its id, or a replica of it, and never another: the sessions are bound.
    Dc(DcNumber),
    /// The one that the client names in its MTProto header.
    Mtproto(Mtproto),
}

/// Which access points of a DC are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Class {
    /// Those for ordinary sessions.
    #[default]
    Main,
    /// Those for up- and downloads only; where none of them can be used, those for ordinary sessions.
    Media,
    /// Those of a CDN.
    Cdn,
}

impl From<Class> for topology::Class {
    fn from(class: Class) -> Self {
        match class {
            Class::Main => Self::Main,
            Class::Media => Self::Media,
            Class::Cdn => Self::Cdn,
        }
    }
}

/// When a session is connected to its DC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", expecting = "`on_accept` or `on_first_byte`")]
pub(crate) enum Dial {
    /// At once.
    #[default]
    OnAccept,
    /// When the client has said something: of protocols in which it speaks first. Who connects and says
    /// nothing costs no upstream. It is waited for as long as `timeouts.first_byte` says, else `idle`.
    OnFirstByte,
}

/// On where nothing is said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "OrNone<Sticky>", into = "OrNone<Sticky>")]
#[schemars(with = "OrNone<Sticky>")]
pub(crate) struct OrSticky(pub(crate) OrNone<Sticky>);

impl Default for OrSticky {
    fn default() -> Self {
        Self(OrNone::Value(Sticky::default()))
    }
}

impl From<OrNone<Sticky>> for OrSticky {
    fn from(sticky: OrNone<Sticky>) -> Self {
        Self(sticky)
    }
}

impl From<OrSticky> for OrNone<Sticky> {
    fn from(sticky: OrSticky) -> Self {
        sticky.0
    }
}

/// How a listener remembers which DC a client was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Sticky {
    /// How long after its last session a client is remembered.
    pub(crate) ttl: Time<1000, YEAR>,
    /// Clients that are remembered at most; the one that came longest ago is forgotten first.
    pub(crate) clients: Count<1, 100_000_000>,
    /// What happens to a client whose DC is not usable.
    pub(crate) when_down: WhenDown,
}

impl Default for Sticky {
    fn default() -> Self {
        let sticky::Sticky { ttl, clients, when_down } = sticky::Sticky::default();
        Self {
            ttl: ttl.into(),
            clients: Count::of(clients),
            when_down: match when_down {
                sticky::WhenDown::Move => WhenDown::Move,
                sticky::WhenDown::Refuse => WhenDown::Refuse,
            },
        }
    }
}

/// What happens to a client whose remembered DC has no usable access point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WhenDown {
    /// It is given another DC, and that one is remembered.
    Move,
    /// It is refused until its DC is back.
    Refuse,
}

/// PROXY protocol on the client's side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ProxyProtocol {
    /// From these networks a header (v1 or v2) is required; from elsewhere sessions have none.
    pub(crate) accept_from: List<SourceNetwork>,
    /// How long the header may take.
    pub(crate) timeout: Time<100, 3_600_000>,
}

impl Default for ProxyProtocol {
    fn default() -> Self {
        Self { accept_from: List::default(), timeout: Duration::from_secs(3).into() }
    }
}

/// Bounds on the clients of a listener. A client is an IPv4 address or an IPv6 /64.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// Sessions at a time; those beyond are reset. Of flows `udp` says that.
    pub(crate) sessions: Count<1, 10_000_000>,
    /// Sessions at a time of one client; those beyond are reset. Of flows `udp` says that.
    pub(crate) sessions_per_client: OrNone<Count<1, 10_000_000>>,
    /// New sessions or flows; those beyond are refused.
    pub(crate) new_per_second: OrNone<NewRate>,
    /// New sessions or flows of one client; those beyond are refused, and take nobody else's part of
    /// `new_per_second`.
    pub(crate) new_per_second_per_client: OrNone<NewRate>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: Count::of(100_000),
            sessions_per_client: OrNone::default(),
            new_per_second: OrNone::default(),
            new_per_second_per_client: OrNone::default(),
        }
    }
}

/// How many may be new, over all workers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("required" = ["rate"]))]
pub(crate) struct NewRate {
    /// In a second, on average.
    pub(crate) rate: Count<1, MOST_NEW>,
    /// At once, after a pause; as many as in a second where nothing is said.
    pub(crate) burst: Count<1, MOST_NEW>,
}

/// The most that may be new.
const MOST_NEW: u32 = 10_000_000;

/// The same, before it is known what is missing.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct NewRateKeys {
    rate: Given<Count<1, MOST_NEW>>,
    burst: Given<Count<1, MOST_NEW>>,
}

impl<'de> Deserialize<'de> for NewRate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let NewRateKeys { rate, burst } = NewRateKeys::deserialize(from)?;
        let rate = rate.0.ok_or_else(|| D::Error::custom("needs `rate`"))?;
        Ok(Self { rate, burst: burst.0.unwrap_or(rate) })
    }
}

/// When sessions of a listener end by themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Timeouts {
    /// Without a byte in either direction.
    pub(crate) idle: Time<100, MONTH>,
    /// After one side has closed.
    pub(crate) half_close: Time<100, MONTH>,
    /// How long a DC may be silent after the first byte of its client was passed on; then both sides
    /// are reset, and it counts as mute. `none` ends no session: a DC that is known to answer counts as
    /// mute after 5s of silence all the same. Rounded up to quarters of a second; at most `idle`.
    pub(crate) first_byte: OrNone<Time<10, 3_600_000>>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(600).into(),
            half_close: Duration::from_secs(30).into(),
            first_byte: OrNone::default(),
        }
    }
}

/// Socket options of a listener and of the sessions that it accepts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tcp {
    /// Connections that wait to be accepted; the kernel caps it at net.core.somaxconn. A change holds
    /// for sockets that are open, at once.
    pub(crate) backlog: Count<1, 65_535>,
    /// Probes of a silent peer.
    pub(crate) keepalive: Keepalive,
    /// How long sent bytes may stay unacknowledged (`TCP_USER_TIMEOUT`).
    pub(crate) user_timeout: Time<1000, 3_600_000>,
}

impl Default for Tcp {
    fn default() -> Self {
        Self {
            backlog: Count::of(4096),
            keepalive: Keepalive::default(),
            user_timeout: Duration::from_secs(60).into(),
        }
    }
}

/// TCP keepalive, in whole seconds. The bounds are the kernel's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Keepalive {
    /// Silence before the first probe.
    #[schemars(extend("pattern" = whole_seconds(1, 32_767)))]
    pub(crate) idle: Time<1000, 32_767_000>,
    /// Between probes.
    #[schemars(extend("pattern" = whole_seconds(1, 32_767)))]
    pub(crate) interval: Time<1000, 32_767_000>,
    /// Unanswered probes before the session ends.
    pub(crate) count: Count<1, 127>,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(60).into(),
            interval: Duration::from_secs(15).into(),
            count: Count::of(3),
        }
    }
}
