//! HAProxy in TCP mode, in two ways that an operator would choose from.
//!
//! No single way is its best: spliced, its bulk costs less and its short messages more. The better
//! figure of the two is the bar for nearpoint.

use super::file::fill;
use super::plan::{Given, Plan};
use super::{Beginning, File};
use std::fmt::Write as _;
use std::io::{self, Read, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

const CONFIG: &str = "haproxy.cfg";
const SOCKET: &str = "haproxy.sock";

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

/// For the answer of the socket.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn given(plan: &Plan, splice: Splice) -> Given {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let file = plan.path(CONFIG);
    Given {
        files: vec![config(plan, splice)],
        args: match plan.reloads {
            // A master that stays in the foreground: SIGUSR2 has it begin another worker.
            true => words(&["-W", "-db", "-f", &file]),
            false => words(&["-db", "-f", &file]),
        },
        check: words(&["-c", "-f", &file]),
    }
}

pub(super) fn config(plan: &Plan, splice: Splice) -> File {
    let (accept, send) = match plan.duty.beginning {
        Beginning::Plain | Beginning::Sniffed => ("", ""),
        Beginning::ProxyIn => ("accept-proxy", ""),
        Beginning::ProxyOut => ("", " send-proxy-v2"),
    };
    let splice = match splice {
        Splice::Auto => include_str!("../../peers/haproxy-splice-auto.cfg"),
        Splice::Always => include_str!("../../peers/haproxy-splice-always.cfg"),
    };
    let balance = if plan.servers.len() > 1 { "leastconn" } else { "static-rr" };
    let mut servers = String::new();
    for (number, server) in plan.servers.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = writeln!(servers, "server s{number} {server}{send}");
    }
    let values = [
        ("cores", plan.cores.to_string().into()),
        ("sessions", (plan.descriptors / 3).min(MAX_SESSIONS).to_string().into()),
        ("directory", plan.directory().to_string().into()),
        ("listen", plan.listen.to_string().into()),
        ("splice", splice.into()),
        ("balance", balance.into()),
        ("accept_proxy", accept.into()),
        ("servers", servers.into()),
    ];
    File { name: CONFIG, text: fill(include_str!("../../peers/haproxy.cfg"), &values) }
}

/// The process that serves new sessions.
pub(super) fn worker(plan: &Plan) -> io::Result<u32> {
    let mut socket = UnixStream::connect(plan.directory.join(SOCKET))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.write_all(b"show info\n")?;
    let mut info = String::new();
    socket.read_to_string(&mut info)?;
    let pid = info.lines().find_map(|line| line.strip_prefix("Pid: ")?.trim().parse().ok());
    pid.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "its socket tells no process"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Transport;
    use crate::peers::Duty;

    fn text(beginning: Beginning, splice: Splice) -> String {
        let duty = Duty { beginning, ..Duty::plain(Transport::Tcp) };
        config(&Plan { duty, ..Plan::example() }, splice).text
    }

    #[test]
    fn config_names_addresses_threads_and_splicing() {
        let config = text(Beginning::Plain, Splice::Auto);
        for line in [
            "    nbthread 2\n",
            "    maxconn 6666\n",
            "    option splice-auto\n",
            "    bind 127.0.0.1:20001\n",
            "    server s0 127.0.0.1:20003\n",
        ] {
            assert!(config.contains(line), "{line:?} in {config}");
        }
        let config = text(Beginning::Plain, Splice::Always);
        assert!(config.contains("    option splice-request\n    option splice-response\n"));
        assert!(!config.contains("splice-auto"));
    }

    #[test]
    fn headers_are_accepted_or_sent() {
        let accepts = text(Beginning::ProxyIn, Splice::Auto);
        assert!(accepts.contains("    bind 127.0.0.1:20001 accept-proxy\n"), "{accepts}");
        let sends = text(Beginning::ProxyOut, Splice::Auto);
        assert!(sends.contains("    server s0 127.0.0.1:20003 send-proxy-v2\n"), "{sends}");
    }
}
