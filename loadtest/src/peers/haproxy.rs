//! HAProxy in TCP mode, in two ways that an operator would choose from.
//!
//! No single way is its best: spliced, its bulk costs a fifth and its short messages a fifth
//! more. The better figure of the two is the bar for nearpoint.

use super::Plan;
use std::fs;
use std::io;
use std::path::Path;
use tokio::process::Command;

/// When bytes go through a pipe instead of a buffer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Splice {
    /// Where HAProxy sees a fast stream.
    Auto,
    /// Always, through pipes as large as nearpoint's.
    Always,
}

/// Tables of HAProxy grow with this; more is never asked of it here.
const MAX_SESSIONS: u64 = 100_000;

pub(super) fn command(
    program: &Path,
    directory: &Path,
    plan: &Plan,
    splice: Splice,
) -> io::Result<Command> {
    let file = directory.join("haproxy.cfg");
    fs::write(&file, config(plan, splice))?;
    let mut command = Command::new(program);
    // In the foreground, without a master process.
    command.arg("-db").arg("-f").arg(file);
    Ok(command)
}

fn config(plan: &Plan, splice: Splice) -> String {
    let (tuning, options) = match splice {
        Splice::Auto => ("", "option splice-auto\n"),
        Splice::Always => {
            ("tune.pipesize 262144\n    ", "option splice-request\n    option splice-response\n")
        }
    };
    let Plan { listen, backend, cores, descriptors, .. } = plan;
    // Two for each session and, at worst, one for its share of the pipes.
    let sessions = (descriptors / 3).min(MAX_SESSIONS);
    format!(
        "global\n    \
             nbthread {cores}\n    \
             {tuning}maxconn {sessions}\n\
         defaults\n    \
             mode tcp\n    \
             {options}    \
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
        let config = config(&Plan::example(), Splice::Auto);
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

    #[test]
    fn splicing_always_means_both_directions_and_large_pipes() {
        let config = config(&Plan::example(), Splice::Always);
        for line in
            ["tune.pipesize 262144\n", "option splice-request\n", "option splice-response\n"]
        {
            assert!(config.contains(&format!("    {line}")), "{line:?} in {config}");
        }
        assert!(!config.contains("splice-auto"));
    }
}
