//! Recordings made by hand, for tests.

use super::record::{Arrival, Failure, Interruption, Mark, Recording, Strike, Teller};
use std::time::Duration;

/// Milliseconds.
pub(super) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A fault from 5 s to 15 s of a run of 25 s, in which nobody came and nothing was said. The lab took
/// 50 ms for it.
pub(super) fn quiet() -> Recording {
    Recording {
        fault_began: ms(5_000),
        fault_ended: ms(15_000),
        load_ended: ms(25_000),
        held: 40,
        strikes: vec![strike(5_000, 5_050)],
        ..Recording::default()
    }
}

pub(super) fn strike(from: u64, to: u64) -> Strike {
    Strike { from: ms(from), to: ms(to) }
}

pub(super) fn answered(began: Duration, took: Duration, dc: u16) -> Arrival {
    Arrival { began, took, outcome: Ok(dc) }
}

pub(super) fn failed(began: Duration, took: Duration, why: Failure) -> Arrival {
    Arrival { began, took, outcome: Err(why) }
}

pub(super) fn interrupted(
    last_answer: Duration,
    from: u16,
    again: Option<(Duration, u16)>,
) -> Interruption {
    let ended = last_answer + ms(100);
    Interruption { last_answer, ended, why: Some(Failure::Reset), from, again }
}

pub(super) fn dc_in_use(at: Duration, dc: u16, in_use: bool) -> Mark {
    let text = format!("DC {dc} is {} use", if in_use { "in" } else { "out of" });
    Mark { at, whose: Teller::Edge, text, dc_in_use: Some((dc, in_use)), isolated: None }
}

pub(super) fn isolated(at: Duration, isolated: bool) -> Mark {
    let text = format!("the edge is {}", if isolated { "cut off" } else { "connected again" });
    Mark { at, whose: Teller::Edge, text, dc_in_use: None, isolated: Some(isolated) }
}

/// A hundred sessions a second, half of them by DC 1 until it is gone. Then they wait for a hedge until
/// it is out of use, `found_after` the fault's begin. Nobody waits for one if `hedge` is `None`: those
/// sessions fail.
pub(super) fn dc1_gone(found_after: Duration, hedge: Option<Duration>) -> Recording {
    let mut recording = quiet();
    let (begun, ended) = (recording.fault_began, recording.fault_ended);
    for number in 0..2_500_u64 {
        let began = ms(number * 10);
        // Tremor that is the same in every run.
        let took = ms(20) + Duration::from_micros(number * 7_919 % 4_000);
        let arrival = match number % 2 {
            0 if (begun..begun + found_after).contains(&began) => match hedge {
                Some(hedge) => answered(began, hedge + ms(60) + took, 3),
                None => failed(began, ms(3_000), Failure::Silent),
            },
            0 if (begun..ended + ms(2_500)).contains(&began) => answered(began, took, 2),
            0 => answered(began, took, 1),
            _ => answered(began, took, 2),
        };
        recording.arrivals.push(arrival);
    }
    let gone = Mark {
        at: begun,
        whose: Teller::Lab,
        text: "blackhole dc1 begins".to_owned(),
        dc_in_use: None,
        isolated: None,
    };
    recording.marks.push(gone);
    recording.marks.push(dc_in_use(begun + found_after, 1, false));
    recording.marks.push(dc_in_use(ended + ms(2_500), 1, true));
    let interruption = interrupted(begun - ms(50), 1, Some((begun + ms(900), 2)));
    recording.interruptions.extend(vec![interruption; 20]);
    recording
}
