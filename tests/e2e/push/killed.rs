//! A daemon that is killed while lists are pushed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use tokio::sync::watch;

use super::{KEPT, LIST, history, list, live};
use crate::support::doors::Doors;
use crate::support::lab::Lab;
use crate::support::process::Process;
use crate::support::within;

const ROUNDS: usize = 10;

/// Bytes of each list: to keep it takes a while.
const BYTES: usize = 512 * 1024;

/// What was pushed.
#[derive(Clone, Debug, Default)]
struct Sent {
    acknowledged: Option<String>,
    under_way: Option<String>,
}

#[tokio::test]
async fn what_is_live_after_a_kill_is_the_last_list_acknowledged_or_the_one_under_way() {
    let lab = Arc::new(Lab::new(3));
    lab.configure(&[("edge", KEPT)]);
    let mut sent = Sent { acknowledged: Some(super::in_file(&lab)), under_way: None };
    let mut taken_although_unanswered = 0;
    for round in 0..=ROUNDS {
        let daemon = Process::start(&lab).await;
        let body = live(&daemon.doors).await.body;
        let is_under_way = sent.under_way.as_ref() == Some(&body);
        let is_acknowledged = sent.acknowledged.as_ref() == Some(&body);
        assert!(is_under_way || is_acknowledged, "round {round}: another list, or a mixture");
        taken_although_unanswered += usize::from(is_under_way);
        let entries = history(&daemon.doors).await;
        assert_eq!(entries[0]["live"], true, "{}", entries[0]);
        assert_eq!(entries[0]["bytes"], body.len());
        if round == ROUNDS {
            break;
        }
        let pushed = Arc::new(Mutex::new(Sent { acknowledged: Some(body), under_way: None }));
        let (count, mut counted) = watch::channel(0_usize);
        let pusher =
            tokio::spawn(go_on(Arc::clone(&lab), daemon.doors, round, Arc::clone(&pushed), count));
        let some = within("pushes", counted.wait_for(|count| *count > round % 3)).await;
        drop(some.expect("the pusher lives"));
        // Another moment of a push in every round.
        tokio::time::sleep(Duration::from_millis(3 * round as u64)).await;
        daemon.signal(Signal::KILL);
        within("the pusher notices", pusher).await.expect("it does not panic");
        sent = pushed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        drop(daemon);
    }
    eprintln!("{taken_although_unanswered} of {ROUNDS} lists were kept and not acknowledged");
}

/// Pushes one list after the other until nobody answers.
async fn go_on(
    lab: Arc<Lab>,
    doors: Doors,
    round: usize,
    sent: Arc<Mutex<Sent>>,
    count: watch::Sender<usize>,
) {
    for number in 1.. {
        let mut text = list(&lab, round * 1_000 + number);
        text.push_str(&format!("# {}\n", "x".repeat(BYTES)));
        let lock = || sent.lock().unwrap_or_else(PoisonError::into_inner);
        lock().under_way = Some(text.clone());
        let told = doors.try_send(("PUT", LIST), &[("If-Match", "*")], &text).await;
        let Ok(told) = told else { return };
        assert_eq!(told.status, 200, "{told:?}");
        *lock() = Sent { acknowledged: Some(text), under_way: None };
        count.send_modify(|count| *count += 1);
    }
}
