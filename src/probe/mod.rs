//! Live checks: makes the probes that control asks for and reports what came of them.
//!
//! When to probe whom, and what a result means, is decided elsewhere. What is decided here is whose
//! fault a failure is: an answer that was there and that this process looked at too late is never held
//! against who gave it.

mod asking;
mod http;
mod line;
mod mtproto;
mod patience;
mod target;
mod tcp;
mod udp;

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::metrics::Metrics;
use crate::routing::control::{ProbeAnswer, ProbeOutcome, ProbeReport, ProbeRequest};
use crate::routing::topology::Conversation;
use crate::routing::{AccessPointId, ConnectFailure, LocalFailure};
use asking::Patience;
use target::Target;

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
                Some(request) => {
                    let ProbeRequest { access_point, number, .. } = request;
                    let report = OwedReport::new(access_point, number, &reports, &metrics);
                    probes.spawn(report.settle(probe(request)));
                }
                None => return,
            },
            // What came of it has been reported.
            Some(_) = probes.join_next() => {}
        }
    }
}

async fn probe(request: ProbeRequest) -> ProbeOutcome {
    let ProbeRequest { access_point, sources, egress, send_proxy, .. } = &request;
    let ProbeRequest { connect_timeout, timeout, .. } = &request;
    let (address, send_proxy) = (access_point.address.socket, *send_proxy);
    let target = Target { address, sources, egress, send_proxy };
    let patience = Patience { connect: *connect_timeout, total: *timeout };
    match &request.conversation {
        Conversation::Connect => tcp::probe(target, *timeout).await.map(ProbeAnswer::from),
        Conversation::Http(page) => http::probe(target, page, patience).await,
        Conversation::Mtproto(style, wanted) => {
            mtproto::probe(target, style, wanted, patience).await
        }
        Conversation::Datagram(question) => {
            udp::probe(target, question, *timeout).await.map(ProbeAnswer::from)
        }
    }
}

/// A report that control waits for before it asks for another probe of the access point. It is sent when
/// this is dropped: a probe that panics, or is never finished, says nothing of the access point, but it
/// must not be the last one.
struct OwedReport {
    access_point: AccessPointId,
    number: u64,
    /// Until there is another one: that of a probe which is never finished.
    outcome: ProbeOutcome,
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
        let (reports, metrics) = (reports.clone(), Arc::clone(metrics));
        Self { access_point, number, outcome, reports, metrics }
    }

    async fn settle(mut self, probing: impl Future<Output = ProbeOutcome>) {
        self.outcome = probing.await;
    }
}

impl Drop for OwedReport {
    fn drop(&mut self) {
        let Self { access_point, number, ref outcome, .. } = *self;
        self.metrics.probed(access_point, outcome);
        // Control that is gone needs no report.
        let _ = self.reports.send(ProbeReport { access_point, number, outcome: outcome.clone() });
    }
}

#[cfg(test)]
mod tests;
