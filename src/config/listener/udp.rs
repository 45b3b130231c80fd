//! `listeners[].udp`: how long flows stay, and how many there may be.

use std::time::Duration;

use crate::config::finding::Findings;
use crate::config::key_path::KeyPath;
use crate::config::tree;
use crate::config::value::spoken;

/// Flows of UDP. Scope: a listener that serves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpOptions {
    /// How long a flow stays without a datagram in either direction. Default 60s.
    pub idle: Duration,
    /// The same of one whose upstream has never answered; not longer than `idle`. Default 10s.
    pub unanswered_idle: Duration,
    /// Flows at a time; a new one beyond takes the place of another. Default 100000.
    pub flows: u32,
    /// Flows of one client (an IPv4 address or an IPv6 /64) at a time; new ones beyond are refused. Default
    /// none.
    pub flows_per_client: Option<u32>,
    /// What each socket may hold for a worker that is busy, in bytes; the kernel may give less. Default
    /// 4MiB.
    pub receive_buffer: usize,
    /// What becomes of flows whose access point has left the list. Default keep.
    pub on_removed: OnRemoved,
}

/// What becomes of flows whose access point has left the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnRemoved {
    /// They stay with it until they are idle.
    Keep,
    /// They choose again on their next datagram.
    Move,
}

impl UdpOptions {
    pub(super) fn new(tree: &tree::Udp, path: &KeyPath, problems: &Findings) -> Self {
        let tree::Udp {
            idle,
            unanswered_idle,
            flows,
            flows_per_client,
            receive_buffer,
            on_removed,
        } = tree;
        let (idle, unanswered_idle) = (idle.get(), unanswered_idle.get());
        if unanswered_idle > idle {
            let text =
                format!("{} is longer than `idle`, {}", spoken(unanswered_idle), spoken(idle));
            problems.add(&path.key("unanswered_idle"), text);
        }
        Self {
            idle,
            unanswered_idle,
            flows: flows.get(),
            flows_per_client: flows_per_client.value().map(|flows| flows.get()),
            receive_buffer: usize::try_from(receive_buffer.bytes()).unwrap_or(usize::MAX),
            on_removed: match on_removed {
                tree::OnRemoved::Keep => OnRemoved::Keep,
                tree::OnRemoved::Move => OnRemoved::Move,
            },
        }
    }
}
