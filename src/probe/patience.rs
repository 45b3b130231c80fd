//! A bound on time that is fair to the other side.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::sleep;

use crate::routing::control::ProbeTimes;
use crate::routing::{ConnectFailure, LocalFailure, ProbeFailure};

/// What `work` comes to before patience ends, or is found to have come to when this process notices that
/// it has ended. The clock is asked before the work is: on a runtime that was held up, the end of the
/// patience and an answer that came long before it are news at the same time.
pub(super) async fn within<T>(patience: Duration, work: impl Future<Output = T>) -> Option<T> {
    let (mut work, mut end) = (pin!(work), pin!(sleep(patience)));
    poll_fn(|cx| {
        let is_over = end.as_mut().poll(cx).is_ready();
        match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if is_over => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// What a good answer is worth. One that was seen after the patience had ended may have come in time:
/// then this process was held up, not the peer, and nobody knows how long the peer took.
pub(super) fn judged(times: ProbeTimes, patience: Duration) -> Result<ProbeTimes, ProbeFailure> {
    match times.total() <= patience {
        true => Ok(times),
        false => Err(ConnectFailure::Local(LocalFailure::HeldUp).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(5);

    #[tokio::test]
    async fn what_is_there_when_patience_ends_is_seen_though_nobody_was_told() {
        let mut looks = 0;
        let unheard = poll_fn(|_| {
            looks += 1;
            if looks > 1 { Poll::Ready("there") } else { Poll::Pending }
        });
        assert_eq!(within(SOON, unheard).await, Some("there"));
        assert_eq!(within(SOON, std::future::pending::<()>()).await, None);
    }

    #[test]
    fn an_answer_that_was_seen_too_late_is_nobodys_fault() {
        let times = ProbeTimes::Asked { connect: SOON, answer: SOON };
        assert_eq!(judged(times, 2 * SOON), Ok(times));
        let late = judged(times, SOON).expect_err("seen too late");
        assert_eq!((late.as_str(), late.depth()), ("held_up", None));
    }
}
