//! The headers of one recvmmsg(2) or sendmmsg(2), and the memory that they lead to.

#![expect(unsafe_code, reason = "headers of messages lead to memory by raw pointers")]

use std::mem::MaybeUninit;
use std::ptr;

use super::control::Control;
use super::name::Name;

/// Messages of one call.
pub(super) const MESSAGES: usize = 64;

/// As many headers, each with a name and control messages of its own, allocated once. Nothing here is
/// ever grown, so that pointers into it hold for as long as it lives.
pub(super) struct Batch {
    pub(super) headers: Vec<libc::mmsghdr>,
    pub(super) names: Vec<Name>,
    pub(super) controls: Vec<Control>,
    /// Pieces of payloads: of memory that the owner of the batch answers for.
    pub(super) vectors: Vec<libc::iovec>,
}

// SAFETY: the pointers of the headers lead to what the batch owns itself. Those of the vectors are used
// by its owner alone, who says why they hold.
unsafe impl Send for Batch {}

impl Batch {
    /// With room for so many pieces of payloads.
    pub(super) fn new(pieces: usize) -> Self {
        // SAFETY: integers and raw pointers, of which all zeros are a value.
        let header = unsafe { MaybeUninit::<libc::mmsghdr>::zeroed().assume_init() };
        let nothing = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };
        let mut batch = Self {
            headers: vec![header; MESSAGES],
            names: vec![Name::NONE; MESSAGES],
            controls: vec![Control::EMPTY; MESSAGES],
            vectors: vec![nothing; pieces],
        };
        for (at, header) in batch.headers.iter_mut().enumerate() {
            header.msg_hdr.msg_name = batch.names.as_mut_ptr().wrapping_add(at).cast();
            header.msg_hdr.msg_control = batch.controls.as_mut_ptr().wrapping_add(at).cast();
        }
        batch
    }
}
