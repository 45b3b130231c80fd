//! What an access point of UDP does with a datagram, and what it remembers of its clients.

use super::bulk::{RECEIPT_EVERY, Receipt, number_of};
use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;

/// What an access point does with a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UdpService {
    /// Sends each datagram back.
    Echo,
    /// Says who answers ([`Whoami`](super::Whoami), one line of JSON), and behind it what it was sent,
    /// in one datagram. The connection in it is the number of the client. [`Whoami::split`](super::Whoami::split)
    /// takes it apart.
    Who,
    /// Discards. Clients that number their datagrams ([`number_of`]) are sent a [`Receipt`] after every
    /// 16 of them, or more if they come in batches.
    Sink,
    /// Sends numbered datagrams ([`number_of`]) of [`BULK_DATAGRAM`](super::BULK_DATAGRAM) bytes to
    /// whoever gives it credit. Credit is a datagram that begins with a number, eight bytes,
    /// little-endian: those numbered below it may be sent, at most 4,096 of them at once.
    Source,
}

impl UdpService {
    /// All of them.
    pub const ALL: [UdpService; 4] =
        [UdpService::Echo, UdpService::Who, UdpService::Sink, UdpService::Source];

    fn name(self) -> &'static str {
        match self {
            UdpService::Echo => "echo",
            UdpService::Who => "who",
            UdpService::Sink => "sink",
            UdpService::Source => "source",
        }
    }

    pub(in crate::stub) fn from_name(name: &str) -> Option<UdpService> {
        UdpService::ALL.into_iter().find(|service| service.name() == name)
    }
}

impl fmt::Display for UdpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// More clients than this are not told apart: they all are the last one.
const MOST_CLIENTS: usize = 1 << 20;

/// What was sent by whom so far.
#[derive(Debug, Default)]
pub(super) struct Clients {
    numbers: HashMap<SocketAddr, usize>,
    clients: Vec<Client>,
    /// The last one looked up: datagrams come in trains.
    last: Option<(SocketAddr, usize)>,
}

/// One client, by the address its datagrams come from: behind a proxy, a flow of it.
#[derive(Debug, Default)]
pub(super) struct Client {
    receipt: Receipt,
    receipted: u64,
    sent: u64,
    credit: u64,
}

impl Clients {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.clients.len()
    }

    /// The number of the client, from 0, in the order in which they came.
    pub(super) fn number(&mut self, address: SocketAddr) -> usize {
        if let Some((known, number)) = self.last
            && known == address
        {
            return number;
        }
        let number = match self.numbers.get(&address) {
            Some(number) => *number,
            None if self.clients.len() == MOST_CLIENTS => MOST_CLIENTS - 1,
            None => {
                self.clients.push(Client::default());
                self.numbers.insert(address, self.clients.len() - 1);
                self.clients.len() - 1
            }
        };
        self.last = Some((address, number));
        number
    }

    pub(super) fn client(&mut self, address: SocketAddr) -> &mut Client {
        let number = self.number(address);
        &mut self.clients[number]
    }

    /// What clients were given and promised is forgotten; their numbers stay.
    pub(super) fn forget(&mut self) {
        self.clients.iter_mut().for_each(|client| *client = Client::default());
    }
}

/// The most that is sent for one datagram of credit.
const MOST_CREDIT: u64 = 4096;

impl Client {
    /// A datagram has come to a sink.
    pub(super) fn on_numbered(&mut self, datagram: &[u8]) {
        if let Some(number) = number_of(datagram) {
            self.receipt.received += 1;
            self.receipt.next = self.receipt.next.max(number.saturating_add(1));
        }
    }

    /// The receipt that is due, if one is.
    pub(super) fn take_receipt(&mut self) -> Option<Receipt> {
        let due = self.receipt.received - self.receipted >= RECEIPT_EVERY;
        due.then(|| {
            self.receipted = self.receipt.received;
            self.receipt
        })
    }

    /// A datagram has come to a source.
    pub(super) fn on_credit(&mut self, datagram: &[u8]) {
        if let Some(until) = number_of(datagram) {
            self.credit = until.min(self.sent + MOST_CREDIT);
        }
    }

    /// Numbers of the datagrams that may be sent now. They count as sent.
    pub(super) fn take_credit(&mut self) -> std::ops::Range<u64> {
        let numbers = self.sent..self.credit.max(self.sent);
        self.sent = numbers.end;
        numbers
    }
}
