//! Logs: where they go and how they look.

#[cfg(test)]
pub(crate) mod lines;

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::config::{Log, LogFormat};

/// Filed under this is who has changed what: it is written at every level.
pub const AUDIT: &str = "nearpoint::audit";

fn filter(log: Log) -> EnvFilter {
    EnvFilter::new(format!("{},{AUDIT}=info", log.level.as_str()))
}

/// Starts logging to standard error. The environment variable `RUST_LOG` overrides the level, in
/// the syntax of tracing's `EnvFilter`. Later calls change nothing: a process logs in one way.
pub fn start(log: Log) {
    let configured = || filter(log);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| configured());
    let colours = std::io::stderr().is_terminal();
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // An error means that logging has started already.
    let _ = match log.format {
        LogFormat::Text => builder.with_ansi(colours).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}

#[cfg(test)]
mod tests {
    use super::lines::Lines;
    use super::*;
    use crate::config::LogLevel;

    #[test]
    fn the_record_of_changes_is_written_at_every_level() {
        let lines = Lines::default();
        let log = Log { level: LogLevel::Error, ..Log::default() };
        let quiet = fmt().with_env_filter(filter(log)).with_writer(lines.clone()).finish();
        tracing::subscriber::with_default(quiet, || {
            tracing::info!("a change of state");
            tracing::info!(target: "nearpoint::audit", audit = true, "asked to change");
        });
        let text = lines.text();
        assert!(text.contains("asked to change") && !text.contains("a change of state"), "{text}");
    }
}
