//! Who a client is to the memory: a keyed hash, never an address.

use std::fmt;
use std::hash::Hasher;
use std::io;

use rustix::rand::{GetRandomFlags, getrandom};
use siphasher::sip::{SipHasher13, SipHasher24};
use siphasher::sip128::{Hasher128, SipHasher24 as SipHasher128};

use crate::routing::ClientAddr;

/// The secret of one state directory, or of one daemon that has none.
#[derive(Clone, PartialEq, Eq)]
pub struct HashKey([u8; Self::BYTES]);

/// What is derived of the key for one listener: the same client is another one elsewhere.
#[derive(Clone)]
pub(super) struct ListenerKey(SipHasher13);

/// A client of a listener. Two clients share one with a probability of 2^-64 for each pair: among a
/// million, one chance in 37 million that anybody is taken for somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ClientKey(pub(super) u64);

impl HashKey {
    /// Its size.
    pub const BYTES: usize = 16;

    /// A key that nobody knows.
    ///
    /// # Errors
    /// When the kernel has no random numbers.
    pub fn random() -> io::Result<Self> {
        let mut bytes = [0; Self::BYTES];
        // getrandom(2): up to 256 bytes come whole and without interruption.
        match getrandom(&mut bytes, GetRandomFlags::empty())? {
            Self::BYTES => Ok(Self(bytes)),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// The key of these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Hashes what is written to a file: a checksum that only this key makes.
    pub(super) fn checksum(&self) -> SipHasher24 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(b"file\0");
        hasher
    }

    pub(super) fn of_listener(&self, name: &str) -> ListenerKey {
        let mut hasher = SipHasher128::new_with_key(&self.0);
        hasher.write(b"listener\0");
        hasher.write(name.as_bytes());
        ListenerKey(SipHasher13::new_with_key(&hasher.finish128().as_bytes()))
    }
}

/// A secret is not printed.
impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(..)")
    }
}

impl ListenerKey {
    pub(super) fn of_client(&self, client: ClientAddr) -> ClientKey {
        let family = match client.ip().is_ipv4() {
            true => 4,
            false => 6,
        };
        let mut text = [family; 9];
        text[1..].copy_from_slice(&client.prefix().to_le_bytes());
        ClientKey(self.0.hash(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(ip: &str) -> ClientAddr {
        ClientAddr::new(ip.parse().expect("an address of the test"))
    }

    #[test]
    fn a_client_is_an_ipv4_address_or_an_ipv6_64_of_one_listener_under_one_key() {
        let key = HashKey::new([7; 16]).of_listener("clients");
        let of = |ip| key.of_client(client(ip));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        // The prefix of this one is the number of that one.
        assert_ne!(of("0:0:c000:201::9"), of("192.0.2.1"));
        let elsewhere = HashKey::new([7; 16]).of_listener("others");
        assert_ne!(elsewhere.of_client(client("192.0.2.1")), of("192.0.2.1"));
        let other = HashKey::new([8; 16]).of_listener("clients");
        assert_ne!(other.of_client(client("192.0.2.1")), of("192.0.2.1"));
    }

    /// Clients have to be found after an update: what is kept in files depends on these.
    #[test]
    fn hashes_stay_what_they_are() {
        let key = HashKey::new([7; 16]).of_listener("clients");
        let hashes = ["192.0.2.1", "2001:db8::1"].map(|ip| key.of_client(client(ip)).0);
        assert_eq!(hashes, [0x3bd3_c589_202d_dad0, 0xe7c0_3c4f_08b2_8d04]);
    }

    #[test]
    fn keys_are_random_and_not_printed() {
        let (one, other) = (HashKey::random().expect("a key"), HashKey::random().expect("a key"));
        assert_ne!(one.bytes(), other.bytes());
        assert_eq!(format!("{one:?}"), "HashKey(..)");
    }
}
