//! `nearpoint run`: the daemon in the foreground.

use std::path::Path;
use std::pin::pin;
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
        Ok(Err(ServeError::Start(
            error @ (StartError::Config(_) | StartError::Geoip(_) | StartError::Credentials(_)),
        ))) => output::fail(&error.to_string(), BAD_CONFIG),
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
    reload_until_stopped(&app, &mut signals).await;
    info!("draining; a second signal ends at once");
    tell_systemd(&[NotifyState::Stopping]);
    tokio::select! {
        () = app.shut_down() => info!("drained"),
        () = stop(&mut signals) => warn!("ended before the drain was over"),
    }
    Ok(())
}

async fn reload_until_stopped(app: &App, signals: &mut Signals) {
    let mut request = signals.next().await;
    while request == Request::Reload {
        info!("reloading");
        // systemd tells by the time which READY answers it.
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell_systemd(&[NotifyState::Reloading, now]),
            Err(error) => warn!(%error, "cannot tell the service manager of the reload"),
        }
        request = match reload(app, signals).await {
            Some(meanwhile) => meanwhile,
            None => signals.next().await,
        };
    }
}

/// Reloads, unless it is told to stop meanwhile; returns what was asked for meanwhile, if anything.
/// Another reload is not the same: files may have been read already.
async fn reload(app: &App, signals: &mut Signals) -> Option<Request> {
    let mut meanwhile = None;
    let mut reload = pin!(app.reload());
    loop {
        tokio::select! {
            // The reloader logs what came of it.
            _ = &mut reload => {
                tell_systemd(&[NotifyState::Ready]);
                return meanwhile;
            }
            request = signals.next() => match request {
                Request::Reload => meanwhile = Some(request),
                Request::Stop => return Some(request),
            },
        }
    }
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

#[cfg(test)]
mod tests {
    use std::env;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use tokio::runtime::{Builder, LocalOptions};

    /// Set in the process that is to panic.
    const CHILD: &str = "NEARPOINT_TEST_PANICS_IN";

    /// A task whose panic the runtime would catch, on a thread that is not the main one: a worker.
    fn panic_in_a_task() {
        let worker = std::thread::spawn(|| {
            let runtime = Builder::new_current_thread().build_local(LocalOptions::default());
            runtime.expect("a runtime").block_on(async {
                // That it panicked is all that its handle would tell.
                let _ = tokio::task::spawn_local(async { panic!("a task of a worker") }).await;
            });
        });
        let _ = worker.join();
    }

    /// A thread whose panic whoever joins it would learn of, and nobody does.
    fn panic_in_a_thread() {
        let _ = std::thread::spawn(|| panic!("a thread")).join();
    }

    #[test]
    fn a_panic_of_any_thread_or_task_aborts_the_process_and_is_told() {
        if let Ok(place) = env::var(CHILD) {
            super::abort_on_panic();
            match place.as_str() {
                "task" => panic_in_a_task(),
                _ => panic_in_a_thread(),
            }
            return;
        }
        const SIGABRT: i32 = 6;
        const THIS: &str = "a_panic_of_any_thread_or_task_aborts_the_process_and_is_told";
        for (place, told) in [("task", "a task of a worker"), ("thread", "a thread")] {
            let mut child = Command::new(env::current_exe().expect("this test"));
            let child = child.args([THIS, "--nocapture"]).env(CHILD, place);
            let output = child.output().expect("it ran");
            assert_eq!(output.status.signal(), Some(SIGABRT), "{place}: {output:?}");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains(told), "{said}");
        }
    }
}
