//! How many datagrams of a bulk flow may be under way.
//!
//! A sender without a bound would lose nearly everything in front of a proxy that is slower than it, and
//! what is measured then is how a proxy drowns. So it does as every protocol of bulk flows does: the window
//! grows while everything arrives, and halves when something is lost (RFC 5681, in datagrams).

use crate::load::content::wrong;
use nearpoint::stub::Receipt;
use std::io;
use std::ops::Range;

/// Datagrams that the kernel segments from one call: what fits into the 65,507 bytes of a message.
pub(super) const TRAIN: u64 = 54;

/// Two times as many as there are between two receipts, so that one comes while the sender waits.
const SMALLEST: u64 = 32;
/// What fits into 4 MiB of receive buffer, in which a datagram of 1,200 bytes takes twice as much.
const LARGEST: u64 = 1024;
const FIRST: u64 = 128;

#[derive(Debug)]
pub(super) struct Window {
    /// Datagrams that may be under way.
    size: u64,
    /// The number of the next datagram.
    next: u64,
    receipt: Receipt,
    /// Those numbered below it are not waited for any more.
    given_up: u64,
    /// Of losses below this number the size tells already.
    answered: u64,
}

impl Window {
    pub(super) fn new() -> Window {
        let receipt = Receipt::default();
        Window { size: FIRST, next: 0, receipt, given_up: 0, answered: 0 }
    }

    /// The numbers of the datagrams that may go together now, if there is room for a whole train. They
    /// count as under way.
    pub(super) fn take_train(&mut self) -> Option<Range<u64>> {
        let train = (self.size / 2).min(TRAIN);
        let under_way = self.next - self.receipt.next.max(self.given_up);
        (under_way + train <= self.size).then(|| self.take(train))
    }

    /// So many, whatever is under way.
    pub(super) fn take(&mut self, train: u64) -> Range<u64> {
        self.next += train;
        self.next - train..self.next
    }

    /// A receipt tells of datagrams that were sent, and of none twice.
    pub(super) fn is_possible(&self, Receipt { next, received }: Receipt) -> io::Result<()> {
        if next > self.next {
            return Err(wrong(format!("datagram {} was received, and never sent", next - 1)));
        }
        if received > next {
            return Err(wrong(format!("of {next} datagrams {received} were received")));
        }
        Ok(())
    }

    /// Returns how many datagrams have arrived since the last receipt. Late receipts say nothing new.
    pub(super) fn on_receipt(&mut self, receipt: Receipt) -> u64 {
        if receipt.received <= self.receipt.received || receipt.next > self.next {
            return 0;
        }
        let lost = |receipt: Receipt| receipt.next.saturating_sub(receipt.received);
        let arrived = receipt.received - self.receipt.received;
        if lost(receipt) > lost(self.receipt) {
            self.on_loss(receipt.next);
        } else {
            self.size = (self.size + (arrived * TRAIN).div_ceil(self.size)).min(LARGEST);
        }
        self.receipt = receipt;
        arrived
    }

    /// No receipt has come for long.
    pub(super) fn on_silence(&mut self) {
        self.on_loss(self.next);
        self.given_up = self.next;
    }

    /// Something was lost below this number. All that is lost of one window is one loss.
    fn on_loss(&mut self, below: u64) {
        if below > self.answered {
            self.size = (self.size / 2).max(SMALLEST);
            self.answered = self.next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(window: &mut Window) -> u64 {
        std::iter::from_fn(|| window.take_train()).map(|train| train.end - train.start).sum()
    }

    #[test]
    fn window_is_filled_with_whole_trains_and_emptied_by_receipts() {
        let mut window = Window::new();
        assert_eq!(fill(&mut window), 2 * TRAIN);
        assert_eq!(window.on_receipt(Receipt { next: TRAIN, received: TRAIN }), TRAIN);
        assert_eq!(fill(&mut window), TRAIN);
        // An older one, and one of what was never sent.
        assert_eq!(window.on_receipt(Receipt { next: 16, received: 16 }), 0);
        assert_eq!(window.on_receipt(Receipt { next: 1 << 40, received: 1 << 39 }), 0);
        assert_eq!(fill(&mut window), 0);
    }

    #[test]
    fn receipts_of_what_was_not_sent_or_came_twice_are_wrong() {
        let mut window = Window::new();
        window.take(10);
        let said = |next, received| {
            let possible = window.is_possible(Receipt { next, received });
            possible.map_err(|error| error.to_string())
        };
        assert_eq!(said(10, 8), Ok(()));
        assert_eq!(said(11, 8), Err("datagram 10 was received, and never sent".to_owned()));
        assert_eq!(said(10, 11), Err("of 10 datagrams 11 were received".to_owned()));
    }

    #[test]
    fn window_grows_by_a_train_with_each_window_and_not_without_end() {
        let mut window = Window::new();
        let mut sizes = vec![];
        for _ in 0..100 {
            fill(&mut window);
            sizes.push(window.size);
            window.on_receipt(Receipt { next: window.next, received: window.next });
        }
        assert!(sizes[1] - sizes[0] <= TRAIN && sizes[1] > sizes[0], "{sizes:?}");
        assert_eq!(sizes.last(), Some(&LARGEST));
    }

    #[test]
    fn losses_of_one_window_halve_it_once_and_it_never_gets_too_small_for_a_receipt() {
        let mut window = Window { size: 512, ..Window::new() };
        let sent = fill(&mut window);
        window.on_receipt(Receipt { next: 100, received: 90 });
        window.on_receipt(Receipt { next: sent, received: sent - 20 });
        assert_eq!(window.size, 256);
        for _ in 0..9 {
            fill(&mut window);
            window.on_silence();
        }
        assert_eq!((window.size, fill(&mut window)), (SMALLEST, SMALLEST));
    }
}
