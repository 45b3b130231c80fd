//! A receiver of bulk that gives as much credit as nearly all of it arrives.

use super::socket::Socket;
use super::window::Window;
use super::{BULK_DATAGRAM, BULK_SILENCE, Patience, Tally};
use nearpoint::stub::{Receipt, number_of};
use std::io;
use tokio::time::timeout;

pub(super) async fn run(mut socket: Socket, tally: Tally) -> io::Result<()> {
    let mut window = Window::new();
    let mut patience = Patience::default();
    let mut receipt = Receipt::default();
    loop {
        let mut credit = None;
        while let Some(train) = window.take_train() {
            tally.offer((train.end - train.start) * BULK_DATAGRAM as u64);
            credit = Some(train.end);
        }
        if let Some(credit) = credit {
            socket.send(&credit.to_le_bytes(), size_of::<u64>())?;
        }
        let each = |datagram: &[u8]| {
            if let Some(number) = number_of(datagram) {
                receipt.next = receipt.next.max(number.saturating_add(1));
                receipt.received += 1;
            }
        };
        match timeout(BULK_SILENCE, socket.receive(each)).await {
            Ok(received) => {
                received?;
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
