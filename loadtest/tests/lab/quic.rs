//! A real stack of QUIC through nearpoint: bulk in both directions over an MTU of 1500, a reload on the
//! way, and a DC that dies.

use crate::edge::{CLIENTS, Edge, PATIENCE};
use crate::noise::Noise;
use libtest_mimic::Failed;
use quinn::rustls::RootCertStore;
use quinn::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use quinn::{ClientConfig, Connection, Endpoint, EndpointConfig, ServerConfig, TokioRuntime};
use std::future::Future;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::Instant;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// What servers send and what clients send, in bytes.
const DOWN: usize = 100 << 20;
const UP: usize = 8 << 20;

/// What is sent at once.
const BLOCK: usize = 64 * 1024;

/// Two DCs; in the longer list one of them has another access point, where nobody is.
const LIST: &str = "- {id: 1, ip_address: 198.19.1.10, port: 4430, protocols: [udp]}\n\
                    - {id: 2, ip_address: 198.19.2.10, port: 4430, protocols: [udp]}\n\
                    - {id: 2, ip_address: 198.19.2.11, port: 4430, protocols: [udp]}\n";
const SHORTER: &str = "- {id: 1, ip_address: 198.19.1.10, port: 4430, protocols: [udp]}\n\
                       - {id: 2, ip_address: 198.19.2.10, port: 4430, protocols: [udp]}\n";

/// What is told by whoever has ended a connection, or a stream of it.
type Told = Box<dyn std::error::Error + Send + Sync>;

pub(crate) fn hundred_mebibytes_survive_reloads_and_a_new_connection_a_dead_dc()
-> Result<(), Failed> {
    let mut edge = Edge::start("2ms,2ms,4ms", SHORTER, "{}")?;
    let identity = rcgen::generate_simple_self_signed(["nearpoint.test".to_owned()])?;
    let certificate = CertificateDer::from(identity.cert);
    let key = PrivateKeyDer::try_from(identity.signing_key.serialize_der())?;
    let mut servers = [1, 2].map(|dc| Server::start(&edge, dc, &certificate, &key));
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let client = Client::new(&edge, &certificate)?;

    let (first, dc, seen_as) = runtime.block_on(within(client.connect()))?;
    runtime.block_on(within(first.upload()))?;
    let began = Instant::now();
    let mut download = runtime.block_on(within(first.download()))?;
    runtime.block_on(within(download.read(DOWN / 4)))?;
    edge.replace(LIST)?;
    runtime.block_on(within(download.read(DOWN / 4)))?;
    edge.replace(SHORTER)?;
    runtime.block_on(within(download.read_to_end()))?;
    println!("{DOWN} bytes down in {:?}, two reloads on the way", began.elapsed());
    let (again, same_as) = runtime.block_on(within(first.who()))?;
    assert_eq!((again, same_as), (dc, seen_as), "the connection has stayed on its flow");
    let lost = first.0.stats().path.lost_packets;
    println!("{lost} packets lost on the client's path, dc {dc}");
    for reason in ["truncated", "local", "upstream_error", "downstream_error"] {
        let dropped = edge.metric("nearpoint_udp_drops_total", &format!("\"{reason}\""))?;
        assert_eq!(dropped, 0.0, "{reason}");
    }

    // The power fails: nobody says good-bye.
    let dead = servers.iter_mut().find(|server| server.as_ref().is_ok_and(|it| it.dc == dc));
    let dead = dead.ok_or("no such DC")?;
    *dead = Err("dead".into());
    let began = Instant::now();
    let client = Client::new(&edge, &certificate)?;
    let (second, other, _) = runtime.block_on(within(client.connect()))?;
    println!("connected again after {:?}", began.elapsed());
    assert_ne!(other, dc, "a DC that is dead answers");
    runtime.block_on(within(second.upload()))?;
    Ok(())
}

async fn within<T>(wait: impl Future<Output = Result<T, Told>>) -> Result<T, Failed> {
    let waited = timeout(3 * PATIENCE, wait).await.map_err(|_| "waited in vain")?;
    Ok(waited.map_err(|error| error.to_string())?)
}

/// A server of QUIC in a DC, on a thread of its own.
struct Server {
    dc: u8,
    /// Everything ends at once when this is dropped.
    alive: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    fn start(
        edge: &Edge,
        dc: u8,
        certificate: &CertificateDer<'static>,
        key: &PrivateKeyDer<'static>,
    ) -> Result<Server, Failed> {
        let socket = edge.socket(&format!("dc{dc}"), &format!("198.19.{dc}.10:4430"))?;
        let config = ServerConfig::with_single_cert(vec![certificate.clone()], key.clone_key())?;
        let (alive, dead) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build();
            let runtime: Runtime = runtime.expect("a runtime");
            runtime.block_on(async {
                tokio::select! {
                    _ = dead => {}
                    _ = serve(socket, config, dc) => {}
                }
            });
            // With its tasks the socket is gone, and nothing is said to anybody.
            runtime.shutdown_background();
        });
        Ok(Server { dc, alive: Some(alive), thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.alive.take());
        if let Some(thread) = self.thread.take() {
            // Clients have told of a server that panicked.
            let _ = thread.join();
        }
    }
}

async fn serve(socket: UdpSocket, config: ServerConfig, dc: u8) -> Result<(), Told> {
    let runtime = Arc::new(TokioRuntime);
    let endpoint = Endpoint::new(EndpointConfig::default(), Some(config), socket, runtime)?;
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(async move {
            let connection = incoming.await?;
            while let Ok((to, from)) = connection.accept_bi().await {
                tokio::spawn(answer(connection.clone(), dc, to, from));
            }
            Ok::<(), Told>(())
        });
    }
    Ok(())
}

/// A stream begins with one byte that says what is wanted.
async fn answer(
    connection: Connection,
    dc: u8,
    mut to: quinn::SendStream,
    mut from: quinn::RecvStream,
) -> Result<(), Told> {
    let mut wanted = [0];
    from.read_exact(&mut wanted).await?;
    match wanted {
        [b'w'] => {
            let who = format!("{dc} {}", connection.remote_address());
            to.write_all(who.as_bytes()).await?;
        }
        [b'd'] => send_noise(&mut to, DOWN).await?,
        _ => {
            expect_noise(&mut from, UP, &mut Noise(UP as u64)).await?;
            to.write_all(b"whole").await?;
        }
    }
    to.finish()?;
    // Until the client has it all.
    to.stopped().await?;
    Ok(())
}

async fn send_noise(to: &mut quinn::SendStream, bytes: usize) -> Result<(), Told> {
    let (mut noise, mut block) = (Noise(bytes as u64), vec![0; BLOCK]);
    for _ in 0..bytes / BLOCK {
        noise.fill(&mut block);
        to.write_all(&block).await?;
    }
    Ok(())
}

async fn expect_noise(
    from: &mut quinn::RecvStream,
    bytes: usize,
    noise: &mut Noise,
) -> Result<(), Told> {
    let (mut expected, mut read) = (vec![0; BLOCK], vec![0; BLOCK]);
    for block in 0..bytes / BLOCK {
        noise.fill(&mut expected);
        from.read_exact(&mut read).await?;
        if read != expected {
            return Err(format!("block {block} differs").into());
        }
    }
    Ok(())
}

/// A client of QUIC, on a port of its own.
struct Client {
    socket: UdpSocket,
    config: ClientConfig,
}

impl Client {
    fn new(edge: &Edge, certificate: &CertificateDer<'static>) -> Result<Client, Failed> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone())?;
        let config = ClientConfig::with_root_certificates(Arc::new(roots))?;
        Ok(Client { socket: edge.socket("clients", "198.18.0.1:0")?, config })
    }

    /// Connects; which DC answers, and by which address that knows the client.
    async fn connect(self) -> Result<(Session, u8, SocketAddr), Told> {
        let runtime = Arc::new(TokioRuntime);
        let endpoint = Endpoint::new(EndpointConfig::default(), None, self.socket, runtime)?;
        let connecting = endpoint.connect_with(self.config, CLIENTS.parse()?, "nearpoint.test")?;
        let session = Session(connecting.await?, endpoint);
        let (dc, seen_as) = session.who().await?;
        Ok((session, dc, seen_as))
    }
}

/// A connection, with the endpoint that it is of.
struct Session(Connection, #[expect(dead_code, reason = "keeps the socket")] Endpoint);

impl Session {
    async fn ask(&self, what: u8) -> Result<(quinn::SendStream, quinn::RecvStream), Told> {
        let (mut to, from) = self.0.open_bi().await?;
        to.write_all(&[what]).await?;
        Ok((to, from))
    }

    async fn who(&self) -> Result<(u8, SocketAddr), Told> {
        let (_to, mut from) = self.ask(b'w').await?;
        let who = String::from_utf8(from.read_to_end(100).await?)?;
        let (dc, seen_as) = who.split_once(' ').ok_or("no address")?;
        Ok((dc.parse()?, seen_as.parse()?))
    }

    async fn upload(&self) -> Result<(), Told> {
        let (mut to, mut from) = self.ask(b'u').await?;
        send_noise(&mut to, UP).await?;
        to.finish()?;
        match from.read_to_end(100).await?.as_slice() {
            b"whole" => Ok(()),
            _ => Err("it did not arrive whole".into()),
        }
    }

    async fn download(&self) -> Result<Download, Told> {
        let (_to, from) = self.ask(b'd').await?;
        Ok(Download { from, noise: Noise(DOWN as u64), left: DOWN })
    }
}

/// What a server is sending, compared byte by byte.
struct Download {
    from: quinn::RecvStream,
    noise: Noise,
    left: usize,
}

impl Download {
    async fn read(&mut self, bytes: usize) -> Result<(), Told> {
        expect_noise(&mut self.from, bytes, &mut self.noise).await?;
        self.left -= bytes;
        Ok(())
    }

    async fn read_to_end(&mut self) -> Result<(), Told> {
        self.read(self.left).await?;
        match self.from.read(&mut [0]).await? {
            None => Ok(()),
            Some(_) => Err("more than was asked for".into()),
        }
    }
}
