//! nginx with its stream module.

use super::file::fill;
use super::plan::{Given, Plan};
use super::{Beginning, File};
use crate::load::Transport;
use crate::procfs;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

const CONFIG: &str = "nginx.conf";

/// Where distributions put the module when it is not built in.
const MODULES: [&str; 2] = [
    "/usr/lib/nginx/modules/ngx_stream_module.so",
    "/usr/lib64/nginx/modules/ngx_stream_module.so",
];

/// Descriptors of a worker that are no connections.
const SPARE: u64 = 1000;
/// Tables of nginx grow with this, in every worker; a session is two connections.
const MAX_CONNECTIONS: u64 = 200_000;

pub(super) fn given(plan: &Plan) -> Given {
    let (directory, file) = (plan.directory().to_string(), plan.path(CONFIG));
    // The error log on the command line keeps it from opening the system's own.
    let args: Vec<String> =
        ["-p", &directory, "-e", "stderr", "-c", &file].map(str::to_owned).into();
    let check = ["-t".to_owned()].into_iter().chain(args.clone()).collect();
    Given { files: vec![config(plan, stream_module())], args, check }
}

/// The module to load, where it is a file.
pub(crate) fn stream_module() -> Option<&'static str> {
    MODULES.into_iter().find(|module| Path::new(module).exists())
}

pub(super) fn config(plan: &Plan, module: Option<&str>) -> File {
    let text = match plan.duty.transport {
        Transport::Tcp => include_str!("../../peers/nginx.conf"),
        Transport::Udp => include_str!("../../peers/nginx-udp.conf"),
    };
    let (accept, send) = match plan.duty.beginning {
        Beginning::Plain | Beginning::Sniffed => ("", "off"),
        Beginning::ProxyIn => ("proxy_protocol", "off"),
        Beginning::ProxyOut => ("", "on"),
    };
    let mut servers = String::new();
    for server in &plan.servers {
        // Writing to a string cannot fail.
        let _ = writeln!(servers, "server {server};");
    }
    let connections = plan.descriptors.saturating_sub(SPARE).min(MAX_CONNECTIONS);
    let module = module.map(|module| format!("load_module {module};")).unwrap_or_default();
    let values = [
        ("load_module", module.into()),
        ("cores", plan.cores.to_string().into()),
        ("directory", plan.directory().to_string().into()),
        ("connections", connections.to_string().into()),
        ("listen", plan.listen.to_string().into()),
        ("accept_proxy", accept.into()),
        ("send_proxy", send.into()),
        ("servers", servers.into()),
    ];
    File { name: CONFIG, text: fill(text, &values) }
}

/// The processes that serve new sessions; those that only serve theirs to the end say so in their titles.
pub(super) fn workers(master: u32) -> io::Result<BTreeSet<u32>> {
    let family = procfs::family(master)?.into_iter();
    let serves = |pid: &u32| {
        let title = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let title = String::from_utf8_lossy(&title);
        *pid != master && title.contains("worker process") && !title.contains("shutting down")
    };
    Ok(family.filter(serves).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::Duty;

    fn text(duty: Duty, module: Option<&str>) -> String {
        config(&Plan { duty, ..Plan::example() }, module).text
    }

    #[test]
    fn config_names_addresses_and_stays_in_its_directory() {
        let config = text(Duty::plain(Transport::Tcp), None);
        for line in [
            "daemon off;\n",
            "worker_processes 2;\n",
            "    worker_connections 19000;\n",
            "pid /tmp/here/nginx.pid;\n",
            "        listen 127.0.0.1:20001 reuseport ;\n",
            "        server 127.0.0.1:20003;\n",
            "        proxy_protocol off;\n",
        ] {
            assert!(config.contains(line), "{line:?} in {config}");
        }
        assert!(!config.contains("load_module"));
    }

    #[test]
    fn module_is_loaded_first_where_it_is_a_file() {
        for transport in [Transport::Tcp, Transport::Udp] {
            let config = text(Duty::plain(transport), Some("/lib/stream.so"));
            let first = config.lines().find(|line| !line.is_empty() && !line.starts_with('#'));
            assert_eq!(first, Some("load_module /lib/stream.so;"));
        }
    }

    #[test]
    fn headers_are_accepted_or_sent() {
        let plain = Duty::plain(Transport::Tcp);
        let accepts = text(Duty { beginning: Beginning::ProxyIn, ..plain }, None);
        assert!(accepts.contains("reuseport proxy_protocol;"), "{accepts}");
        assert!(accepts.contains("proxy_protocol off;"), "{accepts}");
        let sends = text(Duty { beginning: Beginning::ProxyOut, ..plain }, None);
        assert!(sends.contains("proxy_protocol on;"), "{sends}");
    }
}
