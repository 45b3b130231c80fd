//! `health`, for all DCs and for one.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::UdpProbe;
use crate::config::value::{
    Count, Fingerprint, Given, HostHeader, List, NotYet, OfAllDcs, Or, OrNone, Percent, Port,
    RequestPath, Same, StatusCodes, Time,
};
use crate::routing::topology::{self, HealthSettings};

/// A day, in milliseconds.
const DAY: u64 = 86_400_000;

/// Declares the keys that hold for all DCs and that a DC may have its own values of.
macro_rules! health {
    ($($(#[doc = $doc:literal])+ $key:ident: $type:ty = $default:expr;)+) => {
        /// How access points are watched.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub(crate) struct Health {
            $($(#[doc = $doc])+ pub(crate) $key: $type,)+
            /// How long one that keeps changing stays down, whatever its probes say.
            pub(crate) hold_down: HoldDown,
            /// Probes under way at a time, of all DCs. As many descriptors are kept for them, but at
            /// least 64 and at most an eighth of all.
            pub(crate) max_in_flight: Count<1, 100_000>,
            /// How long an access point that is back takes to get its whole share.
            #[serde(skip_serializing)]
            pub(crate) slow_start: NotYet,
            /// How long the first round of probes is waited for before clients are served.
            pub(crate) startup_grace: Time<0, 300_000>,
        }

        impl Default for Health {
            fn default() -> Self {
                Self {
                    $($key: $default,)+
                    hold_down: HoldDown::default(),
                    max_in_flight: Count::of(512),
                    slow_start: NotYet,
                    startup_grace: Duration::from_secs(2).into(),
                }
            }
        }

        /// What is different for the access points of one DC.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub(crate) struct DcHealth {
            $(
                $(#[doc = $doc])+
                #[serde(skip_serializing_if = "Given::is_absent")]
                pub(crate) $key: Given<$type>,
            )+
            /// How long one that keeps changing stays down, whatever its probes say.
            #[serde(skip_serializing_if = "DcHoldDown::is_absent")]
            pub(crate) hold_down: DcHoldDown,
            /// How long an access point that is back takes to get its whole share.
            #[serde(skip_serializing)]
            pub(crate) slow_start: NotYet,
            #[serde(skip_serializing)]
            #[schemars(skip)]
            pub(crate) max_in_flight: OfAllDcs,
            #[serde(skip_serializing)]
            #[schemars(skip)]
            pub(crate) startup_grace: OfAllDcs,
        }

        impl DcHealth {
            /// All of it: what it says, and what `all` says where it says nothing.
            pub(crate) fn over(&self, all: &Health) -> Self {
                Self {
                    $($key: Given(Some(self.$key.get().unwrap_or(&all.$key).clone())),)+
                    hold_down: self.hold_down.over(all.hold_down),
                    ..Self::default()
                }
            }

            /// The settings of a DC that says this.
            pub(crate) fn applied(&self, all: &Health) -> Health {
                Health {
                    $($key: self.$key.get().unwrap_or(&all.$key).clone(),)+
                    hold_down: self.hold_down.applied(all.hold_down),
                    ..all.clone()
                }
            }
        }
    };
}

health! {
    /// What a probe does.
    probe: Probe = Probe::Tcp;
    /// What a probe of an access point for UDP sends and expects. With `none` it is taken to be as well
    /// as those of its DC for TCP, and to be up where there are none.
    udp_probe: OrNone<UdpProbe> = OrNone::default();
    /// Between probes of an access point that is well.
    interval: Time<10, 3_600_000> = HealthSettings::default().interval.into();
    /// Between probes while it changes or is suspect; not longer than `interval`.
    fast_interval: Time<10, 3_600_000> = HealthSettings::default().fast_interval.into();
    /// Between probes while it is down.
    down_interval: Time<10, 3_600_000> = HealthSettings::default().down_interval.into();
    /// The longest a probe may take. A probe gives up earlier where round trips are short: after
    /// three times the usual one, and at least 250ms.
    timeout: Time<10, 60_000> = HealthSettings::default().timeout.into();
    /// Failures in a row until it is down.
    fall: Count<1, 100> = Count::of(HealthSettings::default().fall);
    /// Successes in a row until it is back.
    rise: Count<1, 100> = Count::of(HealthSettings::default().rise);
    /// Spread of the intervals, in percent of each.
    jitter: Percent = Percent::of(HealthSettings::default().jitter_percent);
}

/// What a probe does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", expecting = "`tcp`, `{http: {..}}` or `{mtproto: {..}}`")]
pub(crate) enum Probe {
    /// Connects, and no more.
    Tcp,
    /// Asks for a page.
    Http(HttpProbe),
    /// Asks in MTProto who is there.
    Mtproto(MtprotoProbe),
}

/// A request of HTTP/1.1, `GET`, without TLS. Only the head of the answer is read; a redirect is an
/// answer and not followed. An access point with a `secret`, or one that is `tcpo_only`, is not asked at
/// its own port, where a word in clear would give it away: there it is probed as by `tcp`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HttpProbe {
    /// What is asked for.
    pub(crate) path: RequestPath,
    /// The `Host` header; without one, the address that is dialled.
    pub(crate) host: OrNone<HostHeader>,
    /// Where, at the address of the access point; `same` is the port of the access point itself.
    pub(crate) port: Or<Same, Port>,
    /// The answers that are good.
    pub(crate) expect: StatusCodes,
}

impl Default for HttpProbe {
    fn default() -> Self {
        Self {
            path: RequestPath::of("/"),
            host: OrNone::default(),
            port: Or::default(),
            expect: StatusCodes::of(200..=399),
        }
    }
}

/// The first question of every client of a DC, `req_pq_multi`, which needs no key and leaves nothing
/// behind. Good is an answer to this very question, whatever keys it names.
///
/// An access point with a `secret`, or one that is `tcpo_only`, is always asked obfuscated: with its
/// secret if it has one, padded if that begins with dd, and by the number of its DC, as its clients do. One
/// with a secret for fake TLS, from ee on, cannot be asked: it is probed as by `tcp`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MtprotoProbe {
    /// How the question is framed where the access point does not want it otherwise.
    pub(crate) transport: MtprotoTransport,
    /// Of the public keys that the DC has, in any order, 64 at most: an answer that names others, or not
    /// all of them, raises an alarm. Hex is quoted, or begins with `0x`. Empty for any keys.
    #[schemars(extend("maxItems" = MOST_FINGERPRINTS))]
    pub(crate) fingerprints: List<Fingerprint>,
}

/// No DC names more.
pub(crate) const MOST_FINGERPRINTS: usize = 64;

/// How the question of a probe is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MtprotoTransport {
    /// Lengths in one byte or four.
    Abridged,
    /// Lengths in four bytes.
    Intermediate,
    /// The same, with random bytes behind.
    Padded,
    /// Lengths, numbers and checksums; `intermediate` where it has to be obfuscated.
    Full,
    /// `intermediate`, obfuscated everywhere.
    Obfuscated,
}

impl Default for MtprotoProbe {
    fn default() -> Self {
        Self { transport: MtprotoTransport::Abridged, fingerprints: List::default() }
    }
}

/// How long an access point that keeps changing stays down, whatever its probes say.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HoldDown {
    /// The first time; `0s` switches it off.
    pub(crate) first: Time<0, DAY>,
    /// At most, doubling each time; not shorter than `first`.
    pub(crate) max: Time<0, DAY>,
}

impl Default for HoldDown {
    fn default() -> Self {
        let topology::HoldDown { first, max } = topology::HoldDown::default();
        Self { first: first.into(), max: max.into() }
    }
}

/// What is different of it for the access points of one DC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DcHoldDown {
    /// The first time; `0s` switches it off.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) first: Given<Time<0, DAY>>,
    /// At most, doubling each time; not shorter than `first`.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) max: Given<Time<0, DAY>>,
}

impl DcHoldDown {
    /// Whether it says nothing.
    pub(crate) fn is_absent(&self) -> bool {
        *self == Self::default()
    }

    fn over(self, all: HoldDown) -> Self {
        let HoldDown { first, max } = self.applied(all);
        Self { first: Given(Some(first)), max: Given(Some(max)) }
    }

    fn applied(self, all: HoldDown) -> HoldDown {
        HoldDown {
            first: self.first.get().copied().unwrap_or(all.first),
            max: self.max.get().copied().unwrap_or(all.max),
        }
    }
}
