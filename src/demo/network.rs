//! The network behind the edge: a stub for each DC, and the switch of its power.

use std::collections::BTreeMap;

use crate::routing::{DcId, Protocol, Topology};
use crate::stub::{BindError, Fault, FaultError, Service, StubDc, UdpService};

/// The stub DCs, listening where the configuration expects them.
pub(super) struct Network {
    dcs: BTreeMap<DcId, StubDc>,
}

impl Network {
    /// Starts a stub for every DC of `topology`.
    ///
    /// # Errors
    /// When an address cannot be had; then nothing is left listening.
    pub(super) fn start(topology: &Topology) -> Result<Self, BindError> {
        let mut at = BTreeMap::<DcId, Vec<_>>::new();
        for access_point in topology.access_points() {
            let id = access_point.id;
            let service = match id.address.protocol {
                Protocol::Tcp => Service::Who,
                Protocol::Udp => Service::Udp(UdpService::Who),
            };
            at.entry(id.dc).or_default().push((id.address.socket, service));
        }
        let bound = at.into_iter().map(|(dc, at)| Ok((dc, StubDc::bind(dc.0, &at)?)));
        Ok(Self { dcs: bound.collect::<Result<_, _>>()? })
    }

    /// The power of a DC goes: everything there refuses connects and datagrams, then all its
    /// sessions are reset.
    /// In this order, so that nobody who reconnects at once still finds an access point.
    ///
    /// # Errors
    /// When a stub has stopped.
    pub(super) async fn cut_power(&self, dc: DcId) -> Result<(), FaultError> {
        let Some(stub) = self.dcs.get(&dc) else { return Ok(()) };
        stub.set_fault_everywhere(Fault::Refuse).await?;
        for at in stub.local_addrs() {
            stub.cut(at).await?;
        }
        Ok(())
    }

    /// The power of a DC is back.
    ///
    /// # Errors
    /// When a stub has stopped, or cannot listen again.
    pub(super) async fn restore_power(&self, dc: DcId) -> Result<(), FaultError> {
        match self.dcs.get(&dc) {
            Some(stub) => stub.set_fault_everywhere(Fault::None).await,
            None => Ok(()),
        }
    }

    /// Returns when all ports are free again.
    pub(super) async fn shut_down(self) {
        for (_, stub) in self.dcs {
            stub.shutdown().await;
        }
    }
}
