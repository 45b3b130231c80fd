//! What sessions show of their upstreams. Time is the test's: the wheel turns when it says so.

mod given_up;

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;

use prometheus::IntGauge;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, spawn_local, yield_now};
use tokio::time::timeout;

use super::first_byte::LOOK_AFTER;
use super::*;
use crate::config::Keepalive;
use crate::control::PassiveEvidence;
use crate::forward::closing::Closer;
use crate::forward::fixture::{call_turns, session_of};
use crate::forward::idle::IdleWheel;
use crate::forward::pipes::PipeBudget;
use crate::metrics::Metrics;
use crate::routing::slot::Seen;
use crate::routing::{AccessPointSlot, ClientAddr, ClientPrefix, DcId};

/// No event of these tests takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longer than any other time of these tests.
const IDLE: Duration = Duration::from_secs(600);

const SECOND: Duration = Duration::from_secs(1);

const NO_LIMIT: Timeouts = Timeouts { idle: IDLE, half_close: IDLE, first_byte: None };

const ONE_SECOND: Timeouts = Timeouts { first_byte: Some(SECOND), ..NO_LIMIT };

const TCP: TcpOptions = TcpOptions {
    backlog: 1,
    keepalive: Keepalive { idle: SECOND, interval: SECOND, count: 3 },
    user_timeout: Duration::from_secs(7),
};

/// A session between two sockets of the test.
struct Session {
    client: TcpStream,
    upstream: TcpStream,
    slot: Arc<AccessPointSlot>,
    wheel: Rc<RefCell<IdleWheel>>,
    closer: Rc<Closer>,
    relay: JoinHandle<CloseReason>,
}

fn prefix() -> ClientPrefix {
    ClientAddr::new([203, 0, 113, 7].into()).network()
}

impl Session {
    /// A session of a client.
    async fn new(timeouts: Timeouts) -> Self {
        Self::of(Some(prefix()), timeouts).await
    }

    /// A session with an access point that has answered many before.
    async fn with_one_that_is_known_to_answer(timeouts: Timeouts) -> Self {
        let this = Self::new(timeouts).await;
        while !this.slot.has_answered() {
            this.slot.record_answered();
        }
        drop(this.slot.take_seen());
        this
    }

    async fn of(witnessed_by: Option<ClientPrefix>, timeouts: Timeouts) -> Self {
        let ((client, downstream), (to_upstream, upstream)) = (pair().await, pair().await);
        let (slot, wheel) = (Arc::new(AccessPointSlot::default()), Rc::default());
        let closer = Rc::new(Closer::new(Arc::default()));
        let relay = {
            let (slot, wheel) = (Arc::clone(&slot), Rc::clone(&wheel));
            let closer = Rc::clone(&closer);
            spawn_local(async move {
                let pipes = Arc::new(PipeBudget::new(1 << 20, 1 << 18, 1));
                let pending = IntGauge::new("pending", "bytes").expect("a gauge");
                let metrics = DcMetrics::resolve(&Metrics::new("edge"), "clients", DcId(1));
                let resources = Rc::new(Resources::new(pending, 1 << 20, pipes));
                call_turns(&resources);
                let relay = Relay {
                    client: &downstream,
                    upstream: &to_upstream,
                    resources: &resources,
                    timer: &IdleTimer::new(
                        &wheel,
                        timeouts.idle,
                        session_of([203, 0, 113, 7]).into(),
                        &slot,
                    ),
                    timeouts: &timeouts,
                    tcp: &TCP,
                    metrics: &metrics,
                    witness: Witness {
                        slot: &slot,
                        evidence: &PassiveEvidence::default(),
                        client: witnessed_by,
                    },
                    watch: Watch {
                        closer: &closer,
                        access_point: &slot,
                        began: std::time::Instant::now(),
                    },
                };
                let reason = relay.run().await;
                if reason.ending != Ending::Closed {
                    net::reset_on_close(&downstream);
                    net::reset_on_close(&to_upstream);
                }
                reason
            })
        };
        Self { client, upstream, slot, wheel, closer, relay }
    }

    /// The client says something and the upstream has it.
    async fn ask(&mut self) {
        self.client.write_all(b"?").await.expect("written");
        self.upstream.read_exact(&mut [0]).await.expect("passed on");
    }

    /// The upstream says something and the client has it.
    async fn answer(&mut self) {
        self.upstream.write_all(b"!").await.expect("written");
        self.client.read_exact(&mut [0]).await.expect("passed on");
    }

    /// So much time passes at the wheel, and the session has noticed.
    async fn pass(&self, time: Duration) {
        for _ in 0..time.as_millis() / TICK.as_millis() {
            self.wheel.borrow_mut().tick();
        }
        self.notice().await;
    }

    /// The session does what it was woken for.
    async fn notice(&self) {
        for _ in 0..8 {
            yield_now().await;
        }
    }

    fn is_over(&self) -> bool {
        self.relay.is_finished()
    }

    async fn ended(self) -> (Side, Ending, Seen) {
        let CloseReason { side, ending } = end_of(self.relay).await;
        (side, ending, self.slot.take_seen())
    }
}

async fn end_of(relay: JoinHandle<CloseReason>) -> CloseReason {
    timeout(PATIENCE, relay).await.expect("in time").expect("no panic")
}

/// Two ends of one connection.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let (one, other) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (one, (other, _)) = (one.expect("connected"), other.expect("accepted"));
    for end in [&one, &other] {
        end.set_nodelay(true).expect("set");
    }
    (one, other)
}

fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("set");
}

async fn read_to_end(stream: &mut TcpStream) {
    assert_eq!(stream.read(&mut [0]).await.expect("an orderly end"), 0);
}

fn nothing() -> Seen {
    Seen::default()
}

fn answered() -> Seen {
    Seen { answered: 1, ..Seen::default() }
}

fn mute() -> Seen {
    Seen { mute: vec![prefix()], ..Seen::default() }
}

#[tokio::test(flavor = "local")]
async fn a_session_that_is_answered_counts_once_however_long_it_speaks() {
    for is_greeted in [true, false] {
        let mut session = Session::new(ONE_SECOND).await;
        if is_greeted {
            session.answer().await;
        }
        for _ in 0..20 {
            session.ask().await;
            session.answer().await;
            session.pass(SECOND).await;
        }
        session.client.shutdown().await.expect("closed");
        read_to_end(&mut session.upstream).await;
        session.upstream.shutdown().await.expect("closed");
        assert_eq!(session.ended().await, (Side::Client, Ending::Closed, answered()));
    }
}

#[tokio::test(flavor = "local")]
async fn bulk_counts_once_too() {
    let mut session = Session::new(NO_LIMIT).await;
    const BULK: usize = 8 << 20;
    let (client, upstream) = (&mut session.client, &mut session.upstream);
    let write = async { upstream.write_all(&vec![b'x'; BULK]).await.expect("written") };
    let read = async { client.read_exact(&mut vec![0; BULK]).await.expect("passed on") };
    tokio::join!(write, read);
    session.upstream.shutdown().await.expect("closed");
    read_to_end(&mut session.client).await;
    session.client.shutdown().await.expect("closed");
    assert_eq!(session.ended().await, (Side::Upstream, Ending::Closed, answered()));
}

#[tokio::test(flavor = "local")]
async fn an_upstream_that_closes_on_a_client_who_spoke_is_mute() {
    let mut session = Session::new(NO_LIMIT).await;
    session.ask().await;
    session.upstream.shutdown().await.expect("closed");
    read_to_end(&mut session.client).await;
    assert_eq!(session.slot.take_seen(), mute(), "at once");
    session.client.shutdown().await.expect("closed");
    assert_eq!(session.ended().await, (Side::Upstream, Ending::Closed, nothing()));
}

#[tokio::test(flavor = "local")]
async fn an_upstream_that_resets_a_client_who_spoke_is_mute() {
    let mut session = Session::new(NO_LIMIT).await;
    session.ask().await;
    let (_client, relay, slot) = (session.client, session.relay, session.slot);
    reset(session.upstream);
    let reason = end_of(relay).await;
    assert_eq!(reason, CloseReason { side: Side::Upstream, ending: Ending::Reset });
    assert_eq!(slot.take_seen(), mute());
}

#[tokio::test(flavor = "local")]
async fn a_client_that_spoke_and_closed_its_half_is_owed_an_answer() {
    let mut session = Session::new(NO_LIMIT).await;
    session.ask().await;
    session.client.shutdown().await.expect("closed");
    read_to_end(&mut session.upstream).await;
    session.upstream.shutdown().await.expect("closed");
    assert_eq!(session.ended().await, (Side::Client, Ending::Closed, mute()));

    let mut session = Session::new(NO_LIMIT).await;
    session.ask().await;
    session.client.shutdown().await.expect("closed");
    read_to_end(&mut session.upstream).await;
    let (_client, relay, slot) = (session.client, session.relay, session.slot);
    reset(session.upstream);
    assert_eq!(end_of(relay).await.side, Side::Upstream);
    assert_eq!(slot.take_seen(), mute());
}

#[tokio::test(flavor = "local")]
async fn a_client_that_says_nothing_shows_nothing() {
    for timeouts in [NO_LIMIT, ONE_SECOND] {
        // It leaves.
        let mut session = Session::with_one_that_is_known_to_answer(timeouts).await;
        session.pass(SECOND * 60).await;
        session.client.shutdown().await.expect("closed");
        read_to_end(&mut session.upstream).await;
        session.upstream.shutdown().await.expect("closed");
        assert_eq!(session.ended().await, (Side::Client, Ending::Closed, nothing()));

        // It resets.
        let Session { client, upstream: _upstream, relay, slot, .. } = Session::new(timeouts).await;
        reset(client);
        assert_eq!(end_of(relay).await.side, Side::Client);
        assert_eq!(slot.take_seen(), nothing());

        // The upstream has enough of it, and the client speaks too late.
        let mut session = Session::with_one_that_is_known_to_answer(timeouts).await;
        session.upstream.shutdown().await.expect("closed");
        read_to_end(&mut session.client).await;
        session.ask().await;
        session.pass(SECOND * 60).await;
        session.client.shutdown().await.expect("closed");
        assert_eq!(session.ended().await, (Side::Upstream, Ending::Closed, nothing()));

        let Session { client: _client, upstream, relay, slot, .. } = Session::new(timeouts).await;
        reset(upstream);
        assert_eq!(end_of(relay).await.side, Side::Upstream);
        assert_eq!(slot.take_seen(), nothing());
    }
}

#[tokio::test(flavor = "local")]
async fn a_client_that_resets_before_its_answer_shows_nothing() {
    let mut session = Session::with_one_that_is_known_to_answer(ONE_SECOND).await;
    session.ask().await;
    let Session { client, upstream: _upstream, relay, slot, .. } = session;
    reset(client);
    assert_eq!(end_of(relay).await.side, Side::Client);
    assert_eq!(slot.take_seen(), nothing());
}

#[tokio::test(flavor = "local")]
async fn an_answer_that_a_reset_follows_at_once_is_an_answer() {
    let mut session = Session::new(NO_LIMIT).await;
    session.ask().await;
    session.upstream.try_write(b"!").expect("written");
    // What is not acknowledged would be lost with the reset.
    while net::unacknowledged(&session.upstream) > 0 {
        std::thread::yield_now();
    }
    let Session { mut client, upstream, relay, slot, .. } = session;
    reset(upstream);
    client.read_exact(&mut [0]).await.expect("delivered");
    assert_eq!(end_of(relay).await.side, Side::Upstream);
    assert_eq!(slot.take_seen(), answered());
}

#[tokio::test(flavor = "local")]
async fn a_client_that_meets_a_reset_with_its_first_byte_has_spoken() {
    let session = Session::new(NO_LIMIT).await;
    // The session sees both at once, and the byte of the client first.
    session.client.try_write(b"?").expect("written");
    let Session { client: _client, upstream, relay, slot, .. } = session;
    reset(upstream);
    assert_eq!(end_of(relay).await.side, Side::Upstream);
    assert_eq!(slot.take_seen(), mute());
}

#[tokio::test(flavor = "local")]
async fn silence_beyond_the_timeout_ends_the_session_and_is_evidence() {
    let mut session = Session::new(ONE_SECOND).await;
    session.pass(SECOND * 60).await;
    session.ask().await;
    session.pass(SECOND).await;
    assert!(!session.is_over());
    session.pass(TICK).await;
    assert_eq!(session.ended().await, (Side::Nearpoint, Ending::FirstByte, mute()));
}

#[tokio::test(flavor = "local")]
async fn a_client_that_goes_on_speaking_does_not_put_the_timeout_off() {
    let mut session = Session::new(ONE_SECOND).await;
    for _ in 0..5 {
        session.ask().await;
        session.pass(TICK).await;
    }
    assert_eq!(session.ended().await, (Side::Nearpoint, Ending::FirstByte, mute()));
}

#[tokio::test(flavor = "local")]
async fn a_client_that_has_closed_its_half_waits_no_longer_than_others() {
    let mut session = Session::new(ONE_SECOND).await;
    session.ask().await;
    session.pass(TICK * 2).await;
    session.client.shutdown().await.expect("closed");
    read_to_end(&mut session.upstream).await;
    session.pass(TICK * 2).await;
    assert!(!session.is_over());
    session.pass(TICK).await;
    assert_eq!(session.ended().await, (Side::Nearpoint, Ending::FirstByte, mute()));
}

#[tokio::test(flavor = "local")]
async fn an_upstream_that_takes_what_it_is_sent_and_no_more_is_silent() {
    let mut session = Session::new(ONE_SECOND).await;
    let block = vec![b'x'; 1 << 20];
    while let Ok(Ok(_)) = timeout(Duration::from_millis(200), session.client.write(&block)).await {}
    session.pass(SECOND + TICK).await;
    assert_eq!(session.ended().await, (Side::Nearpoint, Ending::FirstByte, mute()));
}

#[tokio::test(flavor = "local")]
async fn an_answer_in_time_leaves_the_session_to_its_other_timeouts() {
    let mut session = Session::new(Timeouts { idle: SECOND * 10, ..ONE_SECOND }).await;
    session.ask().await;
    session.pass(SECOND).await;
    session.answer().await;
    session.pass(SECOND * 10).await;
    assert!(!session.is_over());
    session.pass(TICK).await;
    assert_eq!(session.ended().await, (Side::Nearpoint, Ending::Idle, answered()));

    let mut session = Session::new(Timeouts { half_close: SECOND * 3, ..ONE_SECOND }).await;
    session.ask().await;
    session.answer().await;
    session.client.shutdown().await.expect("closed");
    read_to_end(&mut session.upstream).await;
    session.pass(SECOND * 3).await;
    assert!(!session.is_over());
    session.pass(TICK).await;
    assert_eq!(session.ended().await, (Side::Nearpoint, Ending::HalfClose, answered()));
}

#[tokio::test(flavor = "local")]
async fn an_answer_that_this_edge_has_not_seen_yet_is_no_silence() {
    let mut session = Session::new(ONE_SECOND).await;
    session.ask().await;
    // Nothing else runs between the byte and the alarm.
    let upstream = session.upstream.into_std().expect("a socket");
    (&upstream).write_all(b"!").expect("written");
    (0..5).for_each(|_| session.wheel.borrow_mut().tick());
    session.client.read_exact(&mut [0]).await.expect("passed on");
    assert!(!session.relay.is_finished());
    assert_eq!(session.slot.take_seen(), answered());
}

#[tokio::test(flavor = "local")]
async fn without_a_timeout_silence_is_held_against_those_who_are_known_to_answer() {
    let mut unknown = Session::new(NO_LIMIT).await;
    let mut known = Session::with_one_that_is_known_to_answer(NO_LIMIT).await;
    for session in [&mut unknown, &mut known] {
        session.ask().await;
        session.pass(LOOK_AFTER).await;
        assert_eq!(session.slot.take_seen(), nothing());
        session.pass(TICK).await;
        assert!(!session.is_over());
    }
    assert_eq!(unknown.slot.take_seen(), nothing());
    assert_eq!(known.slot.take_seen(), mute());
    // It is looked at once, and shows one thing at most.
    for session in [&mut unknown, &mut known] {
        session.pass(SECOND * 60).await;
        session.ask().await;
        session.pass(SECOND * 60).await;
        assert_eq!(session.slot.take_seen(), nothing());
        session.answer().await;
    }
    assert_eq!(unknown.slot.take_seen(), answered());
    assert_eq!(known.slot.take_seen(), nothing());
    for session in [unknown, known] {
        session.pass(IDLE).await;
        assert!(!session.is_over());
        session.pass(TICK).await;
        assert_eq!(session.ended().await, (Side::Nearpoint, Ending::Idle, nothing()));
    }
}

#[tokio::test(flavor = "local")]
async fn an_end_that_is_ours_shows_nothing() {
    // Of a session that was idle for too long, with no other timeout.
    let idle = Timeouts { idle: SECOND * 3, ..NO_LIMIT };
    let mut session = Session::with_one_that_is_known_to_answer(idle).await;
    session.ask().await;
    session.pass(SECOND * 3 + TICK).await;
    assert_eq!(session.ended().await, (Side::Nearpoint, Ending::Idle, nothing()));

    // Of one that half of was closed.
    let half_close = Timeouts { half_close: SECOND * 3, ..NO_LIMIT };
    let mut session = Session::with_one_that_is_known_to_answer(half_close).await;
    session.ask().await;
    session.client.shutdown().await.expect("closed");
    read_to_end(&mut session.upstream).await;
    session.pass(SECOND * 3 + TICK).await;
    assert_eq!(session.ended().await, (Side::Nearpoint, Ending::HalfClose, nothing()));

    // Of the daemon.
    let mut session = Session::with_one_that_is_known_to_answer(ONE_SECOND).await;
    session.ask().await;
    session.wheel.borrow_mut().shut_down();
    assert_eq!(session.ended().await, (Side::Nearpoint, Ending::Shutdown, nothing()));

    // Of a task that is cut off.
    let mut session = Session::with_one_that_is_known_to_answer(ONE_SECOND).await;
    session.ask().await;
    session.relay.abort();
    assert!(session.relay.await.is_err_and(|error| error.is_cancelled()));
    assert_eq!(session.slot.take_seen(), nothing());
}

#[tokio::test(flavor = "local")]
async fn a_neighbour_that_speaks_for_itself_shows_that_it_is_answered_and_no_more() {
    let mut session = Session::of(None, NO_LIMIT).await;
    session.ask().await;
    session.answer().await;
    assert_eq!(session.slot.take_seen(), answered());

    let mut session = Session::of(None, NO_LIMIT).await;
    session.ask().await;
    session.upstream.shutdown().await.expect("closed");
    session.client.shutdown().await.expect("closed");
    assert_eq!(session.ended().await.2, nothing());

    let mut session = Session::of(None, ONE_SECOND).await;
    session.ask().await;
    session.pass(SECOND + TICK).await;
    assert_eq!(session.ended().await, (Side::Nearpoint, Ending::FirstByte, nothing()));
}
