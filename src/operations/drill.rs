//! Runs drills: a DC is drained for a while, and the others are watched. The daemon does that by itself: who
//! ordered it may lose the terminal, and should the daemon die, the drain ends with its time.

mod course;
mod looks;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tracing::info;

use super::check_reason;
use super::intents::IntentDesk;
use super::moves::Forecaster;
use crate::admin::operations::{Author, DrillOrder, OperationError};
use crate::admin::view::DrillView;
use crate::events::EventLog;
use crate::metrics::Metrics;
use crate::routing::control::{Change, DrillChange, DrillStep};
use crate::routing::drill::Judge;
use crate::routing::moves::Moves;
use crate::routing::topology::{Destination, ListenerRoute};
use crate::routing::{AdminState, DcId, Intent, Snapshot, Target, Told, rank_anybody};

use course::{Course, Drained};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// The drain of a daemon that has died ends so long after the drill was to.
const MARGIN: Duration = Duration::from_secs(30);

/// A drill is no way to take a DC out for good.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// How long the first new session of the DC is waited for, and how often is looked.
const BACK_WITHIN: Duration = Duration::from_secs(60);
const BACK_LOOK: Duration = Duration::from_millis(100);

/// Runs one drill at a time.
#[derive(Clone)]
pub struct Drills {
    shared: Arc<Shared>,
}

struct Shared {
    intents: Arc<IntentDesk>,
    forecaster: Forecaster,
    metrics: Arc<Metrics>,
    events: Arc<EventLog>,
    state: Mutex<State>,
    /// Somebody wants the drill to end.
    wish: Notify,
    /// It has ended.
    ended: Notify,
}

#[derive(Default)]
struct State {
    /// One is being prepared, runs, or waits for the DC to be used again.
    is_busy: bool,
    course: Option<Course>,
    /// Who wants it to end, and why.
    wish: Option<Told>,
}

/// Gives the place back, if nothing comes of a drill.
struct Preparing<'a>(Option<&'a Shared>);

impl Drop for Preparing<'_> {
    fn drop(&mut self) {
        if let Some(shared) = self.0 {
            shared.state().is_busy = false;
        }
    }
}

impl Drills {
    /// None has been yet.
    #[must_use]
    pub fn new(
        intents: Arc<IntentDesk>,
        forecaster: Forecaster,
        metrics: Arc<Metrics>,
        events: Arc<EventLog>,
    ) -> Self {
        let shared = Shared {
            intents,
            forecaster,
            metrics,
            events,
            state: Mutex::default(),
            wish: Notify::new(),
            ended: Notify::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The one that runs, or ran last.
    #[must_use]
    pub fn last(&self) -> Option<DrillView> {
        self.shared.state().course.as_ref().map(|course| course.view(Instant::now()))
    }

    /// Begins one.
    ///
    /// # Errors
    /// When another one runs, it has no place, or guards forbid it.
    pub async fn start(&self, order: DrillOrder) -> Result<DrillView, OperationError> {
        let shared = &*self.shared;
        if order.lasting > LONGEST {
            let problem = format!("for_seconds: a drill lasts {} s at most", LONGEST.as_secs());
            return Err(OperationError::Invalid(vec![problem]));
        }
        check_reason(&order.reason)?;
        let mut preparing = shared.prepare()?;
        let dc = order.dc;
        let snapshot = shared.forecaster.snapshot();
        let (site, name) = shared.drillable(&snapshot, dc)?;
        let forecast = shared.forecaster.of_wish(&[Target::Dc(dc)], AdminState::Drain).await;
        let mut judge = Judge::new(site, looks::look(&snapshot, &shared.metrics, dc));
        let objections = objections(&snapshot, dc, &forecast, &judge);
        if order.dry_run {
            let why = Some(objections.join("; ")).filter(|why| !why.is_empty());
            return Ok(self.planned(order, name, (&forecast, judge), &snapshot, why));
        }
        if !objections.is_empty() && !order.force {
            return Err(OperationError::Guarded(objections.join("; ")));
        }
        if order.force {
            judge.bear(refuses(&snapshot, dc, &forecast));
        }
        let now = Instant::now();
        let told = Arc::new(Told {
            by: order.author.name.clone(),
            reason: match order.reason.as_str() {
                "" => "drill".to_owned(),
                reason => format!("drill: {reason}"),
            },
        });
        let until = now + order.lasting + MARGIN;
        let intent = Intent { until: Some(until), told, ..Intent::new(AdminState::Drain, now) };
        let drained = shared.drained(&snapshot, dc);
        if !shared.intents.replace(Target::Dc(dc), None, intent.clone()).await? {
            let why = format!("somebody else has just set DC {dc} to another state");
            return Err(OperationError::Conflict(why));
        }
        let step = DrillStep::Began(order.lasting);
        let told = Told { by: order.author.name.clone(), reason: order.reason.clone() };
        let course =
            Course::new(order, name, (&forecast, judge), drained, (now, SystemTime::now()));
        let view = course.view(now);
        {
            let mut state = shared.state();
            (state.course, state.wish) = (Some(course), None);
        }
        shared.tell(dc, step, told, false);
        // From here on its task gives the place back.
        preparing.0 = None;
        tokio::spawn(run(Arc::clone(&self.shared), intent));
        Ok(view)
    }

    /// What an order would come to.
    fn planned(
        &self,
        order: DrillOrder,
        name: Arc<str>,
        parts: (&Moves, Judge),
        snapshot: &Snapshot,
        why: Option<String>,
    ) -> DrillView {
        let now = Instant::now();
        let drained = self.shared.drained(snapshot, order.dc);
        let course = Course::new(order, name, parts, drained, (now, SystemTime::now()));
        let planned = "planned".to_owned();
        DrillView { state: planned, why, timeline: Vec::new(), ..course.view(now) }
    }

    /// Ends the one that runs, and returns once the DC is Ready.
    ///
    /// # Errors
    /// When none runs.
    pub async fn end(&self, author: Author, reason: String) -> Result<DrillView, OperationError> {
        let shared = &*self.shared;
        let ended = shared.ended.notified();
        let mut ended = std::pin::pin!(ended);
        // From now on the end is not missed.
        ended.as_mut().enable();
        {
            let mut state = shared.state();
            if !state.is_running() {
                return Err(OperationError::Conflict("no drill runs".to_owned()));
            }
            state.wish = Some(Told { by: author.name, reason });
        }
        shared.wish.notify_one();
        ended.await;
        self.last().ok_or_else(|| OperationError::Unavailable("the drill is gone".to_owned()))
    }
}

impl State {
    fn is_running(&self) -> bool {
        self.is_busy && self.course.as_ref().is_some_and(|course| !course.is_over())
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Whole values are put in and taken out.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn prepare(&self) -> Result<Preparing<'_>, OperationError> {
        let mut state = self.state();
        if state.is_busy {
            let told = state.course.as_ref().filter(|course| !course.is_complete());
            let told = told.map_or_else(
                || "a drill is about to begin".to_owned(),
                |course| format!("a drill of DC {} is not over yet", course.order.dc),
            );
            return Err(OperationError::Conflict(told));
        }
        state.is_busy = true;
        Ok(Preparing(Some(self)))
    }

    /// The site and the name of a DC that a drill makes sense of.
    fn drillable(
        &self,
        snapshot: &Snapshot,
        dc: DcId,
    ) -> Result<(Arc<str>, Arc<str>), OperationError> {
        let index = snapshot.topology.find_dc(dc);
        let index =
            index.ok_or_else(|| OperationError::NotFound(format!("there is no DC {dc}")))?;
        match snapshot.dc(index).admin {
            AdminState::Ready => {
                let it = snapshot.topology.dc(index);
                Ok((Arc::clone(&it.site), Arc::clone(&it.name)))
            }
            other @ (AdminState::Drain | AdminState::Maint) => {
                let why = format!("DC {dc} is in {} already", other.as_str());
                Err(OperationError::Conflict(why))
            }
        }
    }

    fn drained(&self, snapshot: &Snapshot, dc: DcId) -> Drained {
        let index = snapshot.topology.find_dc(dc);
        Drained {
            placed: index.map_or(0, |index| snapshot.dc(index).slot.placed()),
            failovers: looks::failovers(&self.metrics, dc),
        }
    }

    /// Whether a DC is there and takes sessions, for all that operators want.
    fn is_ready(&self, dc: DcId) -> bool {
        let snapshot = self.forecaster.snapshot();
        let index = snapshot.topology.find_dc(dc);
        index.is_some_and(|index| snapshot.dc(index).admin == AdminState::Ready)
    }

    fn tell(&self, dc: DcId, step: DrillStep, told: Told, is_ready: bool) {
        info!(%dc, step = step.as_str(), by = told.by, reason = told.reason, "drill");
        let snapshot = self.forecaster.snapshot();
        let topology = &snapshot.topology;
        let change = Change::Drill(DrillChange { dc, step, is_ready, told: Arc::new(told) });
        self.events.push(SystemTime::now(), change, |dc| {
            topology.find_dc(dc).map(|index| Arc::clone(&topology.dc(index).name))
        });
    }

    /// One look. How and why the drill ends, if it does.
    fn look(&self, dc: DcId, intent: &Intent) -> Option<(DrillStep, Told)> {
        let snapshot = self.forecaster.snapshot();
        let look = looks::look(&snapshot, &self.metrics, dc);
        let drained = self.drained(&snapshot, dc);
        let mut state = self.state();
        let wish = state.wish.take();
        let course = state.course.as_mut()?;
        course.on_look(drained);
        let abort = course.judge().look(look);
        let nobody = |reason: String| Told { by: String::new(), reason };
        if let Some(told) = wish {
            return Some((DrillStep::Ended, told));
        }
        if snapshot.topology.find_dc(dc).is_none() {
            return Some((DrillStep::Aborted, nobody("the DC has left the list".to_owned())));
        }
        if snapshot.intents.get(Target::Dc(dc)) != Some(intent) {
            let why = "somebody else wants something of the DC".to_owned();
            return Some((DrillStep::Ended, nobody(why)));
        }
        if let Some(abort) = abort {
            return Some((DrillStep::Aborted, nobody(abort.to_string())));
        }
        (Instant::now() >= course.due()).then(|| (DrillStep::Done, nobody(String::new())))
    }

    fn due(&self) -> Option<Instant> {
        self.state().course.as_ref().map(Course::due)
    }
}

/// Watches the drill that has just begun, to the end of its report.
async fn run(shared: Arc<Shared>, intent: Intent) {
    let Some(dc) = shared.state().course.as_ref().map(|course| course.order.dc) else { return };
    let (step, told) = loop {
        let due = shared.due().map(|due| due.saturating_duration_since(Instant::now()));
        // Whoever wants it to end is not kept waiting.
        let _ = timeout(due.unwrap_or(LOOK).min(LOOK), shared.wish.notified()).await;
        if let Some(end) = shared.look(dc, &intent) {
            break end;
        }
    };
    let before = looks::connects(&shared.metrics, dc).0;
    let ready =
        Intent { told: Arc::clone(&intent.told), ..Intent::new(AdminState::Ready, Instant::now()) };
    // An error: control has ended, and so does the daemon.
    let is_ours = shared.intents.replace(Target::Dc(dc), Some(&intent), ready).await;
    let is_ready = is_ours.unwrap_or_default() && shared.is_ready(dc);
    let ended = Instant::now();
    let why = Some(told.reason.clone()).filter(|why| !why.is_empty());
    if let Some(course) = shared.state().course.as_mut() {
        course.end(step, why, is_ready, ended);
    }
    shared.metrics.drills_total.with_label_values(&[step.as_str()]).inc();
    shared.tell(dc, step, told, is_ready);
    shared.ended.notify_waiters();
    let back = loop {
        let waited = ended.elapsed();
        if looks::connects(&shared.metrics, dc).0 > before {
            break Some(waited);
        }
        if waited >= BACK_WITHIN || !shared.is_ready(dc) {
            break None;
        }
        sleep(BACK_LOOK).await;
    };
    let mut state = shared.state();
    if let Some(course) = state.course.as_mut() {
        course.on_back(back, Instant::now());
    }
    state.is_busy = false;
}

/// Whether clients are known to be refused while a DC is drained.
fn refuses(snapshot: &Snapshot, dc: DcId, forecast: &Moves) -> bool {
    forecast.bound_refused > 0 || listeners_of_it_alone(snapshot, dc).next().is_some()
}

/// The listeners that lead to this DC, and to no other now.
fn listeners_of_it_alone(snapshot: &Snapshot, dc: DcId) -> impl Iterator<Item = &str> {
    let routes = snapshot.topology.routes().iter().filter(move |(_, route)| {
        let to = route.destination().filter(|it| it.bound_to() == Some(dc));
        to.is_some_and(|to| !has_stand_in(snapshot, route, to, dc))
    });
    routes.map(|(name, _)| name.as_ref())
}

/// What speaks against a drill.
fn objections(snapshot: &Snapshot, dc: DcId, forecast: &Moves, judge: &Judge) -> Vec<String> {
    let mut objections: Vec<String> = forecast
        .overloaded
        .iter()
        .map(|it| {
            let (dc, expected, most) = (it.dc, it.expected, it.max_sessions);
            format!("DC {dc} would have {expected} sessions, and may have {most} (max_sessions)")
        })
        .collect();
    match forecast.bound_refused {
        0 => {}
        refused => objections.push(format!(
            "{refused} of {} clients seen lately are bound to DC {dc} and would be refused",
            forecast.clients
        )),
    }
    objections.extend(
        listeners_of_it_alone(snapshot, dc).map(|name| {
            format!("listener {name} leads to DC {dc} alone, and would refuse everybody")
        }),
    );
    objections.extend(judge.objection().map(|abort| abort.to_string()));
    objections
}

/// Whether those who are bound to a DC have another one now.
fn has_stand_in(snapshot: &Snapshot, route: &ListenerRoute, to: Destination, dc: DcId) -> bool {
    let ranking = rank_anybody(snapshot, route, to);
    ranking.candidates().any(|index| snapshot.topology.dc(index).id != dc)
}
