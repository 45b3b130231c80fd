//! Who gives a proxy another list of servers while it serves, in its own way, and sees when it is in force.
//!
//! Everything here blocks: it is for a thread on which no load runs.

use super::haproxy::Splice;
use super::plan::Plan;
use super::{Peer, envoy, haproxy, log, nearpoint, nginx};
use crate::door::Door;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Until a list is in force.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between looks at what nobody announces.
const LOOK: Duration = Duration::from_millis(10);

#[derive(Clone, Debug)]
pub(crate) struct Operator {
    pub(super) peer: Peer,
    /// The proxy, or the master among its processes.
    pub(super) pid: u32,
    pub(super) plan: Plan,
}

/// How nearpoint is given a list. The others have one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The file is replaced, and the process is told if it does not notice by itself.
    File,
    /// By the admin API.
    Push,
}

impl Operator {
    /// nearpoint's admin API.
    pub(crate) fn door(&self) -> Door {
        Door::new(self.plan.admin)
    }

    /// Whether the proxy knows this client of one of its sessions; `None` where it cannot be asked.
    pub(crate) fn has_client(&self, client: SocketAddr) -> io::Result<Option<bool>> {
        let sessions = match self.peer {
            Peer::Nearpoint | Peer::NearpointBaseline => self.door().sessions(nearpoint::TOKEN)?,
            // HAProxy tells of its sessions whose connections they are, not whom headers announced.
            Peer::Haproxy | Peer::HaproxySplice | Peer::Nginx | Peer::Envoy | Peer::Direct => {
                return Ok(None);
            }
        };
        Ok(Some(sessions.contains(&client.ip().to_string())))
    }

    /// How long it took each list, from when it was parsed until it was published, as nearpoint's log has it.
    pub(crate) fn published(&self) -> io::Result<Vec<Duration>> {
        const FIELD: &str = "published_in_us=";
        let text = fs::read_to_string(log(&self.plan.directory))?;
        let micros = text.lines().filter_map(|line| {
            let (_, value) = line.split_once(FIELD)?;
            value.split_whitespace().next()?.parse().ok()
        });
        Ok(micros.map(Duration::from_micros).collect())
    }

    /// Puts another list in place, and returns how long it took from telling the proxy until new sessions
    /// are served by it.
    pub(crate) fn replace(&self, servers: Vec<SocketAddr>, by: By) -> io::Result<Duration> {
        let plan = Plan { servers, ..self.plan.clone() };
        match self.peer {
            Peer::Nearpoint | Peer::NearpointBaseline if by == By::Push => {
                let list = nearpoint::list(&plan).text;
                let began = Instant::now();
                self.door().push(nearpoint::TOKEN, &list)?;
                Ok(began.elapsed())
            }
            Peer::Nearpoint | Peer::NearpointBaseline => {
                let before = self.door().revision()?;
                nearpoint::list(&plan).put(&plan.directory)?;
                self.tell_and_wait(Signal::HUP, || Ok(self.door().revision()? != before))
            }
            Peer::Haproxy | Peer::HaproxySplice => {
                let before = haproxy::worker(&plan)?;
                let splice = match self.peer {
                    Peer::HaproxySplice => Splice::Always,
                    _ => Splice::Auto,
                };
                haproxy::config(&plan, splice).put(&plan.directory)?;
                self.tell_and_wait(Signal::USR2, || {
                    // For a moment nobody may listen there.
                    Ok(haproxy::worker(&plan).is_ok_and(|now| now != before))
                })
            }
            Peer::Nginx => {
                let before = nginx::workers(self.pid)?;
                nginx::config(&plan, nginx::stream_module()).put(&plan.directory)?;
                self.tell_and_wait(Signal::HUP, || {
                    let now = nginx::workers(self.pid)?;
                    Ok(now.len() >= plan.cores && now.is_disjoint(&before))
                })
            }
            Peer::Envoy => {
                let before = envoy::updates(&plan)?;
                let list = envoy::list(&plan);
                let began = Instant::now();
                list.put(&plan.directory)?;
                wait(began, || Ok(envoy::updates(&plan)? != before))
            }
            Peer::Direct => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn tell_and_wait(
        &self,
        signal: Signal,
        in_force: impl Fn() -> io::Result<bool>,
    ) -> io::Result<Duration> {
        let began = Instant::now();
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        kill_process(pid.ok_or(io::ErrorKind::InvalidInput)?, signal)?;
        wait(began, in_force)
    }
}

fn wait(began: Instant, in_force: impl Fn() -> io::Result<bool>) -> io::Result<Duration> {
    while !in_force()? {
        if began.elapsed() > PATIENCE {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "a list was not put in force"));
        }
        sleep(LOOK);
    }
    Ok(began.elapsed())
}
