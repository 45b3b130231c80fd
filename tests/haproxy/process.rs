//! HAProxy, in a process of its own.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::sleep;

/// Where Debian has it, which is in nobody's path but root's.
const PROGRAMS: [&str; 2] = ["haproxy", "/usr/sbin/haproxy"];

/// How often other ports are tried when somebody has taken one in the meantime.
const ATTEMPTS: u32 = 10;

/// Between looks at whether it serves.
const LOOK: Duration = Duration::from_millis(20);

/// A running HAProxy. Killed when dropped.
pub(crate) struct HaProxy {
    process: Child,
    _directory: TempDir,
    /// The ports that it was given.
    pub(crate) ports: Vec<u16>,
}

impl HaProxy {
    /// Whether it can be run.
    pub(crate) fn is_installed() -> bool {
        program().is_some()
    }

    /// Its release, like (2, 6).
    ///
    /// # Panics
    /// Where it does not say which, or is not installed.
    pub(crate) fn release() -> (u32, u32) {
        let program = program().expect("it is installed");
        let said = Command::new(program).arg("-v").output().expect("it runs").stdout;
        let said = String::from_utf8(said).expect("text");
        // `HAProxy version 2.6.12-1+deb12u4 2026/10/17`, and before 2.4 `HA-Proxy version`.
        let release = said.split_ascii_whitespace().nth(2).and_then(|version| {
            let mut numbers = version.split(['.', '-']).map_while(|it| it.parse().ok());
            Some((numbers.next()?, numbers.next()?))
        });
        release.unwrap_or_else(|| panic!("no version: {said}"))
    }

    /// Starts it with what `proxies` says to ports that are free, and waits until it serves there.
    pub(crate) async fn start<const COUNT: usize>(
        proxies: impl Fn([u16; COUNT]) -> String,
    ) -> Self {
        for _ in 0..ATTEMPTS {
            let ports = free_ports();
            if let Some(running) = Self::try_start(&ports, &proxies(ports)).await {
                return running;
            }
        }
        panic!("haproxy does not start");
    }

    async fn try_start(ports: &[u16], proxies: &str) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("haproxy.cfg");
        fs::write(&file, format!("{GENERAL}{proxies}")).expect("written");
        // In the foreground, without a master process.
        let mut command = Command::new(program().expect("it is installed"));
        command.args(["-db", "-f"]).arg(&file).stdin(Stdio::null());
        let process = command.spawn().expect("it starts");
        let mut running = Self { process, _directory: directory, ports: ports.to_vec() };
        loop {
            if running.process.try_wait().expect("it is ours").is_some() {
                return None;
            }
            if running.serves().await {
                return Some(running);
            }
            sleep(LOOK).await;
        }
    }

    async fn serves(&self) -> bool {
        for port in &self.ports {
            let mut reached = false;
            for host in ["127.0.0.1", "::1"] {
                let at = SocketAddr::new(host.parse().expect("an address"), *port);
                reached |= TcpStream::connect(at).await.is_ok();
            }
            if !reached {
                return false;
            }
        }
        true
    }
}

impl Drop for HaProxy {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const GENERAL: &str = "global\n    \
     nbthread 1\n    \
     maxconn 200\n\
     defaults\n    \
     timeout connect 20s\n    \
     timeout client 60s\n    \
     timeout server 60s\n";

fn program() -> Option<&'static str> {
    let runs = |program: &&str| {
        let mut command = Command::new(program);
        command.arg("-v").stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    PROGRAMS.into_iter().find(runs)
}

/// Ports that are free at this moment.
fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    let bound = [(); COUNT].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port"));
    bound.map(|listener| listener.local_addr().expect("bound").port())
}
