//! The lab: a small internet on one machine, in network namespaces of its own.
//!
//! ```text
//!  clients ---veth--- router ---veth--- edge        the daemon, or a peer
//!                       |||
//!                       ||+---line--- dc1 \  site ams
//!                       |+----line--- dc2 /
//!                       +-----line--- dc3    site sin
//! ```
//!
//! Packets to a DC cross a *line*: a pair of TUN devices between which a thread carries packets, each as
//! late as the line is long. Kernels complete handshakes, so a connect over a line takes its round trip.
//! Faults of the path are rules of nftables in the router: there a packet vanishes, and nobody is told.
//!
//! Nothing here knows what is tested in it, or why: that is `failover`.

mod check;
mod command;
pub(crate) mod error;
mod inside;
pub(crate) mod layout;
pub(crate) mod line;
pub(crate) mod namespace;
mod options;
mod owner;
pub(crate) mod paths;
pub(crate) mod privilege;
pub(crate) mod share;
pub(crate) mod sweep;
mod tool;
pub(crate) mod topology;

pub(crate) use command::run;
pub(crate) use inside::run as become_inside;
pub(crate) use options::{InsideOptions, LabOptions};
