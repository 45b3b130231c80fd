//! `loadtest idle`: what an open session costs in memory while nothing happens on it.
//!
//! The sessions are held by client processes of their own and have carried one byte each way, so
//! that the proxy has dialled and forgotten nothing. The memory is the proxy's proportional set
//! size, before and after; kernel memory of the sockets is not in it, and is the same for all.

use crate::backend::Backend;
use crate::cli::IdleOptions;
use crate::hold::Holder;
use crate::load::Transport;
use crate::peers::{Duty, Installed, Peer, PeerError};
use crate::process::ProcessError;
use crate::report::{Cast, Host, PeerReport, ReportError, Section, Tables, best_of_others, emit};
use nearpoint::stub::Service;
use serde::Serialize;
use std::error::Error;
use std::fmt;
use std::io;

/// Sessions before the first look, which make the proxy allocate what it needs only once; few,
/// since memory that they leave behind is missing in the difference.
const WARM_UP: u32 = 64;
/// Sessions that one client process holds at most.
const PER_HOLDER: u32 = 2500;

/// Whether every peer was measured.
pub(crate) async fn run(options: &IdleOptions) -> Result<bool, ReportError> {
    let mut cast = Cast::find(&options.peers).await;
    let sessions = options.sessions.get();
    let mut figures = Vec::new();
    for installed in cast.present() {
        let peer = installed.peer;
        if peer == Peer::Direct {
            continue;
        }
        eprintln!("{sessions} idle sessions, {}", peer.name());
        match measure(&installed, sessions).await {
            Ok((before, after)) => figures.push((peer, Figure::new(peer, sessions, before, after))),
            Err(error) => cast.fail(peer, &error),
        }
    }
    let report = Report::new(&cast, sessions, figures);
    emit(&report, &options.peers.output)?;
    Ok(cast.complete())
}

/// Bytes before and after.
async fn measure(peer: &Installed, sessions: u32) -> Result<(u64, u64), IdleError> {
    let mut backend = Backend::start().await.map_err(IdleError::Process)?;
    let target = backend.address(Service::Echo);
    let target = target.ok_or(IdleError::Process(ProcessError::Ended))?;
    let proxy = peer.start(Duty::plain(Transport::Tcp), target).await.map_err(IdleError::Peer)?;
    let memory = || proxy.pss().map(Option::unwrap_or_default).map_err(IdleError::Memory);

    let warm_up = Holder::start(proxy.address, WARM_UP).await.map_err(IdleError::Process)?;
    warm_up.stop().await;
    backend.wait_open(target, 0).await.map_err(IdleError::Process)?;
    let before = memory()?;

    let mut holders = Vec::new();
    let mut left = sessions;
    while left > 0 {
        let share = left.min(PER_HOLDER);
        holders.push(Holder::start(proxy.address, share).await.map_err(IdleError::Process)?);
        left -= share;
    }
    backend.wait_open(target, sessions).await.map_err(IdleError::Process)?;
    let after = memory()?;

    for holder in holders {
        holder.stop().await;
    }
    proxy.stop().await;
    backend.stop().await;
    Ok((before, after))
}

#[derive(Debug, Serialize)]
struct Report {
    host: Host,
    sessions: u32,
    peers: Vec<PeerReport>,
    figures: Vec<Figure>,
}

#[derive(Debug, Serialize)]
struct Figure {
    peer: &'static str,
    /// Proportional set size of the proxy's processes, without and with the sessions.
    before_bytes: u64,
    after_bytes: u64,
    bytes_per_session: f64,
    /// By that of the best other proxy; absent without one.
    by_best: Option<f64>,
}

impl Figure {
    fn new(peer: Peer, sessions: u32, before_bytes: u64, after_bytes: u64) -> Figure {
        let bytes_per_session = (after_bytes as f64 - before_bytes as f64) / f64::from(sessions);
        let peer = peer.name();
        Figure { peer, before_bytes, after_bytes, bytes_per_session, by_best: None }
    }
}

impl Report {
    fn new(cast: &Cast, sessions: u32, figures: Vec<(Peer, Figure)>) -> Report {
        let values: Vec<_> =
            figures.iter().map(|(peer, figure)| (*peer, figure.bytes_per_session)).collect();
        let best = best_of_others(&values, f64::min);
        let figures = figures
            .into_iter()
            .map(|(_, figure)| Figure {
                by_best: best.map(|best| figure.bytes_per_session / best),
                ..figure
            })
            .collect();
        Report { host: Host::read(), sessions, peers: cast.report(), figures }
    }
}

impl Tables for Report {
    fn host(&self) -> &Host {
        &self.host
    }

    fn peers(&self) -> &[PeerReport] {
        &self.peers
    }

    fn sections(&self) -> Vec<Section> {
        let kib = |bytes: f64| format!("{:.2}", bytes / 1024.0);
        let row = |figure: &Figure| {
            vec![
                figure.peer.to_owned(),
                kib(figure.bytes_per_session),
                figure.by_best.map_or_else(|| "-".to_owned(), |by_best| format!("{by_best:.2}")),
                kib(figure.before_bytes as f64),
                kib(figure.after_bytes as f64),
            ]
        };
        let columns = ["peer", "KiB/session", "x best", "KiB before", "KiB after"];
        vec![Section {
            title: format!("{} idle sessions, memory of the proxy (PSS)", self.sessions),
            columns: columns.map(str::to_owned).into(),
            rows: self.figures.iter().map(row).collect(),
        }]
    }
}

#[derive(Debug)]
enum IdleError {
    Process(ProcessError),
    Peer(PeerError),
    Memory(io::Error),
}

impl fmt::Display for IdleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdleError::Process(_) => f.write_str("backend or clients failed"),
            IdleError::Peer(error) => error.fmt(f),
            IdleError::Memory(_) => f.write_str("its memory cannot be read"),
        }
    }
}

impl Error for IdleError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            IdleError::Process(source) => Some(source),
            IdleError::Peer(error) => error.source(),
            IdleError::Memory(source) => Some(source),
        }
    }
}
