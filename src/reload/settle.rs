//! Reads a configuration from files that hold still: half-written lists never go live.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::databases::{DatabaseErrors, InPlace, open_other};
use super::look::{Looks, Shapes};
use crate::blocking::blocking;
use crate::config::{self, ConfigError, Geoip, Loaded, PushedList, Sources};
use crate::geoip::Databases;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// Looks at files that keep changing before their reader gives up.
const PATIENCE: u32 = 20;

/// What is in use, as far as reading its successor goes by it.
#[derive(Clone, Debug)]
pub(super) struct InUse {
    /// The main file.
    pub(super) main: PathBuf,
    /// The push that stands for the file of the list, as long as that does not change.
    pub(super) pushed: Option<PushedList>,
    /// The files of the configuration in force.
    pub(super) sources: Sources,
    /// What they looked like before they were read.
    pub(super) shapes: Shapes,
    /// Which databases are open.
    pub(super) geoip: Geoip,
    /// The databases.
    pub(super) databases: Databases,
}

/// A configuration that held still, and what its files looked like.
pub(super) struct Settled {
    /// What it says.
    pub(super) content: Result<Content, ContentError>,
    /// The files that were read.
    pub(super) shapes: Shapes,
}

/// What files say.
pub(super) struct Content {
    /// The configuration.
    pub(super) loaded: Loaded,
    /// Its databases, among them those in use whose files have not changed.
    pub(super) databases: Databases,
}

/// What is wrong with files that held still.
#[derive(Debug)]
pub enum ContentError {
    /// The configuration has problems.
    Config(ConfigError),
    /// GeoIP databases cannot be used.
    Geoip(DatabaseErrors),
}

/// The files never held still.
#[derive(Debug)]
pub(super) struct SettleError {
    /// The files as they were before the last pause. What was written in it was not seen to hold
    /// still and has to be news to the watcher.
    pub(super) before: Shapes,
}

impl fmt::Display for SettleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the files kept changing for {} s", (PAUSE * PATIENCE).as_secs())
    }
}

impl std::error::Error for SettleError {}

impl ContentError {
    /// One line each.
    pub(super) fn problems(&self) -> Vec<String> {
        match self {
            Self::Config(error) => error.problems.iter().map(ToString::to_string).collect(),
            Self::Geoip(errors) => errors.0.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Reads the successor of what is in use, once size, modification time, inode and content of every
/// file were equal in two looks 500 ms apart, the reading in between. May be dropped at any time.
///
/// # Errors
/// When the files do not hold still for ten seconds.
pub(super) async fn settle(in_use: InUse) -> Result<Settled, SettleError> {
    let in_use = Arc::new(in_use);
    let mut before = look(&in_use, in_use.sources.clone()).await;
    let mut looks = before.clone();
    for _ in 0..PATIENCE {
        sleep(PAUSE).await;
        before = looks;
        let (loaded, found) = load(&in_use).await;
        let sources = found.unwrap_or_else(|| before.sources().clone());
        looks = look(&in_use, sources).await;
        if looks != before {
            continue;
        }
        let content = match loaded {
            Ok(loaded) => open(&in_use, loaded, looks.shapes()).await,
            Err(error) => Err(ContentError::Config(error)),
        };
        let shapes = looks.shapes().clone();
        // Opening takes its time, too.
        let (shapes, now) = blocking(move || {
            let now = shapes.again();
            (shapes, now)
        })
        .await;
        if shapes == now {
            return Ok(Settled { content, shapes });
        }
    }
    Err(SettleError { before: before.shapes().clone() })
}

/// Also the files to look at: a new main file may name others, and so may one that is refused for what
/// they say now.
async fn load(in_use: &Arc<InUse>) -> (Result<Loaded, ConfigError>, Option<Sources>) {
    let in_use = Arc::clone(in_use);
    let load = move || config::load_with(&in_use.main, in_use.pushed.as_ref());
    let loaded = blocking(load).await;
    let sources = match &loaded {
        Ok(loaded) => Some(loaded.sources.clone()),
        Err(error) => error.sources.as_deref().cloned(),
    };
    (loaded, sources)
}

async fn look(in_use: &Arc<InUse>, sources: Sources) -> Looks {
    let in_use = Arc::clone(in_use);
    blocking(move || Looks::of(sources, &in_use.shapes)).await
}

async fn open(
    in_use: &Arc<InUse>,
    loaded: Loaded,
    shapes: &Shapes,
) -> Result<Content, ContentError> {
    let (in_use, geoip, shapes) = (Arc::clone(in_use), loaded.config.geoip.clone(), shapes.clone());
    let opened = blocking(move || {
        let is_same = |path: &Path| in_use.shapes.shape(path) == shapes.shape(path);
        let InUse { geoip: old, databases, .. } = &*in_use;
        open_other(&geoip, Some(&InPlace { geoip: old, databases, is_same: &is_same }))
    });
    Ok(Content { loaded, databases: opened.await.map_err(ContentError::Geoip)? })
}
