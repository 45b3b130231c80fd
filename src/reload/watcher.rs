//! Notices that files of the configuration have changed: by looking, since a notification cannot
//! follow editors that rename and symlinks that swap.

use std::time::Duration;

use tokio::time::sleep;

use super::look::Shapes;

/// Between looks.
const PAUSE: Duration = Duration::from_millis(500);

/// Waits until one of these files does not look as it did.
pub(super) async fn changed(seen: &Shapes) {
    while seen.again() == *seen {
        sleep(PAUSE).await;
    }
}
