//! Whose turn it is to move bulk: one flow after another, and everybody else between them.
//!
//! A flow of bulk has more to move whenever it is asked. Would it wake itself at the end of its turn, all flows
//! of its kind would have theirs before the runtime asks the kernel what has come, and a chat beside ten of them would
//! wait for ten turns. So they stand in a queue, and the kernel is asked before each is called.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::task::Waker;

use tokio::sync::Notify;
use tokio::task::yield_now;

/// The flows of one worker that have more to move.
#[derive(Default)]
pub(super) struct TurnQueue {
    waiting: RefCell<VecDeque<Waker>>,
    /// Tickets that were given out, ever: the number of the last one.
    given: Cell<u64>,
    /// Of these, how many were called.
    called: Cell<u64>,
    joined: Notify,
}

/// A place in the queue. Who is gone when it is called delays nobody.
#[derive(Debug)]
pub(super) struct Ticket(NonZeroU64);

impl TurnQueue {
    /// A place behind all others. `waker` is woken when it is called.
    pub(super) fn join(&self, waker: &Waker) -> Ticket {
        self.waiting.borrow_mut().push_back(waker.clone());
        self.joined.notify_one();
        let number = NonZeroU64::MIN.saturating_add(self.given.get());
        self.given.set(number.get());
        Ticket(number)
    }

    /// Whether it is this one's turn.
    pub(super) fn is_called(&self, ticket: &Ticket) -> bool {
        ticket.0.get() <= self.called.get()
    }

    /// Calls one after the other, as a task of the worker; it ends with the runtime.
    pub(super) async fn call(&self) {
        loop {
            let Some(first) = self.waiting.borrow_mut().pop_front() else {
                self.joined.notified().await;
                continue;
            };
            self.called.set(self.called.get() + 1);
            first.wake();
            // The runtime polls this again after it has asked the kernel, and after those who have heard of it.
            yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Write;
    use std::rc::Rc;
    use std::task::Poll;

    use tokio::io::AsyncReadExt;
    use tokio::task::spawn_local;

    use super::*;
    use crate::forward::fixture::pair;

    async fn turn(queue: &TurnQueue) {
        let mut place = None;
        poll_fn(|cx| {
            let ticket = place.get_or_insert_with(|| queue.join(cx.waker()));
            if queue.is_called(ticket) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    #[tokio::test(flavor = "local")]
    async fn the_kernel_is_asked_between_two_turns() {
        let (queue, log) = (Rc::new(TurnQueue::default()), Rc::new(RefCell::new(Vec::new())));
        let (sender, mut chat) = pair().await;
        let mut sender = sender.into_std().expect("a socket");
        let (first, second) = (Rc::clone(&queue), Rc::clone(&queue));
        let (first_log, second_log, chat_log) = (Rc::clone(&log), Rc::clone(&log), Rc::clone(&log));
        let chat = spawn_local(async move {
            chat.read_exact(&mut [0]).await.expect("a message");
            chat_log.borrow_mut().push("chat");
        });
        spawn_local(async move {
            turn(&first).await;
            first_log.borrow_mut().push("first");
            sender.write_all(b"!").expect("sent");
            turn(&first).await;
            first_log.borrow_mut().push("first again");
        });
        let last = spawn_local(async move {
            turn(&second).await;
            second_log.borrow_mut().push("second");
            turn(&second).await;
            second_log.borrow_mut().push("second again");
        });
        spawn_local(async move { queue.call().await });
        last.await.expect("no panic");
        chat.await.expect("no panic");
        assert_eq!(*log.borrow(), ["first", "chat", "second", "first again", "second again"]);
    }

    #[tokio::test(flavor = "local")]
    async fn who_is_gone_delays_nobody() {
        let queue = Rc::new(TurnQueue::default());
        let gone = queue.join(Waker::noop());
        let caller = Rc::clone(&queue);
        spawn_local(async move { caller.call().await });
        turn(&queue).await;
        assert!(queue.is_called(&gone));
        assert!(queue.waiting.borrow().is_empty());
    }
}
