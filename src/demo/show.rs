//! The course of the demo: clients' events into the tally, the daemon's judgements and the tally
//! into the view, and the power off and on in time.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

use super::Verdict;
use super::clients::Resident;
use super::error::DemoError;
use super::flows;
use super::network::Network;
use super::tally::{Asked, Event, Flows, Note, Tally};
use super::timeline::{Step, Timeline};
use super::view::{Frame, Intro, Names, Summary, View};
use crate::app::App;
use crate::control::SnapshotReader;
use crate::routing::{ClientAddr, Coordinates, DcId, Health, Snapshot};
use crate::signal::Signals;

/// The DC that loses its power: Amsterdam, which more countries are close to than to any other.
const VICTIM: DcId = DcId(2);

/// What clients tell.
pub(super) struct Events {
    /// Those with sessions.
    pub(super) seen: mpsc::Receiver<Event>,
    /// Those of UDP.
    pub(super) asked: mpsc::Receiver<Asked>,
}

/// A demo that is on.
pub(super) struct Show<'a> {
    app: &'a App,
    network: &'a Network,
    epoch: Instant,
    timeline: Timeline,
    tally: Tally,
    flows: Flows,
    names: Names,
    /// Where the daemon locates each client.
    homes: Vec<Option<Coordinates>>,
    countries: usize,
    power: bool,
    health: BTreeMap<DcId, Health>,
}

impl<'a> Show<'a> {
    /// A demo that begins at `epoch`.
    pub(super) fn new(
        app: &'a App,
        network: &'a Network,
        residents: &[Resident],
        epoch: Instant,
        duration: Option<Duration>,
    ) -> Self {
        let snapshot = app.reader.load_full();
        let home = |resident: &Resident| {
            let place = snapshot.locate.locate(ClientAddr::new(resident.ip)).place;
            place.map(|place| place.coordinates)
        };
        let mut countries: Vec<_> = residents.iter().map(|it| it.country).collect();
        let tally = Tally::new(countries.iter().copied());
        countries.sort_unstable();
        countries.dedup();
        Self {
            app,
            network,
            epoch,
            timeline: Timeline::new(duration),
            tally,
            flows: Flows::new(flows::ADDRESSES.len()),
            names: Names::of(&snapshot.topology),
            homes: residents.iter().map(home).collect(),
            countries: countries.len(),
            power: true,
            health: healths(&snapshot),
        }
    }

    /// Plays to the end, then sends the clients home and shows the summary.
    ///
    /// # Errors
    /// When a stub fails or nobody takes the output.
    pub(super) async fn play(
        &mut self,
        view: &mut View,
        mut events: Events,
        mut crowd: JoinSet<()>,
        signals: &mut Signals,
    ) -> Result<(), DemoError> {
        let intro = Intro { admin: self.app.admin, scrape: self.app.scrape };
        view.open(&intro).map_err(DemoError::Output)?;
        let played = self.run(view, &mut events, signals).await;
        crowd.shutdown().await;
        // What clients saw before they left has happened.
        let last = self.drain(view, &mut events);
        let shown = view.close(&self.summary()).map_err(DemoError::Output);
        played.and(last).and(shown)
    }

    /// Whether a session has failed, or nobody answers a client of UDP any more.
    pub(super) fn verdict(&self) -> Verdict {
        match (self.tally.failed(), self.flows.figures().forsaken) {
            (0, 0) => Verdict::NoneFailed,
            (_, _) => Verdict::SomeFailed,
        }
    }

    async fn run(
        &mut self,
        view: &mut View,
        events: &mut Events,
        signals: &mut Signals,
    ) -> Result<(), DemoError> {
        let mut frames = interval_at(Instant::now() + view.pace(), view.pace());
        frames.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let reader = self.app.reader.clone();
        loop {
            let (at, step) = self.timeline.next();
            tokio::select! {
                // Also when the terminal is gone (SIGHUP): a demo has nothing to reload.
                _ = signals.next() => return Ok(()),
                Some(asked) = events.asked.recv() => self.flows.on_asked(asked),
                Some(event) = events.seen.recv() => {
                    let note = self.tally.on_event(event);
                    self.tell(view, event.at, note)?;
                }
                snapshot = changed(&reader, &self.health) => self.judge(view, &snapshot)?,
                () = sleep_until(self.epoch + at) => {
                    match step {
                        Step::PowerLoss => self.cut_power(view, events).await?,
                        Step::PowerReturn => self.restore_power(view).await?,
                        Step::End => return Ok(()),
                    }
                    self.timeline.advance();
                }
                _ = frames.tick() => {
                    view.show(&self.frame()).map_err(DemoError::Output)?;
                }
            }
        }
    }

    async fn cut_power(&mut self, view: &mut View, events: &mut Events) -> Result<(), DemoError> {
        // Who is where at this moment is told by all that has happened before it.
        self.drain(view, events)?;
        let began = self.now();
        self.network.cut_power(VICTIM).await.map_err(DemoError::Power)?;
        self.power = false;
        self.flows.on_power_lost(VICTIM, began);
        let note = self.tally.on_power_lost(VICTIM, began, self.now());
        self.tell(view, began, Some(note))
    }

    async fn restore_power(&mut self, view: &mut View) -> Result<(), DemoError> {
        let at = self.now();
        // Before the stubs are up: the daemon may notice sooner than we run again.
        self.flows.on_power_back();
        let note = self.tally.on_power_back(at);
        self.network.restore_power(VICTIM).await.map_err(DemoError::Power)?;
        self.power = true;
        self.tell(view, at, note)
    }

    fn judge(&mut self, view: &mut View, snapshot: &Snapshot) -> Result<(), DemoError> {
        let at = self.now();
        let before = std::mem::replace(&mut self.health, healths(snapshot));
        for (dc, health) in self.health.clone() {
            if before.get(&dc) != Some(&health) {
                let note = self.tally.on_health(dc, health, at);
                self.tell(view, at, Some(note))?;
            }
        }
        Ok(())
    }

    fn drain(&mut self, view: &mut View, events: &mut Events) -> Result<(), DemoError> {
        while let Ok(asked) = events.asked.try_recv() {
            self.flows.on_asked(asked);
        }
        while let Ok(event) = events.seen.try_recv() {
            let note = self.tally.on_event(event);
            self.tell(view, event.at, note)?;
        }
        Ok(())
    }

    fn tell(&self, view: &mut View, at: Duration, note: Option<Note>) -> Result<(), DemoError> {
        match note {
            Some(note) => view.note(at, &note, &self.names).map_err(DemoError::Output),
            None => Ok(()),
        }
    }

    fn frame(&self) -> Frame {
        let (at, step) = self.timeline.next();
        let snapshot = self.app.reader.load_full();
        let powerless = (!self.power).then_some(VICTIM);
        Frame {
            now: self.now(),
            end: self.timeline.end(),
            next: (at, step, self.names.of_dc(VICTIM)),
            clients: self.homes.len(),
            countries: self.countries,
            answered: self.tally.answered(),
            rate: self.tally.rate(self.now()),
            failed: self.tally.failed(),
            lost: self.tally.lost(),
            flows: self.flows.figures(),
            dcs: Frame::rows(&snapshot, &self.tally, &self.homes, powerless, self.now()),
        }
    }

    fn summary(&self) -> Summary<'_> {
        Summary {
            lasted: self.now(),
            clients: self.homes.len(),
            countries: self.countries,
            victim: VICTIM,
            tally: &self.tally,
            flows: self.flows.figures(),
            names: &self.names,
        }
    }

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }
}

/// Waits until the daemon judges otherwise than `known`.
async fn changed(
    reader: &SnapshotReader,
    known: &BTreeMap<DcId, Health>,
) -> std::sync::Arc<Snapshot> {
    reader.wait_for(|snapshot| healths(snapshot) != *known).await
}

fn healths(snapshot: &Snapshot) -> BTreeMap<DcId, Health> {
    let dcs = snapshot.topology.dcs().iter().zip(&snapshot.dcs);
    dcs.map(|(dc, state)| (dc.id, state.health)).collect()
}
