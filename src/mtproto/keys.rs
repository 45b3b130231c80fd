//! Keys of an obfuscated connection, which its header carries in clear.

use super::HEADER;
use super::secret::Secret;
use aes::cipher::{BlockCipherEncrypt, KeyInit, KeyIvInit};
use aes::{Aes256Enc, Block};
use sha2::{Digest, Sha256};

/// AES-256 in counter mode: 128 bits, big endian, wrapping.
pub(super) type Keystream = ctr::Ctr128BE<Aes256Enc>;

/// Bytes of a block of AES.
const BLOCK: usize = 16;

/// Where key and initial counter are in the header.
const KEY: usize = 8;
const IV: usize = 40;
const END: usize = 56;

/// One direction's.
pub(super) struct Keys {
    pub(super) key: [u8; 32],
    pub(super) iv: [u8; BLOCK],
}

impl Keys {
    /// Of what the client sends: bytes 8 to 39, and 40 to 55 for the counter. Those of the header on
    /// the wire are the same as before its encryption.
    pub(super) fn of_client(header: &[u8; HEADER], secret: Option<&Secret>) -> Self {
        let keys = header[KEY..END].try_into().expect("48 bytes");
        Self::from_bytes(keys, secret)
    }

    /// Of what the server sends: the same 48 bytes in reverse order.
    pub(super) fn of_server(header: &[u8; HEADER], secret: Option<&Secret>) -> Self {
        let mut keys: [u8; END - KEY] = header[KEY..END].try_into().expect("48 bytes");
        keys.reverse();
        Self::from_bytes(keys, secret)
    }

    fn from_bytes(bytes: [u8; END - KEY], secret: Option<&Secret>) -> Self {
        let mut key: [u8; 32] = bytes[..IV - KEY].try_into().expect("32 bytes");
        let iv = bytes[IV - KEY..].try_into().expect("16 bytes");
        if let Some(secret) = secret {
            let mixed = Sha256::new().chain_update(key).chain_update(secret.key());
            key = mixed.finalize().into();
        }
        Self { key, iv }
    }

    /// The stream from its first byte on.
    pub(super) fn keystream(&self) -> Keystream {
        Keystream::new(&self.key.into(), &self.iv.into())
    }

    /// Block `number` of the stream alone: one key schedule and one block.
    pub(super) fn keystream_block(&self, number: u128) -> [u8; BLOCK] {
        let counter = u128::from_be_bytes(self.iv).wrapping_add(number);
        let mut block = Block::from(counter.to_be_bytes());
        Aes256Enc::new(&self.key.into()).encrypt_block(&mut block);
        block.into()
    }
}
