//! How a client speaks.

use super::secret::{Secret, SecretKind};
use super::transport::Transport;

/// How a client speaks: a transport in clear, or one inside of obfuscation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Style {
    transport: Transport,
    obfuscated: Option<Obfuscated>,
}

/// What the header of an obfuscated connection is to say, its transport apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Obfuscated {
    pub(super) secret: Option<Secret>,
    pub(super) dc: i16,
}

impl Style {
    /// A transport in clear.
    pub fn plain(transport: Transport) -> Self {
        Self { transport, obfuscated: None }
    }

    /// Obfuscated, for DC `dc` (negative for media, plus or minus 10,000 for the test network). A
    /// padded secret makes the transport padded, and full becomes intermediate, since it has no tag.
    /// `None` with a secret for fake TLS, which is not spoken here.
    pub fn obfuscated(inner: Transport, secret: Option<&Secret>, dc: i16) -> Option<Self> {
        let transport = match secret.map(Secret::kind) {
            None | Some(SecretKind::Plain) => inner.obfuscated(),
            Some(SecretKind::Padded) => Transport::Padded,
            Some(SecretKind::FakeTls) => return None,
        };
        Some(Self { transport, obfuscated: Some(Obfuscated { secret: secret.cloned(), dc }) })
    }

    /// The framing that is spoken in the end.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// What comes before the first frame, in bytes: 0, 1, 4 or 64.
    pub fn prologue_len(&self) -> usize {
        match self.obfuscated {
            Some(_) => super::HEADER,
            None => self.transport.opening().len(),
        }
    }

    pub(super) fn header(&self) -> Option<&Obfuscated> {
        self.obfuscated.as_ref()
    }
}
