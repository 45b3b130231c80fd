//! The keys that are read once, when the process starts.

use serde_json::Value;

/// A new value of these waits for a restart; so does one of any key below them.
pub(super) const KEYS: &[&str] = &[
    "edge.name",
    "edge.workers",
    "edge.state_dir",
    "memory.pending",
    "memory.pipes",
    "memory.pipe_size",
    "admin.bind",
    "admin.tokens_file",
    "admin.tls",
    "admin.allowed_hosts",
    "metrics.bind",
    "log.level",
    "log.format",
    "shutdown.grace",
    "shutdown.deadline",
];

/// Puts what a process was started with back into a later configuration: what is in force of it.
pub(super) fn keep(started: &Value, running: &mut Value) {
    for key in KEYS {
        let pointer = format!("/{}", key.replace('.', "/"));
        if let (Some(kept), Some(slot)) = (started.pointer(&pointer), running.pointer_mut(&pointer))
        {
            *slot = kept.clone();
        }
    }
}

/// The key of [`KEYS`] that the value at `path` belongs to.
pub(super) fn key_of(path: &str) -> Option<&'static str> {
    let belongs = |key: &&&str| {
        path.strip_prefix(**key).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    KEYS.iter().find(belongs).copied()
}
