//! One access point: accepts, obeys, and holds its sessions.

use super::FaultError;
use super::counts::Counters;
use super::fault::Fault;
use super::port::Port;
use super::service::{Service, Session};
use super::udp;
use crate::mtproto::Secret;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// What the access points of a DC have in common.
#[derive(Debug)]
pub(super) struct Dc {
    pub(super) id: u16,
    /// Secrets that clients of MTProto may use.
    pub(super) secrets: Box<[Secret]>,
    /// Sessions and datagrams begin with a PROXY header.
    pub(super) expects_header: bool,
}

/// How long accepting rests after an error, most likely for want of a descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The handle. The task behind it ends when the handle is dropped.
#[derive(Debug)]
pub(super) struct AccessPoint {
    address: SocketAddr,
    counters: Arc<Counters>,
    commands: mpsc::Sender<Command>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    Fault(Fault),
    Cut,
}

#[derive(Debug)]
pub(super) struct Command {
    pub(super) order: Order,
    pub(super) done: oneshot::Sender<io::Result<()>>,
}

/// What sessions have to know, in one cell.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing {
    pub(super) fault: Fault,
    /// How often all sessions were reset; a session ends when this is not what it was at its start.
    pub(super) cuts: u64,
}

impl AccessPoint {
    /// Counts together with one of `others` if that has the same address.
    pub(super) fn start(
        dc: &Arc<Dc>,
        address: SocketAddr,
        device: Option<&str>,
        service: Service,
        others: &[AccessPoint],
        tasks: &mut JoinSet<()>,
    ) -> io::Result<AccessPoint> {
        let counters_at = |address| {
            let same = others.iter().find(|other| other.address == address);
            same.map_or_else(Arc::default, |other| Arc::clone(&other.counters))
        };
        let (commands, inbox) = mpsc::channel(1);
        if let Service::Udp(service) = service {
            let port = udp::Port::open_at(address, device)?;
            let address = port.address();
            let counters = counters_at(address);
            tasks.spawn(udp::Task::new(dc, service, port, inbox, &counters).run());
            return Ok(AccessPoint { address, counters, commands });
        }
        let port = Port::open_at(address, device)?;
        let address = port.address();
        let counters = counters_at(address);
        let task = Task {
            dc: Arc::clone(dc),
            service,
            port,
            inbox,
            counters: Arc::clone(&counters),
            standing: watch::Sender::new(Standing::default()),
            sessions: JoinSet::new(),
        };
        tasks.spawn(task.run());
        Ok(AccessPoint { address, counters, commands })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Returns when the order is carried out.
    pub(super) async fn obey(&self, order: Order) -> Result<(), FaultError> {
        let stopped = || FaultError::Stopped(self.address);
        let (done, answer) = oneshot::channel();
        self.commands.send(Command { order, done }).await.map_err(|_| stopped())?;
        answer
            .await
            .map_err(|_| stopped())?
            .map_err(|source| FaultError::Port { address: self.address, source })
    }
}

struct Task {
    dc: Arc<Dc>,
    service: Service,
    port: Port,
    inbox: mpsc::Receiver<Command>,
    counters: Arc<Counters>,
    standing: watch::Sender<Standing>,
    sessions: JoinSet<()>,
}

impl Task {
    async fn run(mut self) {
        loop {
            tokio::select! {
                // Orders first: a connect that was made after an order must meet its effect.
                biased;
                command = self.inbox.recv() => match command {
                    Some(Command { order, done }) => {
                        // Nobody waits any more: the order is carried out all the same.
                        let _ = done.send(self.carry_out(order));
                    }
                    None => break,
                },
                Some(_) = self.sessions.join_next() => {}
                accepted = self.port.accept() => match accepted {
                    Ok((stream, peer)) => self.admit(stream, peer),
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
            }
        }
        self.sessions.shutdown().await;
    }

    fn carry_out(&mut self, order: Order) -> io::Result<()> {
        match order {
            Order::Cut => self.cut(),
            Order::Fault(fault) => {
                let powerless = self.standing.borrow().fault == Fault::Drop;
                if powerless && fault != Fault::Drop {
                    self.cut();
                }
                self.standing.send_modify(|standing| standing.fault = fault);
                match fault {
                    Fault::Refuse => self.port.close(),
                    Fault::Drop => self.port.swallow()?,
                    Fault::None
                    | Fault::Reset
                    | Fault::Mute
                    | Fault::Slow(_)
                    | Fault::Loss(_)
                    | Fault::Status(_)
                    | Fault::Mtproto(_) => self.port.open()?,
                }
            }
        }
        Ok(())
    }

    fn cut(&mut self) {
        self.standing.send_modify(|standing| standing.cuts += 1);
    }

    fn admit(&mut self, stream: TcpStream, peer: SocketAddr) {
        let number = self.counters.accepted();
        if self.standing.borrow().fault == Fault::Reset {
            // Without it the connection would end with a FIN; it is closed either way.
            let _ = stream.set_zero_linger();
            return;
        }
        let session = Session {
            dc: Arc::clone(&self.dc),
            access_point: self.port.address(),
            peer,
            number,
            service: self.service,
            counters: Arc::clone(&self.counters),
            standing: self.standing.subscribe(),
            announced: OnceLock::new(),
        };
        self.sessions.spawn(session.run(stream));
    }
}
