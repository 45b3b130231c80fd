//! A sender of bulk that learns by receipts what arrives.

use super::socket::Socket;
use super::window::{TRAIN, Window};
use super::{BULK_DATAGRAM, BULK_SILENCE, Pace, Patience, Tally};
use nearpoint::stub::Receipt;
use std::io;
use std::ops::Range;
use tokio::time::timeout;

pub(super) async fn run(socket: Socket, pace: Pace, verify: bool, tally: &Tally) -> io::Result<()> {
    let payload = vec![0x5a; TRAIN as usize * BULK_DATAGRAM];
    let mut sender = Sender { socket, payload, tally: tally.clone() };
    let mut window = Window::new();
    let mut patience = Patience::default();
    let mut receipts = Vec::new();
    loop {
        let mut each = |datagram: &[u8]| receipts.extend(Receipt::from_bytes(datagram));
        match pace {
            Pace::Window => {
                while let Some(train) = window.take_train() {
                    sender.send(train)?;
                }
                match timeout(BULK_SILENCE, sender.socket.receive(each)).await {
                    Ok(received) => received?,
                    Err(_) => {
                        patience.on_silence(BULK_SILENCE)?;
                        window.on_silence();
                    }
                }
            }
            Pace::Flood => {
                sender.send(window.take(TRAIN))?;
                sender.socket.receive_waiting(&mut each)?;
                // Others on this thread, and its timers, have their turn.
                tokio::task::yield_now().await;
            }
        }
        for receipt in receipts.drain(..) {
            patience.on_answer();
            if verify {
                window.is_possible(receipt)?;
            }
            tally.add(window.on_receipt(receipt) * BULK_DATAGRAM as u64);
        }
    }
}

struct Sender {
    socket: Socket,
    /// Room for a train.
    payload: Vec<u8>,
    tally: Tally,
}

impl Sender {
    /// Sends the datagrams of these numbers, at most [`TRAIN`] of them.
    fn send(&mut self, numbers: Range<u64>) -> io::Result<()> {
        let mut bytes = 0;
        for (datagram, number) in self.payload.chunks_exact_mut(BULK_DATAGRAM).zip(numbers) {
            datagram[..8].copy_from_slice(&number.to_le_bytes());
            bytes += BULK_DATAGRAM;
        }
        self.tally.offer(bytes as u64);
        self.socket.send(&self.payload[..bytes], BULK_DATAGRAM)
    }
}
