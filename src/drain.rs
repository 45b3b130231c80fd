//! Whether the daemon is on its way out: one writer, everybody may look.

use tokio::sync::watch;

/// Starts the drain.
#[derive(Debug)]
pub struct DrainTrigger {
    sender: watch::Sender<bool>,
}

/// Knows whether the drain has started.
#[derive(Clone, Debug)]
pub struct DrainWatch {
    receiver: watch::Receiver<bool>,
}

/// A drain that has not started, and who knows of it.
#[must_use]
pub fn channel() -> (DrainTrigger, DrainWatch) {
    let (sender, receiver) = watch::channel(false);
    (DrainTrigger { sender }, DrainWatch { receiver })
}

impl DrainTrigger {
    /// From now on the daemon drains.
    pub fn start(&self) {
        self.sender.send_replace(true);
    }
}

impl DrainWatch {
    /// Whether the daemon drains.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        *self.receiver.borrow()
    }

    /// Waits until the daemon drains, or until nobody can start it any more.
    pub async fn started(&mut self) {
        // An error means that the trigger is gone.
        let _ = self.receiver.wait_for(|draining| *draining).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_learns_of_the_drain() {
        let (trigger, mut early) = channel();
        let late = early.clone();
        assert!(!late.is_draining());
        trigger.start();
        early.started().await;
        assert!(late.is_draining());
    }
}
