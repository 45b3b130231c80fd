//! Control messages: what the kernel says beside a datagram, and what it is told (`cmsg(3)`).

#![expect(unsafe_code, reason = "the header of a control message is a struct of the kernel")]

use std::mem::{MaybeUninit, offset_of};

/// What every message begins with.
const HEADER: usize = size_of::<libc::cmsghdr>();

/// Bytes of control messages: all that [`super::Inbox`] asks for, and all that [`super::Outbox`] says.
const ROOM: usize = 128;

/// The control messages of one datagram, one after the other, each at an aligned place.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(super) struct Control {
    bytes: [u8; ROOM],
}

impl Control {
    /// Bytes that the kernel may write.
    pub(super) const ROOM: usize = ROOM;

    /// No message yet.
    pub(super) const EMPTY: Self = Self { bytes: [0; ROOM] };

    /// Adds a message behind the first `len` bytes, and returns how many are in use then.
    pub(super) fn put(&mut self, len: usize, level: i32, kind: i32, data: &[u8]) -> usize {
        let end = len + aligned(HEADER + data.len());
        let place = &mut self.bytes[len..end];
        place.fill(0);
        // SAFETY: integers only, of which all zeros are a value.
        let mut header = unsafe { MaybeUninit::<libc::cmsghdr>::zeroed().assume_init() };
        header.cmsg_len = HEADER + data.len();
        header.cmsg_level = level;
        header.cmsg_type = kind;
        // SAFETY: the place has more bytes than a header, and may be at any address.
        unsafe { place.as_mut_ptr().cast::<libc::cmsghdr>().write_unaligned(header) };
        place[HEADER..HEADER + data.len()].copy_from_slice(data);
        end
    }

    /// The messages in the first `len` bytes: level, kind and data of each.
    pub(super) fn messages(&self, len: usize) -> impl Iterator<Item = (i32, i32, &[u8])> {
        let mut rest = &self.bytes[..len.min(ROOM)];
        std::iter::from_fn(move || {
            let at = rest.get(..HEADER)?;
            // SAFETY: there are as many bytes as a header has, and they may be at any address; any
            // bytes are a value of its integers.
            let header = unsafe { at.as_ptr().cast::<libc::cmsghdr>().read_unaligned() };
            let end = header.cmsg_len;
            let data = rest.get(HEADER..end)?;
            rest = rest.get(aligned(end)..).unwrap_or_default();
            Some((header.cmsg_level, header.cmsg_type, data))
        })
    }
}

/// Messages begin where a `size_t` may.
fn aligned(len: usize) -> usize {
    len.next_multiple_of(size_of::<usize>())
}

/// `IP_PKTINFO` (`ip(7)`).
pub(super) struct Pktinfo4 {
    /// Of ours: the right one for an answer, and when sending the one that a datagram leaves from.
    pub(super) ours: [u8; 4],
    /// As the datagram says.
    pub(super) destination: [u8; 4],
}

impl Pktinfo4 {
    const OURS: usize = offset_of!(libc::in_pktinfo, ipi_spec_dst);
    const DESTINATION: usize = offset_of!(libc::in_pktinfo, ipi_addr);

    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let ours = array(data, Self::OURS)?;
        Some(Self { ours, destination: array(data, Self::DESTINATION)? })
    }

    /// For sending; which interface it leaves by is for the routing table.
    pub(super) fn written(ours: [u8; 4]) -> [u8; size_of::<libc::in_pktinfo>()] {
        let mut data = [0; size_of::<libc::in_pktinfo>()];
        data[Self::OURS..Self::OURS + 4].copy_from_slice(&ours);
        data
    }
}

/// `IPV6_PKTINFO` (RFC 3542, section 6.1).
pub(super) struct Pktinfo6 {
    /// Of ours, or the group that the datagram was sent to.
    pub(super) address: [u8; 16],
    /// The index of the interface; 0 for any.
    pub(super) interface: u32,
}

impl Pktinfo6 {
    const ADDRESS: usize = offset_of!(libc::in6_pktinfo, ipi6_addr);
    const INTERFACE: usize = offset_of!(libc::in6_pktinfo, ipi6_ifindex);

    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let address = array(data, Self::ADDRESS)?;
        Some(Self { address, interface: u32::from_ne_bytes(array(data, Self::INTERFACE)?) })
    }

    pub(super) fn written(&self) -> [u8; size_of::<libc::in6_pktinfo>()] {
        let mut data = [0; size_of::<libc::in6_pktinfo>()];
        data[Self::ADDRESS..Self::ADDRESS + 16].copy_from_slice(&self.address);
        data[Self::INTERFACE..Self::INTERFACE + 4].copy_from_slice(&self.interface.to_ne_bytes());
        data
    }
}

/// The `int` that a message consists of.
pub(super) fn int(data: &[u8]) -> Option<i32> {
    array(data, 0).map(i32::from_ne_bytes)
}

fn array<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..at + N)?.try_into().ok()
}
