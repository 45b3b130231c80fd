//! `health`, for all DCs and for one.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::{Count, Given, Later, NotYet, OrNone, Percent, Time};
use crate::routing::topology::HealthSettings;

/// Declares the keys that hold for all DCs and that a DC may have its own values of.
macro_rules! health {
    ($($(#[doc = $doc:literal])+ $key:ident: $type:ty = $default:expr;)+) => {
        /// How access points are watched.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub(crate) struct Health {
            $($(#[doc = $doc])+ pub(crate) $key: $type,)+
            /// Probes in flight at a time, of all DCs.
            #[serde(skip_serializing)]
            pub(crate) max_in_flight: NotYet,
            /// How long an access point that keeps changing is held down.
            #[serde(skip_serializing)]
            pub(crate) hold_down: NotYet,
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
                    max_in_flight: NotYet,
                    hold_down: NotYet,
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
            /// Probes in flight at a time.
            #[serde(skip_serializing)]
            pub(crate) max_in_flight: NotYet,
            /// How long an access point that keeps changing is held down.
            #[serde(skip_serializing)]
            pub(crate) hold_down: NotYet,
            /// How long an access point that is back takes to get its whole share.
            #[serde(skip_serializing)]
            pub(crate) slow_start: NotYet,
        }

        impl DcHealth {
            /// All of it: what it says, and what `all` says where it says nothing.
            pub(crate) fn over(&self, all: &Health) -> Self {
                Self {
                    $($key: Given(Some(self.$key.get().unwrap_or(&all.$key).clone())),)+
                    ..Self::default()
                }
            }

            /// The settings of a DC that says this.
            pub(crate) fn applied(&self, all: &Health) -> Health {
                Health {
                    $($key: self.$key.get().unwrap_or(&all.$key).clone(),)+
                    ..all.clone()
                }
            }
        }
    };
}

health! {
    /// What a probe does: `tcp` is a connect.
    probe: Probe = Probe::Tcp;
    /// What a probe of an access point that serves UDP sends and expects.
    udp_probe: OrNone<Later> = OrNone::default();
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
#[serde(rename_all = "snake_case", expecting = "`tcp`")]
pub(crate) enum Probe {
    /// Connects.
    Tcp,
    /// Asks for a page.
    Http(Later),
    /// Speaks MTProto.
    Mtproto(Later),
}
