//! HAProxy in TCP mode, with everything it has against failing servers, in two ways that an operator
//! would choose from.
//!
//! No single way is its best: `on-marked-down shutdown-sessions` ends every session of a server that
//! is down at once, and with them those of clients who are still waiting for its connect and would
//! have been sent elsewhere.

use super::setting::{
    ATTEMPTS, CONNECT_TIMEOUT, ERRORS, FALL, FAST_INTERVAL, IDLE, INTERVAL, Probe, RISE, Setting,
    is_near, word,
};
use crate::peers::File;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Read, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

const CONFIG: &str = "haproxy.cfg";
const SOCKET: &str = "haproxy.sock";
const STATE: &str = "haproxy.state";

/// What ends the sessions of a server that is down.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    /// HAProxy, when it is marked down.
    Shutdown,
    /// Nothing but TCP, when the path is dead: clients who are waiting for a connect are sent on.
    Keepalive,
}

/// For the answer of the socket.
const PATIENCE: Duration = Duration::from_secs(5);

/// A master that stays in the foreground, and its worker: SIGUSR2 has it begin another worker.
pub(super) fn args(directory: &Path) -> Vec<OsString> {
    vec!["-W".into(), "-db".into(), "-f".into(), directory.join(CONFIG).into()]
}

pub(super) fn files(directory: &Path, setting: &Setting, ending: Ending) -> Vec<File> {
    // No states, in the version of the format that is read.
    let none = File { name: STATE, text: "1\n".to_owned() };
    vec![config(directory, setting, ending), none]
}

/// The list is part of the configuration. States are asked for, so that a new worker does not take
/// for well what the old one knows to be down.
pub(super) fn list(directory: &Path, setting: &Setting, ending: Ending) -> io::Result<Vec<File>> {
    let mut socket = UnixStream::connect(directory.join(SOCKET))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.write_all(b"show servers state\n")?;
    let mut states = String::new();
    socket.read_to_string(&mut states)?;
    Ok(vec![config(directory, setting, ending), File { name: STATE, text: states }])
}

fn config(directory: &Path, setting: &Setting, ending: Ending) -> File {
    let Setting { listen, cores, .. } = setting;
    let directory = directory.display();
    let sessions = setting.sessions();
    let retries = ATTEMPTS - 1;
    let mut servers = String::new();
    for access_point in &setting.access_points {
        let (name, address) = (word(*access_point), access_point.address());
        let role = if is_near(access_point.dc) { "" } else { " backup" };
        let _ = writeln!(servers, "    server {name} {address}{role}");
    }
    let check = match setting.probe {
        // Without a word about it a check is a connect.
        Probe::Tcp => "",
        Probe::Http => "    option httpchk GET /\n    http-check expect status 200\n",
    };
    let ending = match ending {
        Ending::Shutdown => {
            "    # Whoever is with a server that is down may connect again at once.
    default-server on-marked-down shutdown-sessions
"
        }
        Ending::Keepalive => {
            "    # Not on-marked-down shutdown-sessions, which would end those that wait for a connect too.
    # A path that is dead ends its sessions after 4 s.
    option srvtcpka
    srvtcpka-idle 1s
    srvtcpka-intvl 1s
    srvtcpka-cnt 3
    default-server tcp-ut 4s
"
        }
    };
    let text = format!(
        "# Started with -W: SIGUSR2 to the master reads this file into a new worker, and the old one
# serves its sessions to their end, for there is no hard-stop-after.
global
    nbthread {cores}
    maxconn {sessions}
    # Whoever reloads asks here for the states of servers and puts them into the file, so that the
    # new worker knows which are down.
    stats socket {directory}/{SOCKET} mode 600 level operator
    server-state-file {directory}/{STATE}

defaults
    mode tcp
    load-server-state-from-file global
    timeout connect {CONNECT_TIMEOUT}s
    timeout client {IDLE}m
    timeout server {IDLE}m
    # {ATTEMPTS} attempts in all, each with another server than the one before.
    retries {retries}
    option redispatch 1

listen edge
    bind {listen}
    # Not leastconn: a server that is silent or back again has the least, and would get every client.
    balance roundrobin
    # All backups stand in, not the first alone.
    option allbackups
{check}    # No timeout check: a check may take inter in all. It is repeated sooner while the state is
    # about to change.
    default-server check inter {INTERVAL}s fastinter {FAST_INTERVAL}ms fall {FALL} rise {RISE}
    # Connects of clients count too, with the strongest reaction, which does not wait for a check. A
    # path that loses packets seldom loses {ERRORS} connects in a row; one that is dead soon has.
    default-server observe layer4 error-limit {ERRORS} on-error mark-down
{ending}{servers}"
    );
    File { name: CONFIG, text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::layout::Dc;

    fn text(setting: &Setting) -> String {
        config(Path::new("/run/lab"), setting, Ending::Shutdown).text
    }

    #[test]
    fn near_servers_are_active_and_far_ones_are_all_backups() {
        let text = text(&Setting::example(Probe::Tcp));
        for line in [
            "    nbthread 2\n",
            "    maxconn 10000\n",
            "    stats socket /run/lab/haproxy.sock mode 600 level operator\n",
            "    bind 198.19.0.2:8443\n",
            "    retries 3\n",
            "    option allbackups\n",
            "    server dc1-a 198.19.1.10:4430\n",
            "    server dc2-v6 [2001:2:0:2::10]:4430\n",
            "    server dc3-b 198.19.3.11:4430 backup\n",
        ] {
            assert!(text.contains(line), "{line:?} in {text}");
        }
        assert!(!text.contains("httpchk"));
    }

    #[test]
    fn probes_of_http_are_asked_for() {
        assert!(text(&Setting::example(Probe::Http)).contains("    option httpchk GET /\n"));
    }

    #[test]
    fn sessions_are_ended_in_one_way_or_the_other() {
        let setting = Setting::example(Probe::Tcp);
        let [shutdown, keepalive] = [Ending::Shutdown, Ending::Keepalive]
            .map(|ending| config(Path::new("/run/lab"), &setting, ending).text);
        let lines =
            ["default-server on-marked-down", "option srvtcpka", "default-server tcp-ut 4s"];
        assert_eq!(lines.map(|line| shutdown.contains(line)), [true, false, false]);
        assert_eq!(lines.map(|line| keepalive.contains(line)), [false, true, true]);
    }

    #[test]
    fn a_list_without_a_dc_is_a_configuration_without_it() {
        let mut setting = Setting::example(Probe::Tcp);
        setting.access_points.retain(|access_point| access_point.dc != Dc::Dc2);
        assert!(!text(&setting).contains("dc2"));
    }
}
