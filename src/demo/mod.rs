//! The picture of the product in one command: the real daemon, with a real configuration, between
//! stub DCs and simulated clients, all on loopback, while a DC loses its power and gets it back.
//!
//! The stubs (`network`) answer where the embedded configuration (`files`) expects DCs; the
//! clients (`clients`) bring addresses of many countries in PROXY headers, a few more ask by UDP
//! (`flows`); what they see is
//! counted (`tally`) and shown (`view`) beside what the daemon decides by. Distances are
//! pretended, nothing else is: no decision of the daemon is made, or known in advance, here.
//!
//! Not a load test: the load is that of a few dozen clients, one session at a time each,
//! and of a few datagrams a second.

mod clients;
mod error;
mod files;
mod flows;
mod network;
mod show;
mod tally;
mod timeline;
mod view;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::app::App;
use crate::config::{self, Log};
use crate::signal::Signals;
use crate::telemetry;
use clients::{Client, Resident};
pub use error::DemoError;
use files::Files;
use flows::FlowClient;
use network::Network;
use show::{Events, Show};
use tally::{ClientId, FlowId};
use view::View;

/// Events on their way to the tally; clients beyond wait.
const EVENTS: usize = 1024;

/// What is asked of a demo.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long it lasts; `None` until a signal.
    pub duration: Option<Duration>,
    /// Lines instead of a live table.
    pub plain: bool,
}

/// How a demo went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No new session failed, and no client of UDP was left without answers.
    NoneFailed,
    /// At least one did, or was.
    SomeFailed,
}

/// Shows the demo on standard output until its time is over or a signal ends it. Takes down what it
/// has started and removes what it has written, in every case.
///
/// # Errors
/// When a part of it cannot be had: most likely an address that another demo has.
pub async fn run(options: Options) -> Result<Verdict, DemoError> {
    let mut signals = Signals::new().map_err(DemoError::Signals)?;
    let mut view = View::new(options.plain);
    // Logs would run through a live table.
    if view.is_plain() && std::env::var_os("RUST_LOG").is_some() {
        telemetry::start(Log::default());
    }
    let files = Files::write().map_err(DemoError::Files)?;
    let main = files.main();
    let loaded = config::load(&main).map_err(DemoError::Config)?;
    let network = Network::start(&loaded.config.topology).map_err(DemoError::Stub)?;
    let app = tokio::select! {
        started = App::start(&main) => started.map_err(DemoError::Daemon)?,
        _ = signals.next() => return Ok(Verdict::NoneFailed),
    };
    let residents = clients::residents();
    let (sender, events) = mpsc::channel(EVENTS);
    let epoch = Instant::now();
    let mut show = Show::new(&app, &network, &residents, epoch, options.duration);
    let mut crowd = gather(&app, &residents, epoch, &sender);
    let (sender, asked) = mpsc::channel(EVENTS);
    let events = Events { seen: events, asked };
    begin_flows(&app, epoch, &sender, &mut crowd);
    let played = show.play(&mut view, events, crowd, &mut signals).await;
    let verdict = show.verdict();
    tokio::select! {
        () = async { app.shut_down().await; network.shut_down().await } => {}
        // A second one does not wait for sessions to end.
        _ = signals.next() => {}
    }
    match played {
        // A reader that has seen enough (`| head`) is no failure.
        Err(DemoError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(verdict),
        Ok(()) => Ok(verdict),
        Err(error) => Err(error),
    }
}

/// Sets all clients off.
fn gather(
    app: &App,
    residents: &[Resident],
    epoch: Instant,
    events: &mpsc::Sender<tally::Event>,
) -> JoinSet<()> {
    let mut crowd = JoinSet::new();
    let edge = address_of(app, "clients");
    for (number, resident) in residents.iter().enumerate() {
        let Some(edge) = edge else { break };
        let id = ClientId(number);
        let client = Client { id, ip: resident.ip, edge, epoch, events: events.clone() };
        crowd.spawn(client.live());
    }
    crowd
}

/// Sets all clients of UDP off.
fn begin_flows(
    app: &App,
    epoch: Instant,
    asked: &mpsc::Sender<tally::Asked>,
    crowd: &mut JoinSet<()>,
) {
    let Some(edge) = address_of(app, "calls") else { return };
    for (number, ip) in flows::ADDRESSES.into_iter().enumerate() {
        let client = FlowClient { id: FlowId(number), ip, edge, epoch, heard: asked.clone() };
        crowd.spawn(client.live());
    }
}

/// Where a listener of the embedded configuration is.
fn address_of(app: &App, listener: &str) -> Option<SocketAddr> {
    app.listeners.get(listener)?.first().copied()
}
