//! Clients of UDP.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use nearpoint::stub::Whoami;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::within;

/// Longer than any datagram.
const LONGEST: usize = 65_536;

/// Between a question and the same one again.
const AGAIN: Duration = Duration::from_millis(100);

/// A client of UDP as it is: one socket. Questions are numbered, so that no answer is taken for that
/// to another question.
pub(crate) struct UdpClient {
    socket: UdpSocket,
    to: SocketAddr,
    asked: u64,
    buffer: Vec<u8>,
}

impl UdpClient {
    /// A client at this address.
    pub(crate) async fn new(source: IpAddr, to: SocketAddr) -> Self {
        let socket = UdpSocket::bind(SocketAddr::new(source, 0)).await.expect("a port");
        Self { socket, to, asked: 0, buffer: vec![0; LONGEST] }
    }

    /// The same client, to another address.
    pub(crate) fn turn_to(&mut self, to: SocketAddr) {
        self.to = to;
    }

    /// Sends one datagram.
    pub(crate) async fn send(&self, datagram: &[u8]) {
        self.try_send(datagram).await.expect("sent");
    }

    /// The same, if the kernel takes it.
    pub(crate) async fn try_send(&self, datagram: &[u8]) -> io::Result<()> {
        let sent = self.socket.send_to(datagram, self.to).await?;
        assert_eq!(sent, datagram.len());
        Ok(())
    }

    /// The next datagram, which must come from where this client sends to.
    pub(crate) async fn hear(&mut self) -> &[u8] {
        let received = within("a datagram", self.socket.recv_from(&mut self.buffer)).await;
        let (length, from) = received.expect("received");
        assert_eq!(from, self.to, "an answer from another address");
        &self.buffer[..length]
    }

    /// One question, and who answers it. The answer must come, and repeat the question.
    pub(crate) async fn ask(&mut self) -> Whoami {
        let question = self.question();
        self.send(&question).await;
        self.answer(&question).await
    }

    /// Asks again and again until somebody answers.
    pub(crate) async fn ask_until_answered(&mut self) -> Whoami {
        let asking = async {
            loop {
                if let Some(who) = self.ask_once().await {
                    return who;
                }
            }
        };
        within("an answer", asking).await
    }

    /// One question; its answer if one comes soon.
    pub(crate) async fn ask_once(&mut self) -> Option<Whoami> {
        let question = self.question();
        self.send(&question).await;
        timeout(AGAIN, self.answer(&question)).await.ok()
    }

    /// The answer to this question; answers to earlier ones, which come late, are passed over.
    async fn answer(&mut self, question: &[u8]) -> Whoami {
        loop {
            let (who, repeated) = Whoami::split(self.hear().await).expect("an answer of a stub");
            if repeated == question {
                return who;
            }
        }
    }

    fn question(&mut self) -> Vec<u8> {
        self.asked += 1;
        format!("question {}", self.asked).into_bytes()
    }
}

/// A client at home in this DC, by its address: see
/// [`CLIENTS_OF_DCS`](super::lab::CLIENTS_OF_DCS).
pub(crate) fn client_of(dc: u16, number: u8) -> IpAddr {
    let dc = u8::try_from(dc).expect("a DC of the laboratory");
    Ipv4Addr::new(127, 0, dc, number).into()
}
