//! nginx with its stream module.
//!
//! What it knows of failures are the connects of clients: active checks are not in the free version.
//! Nor does it end sessions with a server that failed.

use super::setting::{CONNECT_TIMEOUT, DEADLINE, IDLE, Setting, is_near, word};
use crate::peers::{File, stream_module};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

const CONFIG: &str = "nginx.conf";

pub(super) fn args(directory: &Path) -> Vec<OsString> {
    // The error log on the command line keeps it from opening the system's own.
    let config = directory.join(CONFIG).into();
    vec!["-p".into(), directory.into(), "-e".into(), "stderr".into(), "-c".into(), config]
}

/// The list is part of the configuration: SIGHUP has the master read it into new workers.
pub(super) fn config(directory: &Path, setting: &Setting) -> File {
    let Setting { listen, cores, .. } = setting;
    let directory = directory.display();
    // A session is two connections.
    let connections = setting.sessions() * 2;
    let load = stream_module().map(|module| format!("load_module {module};\n")).unwrap_or_default();
    // nginx refuses backups that stand in for nobody.
    let alone = !setting.access_points.iter().any(|access_point| is_near(access_point.dc));
    let mut servers = String::new();
    for access_point in &setting.access_points {
        let (name, address) = (word(*access_point), access_point.address());
        let role = if alone || is_near(access_point.dc) { "" } else { " backup" };
        let _ = writeln!(
            servers,
            "        server {address} max_fails=1 fail_timeout=10s{role};  # {name}"
        );
    }
    // Of UDP it notices refusals only. A client that goes on asking is a session that goes on.
    let datagrams = match setting.udp {
        true => format!(
            "    server {{\n        listen {listen} udp reuseport;\n        proxy_pass dcs;\n        \
             proxy_next_upstream on;\n        proxy_timeout {IDLE}m;\n    }}\n"
        ),
        false => String::new(),
    };
    let text = format!(
        "{load}daemon off;
worker_processes {cores};
error_log stderr crit;
pid {directory}/nginx.pid;
events {{ worker_connections {connections}; }}
# No worker_shutdown_timeout: old workers serve their sessions to their end after a reload.
stream {{
    upstream dcs {{
        # What one worker learns of a server, all know.
        zone dcs 256k;
        # As by default: the first connect that fails takes a server out of use for 10 s, and then
        # one client tries it. More fails would be paid by clients; there are no active checks.
{servers}    }}
    server {{
        listen {listen} reuseport;
        proxy_pass dcs;
        proxy_connect_timeout {CONNECT_TIMEOUT}s;
        # As many tries as there are servers, each with another, for so long at most.
        proxy_next_upstream on;
        proxy_next_upstream_tries 0;
        proxy_next_upstream_timeout {DEADLINE}s;
        proxy_timeout {IDLE}m;
    }}
{datagrams}}}
"
    );
    File { name: CONFIG, text }
}

#[cfg(test)]
mod tests {
    use super::super::setting::Probe;
    use super::*;

    #[test]
    fn near_servers_are_active_and_far_ones_are_backups() {
        let text = config(Path::new("/run/lab"), &Setting::example(Probe::Tcp)).text;
        for line in [
            "worker_processes 2;\n",
            "pid /run/lab/nginx.pid;\n",
            "events { worker_connections 20000; }\n",
            "        server 198.19.1.10:4430 max_fails=1 fail_timeout=10s;  # dc1-a\n",
            "        server [2001:2:0:2::10]:4430 max_fails=1 fail_timeout=10s;  # dc2-v6\n",
            "        server 198.19.3.11:4430 max_fails=1 fail_timeout=10s backup;  # dc3-b\n",
            "        listen 198.19.0.2:8443 reuseport;\n",
        ] {
            assert!(text.contains(line), "{line:?} in {text}");
        }
    }

    #[test]
    fn far_servers_are_no_backups_where_they_are_alone() {
        let mut setting = Setting::example(Probe::Tcp);
        setting.access_points.retain(|access_point| !is_near(access_point.dc));
        let text = config(Path::new("/run/lab"), &setting).text;
        assert!(text.contains("server 198.19.3.11:4430 max_fails=1 fail_timeout=10s;"), "{text}");
    }
}
