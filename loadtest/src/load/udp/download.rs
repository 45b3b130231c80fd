//! A receiver of bulk that gives as much credit as nearly all of it arrives.

use super::socket::Socket;
use super::window::Window;
use super::{BULK_DATAGRAM, BULK_SILENCE, Patience, Tally};
use crate::load::content::wrong;
use nearpoint::stub::{Receipt, number_of};
use std::io;
use tokio::time::timeout;

pub(super) async fn run(mut socket: Socket, verify: bool, tally: &Tally) -> io::Result<()> {
    let mut window = Window::new();
    let mut numbers = Numbers::default();
    let mut patience = Patience::default();
    let mut receipt = Receipt::default();
    loop {
        let mut credit = None;
        while let Some(train) = window.take_train() {
            tally.offer((train.end - train.start) * BULK_DATAGRAM as u64);
            credit = Some(train.end);
        }
        if let Some(credit) = credit {
            numbers.credit = credit;
            socket.send(&credit.to_le_bytes(), size_of::<u64>())?;
        }
        let mut outcome = Ok(());
        let each = |datagram: &[u8]| {
            if verify && outcome.is_ok() {
                outcome = numbers.on_datagram(datagram);
            }
            if let Some(number) = number_of(datagram) {
                receipt.next = receipt.next.max(number.saturating_add(1));
                receipt.received += 1;
            }
        };
        match timeout(BULK_SILENCE, socket.receive(each)).await {
            Ok(received) => {
                received?;
                outcome?;
                patience.on_answer();
                tally.add(window.on_receipt(receipt) * BULK_DATAGRAM as u64);
            }
            // What was lost may have been the credit; the next one says the same and more.
            Err(_) => {
                patience.on_silence(BULK_SILENCE)?;
                window.on_silence();
            }
        }
    }
}

/// Which numbers have come of those that there is credit for.
#[derive(Debug)]
struct Numbers {
    credit: u64,
    /// The last number that came in each place.
    last: Vec<Option<u64>>,
}

impl Default for Numbers {
    fn default() -> Numbers {
        /// More than can be under way.
        const PLACES: usize = 4096;
        Numbers { credit: 0, last: vec![None; PLACES] }
    }
}

impl Numbers {
    /// A datagram that was asked for, of its size, and for the first time.
    fn on_datagram(&mut self, datagram: &[u8]) -> io::Result<()> {
        let bytes = datagram.len();
        let number = match number_of(datagram) {
            Some(number) if bytes == BULK_DATAGRAM => number,
            Some(_) | None => {
                return Err(wrong(format!("a datagram has {bytes} bytes, not {BULK_DATAGRAM}")));
            }
        };
        if number >= self.credit {
            return Err(wrong(format!("datagram {number} came, with credit for {}", self.credit)));
        }
        let places = self.last.len() as u64;
        let last = &mut self.last[(number % places) as usize];
        if *last == Some(number) {
            return Err(wrong(format!("datagram {number} came twice")));
        }
        *last = Some(number);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_that_nobody_asked_for_or_that_come_twice_are_wrong() {
        let mut numbers = Numbers { credit: 5, ..Numbers::default() };
        let mut said = |number: u64, bytes| {
            let mut datagram = vec![0x5a; bytes];
            datagram[..8].copy_from_slice(&number.to_le_bytes());
            numbers.on_datagram(&datagram).map_err(|error| error.to_string())
        };
        let wrong = |what: &str| Err(what.to_owned());
        assert_eq!([said(4, BULK_DATAGRAM), said(0, BULK_DATAGRAM)], [Ok(()), Ok(())]);
        assert_eq!(said(4, BULK_DATAGRAM), wrong("datagram 4 came twice"));
        assert_eq!(said(5, BULK_DATAGRAM), wrong("datagram 5 came, with credit for 5"));
        assert_eq!(said(1, 1199), wrong("a datagram has 1199 bytes, not 1200"));
    }
}
