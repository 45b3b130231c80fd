//! Access points of UDP: datagrams in, datagrams out, no sessions.

mod bulk;
mod port;
mod service;

pub use bulk::{BULK_DATAGRAM, Receipt, number_of};
pub(super) use port::Port;
pub use service::UdpService;

use super::access_point::{Command, Dc, Order};
use super::counts::Counters;
use super::fault::Fault;
use super::service::Whoami;
use service::Clients;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Longer than any datagram.
const LONGEST: usize = 64 * 1024;

/// Datagrams that are read before orders are looked at again.
const BATCH: usize = 64;

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
    late: VecDeque<Late>,
}

/// An answer that leaves later.
struct Late {
    due: Instant,
    to: SocketAddr,
    datagram: Vec<u8>,
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
            late: VecDeque::new(),
        }
    }

    pub(super) async fn run(mut self) {
        let mut batch = Batch::default();
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
                () = until(due) => self.send_late().await,
                read = batch.fill(&self.port) => match read {
                    Ok(()) => self.answer(&mut batch).await,
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
    async fn answer(&mut self, batch: &mut Batch) {
        let mut met: Vec<SocketAddr> = Vec::new();
        for (from, datagram) in batch.take() {
            if self.is_lost() {
                continue;
            }
            let number = self.clients.number(from);
            self.counters.took(datagram.len(), self.clients.count());
            if self.fault == Fault::Mute {
                continue;
            }
            match self.service {
                UdpService::Echo => self.send(from, datagram).await,
                UdpService::Who => {
                    let answer = self.who(from, number as u64 + 1, &datagram);
                    self.send(from, answer).await;
                }
                UdpService::Sink => self.clients.client(from).on_numbered(&datagram),
                UdpService::Source => self.clients.client(from).on_credit(&datagram),
            }
            if met.last() != Some(&from) {
                met.push(from);
            }
        }
        for client in met {
            match self.service {
                UdpService::Echo | UdpService::Who => {}
                UdpService::Sink => {
                    if let Some(receipt) = self.clients.client(client).take_receipt() {
                        self.send(client, receipt.to_bytes().to_vec()).await;
                    }
                }
                UdpService::Source => {
                    for number in self.clients.client(client).take_credit() {
                        let mut datagram = vec![0; BULK_DATAGRAM];
                        datagram[..8].copy_from_slice(&number.to_le_bytes());
                        self.send(client, datagram).await;
                    }
                }
            }
        }
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

    fn who(&self, peer: SocketAddr, connection: u64, asked: &[u8]) -> Vec<u8> {
        let access_point = self.port.address();
        let whoami = Whoami { dc: self.dc.id, access_point, peer, connection };
        let mut answer = whoami.to_line();
        answer.extend_from_slice(asked);
        answer
    }

    async fn send(&mut self, to: SocketAddr, datagram: Vec<u8>) {
        match self.fault {
            Fault::Slow(by) => {
                if self.late.len() < MOST_LATE {
                    self.late.push_back(Late { due: Instant::now() + by, to, datagram });
                }
            }
            Fault::None
            | Fault::Refuse
            | Fault::Reset
            | Fault::Mute
            | Fault::Loss(_)
            | Fault::Status(_)
            | Fault::Mtproto(_)
            | Fault::Drop => self.send_now(to, &datagram).await,
        }
    }

    async fn send_late(&mut self) {
        let now = Instant::now();
        while let Some(late) = self.late.pop_front_if(|late| late.due <= now) {
            // What waits when the fault changes meets the new one.
            if !matches!(self.fault, Fault::Mute | Fault::Drop) {
                self.send_now(late.to, &late.datagram).await;
            }
        }
    }

    async fn send_now(&self, to: SocketAddr, datagram: &[u8]) {
        // One that cannot be sent is lost, as others are.
        if let Some(socket) = self.port.socket()
            && let Ok(bytes) = socket.send_to(datagram, to).await
        {
            self.counters.gave(bytes);
        }
    }
}

/// Datagrams that were read together.
#[derive(Debug, Default)]
struct Batch {
    buffer: Vec<u8>,
    datagrams: Vec<(SocketAddr, Vec<u8>)>,
}

impl Batch {
    /// Waits for datagrams and reads what is there; never returns while the port is closed.
    async fn fill(&mut self, port: &Port) -> io::Result<()> {
        let Some(socket) = port.socket() else { return std::future::pending().await };
        socket.readable().await?;
        self.buffer.resize(LONGEST, 0);
        while self.datagrams.len() < BATCH {
            match socket.try_recv_from(&mut self.buffer) {
                Ok((bytes, from)) => self.datagrams.push((from, self.buffer[..bytes].to_vec())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn take(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        std::mem::take(&mut self.datagrams)
    }
}

/// Never, if there is no time.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
