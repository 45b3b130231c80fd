//! What ends of a bulk flow of UDP tell each other, so that neither sends what the way between them
//! cannot carry: receipts and credit.

/// Bytes of each datagram that [`UdpService::Source`](super::UdpService::Source) sends: what fits into
/// 1,280 bytes, the smallest MTU of IPv6, with every header there is.
pub const BULK_DATAGRAM: usize = 1200;

/// Datagrams received from one client between two receipts.
pub(super) const RECEIPT_EVERY: u64 = 16;

/// The number that a datagram of a bulk flow begins with, little-endian; `None` if it is shorter.
pub fn number_of(datagram: &[u8]) -> Option<u64> {
    datagram.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// What [`UdpService::Sink`](super::UdpService::Sink) tells a client of its flow.
///
/// Of the datagrams numbered below `next`, `next - received` are lost, if the way keeps them in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// One more than the highest number received.
    pub next: u64,
    /// How many datagrams were received.
    pub received: u64,
}

impl Receipt {
    /// As it is sent: two numbers of eight bytes each, little-endian.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.next.to_le_bytes());
        bytes[8..].copy_from_slice(&self.received.to_le_bytes());
        bytes
    }

    /// `None` if these bytes are no receipt.
    pub fn from_bytes(bytes: &[u8]) -> Option<Receipt> {
        let (numbers, rest) = bytes.as_chunks::<8>();
        match (numbers, rest) {
            ([next, received], []) => Some(Receipt {
                next: u64::from_le_bytes(*next),
                received: u64::from_le_bytes(*received),
            }),
            _ => None,
        }
    }
}
