//! The push that stands for the operator's file, kept over restarts.

use std::io;
use std::sync::Arc;

use tracing::{error, info, warn};

use crate::config::{self, ConfigError, Loaded, Main, PushedList};
use crate::operations::history::Entry;
use crate::state_dir::StateDir;

/// The push that is in force.
const PUSHED: &str = "pushed";

/// The last one that was of no use.
const DAMAGED: &str = "damaged-pushed";

/// A list that was pushed, and all that there is to say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StandingPush {
    pub(super) entry: Entry,
    pub(super) list: PushedList,
}

impl StandingPush {
    /// Of an entry of the history and its list.
    pub(super) fn new(entry: Entry, bytes: Arc<[u8]>) -> Self {
        let over = entry.over.as_deref().and_then(|over| over.parse().ok());
        Self { entry, list: PushedList { bytes, over } }
    }

    /// Keeps it from now on, in place of the one before. Blocks.
    pub(super) fn keep(&self, directory: &StateDir) -> io::Result<()> {
        self.entry.write(directory, PUSHED, &self.list.bytes)
    }

    /// Keeps this one again, or none: what was to take its place did not come to be. Blocks.
    pub(super) fn put_back(before: Option<&Self>, directory: &StateDir) {
        let done = match before {
            Some(before) => before.keep(directory),
            None => directory.remove(PUSHED),
        };
        if let Err(error) = done {
            error!(%error, "edge.state_dir may hold a push that is not in force");
        }
    }

    /// Keeps none from now on: the file has changed. Blocks.
    pub(super) fn forget(&self, directory: Option<&StateDir>) {
        let Entry { number, by, .. } = &self.entry;
        info!(number, by, "the file of dc_options has changed: a push is superseded");
        // It stays superseded as long as the file does not become again what it was.
        if let Some(Err(error)) = directory.map(|it| it.remove(PUSHED)) {
            warn!(number, %error, "cannot remove the push that is superseded");
        }
    }

    /// The one that is kept. One that cannot be read is set aside. Blocks.
    pub(super) fn read(directory: &StateDir) -> Option<Self> {
        match Entry::read(directory, PUSHED) {
            Ok(found) => found.map(|(entry, bytes)| Self::new(entry, bytes)),
            Err(why) => {
                set_aside(directory, &why.to_string());
                None
            }
        }
    }
}

/// Reads the configuration at `main`, with the push that stands for the file of its list, if one does.
/// A push that cannot be used any more is set aside where the file can: a daemon with the list of the file
/// is better than none. Blocks.
pub(super) fn load(
    main: &std::path::Path,
    push: Option<StandingPush>,
    directory: Option<&StateDir>,
) -> Result<(Loaded, Option<StandingPush>), ConfigError> {
    let Some(push) = push else { return Ok((config::load(main)?, None)) };
    match config::load_with(main, Some(&push.list)) {
        Ok(loaded) if loaded.list.is_pushed => Ok((loaded, Some(push))),
        Ok(loaded) => {
            push.forget(directory);
            Ok((loaded, None))
        }
        Err(problems) => {
            problems.problems.iter().for_each(|problem| error!("{problem}"));
            let Ok(loaded) = config::load(main) else {
                // The list of the file is of no use either: the push was good, and may be so still.
                let draft = Main::load(main)?;
                let over = push.list.over;
                let loaded = draft.with_pushed(Arc::clone(&push.list.bytes), over);
                return loaded.map(|loaded| (loaded, Some(push))).map_err(|_| problems);
            };
            if let Some(directory) = directory {
                set_aside(directory, "it is no list for this configuration; the file has the word");
            }
            Ok((loaded, None))
        }
    }
}

fn set_aside(directory: &StateDir, why: &str) {
    let file = directory.file(PUSHED);
    error!(file = %file.display(), why, "the list that was pushed is lost");
    if let Err(error) = directory.set_aside(PUSHED, DAMAGED) {
        warn!(file = %file.display(), %error, "cannot move it aside");
    }
}
