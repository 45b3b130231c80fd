use super::*;
use crate::admin::fixture::{all_up, three_dcs};
use crate::routing::{AccessPointIndex, Closing};

const SECOND: Duration = Duration::from_secs(1);

/// A snapshot in which these access points are given up.
fn closing(generation: u64, indexes: &[u32], silent_since: Instant) -> Snapshot {
    let mut snapshot = all_up(three_dcs());
    snapshot.generation = generation;
    let closing = |index: &u32| Closing { access_point: AccessPointIndex(*index), silent_since };
    snapshot.closing = indexes.iter().map(closing).collect();
    snapshot
}

fn slot(snapshot: &Snapshot, index: u32) -> &AccessPointSlot {
    &snapshot.access_point(AccessPointIndex(index)).slot
}

#[test]
fn there_is_something_to_do_while_those_that_are_given_up_have_sessions() {
    let closer = Closer::new(Arc::default());
    assert!(!closer.begin_round(&closing(1, &[], Instant::now())));
    let since = Instant::now();
    let snapshot = closing(2, &[1, 4, 5], since);
    slot(&snapshot, 0).session_opened();
    assert!(!closer.go_on(&snapshot), "those of others do not count");
    [4, 5].into_iter().for_each(|index| slot(&snapshot, index).session_opened());
    assert!(!closer.go_on(&snapshot), "that is for the next round");
    assert!(closer.begin_round(&snapshot) && closer.go_on(&snapshot));
    for index in 0..6 {
        let expected = [4, 5].contains(&index).then_some(since);
        assert_eq!(closer.silent_since(slot(&snapshot, index)), expected, "{index}");
    }
    assert!(!closer.go_on(&closing(3, &[], since)), "they are up again");
    assert_eq!(closer.silent_since(slot(&snapshot, 4)), None);
}

/// Whether a session is given up that began, and heard its last byte, so long ago.
async fn is_given_up(failing_for: Duration, lasted: Duration, has_heard: bool) -> bool {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let upstream = TcpStream::connect(listener.local_addr().expect("bound")).await;
    let upstream = upstream.expect("connected");
    while net::silence(&upstream).expect("the kernel says") < LEAST_SILENCE {
        tokio::task::yield_now().await;
    }
    let now = Instant::now();
    let ago = |time| now.checked_sub(time).expect("a machine that runs for longer");
    let snapshot = closing(1, &[0], ago(failing_for));
    let closer = Closer::new(Arc::default());
    let access_point = slot(&snapshot, 0);
    access_point.session_opened();
    closer.begin_round(&snapshot);
    Watch { closer: &closer, access_point, began: ago(lasted) }.is_given_up(&upstream, has_heard)
}

#[tokio::test]
async fn silence_counts_from_the_first_failure_and_of_later_sessions_from_their_start() {
    for (failing_for, lasted, has_heard, expected) in [
        // The connection is silent for a second and a little.
        (SECOND / 2, 60 * SECOND, true, true),
        (SECOND / 2, 60 * SECOND, false, true),
        (60 * SECOND, 70 * SECOND, true, false),
        (60 * SECOND, 5 * SECOND, true, false),
        (60 * SECOND, 4 * SECOND, false, false),
        (60 * SECOND, 5 * SECOND, false, true),
    ] {
        let given_up = is_given_up(failing_for, lasted, has_heard).await;
        assert_eq!(given_up, expected, "{failing_for:?} {lasted:?} {has_heard}");
    }
}

#[test]
fn jitter_is_never_half_a_time_off() {
    let jitter = Jitter::default();
    let drawn: Vec<_> = (0..1000).map(|_| jitter.about(SECOND)).collect();
    let range = SECOND / 2..=SECOND * 3 / 2;
    assert!(drawn.iter().all(|it| range.contains(it)));
    let late = drawn.iter().filter(|it| **it > SECOND).count();
    assert!((300..700).contains(&late), "{late} of 1000");
}
