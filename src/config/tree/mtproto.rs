//! `listeners[].route.mtproto`: routing by what clients say in their first bytes.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::{DcNumber, FilePath, List, ListenerSecret, OrNone, Time};
use crate::routing::topology;

/// The most secrets that a listener has: of each header all of them are tried.
pub(crate) const MOST_SECRETS: usize = 16;

/// How a listener takes the MTProto header that its clients begin with, in which they name their DC. It
/// is looked at and not taken: the DC gets every byte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Mtproto {
    /// Secrets that clients were given: 16 bytes, or 17 that begin with dd. The DC in a header that fits
    /// one is a fact. At most 16, those of `secrets_file` included, and none twice. Never shown.
    #[schemars(extend("maxItems" = MOST_SECRETS))]
    pub(crate) secrets: List<ListenerSecret>,
    /// A file with more of them, one in a line in hex or base64; what follows a `#` is a comment. Relative
    /// to the main file. Watched.
    pub(crate) secrets_file: OrNone<FilePath>,
    /// What the DC in a header counts for that fits no secret: some clients write random bytes there.
    pub(crate) trust_plain_dc: TrustPlainDc,
    /// What becomes of clients that name no DC: transports without a header, HTTP, TLS, anything else,
    /// and headers that are not believed. Who proves with a secret that it wants a DC that the listener
    /// does not have is refused, whatever is said here.
    pub(crate) unknown: Unknown,
    /// How long a client may take to send its header; by then what is there decides, and a client that
    /// has said nothing is refused.
    pub(crate) sniff_timeout: Time<100, 3_600_000>,
}

impl Default for Mtproto {
    fn default() -> Self {
        Self {
            secrets: List::default(),
            secrets_file: OrNone::default(),
            trust_plain_dc: TrustPlainDc::default(),
            unknown: Unknown::default(),
            sniff_timeout: Duration::from_secs(5).into(),
        }
    }
}

/// What the DC in a header counts for that fits no secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TrustPlainDc {
    /// Nothing: such a client names no DC.
    #[default]
    Never,
    /// It is believed where the listener has such a DC. Of clients that write random bytes, 2 in 65536 are
    /// sent wrong for each of its DCs.
    Known,
}

impl From<TrustPlainDc> for topology::TrustPlainDc {
    fn from(trust: TrustPlainDc) -> Self {
        match trust {
            TrustPlainDc::Never => Self::Never,
            TrustPlainDc::Known => Self::Known,
        }
    }
}

/// What becomes of clients that name no DC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", expecting = "`close`, `nearest` or `{dc: N}`")]
pub(crate) enum Unknown {
    /// They are refused.
    #[default]
    Close,
    /// They go to the closest healthy DC, and are remembered as `sticky` says.
    Nearest,
    /// They are bound to this DC.
    Dc(DcNumber),
}

impl From<Unknown> for topology::UnknownClient {
    fn from(unknown: Unknown) -> Self {
        match unknown {
            Unknown::Close => Self::Close,
            Unknown::Nearest => Self::Nearest,
            Unknown::Dc(id) => Self::Dc(id.get()),
        }
    }
}
