//! The stub DC: a data centre in miniature that the demo, the tests and the load test share.
//!
//! One [`StubDc`] answers on any number of access points, each with one [`Service`] and, at run
//! time, one [`Fault`]. It counts what passes ([`Counts`]) and lets a caller wait for a count
//! instead of sleeping. `who` answers with a [`Whoami`], so a client behind a proxy learns which DC
//! and which access point it reached; `http` does so only when it is asked, and answers probes that ask
//! for a page; `mtproto` answers the one question of MTProto that needs no key, with fingerprints that
//! tell its DC. With [`Service::Udp`] an access point answers datagrams ([`UdpService`]); one of TCP may
//! have the same address.
//!
//! A DC that [expects a PROXY header](Setup::expects_header) serves nobody who sends none, and says in its
//! [`Whoami`] whom the header announced.
//!
//! It deliberately knows nothing of nearpoint: no configuration. It needs a tokio runtime with I/O and time, and
//! runs on a single thread as well.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use nearpoint::stub::{Fault, Service, StubDc};
//!
//! let amsterdam = StubDc::bind(2, &[("127.0.0.1:0".parse()?, Service::Who)])?;
//! let at = amsterdam.local_addrs()[0];
//! amsterdam.set_fault(at, Fault::Mute).await?;
//! amsterdam.wait_until(at, |counts| counts.open == 0).await?;
//! # Ok(())
//! # }
//! ```

mod access_point;
mod announcement;
mod counts;
mod fault;
mod http;
mod mtproto;
mod port;
mod service;
#[cfg(test)]
mod tests;
mod udp;

pub use announcement::Announcement;
pub use counts::Counts;
pub use fault::{Fault, MtprotoFault, ParseFaultError};
pub use mtproto::{dc_of_fingerprints, fingerprints_of};
pub use service::{ParseServiceError, Service, Whoami, discard, pattern_at};
pub use udp::{BULK_DATAGRAM, Receipt, UdpService, number_of};

use crate::mtproto::Secret;
use access_point::{AccessPoint, Dc, Order};
use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::JoinSet;

/// A running stub DC. Dropping it stops it, a moment later; [`StubDc::shutdown`] waits for that.
#[derive(Debug)]
pub struct StubDc {
    dc: Arc<Dc>,
    access_points: Vec<AccessPoint>,
    tasks: JoinSet<()>,
}

/// What all access points of a stub DC have in common, beside its id.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup<'a> {
    /// Serve only who comes by this network interface: an unspecified address with `lo` is every
    /// address of loopback, and none that others can reach.
    pub device: Option<&'a str>,
    /// Secrets that clients of [`Service::Mtproto`] may use. Those without one are served as well.
    pub secrets: &'a [Secret],
    /// Each session begins with a PROXY header, and so does each datagram. A session without one is reset,
    /// a datagram is lost.
    pub expects_header: bool,
}

impl StubDc {
    /// Listens on every address given and serves at once. Port 0 takes a free port.
    ///
    /// Must be called within a tokio runtime; panics outside of one, as `tokio::spawn` does.
    pub fn bind(dc: u16, at: &[(SocketAddr, Service)]) -> Result<StubDc, BindError> {
        StubDc::bind_with(Setup::default(), dc, at)
    }

    /// The same, set up in this way.
    pub fn bind_with(
        setup: Setup<'_>,
        dc: u16,
        at: &[(SocketAddr, Service)],
    ) -> Result<StubDc, BindError> {
        let mut tasks = JoinSet::new();
        let Setup { secrets, expects_header, .. } = setup;
        let dc = Arc::new(Dc { id: dc, secrets: secrets.into(), expects_header });
        let mut access_points = Vec::new();
        for &(address, service) in at {
            let started =
                AccessPoint::start(&dc, address, setup.device, service, &access_points, &mut tasks);
            access_points.push(started.map_err(|source| BindError { address, source })?);
        }
        Ok(StubDc { dc, access_points, tasks })
    }

    /// The id it was given; `who` answers with it.
    pub fn dc(&self) -> u16 {
        self.dc.id
    }

    /// The addresses it listens on, in the order of [`StubDc::bind`].
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.access_points.iter().map(AccessPoint::address).collect()
    }

    /// Puts one access point into `fault`, or with [`Fault::None`] heals it. When this returns,
    /// the fault is in effect: the next connect or datagram meets it.
    ///
    /// Where both TCP and UDP are served at `at`, it is a fault of both. Two stubs can fail one by one.
    pub async fn set_fault(&self, at: SocketAddr, fault: Fault) -> Result<(), FaultError> {
        self.order(at, Order::Fault(fault)).await
    }

    /// [`StubDc::set_fault`] at every access point.
    pub async fn set_fault_everywhere(&self, fault: Fault) -> Result<(), FaultError> {
        for access_point in &self.access_points {
            access_point.obey(Order::Fault(fault)).await?;
        }
        Ok(())
    }

    /// Resets all sessions that are open at `at`; new ones are welcome. Of UDP, what clients were given
    /// is forgotten.
    pub async fn cut(&self, at: SocketAddr) -> Result<(), FaultError> {
        self.order(at, Order::Cut).await
    }

    /// The process behind `at` dies: [`Fault::Refuse`], then [`StubDc::cut`].
    pub async fn kill(&self, at: SocketAddr) -> Result<(), FaultError> {
        self.set_fault(at, Fault::Refuse).await?;
        self.cut(at).await
    }

    /// [`StubDc::kill`] at every access point.
    pub async fn kill_everywhere(&self) -> Result<(), FaultError> {
        for at in self.local_addrs() {
            self.kill(at).await?;
        }
        Ok(())
    }

    /// What has passed at one access point so far; at both, if one is of TCP and one of UDP.
    pub fn counts(&self, at: SocketAddr) -> Result<Counts, FaultError> {
        Ok(self.access_point(at)?.counters().read())
    }

    /// What has passed at all access points together.
    pub fn total(&self) -> Counts {
        let first = |(number, access_point): &(usize, &AccessPoint)| {
            let at = access_point.address();
            self.access_points[..*number].iter().all(|earlier| earlier.address() != at)
        };
        let each = self.access_points.iter().enumerate().filter(first);
        each.map(|(_, access_point)| access_point.counters().read()).sum()
    }

    /// Waits until the counts of one access point meet `condition`, and returns them. Waits for
    /// ever if they never do: put a timeout around it.
    pub async fn wait_until(
        &self,
        at: SocketAddr,
        condition: impl Fn(&Counts) -> bool,
    ) -> Result<Counts, FaultError> {
        Ok(self.access_point(at)?.counters().wait_until(condition).await)
    }

    /// Closes all listeners and sessions and returns when the ports are free again.
    pub async fn shutdown(mut self) {
        self.access_points.clear();
        while self.tasks.join_next().await.is_some() {}
    }

    async fn order(&self, at: SocketAddr, order: Order) -> Result<(), FaultError> {
        self.access_point(at)?;
        for access_point in self.access_points.iter().filter(|it| it.address() == at) {
            access_point.obey(order).await?;
        }
        Ok(())
    }

    fn access_point(&self, at: SocketAddr) -> Result<&AccessPoint, FaultError> {
        self.access_points
            .iter()
            .find(|access_point| access_point.address() == at)
            .ok_or(FaultError::NoSuchAccessPoint(at))
    }
}

/// An address could not be listened on.
#[derive(Debug)]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {}", self.address)
    }
}

impl Error for BindError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// A command to a stub DC failed.
#[derive(Debug)]
pub enum FaultError {
    /// The stub does not listen there.
    NoSuchAccessPoint(SocketAddr),
    /// The port could not be opened or closed; the access point refuses connections now.
    Port {
        /// The access point.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The access point has stopped.
    Stopped(SocketAddr),
}

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FaultError::NoSuchAccessPoint(address) => write!(f, "no access point at {address}"),
            FaultError::Port { address, .. } => write!(f, "cannot change the port of {address}"),
            FaultError::Stopped(address) => write!(f, "the access point at {address} has stopped"),
        }
    }
}

impl Error for FaultError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            FaultError::Port { source, .. } => Some(source),
            FaultError::NoSuchAccessPoint(_) | FaultError::Stopped(_) => None,
        }
    }
}
