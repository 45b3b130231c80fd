//! Access points of UDP: datagrams in, datagrams out, no sessions.

mod bulk;
mod mail;
mod port;
mod service;

pub use bulk::{BULK_DATAGRAM, Receipt, number_of};
pub(super) use port::Port;
pub use service::UdpService;

use super::access_point::{Command, Dc, Order};
use super::announcement::{self, Announcement};
use super::counts::Counters;
use super::fault::Fault;
use super::service::Whoami;
use crate::net::Peer;
use mail::{Answers, Arrivals};
use service::Clients;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Answers that wait to leave late; further ones are lost.
const MOST_LATE: usize = 16 * 1024;

/// How long reading rests after an error.
const READ_PAUSE: Duration = Duration::from_millis(50);

/// The task behind one access point.
pub(super) struct Task {
    dc: Arc<Dc>,
    service: UdpService,
    port: Port,
    inbox: mpsc::Receiver<Command>,
    counters: Arc<Counters>,
    fault: Fault,
    /// Datagrams that have come since the fault began, lost ones included.
    arrived: u64,
    clients: Clients,
    answers: Answers,
    late: VecDeque<Late>,
}

/// An answer that leaves later.
struct Late {
    due: Instant,
    to: Peer,
    datagram: Box<[u8]>,
}

impl Task {
    pub(super) fn new(
        dc: &Arc<Dc>,
        service: UdpService,
        port: Port,
        inbox: mpsc::Receiver<Command>,
        counters: &Arc<Counters>,
    ) -> Task {
        Task {
            dc: Arc::clone(dc),
            service,
            port,
            inbox,
            counters: Arc::clone(counters),
            fault: Fault::None,
            arrived: 0,
            clients: Clients::default(),
            answers: Answers::default(),
            late: VecDeque::new(),
        }
    }

    pub(super) async fn run(mut self) {
        let mut arrivals = Arrivals::default();
        loop {
            let due = self.late.front().map(|late| late.due);
            tokio::select! {
                // Orders first: what was sent after an order must meet its effect.
                biased;
                command = self.inbox.recv() => match command {
                    Some(Command { order, done }) => {
                        // Nobody waits any more: the order is carried out all the same.
                        let _ = done.send(self.carry_out(order));
                    }
                    None => break,
                },
                () = until(due) => self.send_late(),
                read = arrivals.read(&self.port) => match read {
                    Ok(()) => self.answer(&arrivals),
                    Err(_) => tokio::time::sleep(READ_PAUSE).await,
                },
            }
        }
    }

    fn carry_out(&mut self, order: Order) -> io::Result<()> {
        match order {
            Order::Cut => self.clients.forget(),
            Order::Fault(fault) => {
                if self.fault == Fault::Drop {
                    // What came while the power was gone is answered by nobody.
                    self.port.close();
                }
                self.fault = fault;
                self.arrived = 0;
                match fault {
                    Fault::Refuse => self.port.close(),
                    Fault::None
                    | Fault::Reset
                    | Fault::Mute
                    | Fault::Slow(_)
                    | Fault::Loss(_)
                    | Fault::Status(_)
                    | Fault::Mtproto(_)
                    | Fault::Drop => self.port.open()?,
                }
            }
        }
        Ok(())
    }

    /// Deals with all that was read.
    fn answer(&mut self, arrivals: &Arrivals) {
        let mut met: Vec<Peer> = Vec::new();
        arrivals.for_each(|from, datagram| {
            if self.is_lost() {
                return;
            }
            let (announced, datagram) = match self.dc.expects_header {
                false => (None, datagram),
                true => match announcement::split(datagram) {
                    Some((announced, payload)) => (Some(announced), payload),
                    None => return,
                },
            };
            let number = self.clients.number(from.address);
            self.counters.took(datagram.len(), self.clients.count());
            if self.fault == Fault::Mute {
                return;
            }
            match self.service {
                UdpService::Echo => self.answers.push(from, &[datagram]),
                UdpService::Who => {
                    let line = self.who(from, number as u64 + 1, announced).to_line();
                    self.answers.push(from, &[&line, datagram]);
                }
                UdpService::Sink => self.clients.client(from.address).on_numbered(datagram),
                UdpService::Source => self.clients.client(from.address).on_credit(datagram),
            }
            if met.last() != Some(&from) {
                met.push(from);
            }
        });
        for client in met {
            match self.service {
                UdpService::Echo | UdpService::Who => {}
                UdpService::Sink => {
                    if let Some(receipt) = self.clients.client(client.address).take_receipt() {
                        self.answers.push(client, &[&receipt.to_bytes()]);
                    }
                }
                UdpService::Source => {
                    for number in self.clients.client(client.address).take_credit() {
                        self.answers.push(client, &[&number.to_le_bytes(), &FILLING]);
                    }
                }
            }
        }
        self.send();
    }

    /// Whether the next datagram does not arrive.
    fn is_lost(&mut self) -> bool {
        self.arrived += 1;
        match self.fault {
            Fault::Drop => true,
            // Spread evenly: the 4th, 7th and 10th of ten for thirty of a hundred.
            Fault::Loss(percent) => {
                let lost = |arrived: u64| arrived * u64::from(percent) / 100;
                lost(self.arrived) > lost(self.arrived - 1)
            }
            Fault::None
            | Fault::Refuse
            | Fault::Reset
            | Fault::Mute
            | Fault::Slow(_)
            | Fault::Status(_)
            | Fault::Mtproto(_) => false,
        }
    }

    fn who(&self, peer: Peer, connection: u64, announced: Option<Announcement>) -> Whoami {
        let access_point = self.port.address();
        Whoami { dc: self.dc.id, access_point, peer: peer.address, connection, announced }
    }

    /// Sends all answers, at once or late.
    fn send(&mut self) {
        match self.fault {
            Fault::Slow(by) => {
                let due = Instant::now() + by;
                self.answers.drain(|to, datagram| {
                    if self.late.len() < MOST_LATE {
                        self.late.push_back(Late { due, to, datagram: datagram.into() });
                    }
                });
            }
            Fault::None
            | Fault::Refuse
            | Fault::Reset
            | Fault::Mute
            | Fault::Loss(_)
            | Fault::Status(_)
            | Fault::Mtproto(_)
            | Fault::Drop => self.send_now(),
        }
    }

    fn send_late(&mut self) {
        let now = Instant::now();
        // What waits when the fault changes meets the new one.
        let silent = matches!(self.fault, Fault::Mute | Fault::Drop);
        let due = self.late.iter().take_while(|late| late.due <= now).count();
        for Late { to, datagram, .. } in self.late.drain(..due) {
            if !silent {
                self.answers.push(to, &[&datagram]);
            }
        }
        self.send_now();
    }

    fn send_now(&mut self) {
        if let Some(socket) = self.port.socket() {
            let (datagrams, bytes) = self.answers.send(socket);
            self.counters.gave(datagrams, bytes);
        } else {
            self.answers.drain(|_, _| {});
        }
    }
}

/// What datagrams of a source have behind their number.
const FILLING: [u8; BULK_DATAGRAM - size_of::<u64>()] = [0x5a; BULK_DATAGRAM - size_of::<u64>()];

/// Never, if there is no time.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
