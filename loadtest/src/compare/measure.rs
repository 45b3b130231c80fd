//! One measurement: a fresh backend, a fresh proxy, one load.

use super::case::Case;
use super::metric::Metric;
use crate::backend::Backend;
use crate::load::{
    BULK_DATAGRAM, Counts, Latencies, Load, LoadError, Plan, Transport, Unit, Workload, warm_up,
};
use crate::peers::{Installed, PeerError, Running};
use crate::process::ProcessError;
use crate::procfs::{self, CpuTime};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Sessions before the first look at memory, which make the proxy allocate what it needs only once; few,
/// since memory that they leave behind is missing in the difference.
const FIRST_SESSIONS: u32 = 64;

/// What one measurement has given.
pub(crate) type Sample = BTreeMap<Metric, f64>;

/// Starting backend and proxy included, about.
pub(crate) fn expected(duration: Duration) -> Duration {
    const AROUND: Duration = Duration::from_millis(700);
    warm_up(duration) + duration + AROUND
}

pub(crate) async fn measure(
    peer: &Installed,
    case: &Case,
    duration: Duration,
) -> Result<Sample, MeasureError> {
    let mut backend = Backend::start_for(case.duty).await.map_err(MeasureError::Backend)?;
    let target = backend.address(case.plan.workload.service());
    let target = target.ok_or(MeasureError::Backend(ProcessError::Ended))?;
    let proxy = peer.start(case.duty, target).await.map_err(MeasureError::Peer)?;
    let sample = match case.plan.workload.is_idle() {
        true => memory(&proxy, &mut backend, target, case.plan).await?,
        false => work(&proxy, &backend, case.plan, duration).await?,
    };
    proxy.stop().await;
    backend.stop().await;
    Ok(sample)
}

/// What work costs, and how long it takes.
async fn work(
    proxy: &Running,
    backend: &Backend,
    plan: Plan,
    duration: Duration,
) -> Result<Sample, MeasureError> {
    let mut load = Load::start(plan, proxy.address).await.map_err(MeasureError::Load)?;
    load.run_for(warm_up(duration)).await.map_err(MeasureError::Load)?;
    load.tally().take_latencies();
    let read = |load: &Load| -> io::Result<Reading> {
        Ok(Reading {
            at: Instant::now(),
            counts: load.tally().counts(),
            proxy: proxy.cpu_times()?,
            load: procfs::cpu_time(&[std::process::id()])?,
            backend: backend.cpu_time()?,
        })
    };
    let before = read(&load).map_err(MeasureError::Read)?;
    load.run_for(duration).await.map_err(MeasureError::Load)?;
    let after = read(&load).map_err(MeasureError::Read)?;
    let latencies = load.tally().take_latencies();
    let failed = load.tally().counts().failed;
    load.finish().await.map_err(MeasureError::Load)?;
    match failed {
        0 => Ok(after.since(&before, plan.workload, &latencies)),
        count => Err(MeasureError::Failed(count)),
    }
}

/// Counters at one instant.
struct Reading {
    at: Instant,
    counts: Counts,
    proxy: Option<CpuTime>,
    load: Duration,
    backend: Duration,
}

impl Reading {
    fn since(&self, before: &Reading, workload: Workload, latencies: &Latencies) -> Sample {
        let seconds = (self.at - before.at).as_secs_f64();
        let cores = |after: Duration, before: Duration| {
            after.saturating_sub(before).as_secs_f64() / seconds
        };
        let unit = workload.unit();
        let (rate_unit, cpu_scale) = match unit {
            Unit::RoundTrip | Unit::Session => (1.0, 1e6),
            Unit::Byte => (1e9, 1.0),
        };
        let done = (self.counts.done - before.counts.done) as f64;
        let work = done / rate_unit;
        let mut sample = Sample::from([
            (Metric::Rate, work / seconds),
            (Metric::LoadCores, cores(self.load, before.load)),
            (Metric::BackendCores, cores(self.backend, before.backend)),
        ]);
        let proxy = self.proxy.zip(before.proxy).map(|(after, before)| after.since(before));
        if let Some(cpu) = proxy {
            sample.insert(Metric::ProxyCores, cpu.total().as_secs_f64() / seconds);
        }
        // Work that was not done has no cost.
        if let Some(cpu) = proxy.filter(|_| work > 0.0) {
            let cost = |time: Duration| time.as_secs_f64() * cpu_scale / work;
            sample.insert(Metric::Cpu, cost(cpu.total()));
            sample.insert(Metric::CpuUser, cost(cpu.user));
            sample.insert(Metric::CpuSystem, cost(cpu.system));
        }
        if workload.transport() == Transport::Udp {
            let offered = (self.counts.offered - before.counts.offered) as f64;
            if offered > 0.0 {
                // What was under way when it was looked would make it a little more than all.
                sample.insert(Metric::Delivered, (done / offered).min(1.0) * 100.0);
            }
            let datagrams = match unit {
                // One each way.
                Unit::RoundTrip | Unit::Session => done * 2.0,
                Unit::Byte => done / BULK_DATAGRAM as f64,
            };
            if let Some(cpu) = proxy.filter(|_| datagrams > 0.0) {
                let each = cpu.total().as_secs_f64() * 1e6 / datagrams;
                sample.insert(Metric::CpuDatagram, each);
            }
        }
        if matches!(workload, Workload::Mixed { .. }) {
            let bytes = self.counts.beside - before.counts.beside;
            sample.insert(Metric::Bulk, bytes as f64 / 1e6 / seconds);
        }
        for (metric, share) in Metric::PERCENTILES {
            let time = match metric {
                Metric::Max => latencies.max(),
                _ => latencies.quantile(share),
            };
            if let Some(time) = time {
                sample.insert(metric, time.as_secs_f64() * 1e6);
            }
        }
        sample
    }
}

/// What sessions cost on which nothing happens.
async fn memory(
    proxy: &Running,
    backend: &mut Backend,
    target: SocketAddr,
    plan: Plan,
) -> Result<Sample, MeasureError> {
    let sessions = plan.workload.clients();
    let first = Plan { workload: Workload::Idle { sessions: FIRST_SESSIONS }, ..plan };
    let load = Load::start(first, proxy.address).await.map_err(MeasureError::Load)?;
    backend.wait_open(target, FIRST_SESSIONS).await.map_err(MeasureError::Backend)?;
    load.stop().await;
    backend.wait_open(target, 0).await.map_err(MeasureError::Backend)?;
    settle().await.map_err(MeasureError::Read)?;
    let read = || Ok::<_, io::Error>((proxy.pss()?, procfs::kernel_memory()?));
    let (user_before, kernel_before) = read().map_err(MeasureError::Read)?;

    let load = Load::start(plan, proxy.address).await.map_err(MeasureError::Load)?;
    backend.wait_open(target, sessions).await.map_err(MeasureError::Backend)?;
    let (user, kernel) = read().map_err(MeasureError::Read)?;
    load.finish().await.map_err(MeasureError::Load)?;

    let each =
        |after: u64, before: u64| (after as f64 - before as f64) / 1024.0 / f64::from(sessions);
    let mut sample = Sample::from([(Metric::KernelMemory, each(kernel, kernel_before))]);
    if let (Some(before), Some(after)) = (user_before, user) {
        sample.insert(Metric::UserMemory, each(after, before));
        sample.insert(Metric::BaseMemory, before as f64 / 1024.0 / 1024.0);
    }
    Ok(sample)
}

/// Waits until the kernel frees no more of what was closed before: it does so some time later.
async fn settle() -> io::Result<()> {
    const LOOKS: u32 = 20;
    const PAUSE: Duration = Duration::from_millis(100);
    const STILL: u64 = 128 * 1024;
    let mut before = procfs::kernel_memory()?;
    for _ in 0..LOOKS {
        sleep(PAUSE).await;
        let now = procfs::kernel_memory()?;
        if now + STILL >= before {
            break;
        }
        before = now;
    }
    Ok(())
}

#[derive(Debug)]
pub(crate) enum MeasureError {
    Backend(ProcessError),
    Peer(PeerError),
    Load(LoadError),
    /// So many operations.
    Failed(u64),
    Read(io::Error),
}

impl fmt::Display for MeasureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MeasureError::Backend(_) => f.write_str("the backend failed"),
            MeasureError::Peer(error) => error.fmt(f),
            MeasureError::Load(error) => error.fmt(f),
            MeasureError::Failed(count) => write!(f, "{count} operations failed"),
            MeasureError::Read(_) => f.write_str("its time or memory cannot be read"),
        }
    }
}

impl Error for MeasureError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            MeasureError::Backend(source) => Some(source),
            MeasureError::Peer(error) => error.source(),
            MeasureError::Load(error) => error.source(),
            MeasureError::Failed(_) => None,
            MeasureError::Read(source) => Some(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Appetite;

    /// After 2 s, in which the proxy has used so much.
    fn sample(workload: Workload, done: u64, offered: u64, proxy: Option<Duration>) -> Sample {
        let at = Instant::now();
        let nothing = Duration::ZERO;
        let cpu = |user| proxy.map(|_| CpuTime { user, system: nothing });
        let counts = Counts::default();
        let before = Reading { at, counts, proxy: cpu(nothing), load: nothing, backend: nothing };
        let after = Reading {
            at: at + Duration::from_secs(2),
            counts: Counts { done, offered, beside: 4_000_000, ..counts },
            proxy: proxy.map(|time| CpuTime { user: time / 4, system: time * 3 / 4 }),
            load: Duration::from_secs(1),
            backend: Duration::from_millis(500),
        };
        let mut latencies = Latencies::default();
        if workload.unit() != Unit::Byte {
            latencies.add(Duration::from_micros(700));
        }
        after.since(&before, workload, &latencies)
    }

    fn near(sample: &Sample, metric: Metric, expected: f64) {
        let found = sample[&metric];
        assert!((found / expected - 1.0).abs() < 1e-3, "{metric:?}: {found} for {expected}");
    }

    #[test]
    fn rates_and_processor_time_are_per_second_and_per_unit_of_work() {
        let second = Some(Duration::from_secs(1));
        let bulk = sample(Workload::Upload { streams: 4 }, 4_000_000_000, 0, second);
        for (metric, expected) in [
            (Metric::Rate, 2.0),
            (Metric::Cpu, 0.25),
            (Metric::CpuUser, 0.0625),
            (Metric::CpuSystem, 0.1875),
            (Metric::ProxyCores, 0.5),
            (Metric::LoadCores, 0.5),
            (Metric::BackendCores, 0.25),
        ] {
            near(&bulk, metric, expected);
        }
        assert!(!bulk.contains_key(&Metric::P50) && !bulk.contains_key(&Metric::Delivered));
        let trips = Workload::RoundTrips { sessions: 1, bytes: 64 };
        let trips = sample(trips, 1000, 0, Some(Duration::from_millis(10)));
        near(&trips, Metric::Rate, 500.0);
        near(&trips, Metric::Cpu, 10.0);
        for (metric, _) in Metric::PERCENTILES {
            near(&trips, metric, 700.0);
        }
    }

    #[test]
    fn datagrams_are_told_with_what_was_delivered_of_them_and_what_each_has_cost() {
        let half = Some(Duration::from_millis(500));
        let bulk = Workload::UdpDownload { flows: 1 };
        let bulk = sample(bulk, 1_000_000_000, 1_250_000_000, half);
        near(&bulk, Metric::Delivered, 80.0);
        near(&bulk, Metric::CpuDatagram, 0.6);
        let trips = Workload::UdpRoundTrips { flows: 1 };
        let trips = sample(trips, 1000, 1010, Some(Duration::from_millis(10)));
        near(&trips, Metric::CpuDatagram, 5.0);
    }

    #[test]
    fn work_that_was_not_done_and_a_proxy_that_is_not_there_have_no_cost() {
        let trips = Workload::RoundTrips { sessions: 1, bytes: 64 };
        let idle = sample(trips, 0, 0, Some(Duration::from_millis(10)));
        assert!(!idle.contains_key(&Metric::Cpu) && idle.contains_key(&Metric::ProxyCores));
        let direct = sample(trips, 10, 0, None);
        assert!(!direct.contains_key(&Metric::Cpu) && !direct.contains_key(&Metric::ProxyCores));
    }

    #[test]
    fn of_a_mixture_the_bulk_is_told_beside() {
        let mixed = Workload::Mixed { sessions: 100, appetite: Appetite::Modest };
        let mixed = sample(mixed, 10, 0, None);
        near(&mixed, Metric::Bulk, 2.0);
    }
}
