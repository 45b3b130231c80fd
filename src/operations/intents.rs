//! What operators want of DCs and access points: checked, kept, and then done.

mod guard;
mod kept;

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Mutex;
use tracing::warn;

use super::check_reason;
use crate::admin::operations::{OperationError, Wish};
use crate::admin::view::IntentView;
use crate::blocking::blocking;
use crate::control::{CommandSender, SnapshotReader};
use crate::metrics::Metrics;
use crate::routing::intent::MOST;
use crate::routing::{AdminState, Intent, Intents, Target, Told};
use crate::state_dir::StateDir;

pub use kept::restore;

/// For how long something may be wanted.
const SHORTEST: Duration = Duration::from_secs(1);
/// A year: what is to stay longer is to stay until somebody says otherwise.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Takes wishes, one after the other.
pub struct IntentDesk {
    reader: SnapshotReader,
    commands: CommandSender,
    metrics: Arc<Metrics>,
    /// Gone with the daemon, whoever still asks.
    directory: Option<Weak<StateDir>>,
    /// What is kept is made of what is in force: one at a time.
    turn: Mutex<()>,
}

impl IntentDesk {
    /// Over this daemon; what is wanted is kept in the directory, if there is one.
    #[must_use]
    pub fn new(
        reader: SnapshotReader,
        commands: CommandSender,
        metrics: Arc<Metrics>,
        directory: Option<&Arc<StateDir>>,
    ) -> Self {
        let directory = directory.map(Arc::downgrade);
        Self { reader, commands, metrics, directory, turn: Mutex::default() }
    }

    /// Does it: it is kept first, and in force when this returns.
    ///
    /// # Errors
    /// When it would refuse clients and is not forced, has a time that is none, is one too many, or cannot
    /// be kept.
    pub async fn intend(&self, wish: Wish) -> Result<IntentView, OperationError> {
        let Wish { targets, state, lasting, force, author, reason } = wish;
        if let Some(lasting) = lasting.filter(|it| !(SHORTEST..=LONGEST).contains(it)) {
            let seconds = lasting.as_secs();
            let text = format!("for_seconds: {seconds} is not within 1 and {}", LONGEST.as_secs());
            return Err(OperationError::Invalid(vec![text]));
        }
        check_reason(&reason)?;
        let Some(first) = targets.first().copied() else {
            return Err(OperationError::NotFound("there is nothing of that kind".to_owned()));
        };
        let _turn = self.turn.lock().await;
        let snapshot = self.reader.load_full();
        if state != AdminState::Ready && !force {
            let refusals = guard::refusals(&snapshot, &targets, &self.metrics);
            if !refusals.is_empty() {
                return Err(OperationError::Guarded(refusals.join("; ")));
            }
        }
        let now = Instant::now();
        let intent = Intent {
            state,
            since: now,
            until: lasting.and_then(|lasting| now.checked_add(lasting)),
            told: Arc::new(Told { by: author.name, reason }),
        };
        let mut intents = Intents::clone(&snapshot.intents);
        for target in &targets {
            if !intents.set(*target, intent.clone()) {
                let text = format!("there are {MOST} intents already; set some to ready");
                return Err(OperationError::Conflict(text));
            }
        }
        self.keep(intents).await?;
        for target in targets {
            let done = self.commands.intend(target, intent.clone()).await;
            done.map_err(|error| OperationError::Unavailable(error.to_string()))?;
        }
        Ok(IntentView::new(first, &intent, (Instant::now(), SystemTime::now())))
    }

    /// Sets this if `expected` is still what is wanted (`None`: Ready), kept as any intent is; whether it was.
    ///
    /// # Errors
    /// When it is one too many, or cannot be kept. What is to be Ready is so even if that cannot be kept.
    pub async fn replace(
        &self,
        target: Target,
        expected: Option<&Intent>,
        intent: Intent,
    ) -> Result<bool, OperationError> {
        let _turn = self.turn.lock().await;
        let mut intents = Intents::clone(&self.reader.load_full().intents);
        if intents.get(target) != expected {
            return Ok(false);
        }
        if !intents.set(target, intent.clone()) {
            let text = format!("there are {MOST} intents already; set some to ready");
            return Err(OperationError::Conflict(text));
        }
        match self.keep(intents).await {
            Ok(()) => {}
            Err(why) if intent.state == AdminState::Ready => {
                warn!(%target, ?why, "cannot forget an intent; its time ends it");
            }
            Err(why) => return Err(why),
        }
        let done = self.commands.intend(target, intent).await;
        done.map_err(|error| OperationError::Unavailable(error.to_string()))?;
        Ok(true)
    }

    async fn keep(&self, intents: Intents) -> Result<(), OperationError> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let ending = || OperationError::Unavailable("the daemon is ending".to_owned());
        let directory = directory.upgrade().ok_or_else(ending)?;
        let now = (Instant::now(), SystemTime::now());
        let kept = blocking(move || kept::write(&directory, &intents, now)).await;
        kept.map_err(|error| OperationError::Unavailable(format!("edge.state_dir: {error}")))
    }
}
