//! `nearpoint run`: the daemon in the foreground.

use std::path::Path;
use std::process::ExitCode;

use sd_notify::NotifyState;
use tracing::{info, warn};

use super::{BAD_CONFIG, FAILED, block_on, output};
use crate::app::{App, StartError};
use crate::config;
use crate::signal::{Request, Signals};
use crate::telemetry;

/// Runs the daemon that `main` describes until a signal ends it.
pub(super) fn run(main: &Path) -> ExitCode {
    // Only to learn how to log; the app tells what is wrong with the rest.
    telemetry::start(config::load(main).map(|loaded| loaded.config.log).unwrap_or_default());
    abort_on_panic();
    match block_on(serve(main)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(ServeError::Start(error @ (StartError::Config(_) | StartError::Geoip(_))))) => {
            output::fail(&error.to_string(), BAD_CONFIG)
        }
        Ok(Err(ServeError::Start(error))) => output::fail(&error.to_string(), FAILED),
        Ok(Err(ServeError::Signals(error))) | Err(error) => {
            output::fail(&error.to_string(), FAILED)
        }
    }
}

enum ServeError {
    Start(StartError),
    Signals(std::io::Error),
}

async fn serve(main: &Path) -> Result<(), ServeError> {
    let mut signals = Signals::new().map_err(ServeError::Signals)?;
    let app = tokio::select! {
        started = App::start(main) => started.map_err(ServeError::Start)?,
        () = stop(&mut signals) => return Ok(()),
    };
    tell_systemd(&[NotifyState::Ready]);
    while signals.next().await == Request::Reload {
        info!("reloading");
        tell_systemd(&[NotifyState::Reloading]);
        // The reloader logs what came of it.
        let _ = app.reload().await;
        tell_systemd(&[NotifyState::Ready]);
    }
    info!("draining; a second signal ends at once");
    tell_systemd(&[NotifyState::Stopping]);
    tokio::select! {
        () = app.shut_down() => info!("drained"),
        () = stop(&mut signals) => warn!("ended before the drain was over"),
    }
    Ok(())
}

/// Waits for a signal that ends the daemon.
async fn stop(signals: &mut Signals) {
    while signals.next().await != Request::Stop {}
}

/// Whoever started us may not be systemd; then this does nothing.
fn tell_systemd(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(%error, "cannot notify the service manager");
    }
}

/// A thread that panicked must not leave a half-dead daemon behind; the service manager starts a
/// whole one.
fn abort_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::abort();
    }));
}
