//! A peer with its list, and the lists that come after it.

use super::{MeasureError, Way};
use crate::backend::Backend;
use crate::load::Transport;
use crate::peers::{By, Duty, Installed, Operator, Peer, Running, leading_to};
use crate::process::ProcessError;
use nearpoint::stub::Service;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::spawn_blocking;

/// Access points in each DC of nearpoint.
const PER_DC: u32 = 250;
/// Of so many one is another in each new list, and one at least.
const PER_CHANGED: u32 = 100;

#[derive(Debug)]
pub(super) struct Subject {
    way: Way,
    running: Running,
    operator: Operator,
    backend: SocketAddr,
    access_points: u32,
}

impl Subject {
    /// Returns when it serves; nearpoint, when all access points are up.
    pub(super) async fn start(
        way: Way,
        installed: &Installed,
        backend: &Backend,
        access_points: u32,
    ) -> Result<Subject, MeasureError> {
        let backend = backend.address(Service::Echo);
        let backend = backend.ok_or(MeasureError::Backend(ProcessError::Ended))?;
        let dcs = access_points.div_ceil(PER_DC);
        let duty = Duty { dcs, ..Duty::plain(Transport::Tcp) };
        let running = installed.start_with_list(duty, list(backend, access_points, 0)).await;
        let running = running.map_err(MeasureError::Peer)?;
        let operator = running.operator().cloned();
        let operator = operator.ok_or(MeasureError::List(io::ErrorKind::Unsupported.into()))?;
        Ok(Subject { way, running, operator, backend, access_points })
    }

    /// Where clients connect.
    pub(super) fn address(&self) -> SocketAddr {
        self.running.address
    }

    /// Puts the list of this number in force, and tells how long that took.
    pub(super) async fn replace(&self, number: u32) -> Result<Duration, MeasureError> {
        let list = list(self.backend, self.access_points, number);
        let by = match self.way {
            Way::NearpointPush => By::Push,
            Way::Nearpoint | Way::Haproxy | Way::Nginx | Way::Envoy => By::File,
        };
        let operator = self.operator.clone();
        let replaced = spawn_blocking(move || operator.replace(list, by)).await;
        // A thread that panicked has said why.
        replaced.unwrap_or_else(|_| Err(io::ErrorKind::Other.into())).map_err(MeasureError::List)
    }

    pub(super) fn cpu_time(&self) -> io::Result<Duration> {
        self.running.cpu_time().map(Option::unwrap_or_default)
    }

    pub(super) fn memory(&self) -> io::Result<u64> {
        self.running.pss().map(Option::unwrap_or_default)
    }

    /// What nearpoint says of each list: how long it took from when it was parsed until it was published.
    pub(super) fn published(&self) -> io::Result<Vec<Duration>> {
        match self.way.peer() {
            Peer::Nearpoint | Peer::NearpointBaseline => self.operator.published(),
            Peer::Haproxy | Peer::HaproxySplice | Peer::Nginx | Peer::Envoy | Peer::Direct => {
                Ok(Vec::new())
            }
        }
    }

    pub(super) async fn stop(self) {
        self.running.stop().await;
    }
}

/// The list of this number. It differs from the one before it in some access points, which are spread
/// evenly; all lead to the backend.
fn list(backend: SocketAddr, access_points: u32, number: u32) -> Vec<SocketAddr> {
    let step = PER_CHANGED.min(access_points);
    let nth = |place: u32| match place % step {
        0 => place + (number % 2) * access_points,
        _ => place,
    };
    (0..access_points).map(|place| leading_to(backend, nth(place))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn lists_differ_in_one_of_a_hundred_and_name_nobody_twice() {
        let backend = SocketAddr::from(([127, 0, 0, 1], 443));
        for (access_points, changed) in [(2, 1), (50, 1), (200, 2), (10_000, 100)] {
            let [old, new] = [1, 2].map(|number| list(backend, access_points, number));
            let differ = old.iter().zip(&new).filter(|(old, new)| old != new).count();
            assert_eq!(differ, changed, "of {access_points}");
            let names: BTreeSet<_> = new.iter().collect();
            assert_eq!(names.len(), access_points as usize);
            assert_eq!(list(backend, access_points, 3), old);
        }
    }
}
