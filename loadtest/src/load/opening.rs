//! How a TCP client begins.

use super::{Opening, Plan};
use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpSocket, TcpStream};

/// Connects the session of this number from its address, and sends what comes before the load.
pub(super) async fn open(plan: &Plan, target: SocketAddr, number: u64) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(source) = plan.sources.of(number) {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = socket.connect(target).await?;
    stream.set_nodelay(true)?;
    match plan.opening {
        Opening::Plain => {}
        Opening::Obfuscated | Opening::ProxyHeader => todo!("openings"),
    }
    Ok(stream)
}
