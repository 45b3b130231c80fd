//! Work that waits for disks, or takes long, is done where nobody waits for its thread.

use std::future;
use std::panic;

use tokio::task;

/// Does the work on such a thread. It goes on if whoever waits here is dropped.
///
/// # Panics
/// When the work does.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(reason) => panic::resume_unwind(reason),
            // Cancelled: the runtime ends, and whoever waits here with it.
            Err(_) => future::pending().await,
        },
    }
}
