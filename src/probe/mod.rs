//! Live checks: makes the probes that control asks for and reports what came of them.
//!
//! When to probe whom, and what a result means, is decided elsewhere.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::metrics::Metrics;
use crate::net;
use crate::routing::control::{ProbeReport, ProbeRequest, ProbeTimes};
use crate::routing::topology::Probe;
use crate::routing::{AccessPointId, ConnectFailure, LocalFailure, ProbeFailure};

/// Makes every probe that is asked for until nobody can ask any more. Control bounds how many are
/// under way.
pub async fn run(
    mut requests: mpsc::UnboundedReceiver<ProbeRequest>,
    reports: mpsc::UnboundedSender<ProbeReport>,
    metrics: Arc<Metrics>,
) {
    let mut probes = JoinSet::new();
    loop {
        tokio::select! {
            request = requests.recv() => match request {
                Some(request) => drop(probes.spawn(probe(request))),
                None => return,
            },
            Some(Ok(report)) = probes.join_next() => {
                metrics.probed(report.access_point, &report.outcome);
                // Control that is gone needs no report.
                let _ = reports.send(report);
            }
        }
    }
}

async fn probe(request: ProbeRequest) -> ProbeReport {
    let ProbeRequest { access_point, number, probe, timeout } = request;
    let outcome = match probe {
        Probe::Tcp | Probe::Http(_) => connect(access_point, timeout).await,
    };
    ProbeReport { access_point, number, outcome }
}

/// The `tcp` probe: a connection that is established counts, and is reset at once so that neither
/// side keeps it.
async fn connect(
    access_point: AccessPointId,
    patience: Duration,
) -> Result<ProbeTimes, ProbeFailure> {
    let began = Instant::now();
    match timeout(patience, net::dial(access_point.address, None)).await {
        Ok(Ok(stream)) => {
            net::reset_on_close(&stream);
            let took = began.elapsed();
            // An answer that was seen too late says that this process was held up, not the peer.
            match took <= patience {
                true => Ok(ProbeTimes::connected(took)),
                false => Err(ConnectFailure::Local(LocalFailure::HeldUp).into()),
            }
        }
        Ok(Err(error)) => Err(ConnectFailure::new(&error.source, error.sent).into()),
        Err(_elapsed) => Err(ConnectFailure::Timeout.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::DcId;
    use std::net::SocketAddr;

    async fn probe_once(address: SocketAddr) -> (ProbeReport, Arc<Metrics>) {
        let (requests, asked) = mpsc::unbounded_channel();
        let (reports, mut reported) = mpsc::unbounded_channel();
        let metrics = Arc::new(Metrics::new("edge-1"));
        let access_point = AccessPointId { dc: DcId(2), address };
        let request = ProbeRequest {
            access_point,
            number: 7,
            probe: Probe::Tcp,
            timeout: Duration::from_secs(1),
        };
        requests.send(request).expect("the prober listens");
        let prober = run(asked, reports, Arc::clone(&metrics));
        let report = tokio::select! {
            report = reported.recv() => report.expect("a report"),
            () = prober => unreachable!("requests is alive"),
        };
        (report, metrics)
    }

    #[tokio::test]
    async fn an_answer_is_a_round_trip_and_is_counted() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let (report, metrics) = probe_once(listener.local_addr().expect("bound")).await;
        assert_eq!(report.number, 7);
        assert!(report.outcome.is_ok());
        assert_eq!(metrics.probes_total.with_label_values(&["2", "ok"]).get(), 1);
    }

    #[tokio::test]
    async fn nobody_listening_is_refused() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("bound");
        drop(listener);
        let (report, metrics) = probe_once(address).await;
        assert_eq!(report.outcome, Err(ConnectFailure::Refused.into()));
        assert_eq!(metrics.probes_total.with_label_values(&["2", "refused"]).get(), 1);
    }
}
