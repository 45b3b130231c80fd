//! Reads what a daemon starts with. Nothing is in force yet, so nobody waits for files to hold still.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::look::Shapes;
use super::open_databases;
use super::pushed::{self, StandingPush};
use super::settle::{ContentError, InUse};
use crate::blocking::blocking;
use crate::config::{self, Config, Finding, List, Loaded, Main, ReloadPlan, Sources};
use crate::geoip::Databases;
use crate::operations::history::{Difference, Entry, History};
use crate::state_dir::{StateDir, StateDirError};

/// What is in force.
pub struct Running {
    /// The configuration.
    pub config: Arc<Config>,
    /// The GeoIP databases.
    pub databases: Databases,
    /// The main file.
    pub(super) main: PathBuf,
    /// What it says, for another list.
    pub(super) draft: Main,
    /// The list.
    pub(super) list: List,
    /// Who pushed that, if it is not the file's.
    pub(super) push: Option<StandingPush>,
    /// The files it was made of.
    pub(super) sources: Sources,
    /// What they looked like before they were read.
    pub(super) shapes: Shapes,
}

/// What a daemon starts with.
pub struct First {
    /// To be put into force.
    pub running: Running,
    /// What an operator may want to know of it.
    pub notes: Vec<Finding>,
    /// For what survives a restart, if the configuration names a directory.
    pub directory: Option<Arc<StateDir>>,
    /// The lists that were in force, this one among them.
    pub history: Arc<History>,
}

/// Why there is nothing to start with.
#[derive(Debug)]
pub enum FirstError {
    /// What files say.
    Content(ContentError),
    /// The directory cannot be used.
    StateDir(StateDirError),
}

/// Reads the configuration at `main` and its databases, and what was kept.
///
/// # Errors
/// When there is anything wrong with them.
pub async fn first(main: &Path) -> Result<First, FirstError> {
    let main = main.to_owned();
    blocking(move || read(main)).await
}

impl Running {
    pub(super) fn in_use(&self) -> InUse {
        InUse {
            main: self.main.clone(),
            pushed: self.push.as_ref().map(|push| push.list.clone()),
            sources: self.sources.clone(),
            shapes: self.shapes.clone(),
            geoip: self.config.geoip.clone(),
            databases: self.databases.clone(),
        }
    }
}

fn read(main: PathBuf) -> Result<First, FirstError> {
    let bad = |error| FirstError::Content(ContentError::Config(error));
    let draft = Main::load(&main).map_err(bad)?;
    if !draft.is_sound() {
        // All problems of all files; nothing is made for what cannot run.
        config::load(&main).map_err(bad)?;
    }
    let directory = draft.state_dir().map(StateDir::open).transpose();
    let directory = directory.map_err(FirstError::StateDir)?.map(Arc::new);
    let push = directory.as_deref().and_then(StandingPush::read);
    // Read once to learn which files there are, and again when it is known what they look like:
    // what is written from then on is news to the watcher.
    let (found, push) = pushed::load(&main, push, directory.as_deref()).map_err(bad)?;
    let shapes = Shapes::of(&found.sources);
    let (loaded, push) = pushed::load(&main, push, directory.as_deref()).map_err(bad)?;
    let Loaded { config, main: draft, list, notes, sources } = loaded;
    let databases = open_databases(&config.geoip).map_err(ContentError::Geoip);
    let databases = databases.map_err(FirstError::Content)?;
    let history = Arc::new(History::open(directory.clone()));
    record(&history, &config, &draft, (&list, push.as_ref()));
    let config = Arc::new(config);
    let running = Running { config, databases, main, draft, list, push, sources, shapes };
    Ok(First { running, notes, directory, history })
}

/// Enters the list that a daemon starts with, if it is another one than was in force last.
fn record(
    history: &History,
    config: &Config,
    draft: &Main,
    (list, push): (&List, Option<&StandingPush>),
) {
    if let Some(StandingPush { entry, list }) = push
        && history.newest(1).first().is_none_or(|last| last.number < entry.number)
    {
        // The daemon ended between keeping it and entering it.
        history.add(entry.clone(), Arc::clone(&list.bytes));
    }
    let last = history.newest(1).pop();
    let revision = config.topology.revision().to_string();
    if last.as_ref().is_some_and(|last| last.revision == revision) {
        return;
    }
    let before = last.map(|last| {
        let list = history.list(last.number).ok().flatten()?;
        Some(draft.clone().with_pushed(list, None).ok()?.config)
    });
    let difference = match before {
        None => Difference::from_nothing(config),
        Some(Some(before)) => Difference::of(&ReloadPlan::new(&before, config)),
        Some(None) => Difference {
            lines: vec!["the list before is no list for this configuration".to_owned()],
            ..Difference::default()
        },
    };
    let entry = Entry {
        number: history.next_number(),
        at_ms: Entry::millis(SystemTime::now()),
        source: "start".to_owned(),
        by: String::new(),
        from: String::new(),
        reason: String::new(),
        forced: false,
        revision,
        bytes: list.bytes.len() as u64,
        difference,
        over: None,
    };
    history.add(entry, Arc::clone(&list.bytes));
}
