//! Sessions whose access point is down.

use super::*;
use crate::admin::fixture::{all_up, three_dcs};
use crate::forward::closing::LEAST_SILENCE;
use crate::routing::{AccessPointIndex, Closing};

type StdInstant = std::time::Instant;

impl Session {
    /// Its access point is down, or not any more; sessions without a byte since then are silent.
    fn give_up(&self, silent_since: Option<StdInstant>) {
        let mut snapshot = all_up(three_dcs());
        snapshot.access_points[3].slot = Arc::clone(&self.slot);
        let closing = |silent_since| Closing { access_point: AccessPointIndex(3), silent_since };
        snapshot.closing = silent_since.map(closing).into_iter().collect();
        self.slot.session_opened();
        self.closer.begin_round(&snapshot);
        self.slot.session_closed();
    }

    /// Has it look once.
    async fn look(&self) {
        let slot = Arc::as_ptr(&self.slot);
        self.wheel.borrow_mut().ask(0, 1, |it| it == slot);
        self.notice().await;
    }

    async fn look_until_over(&self) {
        let over = async {
            while !self.is_over() {
                self.look().await;
            }
        };
        timeout(PATIENCE, over).await.expect("in time");
    }
}

/// Now, when the kernel's coarse clock can tell it from all that was before.
async fn failure() -> StdInstant {
    sleep(Duration::from_millis(30)).await;
    StdInstant::now()
}

async fn reset_comes(stream: &mut TcpStream) {
    let read = timeout(PATIENCE, stream.read(&mut [0])).await.expect("in time");
    assert_eq!(read.map_err(|it| it.kind()), Err(io::ErrorKind::ConnectionReset));
}

#[tokio::test(flavor = "local")]
async fn a_silent_one_is_reset_and_one_that_hears_something_is_not() {
    let (mut silent, mut busy) = (Session::new(NO_LIMIT).await, Session::new(NO_LIMIT).await);
    silent.ask().await;
    silent.answer().await;
    silent.ask().await;
    let since = failure().await;
    busy.give_up(Some(since));
    failure().await;
    busy.answer().await;
    silent.give_up(Some(since));
    silent.look_until_over().await;
    reset_comes(&mut silent.client).await;
    reset_comes(&mut silent.upstream).await;
    assert_eq!(silent.ended().await, (Side::Nearpoint, Ending::OnDown, answered()));
    // It has been as silent as the other by now, but for one byte.
    busy.look().await;
    assert!(!busy.is_over());
    busy.ask().await;
    busy.answer().await;
}

#[tokio::test(flavor = "local")]
async fn a_half_closed_one_is_no_exception_and_is_no_evidence() {
    let mut session = Session::new(NO_LIMIT).await;
    session.ask().await;
    session.client.shutdown().await.expect("closed");
    read_to_end(&mut session.upstream).await;
    session.give_up(Some(failure().await));
    session.look_until_over().await;
    assert_eq!(session.ended().await, (Side::Nearpoint, Ending::OnDown, nothing()));
}

#[tokio::test(flavor = "local")]
async fn nobody_ends_whose_access_point_is_up_again() {
    let mut session = Session::new(NO_LIMIT).await;
    let mut other = Session::new(NO_LIMIT).await;
    for it in [&session, &other] {
        it.give_up(Some(failure().await));
    }
    session.give_up(None);
    other.look_until_over().await;
    session.look().await;
    assert!(!session.is_over());
    session.ask().await;
    session.answer().await;
    reset_comes(&mut other.client).await;
}

#[tokio::test(flavor = "local")]
async fn what_came_before_is_delivered_before_the_reset() {
    const BYTES: usize = 1 << 20;
    let mut session = Session::new(NO_LIMIT).await;
    session.upstream.write_all(&vec![7; BYTES]).await.expect("taken");
    while net::unacknowledged(&session.upstream) > 0 {
        yield_now().await;
    }
    let since = failure().await;
    session.give_up(Some(since));
    // The client takes nothing until the session is likely to have noticed; then it has a second.
    while since.elapsed() < LEAST_SILENCE + SECOND / 20 {
        session.look().await;
    }
    let mut received = vec![0; BYTES];
    session.client.read_exact(&mut received).await.expect("delivered");
    assert!(received.iter().all(|byte| *byte == 7));
    reset_comes(&mut session.client).await;
    assert_eq!(end_of(session.relay).await.ending, Ending::OnDown);
}

#[tokio::test(flavor = "local")]
async fn one_whose_client_takes_nothing_lets_nothing_come_and_is_not_silent() {
    let mut session = Session::new(NO_LIMIT).await;
    // More than all sockets on the way hold.
    let sent = fill(&mut session.upstream).await;
    let since = failure().await;
    session.give_up(Some(since));
    while since.elapsed() < LEAST_SILENCE * 5 / 4 {
        session.look().await;
        assert!(!session.is_over(), "it has something to deliver");
    }
    let mut received = vec![0; sent];
    session.client.read_exact(&mut received).await.expect("all of it");
    // The rest came only now.
    session.look().await;
    assert!(!session.is_over());
    session.ask().await;
    session.answer().await;
}

/// Sends until nothing more is taken for a while. Returns how much that was.
async fn fill(stream: &mut TcpStream) -> usize {
    let piece = [7; 1 << 16];
    let mut sent = 0;
    while let Ok(taken) = timeout(SECOND / 5, stream.write(&piece)).await {
        sent += taken.expect("taken");
    }
    sent
}
