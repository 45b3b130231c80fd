//! Logs: where they go and how they look.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::config::{Log, LogFormat};

/// Starts logging to standard error. The environment variable `RUST_LOG` overrides the level, in
/// the syntax of tracing's `EnvFilter`. Later calls change nothing: a process logs in one way.
pub fn start(log: Log) {
    let configured = || EnvFilter::new(log.level.as_str());
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| configured());
    let colours = std::io::stderr().is_terminal();
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // An error means that logging has started already.
    let _ = match log.format {
        LogFormat::Text => builder.with_ansi(colours).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
