//! Notices that files of the configuration have changed: by looking, since a notification cannot
//! follow editors that rename and symlinks that swap.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::look::{Shape, shapes};
use crate::config::Sources;

/// Between looks.
const PAUSE: Duration = Duration::from_millis(500);

/// The files as they were when they were last read.
pub struct Watcher {
    sources: Sources,
    seen: Vec<(PathBuf, Option<Shape>)>,
}

impl Watcher {
    /// Watches these files from now on.
    #[must_use]
    pub fn new(sources: Sources) -> Self {
        Self { seen: shapes(&sources), sources }
    }

    /// Waits until a file looks different from when it was last read.
    pub async fn changed(&self) {
        let mut looks = interval(PAUSE);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            if shapes(&self.sources) != self.seen {
                return;
            }
        }
    }
}
