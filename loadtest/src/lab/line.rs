//! The line to a DC: two TUN devices, and a thread that carries packets between them, each as late
//! as the line is long.
//!
//! A delay between sockets would leave connects at 0 ms, since kernels complete handshakes; here
//! the handshake itself travels.

mod lane;

use super::error::LabError;
use super::namespace::Namespace;
use lane::{Delay, Lane};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::{self, PipeWriter};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use thread_priority::ThreadPriority;
use thread_priority::unix::{
    RealtimeThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};
use tun_rs::{DeviceBuilder, SyncDevice};

/// The largest packet, as of an Ethernet.
pub(super) const MTU: u16 = 1_500;

/// Packets that are taken from a device before the other direction has its turn.
const BATCH: usize = 64;

/// Packets that wait in the kernel until the thread takes them: 75 MB of the largest.
const KERNEL_QUEUE: u32 = 5_000;

/// A packet that leaves later than this is told.
const LATE: Duration = Duration::from_millis(1);

/// Lengths of lines are from nothing to this, so that no arithmetic with them overflows.
const LONGEST: Duration = Duration::from_secs(3_600);

/// Two TUN devices and the thread between them. Dropping it ends the thread and removes both.
#[derive(Debug)]
pub(crate) struct Line {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// The thread ends when this is closed.
    alive: Option<PipeWriter>,
}

/// What a line has carried so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LineCounts {
    /// Packets that reached the DC.
    pub(crate) to_dc: u64,
    /// Packets that came from it.
    pub(crate) from_dc: u64,
    /// Packets that were lost because the line was full, in both directions.
    pub(crate) dropped: u64,
    /// Of those that were carried, how many left more than a millisecond after they should have,
    /// since the machine was busy.
    pub(crate) late: u64,
    /// By how much the latest of all was late.
    pub(crate) latest: Duration,
}

#[derive(Debug, Default)]
struct Shared {
    /// Nanoseconds, as all of these: set by anybody, read by the thread for every packet.
    one_way: AtomicU64,
    jitter: AtomicU64,
    carried: [AtomicU64; 2],
    dropped: AtomicU64,
    late: AtomicU64,
    /// Nanoseconds.
    latest: AtomicU64,
}

/// An end of a line: the device `device` in `namespace`.
pub(super) struct End<'a> {
    pub(super) namespace: &'a Namespace,
    pub(super) device: &'a str,
}

impl Line {
    /// Makes both devices, without addresses, and begins to carry packets at once.
    pub(super) fn lay(
        name: &str,
        router: &End<'_>,
        dc: &End<'_>,
        round_trip: Duration,
        jitter: Duration,
    ) -> Result<Line, LabError> {
        let ends = [router.open()?, dc.open()?];
        let failed = || LabError::io(format!("start the thread of line {name}"));
        let (hung_up, alive) = io::pipe().map_err(failed())?;
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().name(format!("line-{name}"));
        let thread = thread.spawn(move || carry(&ends, &hung_up, &theirs)).map_err(failed())?;
        let line = Line { shared, thread: Some(thread), alive: Some(alive) };
        line.set(round_trip, jitter);
        Ok(line)
    }

    /// Makes the line this long, for packets that enter it from now on. Each direction takes half
    /// of `round_trip`, and up to `jitter` more (evenly distributed). Packets do not overtake each
    /// other: behind a line that was longer, they wait until what is on its way has arrived.
    pub(crate) fn set(&self, round_trip: Duration, jitter: Duration) {
        let nanos = |time: Duration| time.min(LONGEST).as_nanos() as u64;
        self.shared.one_way.store(nanos(round_trip) / 2, Ordering::Relaxed);
        self.shared.jitter.store(nanos(jitter), Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> LineCounts {
        let [to_dc, from_dc] = &self.shared.carried;
        LineCounts {
            to_dc: to_dc.load(Ordering::Relaxed),
            from_dc: from_dc.load(Ordering::Relaxed),
            dropped: self.shared.dropped.load(Ordering::Relaxed),
            late: self.shared.late.load(Ordering::Relaxed),
            latest: Duration::from_nanos(self.shared.latest.load(Ordering::Relaxed)),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        drop(self.alive.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been told; the line is gone either way.
            let _ = thread.join();
        }
    }
}

impl End<'_> {
    fn open(&self) -> Result<SyncDevice, LabError> {
        let open = || {
            let device = DeviceBuilder::new()
                .name(self.device)
                .mtu(MTU)
                .with(|linux| {
                    linux.tx_queue_len(KERNEL_QUEUE);
                })
                .enable(false)
                .build_sync()?;
            device.set_nonblocking(true)?;
            Ok(device)
        };
        let doing = format!("make the TUN device {} in {}", self.device, self.namespace.name());
        self.namespace.run(open)?.map_err(LabError::io(doing))
    }
}

/// Carries packets from each end to the other until the pipe hangs up or a device is gone.
fn carry(ends: &[SyncDevice; 2], hung_up: &io::PipeReader, shared: &Shared) {
    come_first();
    // Lane 0 is from end 0 to end 1.
    let mut lanes = [Lane::new(1), Lane::new(2)];
    let mut packet = [0; MTU as usize];
    loop {
        let now = Instant::now();
        for (from, lane) in lanes.iter_mut().enumerate() {
            lane.depart(now, |packet, late| {
                shared.latest.fetch_max(late.as_nanos() as u64, Ordering::Relaxed);
                if late > LATE {
                    shared.late.fetch_add(1, Ordering::Relaxed);
                }
                // A device whose buffers are full, or that is down, loses packets.
                let counter = match ends[1 - from].send(packet) {
                    Ok(_) => &shared.carried[from],
                    Err(_) => &shared.dropped,
                };
                counter.fetch_add(1, Ordering::Relaxed);
            });
        }
        let next = lanes.iter().filter_map(Lane::next_departure).min();
        let Some([router, dc]) = wait(ends, hung_up, next) else { return };
        for (from, ready) in [router, dc].into_iter().enumerate() {
            if ready && take(&ends[from], &mut lanes[from], &mut packet, shared).is_err() {
                return;
            }
        }
    }
}

/// A network is not slow because those who talk over it are busy: this thread runs when it has to
/// (SCHED_FIFO). Where that is not allowed, packets are late now and then, and counted.
fn come_first() {
    let fifo = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, fifo);
}

/// Waits for packets, at most until then, and tells at which end there are some. `None` when the
/// line is to end.
fn wait(
    ends: &[SyncDevice; 2],
    hung_up: &io::PipeReader,
    until: Option<Instant>,
) -> Option<[bool; 2]> {
    let mut descriptors = [
        PollFd::new(&ends[0], PollFlags::IN),
        PollFd::new(&ends[1], PollFlags::IN),
        PollFd::new(hung_up, PollFlags::IN),
    ];
    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
    // No line is so long that its time does not fit.
    let left = left.map(|left| Timespec::try_from(left).unwrap_or_default());
    match poll(&mut descriptors, left.as_ref()) {
        Ok(_) => {}
        Err(Errno::INTR) => return Some([false; 2]),
        Err(_) => return None,
    }
    let [router, dc, hung_up] = descriptors.map(|descriptor| descriptor.revents());
    let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
    if !hung_up.is_empty() || (router | dc).intersects(gone) {
        return None;
    }
    Some([router, dc].map(|events| events.contains(PollFlags::IN)))
}

/// Takes what is at this end into the lane.
fn take(end: &SyncDevice, lane: &mut Lane, packet: &mut [u8], shared: &Shared) -> io::Result<()> {
    for _ in 0..BATCH {
        let length = match end.recv(packet) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let delay = Delay {
            least: Duration::from_nanos(shared.one_way.load(Ordering::Relaxed)),
            jitter: Duration::from_nanos(shared.jitter.load(Ordering::Relaxed)),
        };
        if !lane.arrive(&packet[..length], Instant::now(), delay) {
            shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}
