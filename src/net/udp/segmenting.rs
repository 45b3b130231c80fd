//! Whether the kernel is asked to cut a batch into datagrams (`udp(7)`: `UDP_SEGMENT`).

use std::time::{Duration, Instant};

/// How long the kernel is not asked again.
const REFUSED_FOR: Duration = Duration::from_secs(10);

/// What is known of segmentation towards one peer. The default is that nothing speaks against it.
///
/// The kernel refuses it for segments that do not fit into the path's MTU, and over some devices and
/// tunnels for all of them: towards that peer, and nobody else. Paths change, so that no refusal is for
/// good.
#[derive(Clone, Copy, Debug, Default)]
pub struct Segmenting {
    refusal: Option<Refusal>,
}

#[derive(Clone, Copy, Debug)]
struct Refusal {
    /// Bytes of a segment: so many and more are too many.
    least: usize,
    until: Instant,
}

impl Segmenting {
    /// The kernel has refused segments of so many bytes. They, and longer ones, go singly for the next
    /// ten seconds; shorter ones are still tried.
    pub fn refused(&mut self, segment: usize, now: Instant) {
        let known = self.refusal.filter(|known| now < known.until);
        let least = known.map_or(segment, |known| known.least.min(segment));
        self.refusal = Some(Refusal { least, until: now + REFUSED_FOR });
    }

    /// Whether segments of so many bytes are worth a try.
    #[must_use]
    pub fn allows(&self, segment: usize, now: Instant) -> bool {
        self.refusal.is_none_or(|known| segment < known.least || now >= known.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_is_tried_again_after_a_while_and_shorter_segments_at_once() {
        let start = Instant::now();
        let mut segmenting = Segmenting::default();
        assert!(segmenting.allows(65_000, start));
        segmenting.refused(3_000, start);
        assert!(!segmenting.allows(3_000, start) && !segmenting.allows(4_000, start));
        assert!(segmenting.allows(2_999, start));
        assert!(segmenting.allows(3_000, start + REFUSED_FOR));
    }

    #[test]
    fn the_shortest_of_what_was_refused_lately_counts() {
        let start = Instant::now();
        let mut segmenting = Segmenting::default();
        segmenting.refused(2_000, start);
        let later = start + REFUSED_FOR / 2;
        segmenting.refused(3_000, later);
        assert!(!segmenting.allows(2_000, start + REFUSED_FOR));
        let expired = later + REFUSED_FOR;
        segmenting.refused(3_000, expired);
        assert!(segmenting.allows(2_000, expired), "that refusal is forgotten");
    }
}
