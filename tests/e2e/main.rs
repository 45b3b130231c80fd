//! The whole daemon from outside: what clients, operators and Prometheus see of it while DCs die,
//! configurations change, and others misbehave.

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod bound;
mod capacity;
mod doors;
mod drill;
mod events;
mod evidence;
mod explain;
mod failover;
mod geoip;
mod handshake;
mod hedging;
mod hostile;
mod kill;
mod limits;
mod metrics;
mod mtproto_probe;
mod mute;
mod on_down;
mod places;
mod preview;
mod probes;
mod proxy_out;
mod push;
mod reload;
mod shutdown;
mod sniff;
mod sticky;
mod stub_mtproto;
mod udp;
