//! Simulated clients: each comes through loopback and says in a PROXY header (version 2) which
//! address of the world it has. One session at a time each, so the load is bounded by their number.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use ppp::v2::{Builder, Command, Protocol, Version};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::tally::{ClientId, Event, Failure, Seen};
use crate::routing::{CountryCode, DcId};
use crate::stub::Whoami;

/// `ip,country`, by the embedded GeoIP database.
const CSV: &str = include_str!("clients.csv");

/// From connect to the first line; longer than the daemon's own deadline.
const ANSWER: Duration = Duration::from_secs(10);
/// From a message to its echo.
const ECHO: Duration = Duration::from_secs(10);
/// Between two messages.
const MESSAGE_PAUSE: Duration = Duration::from_millis(250);
const MESSAGE_BYTES: usize = 64;
/// Messages of a usual session: one second and a bit.
const MESSAGES: u64 = 4;
/// Messages of a long session, three seconds and a bit.
const LONG_MESSAGES: u64 = 12;
/// One client in so many has long sessions.
const LONG_EVERY: usize = 6;
/// Between two sessions, at least.
const PAUSE: Duration = Duration::from_millis(100);
/// Within this time all clients have come.
const ARRIVAL_MILLIS: u64 = 800;
/// More than a [`Whoami`] takes.
const LONGEST_LINE: u64 = 512;

/// Where a client comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resident {
    /// Its address.
    pub(super) ip: IpAddr,
    /// Where that is.
    pub(super) country: CountryCode,
}

/// All clients there are.
pub(super) fn residents() -> Vec<Resident> {
    let rows = CSV.lines().skip(1);
    rows.map(|row| resident(row).expect("the tests read every row of clients.csv")).collect()
}

fn resident(row: &str) -> Option<Resident> {
    let (ip, country) = row.split_once(',')?;
    Some(Resident { ip: ip.parse().ok()?, country: CountryCode::new(country)? })
}

/// One client.
pub(super) struct Client {
    /// Its number.
    pub(super) id: ClientId,
    /// The address it claims.
    pub(super) ip: IpAddr,
    /// The listener of the edge.
    pub(super) edge: SocketAddr,
    /// The beginning of the demo.
    pub(super) epoch: Instant,
    /// Takes what it sees.
    pub(super) events: mpsc::Sender<Event>,
}

impl Client {
    /// Session after session, for as long as anybody wants to know.
    pub(super) async fn live(self) {
        sleep(Duration::from_millis(self.chance(0) % ARRIVAL_MILLIS)).await;
        let mut hurry = true;
        for number in 1.. {
            let seen = self.session(number).await;
            let cut = matches!(seen, Seen::Broken { .. });
            if self.tell(seen).await.is_err() {
                return;
            }
            // Whose session was cut comes back at once; whoever has just done so waits.
            let at_once = cut && hurry;
            hurry = !cut;
            if !at_once {
                sleep(PAUSE + Duration::from_millis(self.chance(number) % 200)).await;
            }
        }
    }

    async fn session(&self, number: u64) -> Seen {
        let began = self.epoch.elapsed();
        let broken = |dc, failure| Seen::Broken { dc, began, failure };
        let opened = timeout(ANSWER, self.open()).await;
        let (mut stream, dc) = match opened.unwrap_or(Err(Failure::Silent)) {
            Ok(opened) => opened,
            Err(failure) => return broken(None, failure),
        };
        if self.tell(Seen::Answered { dc, began }).await.is_err() {
            return Seen::Ended;
        }
        match self.converse(&mut stream, number).await {
            Ok(()) => Seen::Ended,
            Err(failure) => broken(Some(dc), failure),
        }
    }

    /// Connects, says who it is, and hears who answers.
    async fn open(&self) -> Result<(TcpStream, DcId), Failure> {
        let mut stream = TcpStream::connect(self.edge).await.map_err(|_| Failure::Connect)?;
        let here = stream.local_addr().map_err(|_| Failure::Connect)?;
        let header = proxy_header(SocketAddr::new(self.ip, here.port()), self.edge);
        stream.write_all(&header.map_err(failure)?).await.map_err(failure)?;
        let mut line = Vec::new();
        let mut reader = BufReader::new((&mut stream).take(LONGEST_LINE));
        reader.read_until(b'\n', &mut line).await.map_err(failure)?;
        if line.is_empty() {
            return Err(Failure::Ended);
        }
        let whoami: Whoami = serde_json::from_slice(&line).map_err(|_| Failure::Garbled)?;
        Ok((stream, DcId(whoami.dc)))
    }

    async fn converse(&self, stream: &mut TcpStream, number: u64) -> Result<(), Failure> {
        let messages = match self.id.0 % LONG_EVERY {
            0 => LONG_MESSAGES,
            _ => MESSAGES,
        };
        for message in 0..messages {
            let bytes = [(self.chance(number) + message) as u8; MESSAGE_BYTES];
            stream.write_all(&bytes).await.map_err(failure)?;
            let mut echo = [0; MESSAGE_BYTES];
            let echoed = timeout(ECHO, stream.read_exact(&mut echo)).await;
            echoed.map_err(|_| Failure::Silent)?.map_err(failure)?;
            if echo != bytes {
                return Err(Failure::Garbled);
            }
            // Nothing is due now, but a session that is cut meanwhile is noticed at once.
            if let Ok(early) = timeout(MESSAGE_PAUSE, stream.read(&mut [0])).await {
                return Err(match early.map_err(failure)? {
                    0 => Failure::Ended,
                    _ => Failure::Garbled,
                });
            }
        }
        stream.shutdown().await.map_err(failure)?;
        let rest = timeout(ECHO, stream.read(&mut [0])).await;
        match rest.map_err(|_| Failure::Silent)?.map_err(failure)? {
            0 => Ok(()),
            _ => Err(Failure::Garbled),
        }
    }

    async fn tell(&self, seen: Seen) -> Result<(), mpsc::error::SendError<Event>> {
        let at = self.epoch.elapsed();
        self.events.send(Event { client: self.id, at, seen }).await
    }

    /// A number that looks like chance and is the same in every run: clients must not march in step.
    /// The finalizer of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Generators).
    fn chance(&self, number: u64) -> u64 {
        let seed = (self.id.0 as u64) << 32 | number;
        let mut z = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Both addresses of a header are of one family: an IPv6 client names the edge as a v4-mapped one.
fn proxy_header(client: SocketAddr, edge: SocketAddr) -> io::Result<Vec<u8>> {
    let mapped = |ip: Ipv4Addr| IpAddr::V6(ip.to_ipv6_mapped());
    let edge_ip = match (client.ip(), edge.ip()) {
        (IpAddr::V6(_), IpAddr::V4(edge)) => mapped(edge),
        (_, edge) => edge,
    };
    let addresses = (client, SocketAddr::new(edge_ip, edge.port()));
    Builder::with_addresses(Version::Two | Command::Proxy, Protocol::Stream, addresses).build()
}

fn failure(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Failure::Ended,
        _ => Failure::Reset,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ppp::v2::Header;

    use super::*;
    use crate::geoip::Database;
    use crate::routing::ClientAddr;

    #[test]
    fn clients_are_where_the_embedded_database_locates_them() {
        let database = Database::embedded();
        for Resident { ip, country } in residents() {
            let place = database.locate(ClientAddr::new(ip)).place;
            assert_eq!(place.and_then(|place| place.country), Some(country), "{ip}");
        }
    }

    #[test]
    fn clients_come_from_many_countries_and_both_families() {
        let residents = residents();
        assert_eq!(residents.len(), CSV.lines().count() - 1);
        let countries: BTreeSet<_> = residents.iter().map(|it| it.country).collect();
        assert!((60..=90).contains(&residents.len()), "a moderate load");
        assert!(countries.len() > 50, "{}", countries.len());
        assert!(residents.iter().any(|it| it.ip.is_ipv6()));
        let addresses: BTreeSet<_> = residents.iter().map(|it| it.ip).collect();
        assert_eq!(addresses.len(), residents.len(), "everybody is one client");
    }

    #[test]
    fn headers_name_the_client_in_both_families() {
        let edge: SocketAddr = "127.77.0.1:8443".parse().expect("an address of the test");
        for client in ["192.0.2.1:1234", "[2001:db8::1]:1234"] {
            let client: SocketAddr = client.parse().expect("an address of the test");
            let bytes = proxy_header(client, edge).expect("a header");
            let header = Header::try_from(bytes.as_slice()).expect("a valid header");
            let source = match header.addresses {
                ppp::v2::Addresses::IPv4(ip) => {
                    SocketAddr::from((ip.source_address, ip.source_port))
                }
                ppp::v2::Addresses::IPv6(ip) => {
                    SocketAddr::from((ip.source_address, ip.source_port))
                }
                other => panic!("no addresses of the internet: {other:?}"),
            };
            assert_eq!(source, client);
        }
    }
}
