//! Live checks: makes the probes that control asks for and reports what came of them.
//!
//! When to probe whom, and what a result means, is decided elsewhere. What is decided here is whose
//! fault a failure is: an answer that was there and that this process looked at too late is never held
//! against who gave it.

mod http;
mod line;
mod patience;
mod tcp;

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::metrics::Metrics;
use crate::routing::control::{ProbeReport, ProbeRequest, ProbeTimes};
use crate::routing::topology::Probe;
use crate::routing::{AccessPointId, ConnectFailure, LocalFailure, ProbeFailure};

/// What comes of a probe.
type Outcome = Result<ProbeTimes, ProbeFailure>;

/// Makes every probe that is asked for until nobody can ask any more. Control bounds how many are
/// under way. Each is reported once, whatever becomes of it.
pub async fn run(
    mut requests: mpsc::UnboundedReceiver<ProbeRequest>,
    reports: mpsc::UnboundedSender<ProbeReport>,
    metrics: Arc<Metrics>,
) {
    let mut probes = JoinSet::new();
    loop {
        tokio::select! {
            request = requests.recv() => match request {
                Some(ProbeRequest { access_point, number, probe, connect_timeout, timeout }) => {
                    let report = OwedReport::new(access_point, number, &reports, &metrics);
                    let address = access_point.address;
                    probes.spawn(report.settle(async move {
                        match probe {
                            Probe::Tcp => tcp::probe(address, timeout).await,
                            Probe::Http(page) => {
                                http::probe(address, &page, connect_timeout, timeout).await
                            }
                        }
                    }));
                }
                None => return,
            },
            // What came of it has been reported.
            Some(_) = probes.join_next() => {}
        }
    }
}

/// A report that control waits for before it asks for another probe of the access point. It is sent when
/// this is dropped: a probe that panics, or is never finished, says nothing of the access point, but it
/// must not be the last one.
struct OwedReport {
    report: ProbeReport,
    reports: mpsc::UnboundedSender<ProbeReport>,
    metrics: Arc<Metrics>,
}

impl OwedReport {
    fn new(
        access_point: AccessPointId,
        number: u64,
        reports: &mpsc::UnboundedSender<ProbeReport>,
        metrics: &Arc<Metrics>,
    ) -> Self {
        let outcome = Err(ConnectFailure::Local(LocalFailure::Other).into());
        let report = ProbeReport { access_point, number, outcome };
        Self { report, reports: reports.clone(), metrics: Arc::clone(metrics) }
    }

    async fn settle(mut self, probing: impl Future<Output = Outcome>) {
        self.report.outcome = probing.await;
    }
}

impl Drop for OwedReport {
    fn drop(&mut self) {
        self.metrics.probed(self.report.access_point, &self.report.outcome);
        // Control that is gone needs no report.
        let _ = self.reports.send(self.report);
    }
}

#[cfg(test)]
mod tests;
