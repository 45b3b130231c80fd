//! How a TCP client begins.

use super::content::same;
use super::{Opening, Plan};
use nearpoint::mtproto::{self, Obfuscation, Random};
use nearpoint::net::{Dial, Egress};
use nearpoint::proxy_protocol::{self, Announced};
use nearpoint::stub::Service;
use rustix::rand::{GetRandomFlags, getrandom};
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The DC that obfuscated clients name.
const DC: i16 = 1;

/// Clients that PROXY headers announce: 198.18.0.0/15, which RFC 2544 keeps for measurements.
const ANNOUNCED: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);
const ANNOUNCED_COUNT: u64 = 1 << 17;

/// Connects the session of this number from its address, and sends what comes before the load. Of an
/// echo, which sends the header of an obfuscated client back, it is read and compared.
pub(super) async fn open(plan: &Plan, target: SocketAddr, number: u64) -> io::Result<TcpStream> {
    let mut stream = connect(plan, target, number).await?;
    stream.set_nodelay(true)?;
    match plan.opening {
        Opening::Plain => {}
        Opening::Obfuscated => {
            let header = obfuscated()?;
            stream.write_all(&header).await?;
            if let Service::Echo | Service::EchoFirst { .. } = plan.workload.service() {
                let mut echo = [0; mtproto::HEADER];
                stream.read_exact(&mut echo).await?;
                same(&echo, &header, "the header that came back", 0)?;
            }
        }
        Opening::ProxyHeader => stream.write_all(&announcement(target, number)).await?,
    }
    Ok(stream)
}

async fn connect(plan: &Plan, target: SocketAddr, number: u64) -> io::Result<TcpStream> {
    let source = plan.sources.of(number);
    // With a source its port is one that is free for this target, and not for all of them.
    let dial = Dial::begin(target, source, Egress::default());
    let mut dial = dial.map_err(|error| error.source)?;
    poll_fn(|cx| dial.poll_established(cx)).await.map_err(|error| error.source)
}

/// How many bytes of the opening reach the backend.
pub(super) fn forwarded(opening: Opening) -> u64 {
    match opening {
        Opening::Obfuscated => mtproto::HEADER as u64,
        Opening::Plain | Opening::ProxyHeader => 0,
    }
}

fn obfuscated() -> io::Result<[u8; mtproto::HEADER]> {
    let random = Random::draw(|bytes| {
        // Short ones are always whole (getrandom(2)).
        getrandom(&mut bytes[..], GetRandomFlags::empty()).map(drop)
    });
    let (_, header) = Obfuscation::connect(&random?, mtproto::Transport::Intermediate, DC, None);
    Ok(header)
}

fn announcement(target: SocketAddr, number: u64) -> Vec<u8> {
    let address = Ipv4Addr::from_bits(ANNOUNCED.to_bits() + (number % ANNOUNCED_COUNT) as u32);
    let port = 1024 + (number % 60_000) as u16;
    let client = Announced::Client { source: (address, port).into(), destination: target };
    proxy_protocol::v2(proxy_protocol::Transport::Stream, &client, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nearpoint::mtproto::{FirstBytes, Sniffed, sniff};
    use nearpoint::proxy_protocol::{Parsed, parse};
    use std::collections::BTreeSet;

    #[test]
    fn obfuscated_headers_name_the_dc_and_are_all_different() {
        let headers: BTreeSet<_> = (0..100).map(|_| obfuscated().unwrap()).collect();
        assert_eq!(headers.len(), 100);
        for header in headers {
            match sniff(&header, &[]) {
                Sniffed::Decided(FirstBytes::Obfuscated(header)) => assert_eq!(header.dc, DC),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn every_session_announces_another_client() {
        let target = SocketAddr::from(([127, 0, 0, 1], 443));
        let sources: BTreeSet<_> = (0..1000)
            .map(|number| match parse(&announcement(target, number)) {
                Parsed::Whole(_, header) => match header.announced {
                    Announced::Client { source, destination } => {
                        assert_eq!(destination, target);
                        source.ip()
                    }
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(sources.len(), 1000);
    }
}
