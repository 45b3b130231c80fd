//! Checks a new configuration against the running one and puts it into force as a whole.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::sync::mpsc;
use tokio::task::yield_now;
use tracing::{info, warn};

use super::databases::locator;
use super::first::Running;
use super::look::Shapes;
use super::need::warn_of_need;
use super::order::{Done, Order, Outcome, Request, Source, What};
use super::pushed::StandingPush;
use super::settle::{Content, SettleError, Settled, settle};
use super::tell::warn_of_stale;
use super::watcher;
use crate::admin::Facts;
use crate::admin::operations::OperationError;
use crate::admin::view::{MovesView, PushView};
use crate::blocking::blocking;
use crate::config::guards::{self, Listing};
use crate::config::{Config, Finding, List, Loaded, PUSHED, ReloadPlan};
use crate::control::CommandSender;
use crate::drain::DrainWatch;
use crate::forward::{DataPlane, UnusableEgress, unusable_egress};
use crate::metrics::Metrics;
use crate::operations::Forecaster;
use crate::operations::history::{Difference, Entry, History};
use crate::routing::control::Brought;
use crate::routing::moves::Moves;
use crate::routing::topology::Revision;
use crate::routing::{Locate, Snapshot, Told};
use crate::state_dir::StateDir;

/// Owns what a reload changes.
pub struct Reloader {
    /// What the daemon was started with: some keys wait for the next start.
    pub(super) started: Arc<Config>,
    pub(super) running: Running,
    /// The files as they were last read, in force or refused: only another change is news.
    seen: Shapes,
    /// What has been said of DCs that cannot be dialled as configured.
    told_of_egress: Vec<UnusableEgress>,
    /// What was put into force, and metrics do not know yet.
    unobserved: Option<Arc<Snapshot>>,
    pub(super) plane: DataPlane,
    pub(super) with: Handles,
}

/// What a reloader holds of others.
pub struct Handles {
    /// Puts topologies into force.
    pub commands: CommandSender,
    /// Counts reloads.
    pub metrics: Arc<Metrics>,
    /// Tells what is in force.
    pub facts: Arc<Facts>,
    /// The lists that were in force.
    pub history: Arc<History>,
    /// Where a push is kept, if anywhere.
    pub directory: Option<Arc<StateDir>>,
    /// Knows who would move.
    pub forecaster: Forecaster,
}

impl Reloader {
    /// A reloader for what has just been started.
    #[must_use]
    pub fn new(running: Running, plane: DataPlane, with: Handles) -> Self {
        let (started, seen) = (Arc::clone(&running.config), running.shapes.clone());
        let told_of_egress = unusable_egress(&started.topology);
        told_of_egress.iter().for_each(|it| warn!("{it}"));
        let reloader =
            Self { started, running, seen, told_of_egress, unobserved: None, plane, with };
        let Running { config, databases, .. } = &reloader.running;
        warn_of_stale(&config.geoip, databases, None);
        reloader.tell_facts();
        reloader
    }

    /// Reloads when a file changes or somebody asks. Once the daemon drains, a reload that is under
    /// way is given up and nothing is put into force any more. Returns the data plane, to be
    /// drained, when nobody can ask any more.
    pub async fn run(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        mut draining: DrainWatch,
    ) -> DataPlane {
        loop {
            let (order, waiting) = tokio::select! {
                biased;
                () = draining.started() => break,
                request = requests.recv() => match request {
                    None => break,
                    Some((order, waiting)) => (order, Some(waiting)),
                },
                () = watcher::changed(&self.seen) => (Order::files(Source::File), None),
            };
            let done = match &order.what {
                What::Files => {
                    let settled = tokio::select! {
                        biased;
                        () = draining.started() => break,
                        settled = settle(self.running.in_use()) => settled,
                    };
                    self.reload(settled, &order).await
                }
                What::List(bytes, over) => self.push(Arc::clone(bytes), *over, &order).await,
                What::Entry(number, over) => self.roll_back(*number, *over, &order).await,
            };
            if !order.dry_run {
                self.tell(&order, &done);
            }
            if let Some(waiting) = waiting {
                // Who asked may have left.
                let _ = waiting.send(done);
                // The answer goes out before what may come after it.
                yield_now().await;
            }
            // Nobody may scrape, and what has left must not stay for ever.
            if let Some(snapshot) = self.unobserved.take() {
                self.with.metrics.observe(&snapshot, Instant::now());
            }
        }
        // To drop what is asked is to say that the daemon ends.
        while requests.recv().await.is_some() {}
        self.plane
    }

    async fn reload(&mut self, settled: Result<Settled, SettleError>, order: &Order) -> Done {
        match settled {
            Ok(Settled { content, shapes }) => {
                self.seen = shapes.clone();
                let content = content.map_err(|it| OperationError::Invalid(it.problems()))?;
                self.accept(content, shapes, order).await
            }
            Err(error) => {
                let text = error.to_string();
                self.seen = error.before;
                Err(OperationError::Unavailable(text))
            }
        }
    }

    /// The main file that runs with another list. Nobody waits for files: nothing of them is read but what
    /// the push is over.
    async fn push(&mut self, bytes: Arc<[u8]>, over: Option<Revision>, order: &Order) -> Done {
        let live = self.running.config.topology.revision();
        // Whoever sends again what is in force already has got what they want.
        if *bytes != *self.running.list.bytes && over.is_some_and(|over| over != live) {
            return Err(OperationError::Stale(live));
        }
        let (draft, known) = (self.running.draft.clone(), self.running.list.file);
        let loaded = blocking(move || {
            // One that cannot be read at the moment is what it was.
            let file = draft.list_file_hash().or(known);
            draft.with_pushed(bytes, file)
        });
        let loaded = loaded.await.map_err(|error| {
            OperationError::Invalid(error.problems.iter().map(Finding::to_string).collect())
        })?;
        let Running { databases, shapes, .. } = &self.running;
        let (content, shapes) = (Content { loaded, databases: databases.clone() }, shapes.clone());
        self.accept(content, shapes, order).await
    }

    async fn roll_back(
        &mut self,
        number: Option<u64>,
        over: Option<Revision>,
        order: &Order,
    ) -> Done {
        let history = Arc::clone(&self.with.history);
        let live = self.running.config.topology.revision().to_string();
        let entry = match number {
            Some(number) => history.entry(number),
            None => history.before(&live),
        };
        let missing = || match number {
            Some(number) => format!("the history has no entry {number}"),
            None => "the history has no other list than the one in force".to_owned(),
        };
        let number = entry.ok_or_else(|| OperationError::NotFound(missing()))?.number;
        let list = blocking(move || history.list(number)).await;
        let list =
            list.map_err(|error| OperationError::NotFound(format!("entry {number}: {error}")));
        let list =
            list?.ok_or_else(|| OperationError::NotFound(format!("entry {number} is lost")))?;
        self.push(list, over, order).await
    }

    /// Everything that can fail comes first, then what is kept, and what follows takes effect as one
    /// snapshot.
    async fn accept(&mut self, content: Content, shapes: Shapes, order: &Order) -> Done {
        let read = Instant::now();
        let Content { loaded, databases } = content;
        let Loaded { config, main: draft, list, notes, sources } = loaded;
        let before = self.running.config.topology.revision();
        let after = config.topology.revision();
        let said = self.notes_of(&notes, order);
        let view = |outcome: &str, plan, guards| PushView {
            dry_run: order.dry_run,
            outcome: outcome.to_owned(),
            number: None,
            before: before.to_string(),
            after: after.to_string(),
            plan,
            moves: None,
            guards,
            notes: said.clone(),
        };
        if databases.are_same(&self.running.databases) && *self.running.config == config {
            let mut view = view(Outcome::Unchanged.as_str(), ReloadPlan::default(), Vec::new());
            match (order.dry_run, order.is_push()) {
                (true, _) => {}
                (false, false) => self.follow_origin(list).await,
                (false, true) if list.file != self.running.list.file => {
                    view.number = Some(self.pin(&view, list, order).await?);
                }
                (false, true) => {}
            }
            return Ok(view);
        }
        let mut plan = ReloadPlan::new(&self.running.config, &config);
        // A file may hold other addresses under its old name.
        plan.geoip_changed |= !databases.are_same(&self.running.databases);
        let locate: Arc<dyn Locate> = Arc::new(locator(&config.geoip, databases.clone()));
        let topology = Arc::new(config.topology.clone());
        let moves = self.with.forecaster.of_configuration(&topology, Arc::clone(&locate)).await;
        let guards = self.guarded(&config, &moves);
        let is_forbidden = !guards.is_empty() && !order.force;
        let outcome = match is_forbidden {
            true => "refused",
            false => Outcome::Accepted.as_str(),
        };
        let moves = Some(MovesView::new(&moves));
        let mut view = PushView { moves, ..view(outcome, plan, guards) };
        if order.dry_run {
            return Ok(view);
        }
        if is_forbidden {
            return Err(OperationError::Guarded(view.guards.join("; ")));
        }
        let prepared = self.plane.prepare(&config.listeners);
        let prepared = prepared.map_err(|error| OperationError::Unavailable(error.to_string()))?;
        let entry = (before != after).then(|| self.entry(&view, &list, order));
        let (push, why) = self.keep(entry.as_ref(), &list, order).await?;
        let reason = [Some(order.reason.clone()).filter(|it| !it.is_empty()), why];
        let reason = reason.into_iter().flatten().collect::<Vec<_>>().join("; ");
        let told = Arc::new(Told { by: order.author.name.clone(), reason });
        let brought = Brought { how: order.source.as_str(), told };
        let configured = self.with.commands.configure(topology, locate, brought).await;
        let snapshot =
            configured.map_err(|error| OperationError::Unavailable(error.to_string()))?;
        let published_in = read.elapsed();
        let (memory, seen) = (self.plane.memory(), self.plane.seen());
        let routes = snapshot.topology.routes().clone();
        let follow = move || {
            let now = SystemTime::now().into();
            memory.follow(&routes, now);
            seen.follow(&routes, now);
        };
        blocking(follow).await;
        let need_before = self.plane.descriptor_need(&self.running.config);
        self.plane.divide_descriptors(&config);
        self.plane.apply(prepared);
        if view.plan.dc_options_changed {
            self.with.facts.set_dc_options_accepted(Instant::now());
        }
        for note in &notes {
            info!(%note, "configuration");
        }
        let published_in_us = u64::try_from(published_in.as_micros()).unwrap_or(u64::MAX);
        info!(plan = %view.plan, revision = %after, published_in_us, "configuration in force");
        // Of what has been lacking before it has been said.
        let need = self.plane.descriptor_need(&config);
        if need.terms != need_before.terms {
            warn_of_need(&need);
        }
        let unusable = unusable_egress(&config.topology);
        let is_news = |it: &&UnusableEgress| !self.told_of_egress.contains(it);
        unusable.iter().filter(is_news).for_each(|it| warn!("{it}"));
        self.told_of_egress = unusable;
        warn_of_stale(&config.geoip, &databases, Some(&self.running.databases));
        if let Some(entry) = entry {
            view.number = Some(entry.number);
            let (history, bytes) = (Arc::clone(&self.with.history), Arc::clone(&list.bytes));
            blocking(move || history.add(entry, bytes)).await;
        }
        let (main, config) = (self.running.main.clone(), Arc::new(config));
        self.running = Running { config, databases, main, draft, list, push, sources, shapes };
        self.tell_facts();
        self.unobserved = Some(snapshot);
        Ok(view)
    }

    /// The list in force is pushed again, and the file has changed meanwhile, to what was refused perhaps:
    /// from now on the push is over that. Returns its number in the history.
    async fn pin(
        &mut self,
        view: &PushView,
        list: List,
        order: &Order,
    ) -> Result<u64, OperationError> {
        let entry = self.entry(view, &list, order);
        let number = entry.number;
        (self.running.push, _) = self.keep(Some(&entry), &list, order).await?;
        let (history, bytes) = (Arc::clone(&self.with.history), Arc::clone(&list.bytes));
        blocking(move || history.add(entry, bytes)).await;
        self.running.list = list;
        self.tell_facts();
        Ok(number)
    }

    /// Why guards forbid it.
    fn guarded(&self, config: &Config, moves: &Moves) -> Vec<String> {
        let before = Listing::of(&self.running.config.topology);
        let listed = guards::check(&before, &Listing::of(&config.topology), &config.guards);
        let moved = guards::check_moves(moves.clients, moves.displaced, &config.guards);
        let refusals = [listed.err(), moved.err()].into_iter().flatten();
        refusals.flat_map(|refusal| refusal.reasons()).collect()
    }

    /// What there is to know: of a push what its list brings, of files all.
    fn notes_of(&self, notes: &[Finding], order: &Order) -> Vec<String> {
        let is_asked = |note: &&Finding| !order.is_push() || note.file.as_os_str() == PUSHED;
        let mut notes: Vec<String> =
            notes.iter().filter(is_asked).map(Finding::to_string).collect();
        if order.is_push() && self.with.directory.is_none() {
            notes.push(GONE_AT_RESTART.to_owned());
        }
        notes
    }

    fn entry(&self, view: &PushView, list: &List, order: &Order) -> Entry {
        let over = order.is_push().then(|| list.file.map(|hash| hash.to_string()));
        Entry {
            number: self.with.history.next_number(),
            at_ms: Entry::millis(SystemTime::now()),
            source: order.source.as_str().to_owned(),
            by: order.author.name.clone(),
            from: order.author.from.clone(),
            reason: order.reason.clone(),
            forced: !view.guards.is_empty(),
            revision: view.after.clone(),
            bytes: list.bytes.len() as u64,
            difference: Difference::of(&view.plan),
            over: over.flatten(),
        }
    }

    /// Keeps a push for the next start, or forgets the one that the file has superseded, and says so. The
    /// push that stands for the file from now on is returned.
    async fn keep(
        &mut self,
        entry: Option<&Entry>,
        list: &List,
        order: &Order,
    ) -> Result<(Option<StandingPush>, Option<String>), OperationError> {
        let (before, directory) = (self.running.push.clone(), self.with.directory.clone());
        if !order.is_push() {
            let over = before.clone().filter(|_| !list.is_pushed);
            let why = over.as_ref().map(|push| superseded(&push.entry));
            blocking(move || over.iter().for_each(|it| it.forget(directory.as_deref()))).await;
            return Ok((before.filter(|_| list.is_pushed), why));
        }
        let Some(entry) = entry else { return Ok((before, None)) };
        let push = StandingPush::new(entry.clone(), Arc::clone(&list.bytes));
        let Some(directory) = directory else {
            warn!(number = entry.number, "{GONE_AT_RESTART}");
            return Ok((Some(push), None));
        };
        let kept = blocking(move || match push.keep(&directory) {
            Ok(()) => Ok(push),
            Err(error) => {
                StandingPush::put_back(before.as_ref(), &directory);
                Err(OperationError::Unavailable(format!("edge.state_dir: {error}")))
            }
        });
        kept.await.map(|push| (Some(push), None))
    }

    /// The files say what is in force, but it may be another one of them that says it.
    async fn follow_origin(&mut self, list: List) {
        if !list.is_pushed
            && let Some(push) = self.running.push.take()
        {
            let directory = self.with.directory.clone();
            blocking(move || push.forget(directory.as_deref())).await;
        }
        self.running.list = list;
        self.tell_facts();
    }
}

/// What who pushes should know.
const GONE_AT_RESTART: &str =
    "without edge.state_dir the daemon forgets this push when it ends, and starts with its file";

fn superseded(entry: &Entry) -> String {
    let whose = match entry.by.as_str() {
        "" => String::new(),
        by => format!(" of {by}"),
    };
    format!("the file has changed: {} {}{whose} is superseded", entry.source, entry.number)
}
