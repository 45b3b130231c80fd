//! One direction of a line: packets wait in it, and leave in the order in which they came.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Packets that wait at most: 100 ms at 1 Gbit/s need 8,333 of 1,500 bytes.
const LONGEST: usize = 16_384;

/// Buffers that are kept for the next packets.
const SPARE: usize = 1_024;

/// A queue in which every packet has a time of departure, none before that of an earlier one.
#[derive(Debug)]
pub(super) struct Lane {
    waiting: VecDeque<(Instant, Vec<u8>)>,
    spare: Vec<Vec<u8>>,
    /// Of the packet that came last.
    last: Option<Instant>,
    random: SplitMix64,
}

/// How long packets are on their way in one direction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Delay {
    pub(super) least: Duration,
    /// On top of it, from nothing to this, each as likely as the other.
    pub(super) jitter: Duration,
}

impl Lane {
    pub(super) fn new(seed: u64) -> Lane {
        Lane { waiting: VecDeque::new(), spare: Vec::new(), last: None, random: SplitMix64(seed) }
    }

    /// Takes a packet in; `false` if the lane is full and the packet is lost.
    pub(super) fn arrive(&mut self, packet: &[u8], now: Instant, delay: Delay) -> bool {
        if self.waiting.len() >= LONGEST {
            return false;
        }
        let due = now + delay.least + delay.jitter.mul_f64(self.random.share());
        let due = self.last.map_or(due, |last| due.max(last));
        self.last = Some(due);
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(packet);
        self.waiting.push_back((due, buffer));
        true
    }

    /// When the next packet leaves.
    pub(super) fn next_departure(&self) -> Option<Instant> {
        self.waiting.front().map(|(due, _)| *due)
    }

    /// Hands over what is due, and by how much it is late.
    pub(super) fn depart(&mut self, now: Instant, mut carry: impl FnMut(&[u8], Duration)) {
        while self.next_departure().is_some_and(|due| due <= now) {
            let Some((due, packet)) = self.waiting.pop_front() else { return };
            carry(&packet, now - due);
            if self.spare.len() < SPARE {
                self.spare.push(packet);
            }
        }
    }
}

/// Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014). Jitter has to be
/// even, not unforeseeable.
#[derive(Debug)]
struct SplitMix64(u64);

impl SplitMix64 {
    /// At least 0, less than 1.
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        // As many bits as the fraction of a double has.
        (z >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn departed(lane: &mut Lane, now: Instant) -> Vec<u8> {
        let mut packets = Vec::new();
        lane.depart(now, |packet, _| packets.extend_from_slice(packet));
        packets
    }

    #[test]
    fn packets_leave_after_the_delay_and_not_before() {
        let start = Instant::now();
        let mut lane = Lane::new(1);
        assert_eq!(lane.next_departure(), None);
        let delay = Delay { least: 10 * MS, jitter: Duration::ZERO };
        assert!(lane.arrive(&[1], start, delay));
        assert!(lane.arrive(&[2], start + MS, delay));
        assert_eq!(lane.next_departure(), Some(start + 10 * MS));
        let shortly_before = start + 10 * MS - Duration::from_nanos(1);
        assert!(departed(&mut lane, shortly_before).is_empty());
        assert_eq!(departed(&mut lane, start + 10 * MS), [1]);
        lane.depart(start + 13 * MS, |packet, late| assert_eq!((packet, late), (&[2][..], 2 * MS)));
        assert_eq!(lane.next_departure(), None);
    }

    #[test]
    fn jitter_delays_evenly_and_never_reorders() {
        let start = Instant::now();
        let delay = Delay { least: 10 * MS, jitter: 4 * MS };
        let mut lane = Lane::new(7);
        // So far apart that none waits for another.
        let delays: Vec<Duration> = (0..1_000u32)
            .map(|n| {
                let now = start + n * 100 * MS;
                assert!(lane.arrive(&[0], now, delay));
                let due = lane.next_departure().unwrap();
                lane.depart(due, |_, late| assert_eq!(late, Duration::ZERO));
                due - now
            })
            .collect();
        assert!(delays.iter().all(|delay| (10 * MS..14 * MS).contains(delay)));
        let mean = delays.iter().sum::<Duration>() / 1_000;
        assert!((11_800..12_200).contains(&mean.as_micros()), "{mean:?}");

        let mut lane = Lane::new(7);
        for n in 0..200u8 {
            assert!(lane.arrive(&[n], start + u32::from(n) * MS / 10, delay));
        }
        let order: Vec<u8> = (0..200).collect();
        assert_eq!(departed(&mut lane, start + 1_000 * MS), order);
    }

    #[test]
    fn a_shorter_delay_does_not_overtake_what_is_on_its_way() {
        let start = Instant::now();
        let mut lane = Lane::new(1);
        lane.arrive(&[1], start, Delay { least: 50 * MS, jitter: Duration::ZERO });
        lane.arrive(&[2], start + MS, Delay::default());
        assert!(departed(&mut lane, start + 49 * MS).is_empty());
        assert_eq!(departed(&mut lane, start + 50 * MS), [1, 2]);
    }

    #[test]
    fn a_full_lane_loses_what_comes_last() {
        let start = Instant::now();
        let mut lane = Lane::new(1);
        let delay = Delay { least: MS, jitter: Duration::ZERO };
        for _ in 0..LONGEST {
            assert!(lane.arrive(&[1], start, delay));
        }
        assert!(!lane.arrive(&[2], start, delay));
        assert_eq!(departed(&mut lane, start + MS), vec![1; LONGEST]);
        assert!(lane.arrive(&[3], start, delay));
    }
}
