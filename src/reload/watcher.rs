//! Notices that files of the configuration have changed: by looking, since a notification cannot
//! follow editors that rename and symlinks that swap.

use std::time::Duration;

use tokio::time::sleep;

use super::look::Shapes;
use crate::blocking::blocking;

/// Between looks.
const PAUSE: Duration = Duration::from_millis(500);

/// Waits until one of these files does not look as it did.
pub(super) async fn changed(seen: &Shapes) {
    loop {
        let before = seen.clone();
        // A directory may be far away.
        if blocking(move || before.again() != before).await {
            return;
        }
        sleep(PAUSE).await;
    }
}
