use super::*;
use crate::forward::fixture::session_of;
use proptest::prelude::*;

fn expired(timer: &IdleTimer) -> Option<Expiry> {
    timer.poll_expired(Waker::noop())
}

/// The timer of some session.
fn timer_of(wheel: &Rc<RefCell<IdleWheel>>, timeout: Duration) -> IdleTimer {
    let (session, slot) = (session_of([203, 0, 113, 7]), AccessPointSlot::default());
    IdleTimer::new(wheel, timeout, session.into(), &slot)
}

fn turn(wheel: &Rc<RefCell<IdleWheel>>, ticks: u32) {
    (0..ticks).for_each(|_| wheel.borrow_mut().tick());
}

#[test]
fn a_busy_session_stays_and_an_idle_one_expires() {
    let wheel = Rc::default();
    let busy = timer_of(&wheel, TICK * 10);
    let idle = timer_of(&wheel, TICK * 10);
    for _ in 0..10 {
        turn(&wheel, 1);
        busy.touch();
    }
    assert_eq!(expired(&idle), None);
    turn(&wheel, 1);
    assert_eq!(expired(&idle), Some(Expiry::Idle));
    assert_eq!(expired(&busy), None);
    turn(&wheel, 11);
    assert_eq!(expired(&busy), Some(Expiry::Idle));
}

#[test]
fn bytes_that_come_with_the_end_of_the_time_put_it_off() {
    let wheel = Rc::default();
    let timer = timer_of(&wheel, TICK * 3);
    turn(&wheel, 4);
    timer.touch();
    assert_eq!(expired(&timer), None);
    turn(&wheel, 3);
    assert_eq!(expired(&timer), None);
    turn(&wheel, 1);
    timer.restart(TICK);
    assert_eq!(expired(&timer), None);
    turn(&wheel, 2);
    assert_eq!(expired(&timer), Some(Expiry::Idle));
}

#[test]
fn bytes_put_no_other_end_off() {
    let wheel: Rc<RefCell<IdleWheel>> = Rc::default();
    let timer = timer_of(&wheel, TICK * 3);
    wheel.borrow_mut().shut_down();
    timer.touch();
    timer.restart(TICK);
    assert_eq!(expired(&timer), Some(Expiry::Shutdown));
}

#[test]
fn timeouts_longer_than_a_turn_of_the_wheel_hold() {
    let wheel = Rc::default();
    let timer = timer_of(&wheel, TICK * 2400);
    turn(&wheel, 2400);
    assert_eq!(expired(&timer), None);
    turn(&wheel, 1);
    assert_eq!(expired(&timer), Some(Expiry::Idle));
}

#[test]
fn a_shorter_timeout_takes_force_at_once_and_begins_anew() {
    let wheel = Rc::default();
    let timer = timer_of(&wheel, TICK * 2400);
    turn(&wheel, 50);
    timer.restart(TICK * 3);
    turn(&wheel, 3);
    assert_eq!(expired(&timer), None);
    turn(&wheel, 1);
    assert_eq!(expired(&timer), Some(Expiry::Idle));
}

#[test]
fn those_of_an_access_point_are_asked_to_look_a_few_at_a_time_and_each_once() {
    let wheel = Rc::default();
    let (theirs, ours) = (AccessPointSlot::default(), AccessPointSlot::default());
    let timer = |slot| IdleTimer::new(&wheel, TICK * 10, session_of([203, 0, 113, 7]).into(), slot);
    let timers = [timer(&theirs), timer(&ours), timer(&theirs), timer(&ours), timer(&ours)];
    let is_ours = |it: *const AccessPointSlot| std::ptr::eq(it, &ours);
    assert_eq!(wheel.borrow().count(is_ours), 3);
    let asked = || timers.each_ref().map(|it| expired(it) == Some(Expiry::Look));
    let place = wheel.borrow_mut().ask(0, 2, is_ours);
    assert_eq!(asked(), [false, true, false, true, false]);
    assert_eq!(asked(), [false; 5]);
    let end = wheel.borrow_mut().ask(place, 2, is_ours);
    assert_eq!(asked(), [false, false, false, false, true]);
    assert_eq!(wheel.borrow_mut().ask(end, 2, is_ours), end);
    assert_eq!(asked(), [false; 5]);
    turn(&wheel, 11);
    assert!(timers.iter().all(|it| expired(it) == Some(Expiry::Idle)), "the timeout went on");
}

#[test]
fn shutdown_ends_everybody() {
    let wheel: Rc<RefCell<IdleWheel>> = Rc::default();
    let timers = [timer_of(&wheel, TICK * 10), timer_of(&wheel, TICK * 999)];
    wheel.borrow_mut().shut_down();
    assert!(timers.iter().all(|timer| expired(timer) == Some(Expiry::Shutdown)));
    let late = timer_of(&wheel, TICK * 10);
    assert_eq!(expired(&late), Some(Expiry::Shutdown));
}

#[test]
fn an_alarm_rings_once_whatever_moves_and_the_timeout_goes_on() {
    let wheel = Rc::default();
    let timer = timer_of(&wheel, TICK * 10);
    timer.set_alarm(TICK * 4);
    for _ in 0..4 {
        turn(&wheel, 1);
        timer.touch();
    }
    assert_eq!(expired(&timer), None);
    turn(&wheel, 1);
    assert_eq!(expired(&timer), Some(Expiry::Alarm));
    assert_eq!(expired(&timer), None);
    turn(&wheel, 9);
    assert_eq!(expired(&timer), None);
    turn(&wheel, 1);
    assert_eq!(expired(&timer), Some(Expiry::Idle));
}

#[test]
fn an_alarm_that_is_cleared_rings_no_more_and_changes_no_timeout() {
    let wheel = Rc::default();
    let timer = timer_of(&wheel, TICK * 300);
    timer.set_alarm(TICK * 2);
    timer.clear_alarm();
    turn(&wheel, 300);
    assert_eq!(expired(&timer), None);
    turn(&wheel, 1);
    assert_eq!(expired(&timer), Some(Expiry::Idle));
}

#[test]
fn an_alarm_stays_when_another_timeout_begins() {
    let wheel = Rc::default();
    let timer = timer_of(&wheel, TICK * 2400);
    timer.set_alarm(TICK * 6);
    turn(&wheel, 3);
    timer.restart(TICK * 5);
    turn(&wheel, 3);
    assert_eq!(expired(&timer), None);
    // Three ticks and three: the alarm. Two more: the timeout that began with the third.
    turn(&wheel, 1);
    assert_eq!(expired(&timer), Some(Expiry::Alarm));
    turn(&wheel, 1);
    assert_eq!(expired(&timer), None);
    turn(&wheel, 1);
    assert_eq!(expired(&timer), Some(Expiry::Idle));
}

#[test]
fn an_alarm_wakes_the_session_and_so_does_the_timeout_after_it() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Woken(AtomicU32);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    let (wheel, woken) = (Rc::default(), Arc::new(Woken::default()));
    let waker = Waker::from(Arc::clone(&woken));
    let timer = timer_of(&wheel, TICK * 5);
    timer.set_alarm(TICK * 2);
    assert_eq!(timer.poll_expired(&waker), None);
    turn(&wheel, 3);
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert_eq!(timer.poll_expired(&waker), Some(Expiry::Alarm));
    assert_eq!(timer.poll_expired(&waker), None);
    turn(&wheel, 3);
    assert_eq!(woken.0.load(Ordering::Relaxed), 2);
}

/// What a timer has to do, told by moments instead of by the slots of a wheel.
#[derive(Debug)]
struct Model {
    last_active: u32,
    timeout: u32,
    alarm_at: Option<u32>,
}

impl Model {
    /// What it should tell by `now`, in its order.
    fn tells(&mut self, now: u32) -> Vec<Expiry> {
        let idle_at = self.last_active + self.timeout + 1;
        let rang = self.alarm_at.take_if(|at| *at <= now && *at <= idle_at);
        let idle = (idle_at <= now).then_some(Expiry::Idle);
        rang.map(|_| Expiry::Alarm).into_iter().chain(idle).collect()
    }

    fn is_over(&self, now: u32) -> bool {
        self.last_active + self.timeout < now
    }
}

/// All that a timer tells now.
fn told(timer: &IdleTimer) -> Vec<Expiry> {
    match expired(timer) {
        Some(Expiry::Alarm) => [Expiry::Alarm].into_iter().chain(expired(timer)).collect(),
        other => other.into_iter().collect(),
    }
}

proptest! {
    /// Against a model: whatever is inserted, touched, restarted and dropped, and whatever alarms are
    /// set and cleared between, each timer tells exactly what is its own, in its own tick.
    #[test]
    fn every_timer_tells_its_own_time(
        steps in prop::collection::vec((0u8..8, 0usize..8, 1u32..700), 1..200),
    ) {
        let wheel = Rc::default();
        let mut timers: Vec<(IdleTimer, Model)> = Vec::new();
        let mut now = 0u32;
        for (step, which, ticks) in steps {
            let alive = timers.get_mut(which).filter(|(_, model)| !model.is_over(now));
            match (step, alive) {
                (0, _) => {
                    let model = Model { last_active: now, timeout: ticks, alarm_at: None };
                    timers.push((timer_of(&wheel, TICK * ticks), model));
                }
                (1, Some(_)) => drop(timers.swap_remove(which)),
                (2, Some((timer, model))) => {
                    timer.touch();
                    model.last_active = now;
                }
                (3, Some((timer, model))) => {
                    timer.restart(TICK * ticks);
                    (model.last_active, model.timeout) = (now, ticks);
                }
                (4, Some((timer, model))) => {
                    timer.set_alarm(TICK * ticks);
                    model.alarm_at = Some(now + ticks + 1);
                }
                (5, Some((timer, model))) => {
                    timer.clear_alarm();
                    model.alarm_at = None;
                }
                _ => {
                    // A few ticks as often as many: what lies close together is mixed up most easily.
                    let ticks = if step == 6 { ticks % 8 } else { ticks };
                    turn(&wheel, ticks);
                    now += ticks;
                }
            }
            for (timer, model) in &mut timers {
                prop_assert_eq!(told(timer), model.tells(now), "{:?} at {}", model, now);
            }
        }
        let alive = timers.len();
        prop_assert_eq!(wheel.borrow().entries.len(), alive);
    }
}

#[test]
fn those_that_are_meant_are_killed_and_no_more_than_asked_for() {
    let (wheel, slot) = (Rc::default(), AccessPointSlot::default());
    let timer = |client| IdleTimer::new(&wheel, TICK * 10, session_of(client).into(), &slot);
    let (one, other) = ([203, 0, 113, 7], [203, 0, 113, 8]);
    let timers = [timer(one), timer(other), timer(one), timer(one)];
    let which = Which { client: Some(session_of(one).client), ..Which::default() };
    assert_eq!(wheel.borrow().sessions(&which).count(), 3);
    assert_eq!(wheel.borrow_mut().kill(&which, 2), 2);
    let killed = timers.each_ref().map(|it| expired(it) == Some(Expiry::Killed));
    assert_eq!(killed, [true, false, true, false]);
    assert_eq!(wheel.borrow_mut().kill(&which, 9), 1, "two are about to end");
    drop(timers);
    assert_eq!(wheel.borrow().sessions(&Which::default()).count(), 0);
}

#[test]
fn many_are_killed_in_turns_and_those_that_end_before_are_not_waited_for() {
    let wheel = Rc::default();
    let timer = || timer_of(&wheel, TICK * 100);
    let mut timers: Vec<IdleTimer> = (0..2 * KILLED_AT_ONCE + 10).map(|_| timer()).collect();
    let all = Which::default();
    assert_eq!(wheel.borrow_mut().kill(&all, usize::MAX), timers.len());
    let killed = |timers: &[IdleTimer]| {
        timers.iter().filter(|it| expired(it) == Some(Expiry::Killed)).count()
    };
    assert_eq!(killed(&timers), KILLED_AT_ONCE);
    timers.truncate(timers.len() - 5);
    turn(&wheel, 1);
    assert_eq!(killed(&timers), 2 * KILLED_AT_ONCE);
    turn(&wheel, 1);
    assert_eq!(killed(&timers), timers.len());
    assert_eq!(wheel.borrow().condemned, 0);
}

#[test]
fn who_lasts_is_woken_once_and_told_once_whatever_else_it_waits_for() {
    let wheel = Rc::default();
    let timer = || timer_of(&wheel, TICK * 2400);
    let (lasting, busy) = (timer(), timer());
    busy.set_alarm(TICK * 9);
    turn(&wheel, LASTING - 1);
    busy.touch();
    drop(timer());
    assert!(!lasting.take_lasting() && !busy.take_lasting());
    assert_eq!(expired(&lasting), None);
    turn(&wheel, 1);
    assert!(wheel.borrow().entries[lasting.key as usize].waker.is_none(), "it is woken");
    assert!(lasting.take_lasting() && busy.take_lasting());
    turn(&wheel, 9);
    assert_eq!(expired(&busy), Some(Expiry::Alarm), "its alarm goes on");
    assert!(!lasting.take_lasting() && !busy.take_lasting());
}
