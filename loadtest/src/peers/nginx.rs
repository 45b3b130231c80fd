//! nginx with its stream module, a worker for each core and the default buffers; of UDP larger ones.

use super::Plan;
use crate::load::Transport;
use std::fs;
use std::io;
use std::path::Path;
use tokio::process::Command;

/// Where distributions put the module when it is not built in.
const MODULES: [&str; 2] = [
    "/usr/lib/nginx/modules/ngx_stream_module.so",
    "/usr/lib64/nginx/modules/ngx_stream_module.so",
];

/// Descriptors of a worker that are no connections.
const SPARE: u64 = 1000;
/// Tables of nginx grow with this, in every worker; a session is two connections.
const MAX_CONNECTIONS: u64 = 200_000;

pub(super) fn command(program: &Path, directory: &Path, plan: &Plan) -> io::Result<Command> {
    let file = directory.join("nginx.conf");
    fs::write(&file, config(plan, directory, stream_module()))?;
    let mut command = Command::new(program);
    // The error log on the command line keeps it from opening the system's own.
    command.arg("-p").arg(directory).arg("-e").arg("stderr").arg("-c").arg(file);
    Ok(command)
}

/// The module to load, where it is a file.
pub(crate) fn stream_module() -> Option<&'static str> {
    MODULES.into_iter().find(|module| Path::new(module).exists())
}

/// `reuseport` spreads the connections over the workers, as nearpoint does.
fn config(plan: &Plan, directory: &Path, module: Option<&str>) -> String {
    let Plan { listen, backend, descriptors, duty, .. } = plan;
    let (accepting, socket) = match duty.transport {
        Transport::Tcp => ("", "reuseport"),
        // It reads datagrams until there are none: by default it waits for an event for each of them.
        // Of their number it knows no limit (`proxy_requests`, `proxy_responses`) unless it is given one.
        Transport::Udp => (" multi_accept on;", "udp reuseport rcvbuf=4m sndbuf=4m"),
    };
    // It wants no more of them than there are descriptors.
    let connections = descriptors.saturating_sub(SPARE).min(MAX_CONNECTIONS);
    let load = module.map(|module| format!("load_module {module};\n")).unwrap_or_default();
    let directory = directory.display();
    format!(
        "{load}\
         daemon off;\n\
         worker_processes auto;\n\
         error_log stderr warn;\n\
         pid {directory}/nginx.pid;\n\
         events {{ worker_connections {connections};{accepting} }}\n\
         stream {{\n    \
             server {{\n        \
                 listen {listen} {socket};\n        \
                 proxy_pass {backend};\n    \
             }}\n\
         }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::Duty;

    #[test]
    fn config_names_addresses_and_stays_in_its_directory() {
        let config = config(&Plan::example(), Path::new("/tmp/here"), None);
        for line in [
            "daemon off;\n",
            "worker_processes auto;\n",
            "events { worker_connections 19000; }\n",
            "pid /tmp/here/nginx.pid;\n",
            "        listen 127.0.0.1:20001 reuseport;\n",
            "        proxy_pass 127.0.0.1:20003;\n",
        ] {
            assert!(config.contains(line), "{line:?} in {config}");
        }
        assert!(!config.contains("load_module"));
    }

    #[test]
    fn datagrams_have_room_and_are_read_until_there_are_none() {
        let plan = Plan { duty: Duty::plain(Transport::Udp), ..Plan::example() };
        let config = config(&plan, Path::new("/tmp/here"), None);
        assert!(config.contains(" multi_accept on; }\n"), "{config}");
        assert!(config.contains("listen 127.0.0.1:20001 udp reuseport rcvbuf=4m"), "{config}");
    }

    #[test]
    fn module_is_loaded_first_where_it_is_a_file() {
        let config = config(&Plan::example(), Path::new("/tmp/here"), Some("/lib/stream.so"));
        assert!(config.starts_with("load_module /lib/stream.so;\n"));
    }
}
