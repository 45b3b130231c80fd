//! A laboratory for tests of the whole daemon: stub DCs, configuration files, the daemon itself (in
//! this process or as one of its own), clients, and what the side doors say. Everything is on
//! loopback, on ports that the kernel chooses.
//!
//! Tests wait for events and conditions; [`within`] only ends one that would wait for ever.

pub(crate) mod arrivals;
pub(crate) mod client;
pub(crate) mod crowd;
pub(crate) mod datagram;
pub(crate) mod doors;
pub(crate) mod lab;
pub(crate) mod load;
pub(crate) mod mmdb;
pub(crate) mod mtproto;
pub(crate) mod process;
pub(crate) mod scrape;
pub(crate) mod upstream;

use std::time::Duration;

/// Longer than anything takes on a machine that is merely busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between looks at something that tells nobody when it changes.
const LOOK: Duration = Duration::from_millis(20);

/// The result of `wait`, which is expected to come; `what` is told if it does not.
pub(crate) async fn within<T>(what: &str, wait: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    waited.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// Looks again and again until `look` has found something.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = async {
        loop {
            match look().await {
                Some(found) => return found,
                None => tokio::time::sleep(LOOK).await,
            }
        }
    };
    within(what, found).await
}
