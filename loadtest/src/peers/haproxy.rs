//! HAProxy in TCP mode, splicing as an operator would let it.

use super::Plan;
use std::fs;
use std::io;
use std::path::Path;
use tokio::process::Command;

/// Tables of HAProxy grow with this; more is never asked of it here.
const MAX_SESSIONS: u64 = 100_000;

pub(super) fn command(program: &Path, directory: &Path, plan: &Plan) -> io::Result<Command> {
    let file = directory.join("haproxy.cfg");
    fs::write(&file, config(plan))?;
    let mut command = Command::new(program);
    // In the foreground, without a master process.
    command.arg("-db").arg("-f").arg(file);
    Ok(command)
}

/// `splice-auto` splices bulk and copies short messages, which suits both loads best: with
/// `splice-request` and `splice-response` every short message would pass through a pipe.
fn config(plan: &Plan) -> String {
    let Plan {
        listen,
        backend,
        cores,
        descriptors,
        ..
    } = plan;
    // Two for each session and, at worst, one for its share of the pipes.
    let sessions = (descriptors / 3).min(MAX_SESSIONS);
    format!(
        "global\n    \
             nbthread {cores}\n    \
             maxconn {sessions}\n\
         defaults\n    \
             mode tcp\n    \
             option splice-auto\n    \
             timeout connect 5s\n    \
             timeout client 10m\n    \
             timeout server 10m\n\
         listen load\n    \
             bind {listen}\n    \
             server backend {backend}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_names_addresses_threads_and_splicing() {
        let config = config(&Plan::example());
        for line in [
            "    nbthread 2\n",
            "    maxconn 6666\n",
            "    option splice-auto\n",
            "    bind 127.0.0.1:20001\n",
            "    server backend 127.0.0.1:20003\n",
        ] {
            assert!(config.contains(line), "{line:?} in {config}");
        }
    }
}
