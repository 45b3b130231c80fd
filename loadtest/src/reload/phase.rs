//! What is seen of a peer and of its clients, with and without new lists.

use super::subject::Subject;
use super::{MeasureError, ReloadOptions};
use crate::load::{
    Arrival, Failure, Latencies, Load, LoadError, OnFailure, Plan, Sources, Workload,
};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};
use tokio::time::{sleep, sleep_until};

const BYTES: u32 = 64;
/// Clients for the sessions that come and go: enough for those of a second to be open at once.
const CLIENTS: u32 = 100;
/// Addresses that clients use in turn, so that none runs out of ports.
const SOURCES: u32 = 200;
const WARM_UP: Duration = Duration::from_secs(1);

/// What nobody was free for is no session that failed.
const LATE: &str = "late";

/// The clients.
#[derive(Debug)]
pub(super) struct Loads {
    staying: Load,
    going: Load,
}

impl Loads {
    pub(super) async fn start(
        options: &ReloadOptions,
        target: SocketAddr,
    ) -> Result<Loads, LoadError> {
        let plan = |workload, per_second: NonZeroU32| Plan {
            arrival: Arrival::Open { per_second: per_second.get().into() },
            sources: Sources::new(SOURCES).expect("not more than there are"),
            on_failure: OnFailure::BeginAnew,
            ..Plan::new(workload)
        };
        let staying = Workload::RoundTrips { sessions: options.sessions.get(), bytes: BYTES };
        let going = Workload::Connects { clients: CLIENTS, bytes: BYTES };
        Ok(Loads {
            staying: Load::start(plan(staying, options.round_trips), target).await?,
            going: Load::start(plan(going, options.connects), target).await?,
        })
    }

    pub(super) async fn warm_up(&mut self) {
        sleep(WARM_UP).await;
    }

    /// All that has failed so far, whatever the kind.
    pub(super) fn failures(&self) -> Vec<Failure> {
        let mut failures = self.staying.tally().failures();
        failures.extend(self.going.tally().failures());
        failures.sort_by(|a, b| a.kind.cmp(&b.kind));
        failures.dedup_by(|more, kept| {
            let same = more.kind == kept.kind;
            kept.count += if same { more.count } else { 0 };
            same
        });
        failures
    }

    fn look(&self) -> Look {
        let failures = self.failures();
        let of = |late: bool| {
            failures.iter().filter(|it| (it.kind == LATE) == late).map(|it| it.count).sum()
        };
        Look { failed: of(false), late: of(true) }
    }

    /// The latencies since the last call.
    fn take(&self) -> [Latencies; 2] {
        [&self.staying, &self.going].map(|load| load.tally().take_latencies())
    }

    pub(super) async fn stop(self) {
        self.staying.stop().await;
        self.going.stop().await;
    }
}

#[derive(Clone, Copy, Debug)]
struct Look {
    failed: u64,
    late: u64,
}

/// What was seen in one phase.
#[derive(Clone, Debug)]
pub(super) struct Phase {
    pub(super) lasted: Duration,
    /// Of the proxy.
    pub(super) cpu: Duration,
    /// At the end of it, in bytes.
    pub(super) memory: u64,
    pub(super) round_trips: Latencies,
    pub(super) connects: Latencies,
    /// Sessions that were not served.
    pub(super) failed: u64,
    /// Operations that nobody was free for.
    pub(super) late: u64,
}

impl Phase {
    pub(super) async fn without_lists(
        subject: &Subject,
        loads: &Loads,
        duration: Duration,
    ) -> Result<Phase, MeasureError> {
        let begin = Begin::now(subject, loads)?;
        sleep(duration).await;
        begin.end(subject, loads)
    }

    /// How long each list took to be in force is told, too.
    pub(super) async fn with_lists(
        subject: &Subject,
        loads: &Loads,
        options: &ReloadOptions,
    ) -> Result<(Phase, Vec<Duration>), MeasureError> {
        let begin = Begin::now(subject, loads)?;
        let mut lists = Vec::new();
        for number in 1..=options.reloads.get() {
            let took = subject.replace(number).await?;
            eprintln!("list {number}/{} in force after {took:.1?}", options.reloads);
            lists.push(took);
            let due = begin.at + options.duration * number / options.reloads.get();
            sleep_until(due.into()).await;
        }
        Ok((begin.end(subject, loads)?, lists))
    }
}

struct Begin {
    at: Instant,
    cpu: Duration,
    look: Look,
}

impl Begin {
    fn now(subject: &Subject, loads: &Loads) -> Result<Begin, MeasureError> {
        // What came before belongs to no phase.
        loads.take();
        let cpu = subject.cpu_time().map_err(MeasureError::Read)?;
        Ok(Begin { at: Instant::now(), cpu, look: loads.look() })
    }

    fn end(self, subject: &Subject, loads: &Loads) -> Result<Phase, MeasureError> {
        let lasted = self.at.elapsed();
        let cpu = subject.cpu_time().map_err(MeasureError::Read)?;
        let memory = subject.memory().map_err(MeasureError::Read)?;
        let look = loads.look();
        let [round_trips, connects] = loads.take();
        Ok(Phase {
            lasted,
            cpu: cpu.saturating_sub(self.cpu),
            memory,
            round_trips,
            connects,
            failed: look.failed - self.look.failed,
            late: look.late - self.look.late,
        })
    }
}
