//! The peer at the edge, in its host of the lab.

use super::peers::nearpoint::TOKEN;
use super::peers::{Installed, Launch, Peer, Setting};
use super::record::{Mark, Teller};
use crate::http::get;
use crate::lab::layout::{AccessPoint, Dc};
use crate::lab::topology::Lab;
use crate::peers::ready::NotReady;
use crate::peers::{PeerError, last_words, log, spawn};
use crate::process::Process;
use nearpoint::admin::view::{DrillView, EventView, EventsView};
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, SystemTime};
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::time::sleep;

/// Between looks at whether a process has ended.
const LOOK: Duration = Duration::from_millis(20);

/// A peer that serves. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Edge<'a> {
    lab: &'a Lab,
    process: Process,
    launch: Launch,
    peer: Peer,
    admin: SocketAddr,
    /// The command that waits for the report of a drill, once one was ordered.
    drill: Option<Process>,
}

impl<'a> Edge<'a> {
    /// Returns when it serves.
    pub(super) async fn start(
        lab: &'a Lab,
        installed: &Installed,
        setting: Setting,
    ) -> Result<Edge<'a>, PeerError> {
        let admin = setting.admin;
        let launch = installed.prepare(setting)?;
        let log = log(launch.directory.path());
        let mut command = Command::from(lab.edge().command(&launch.program));
        command.args(&launch.args);
        let process = spawn(command, &log)?;
        let peer = installed.peer;
        let mut edge = Edge { lab, process, launch, peer, admin, drill: None };
        match edge.until_it_serves().await {
            Ok(()) => Ok(edge),
            Err(why) => Err(PeerError::NotReady { why, said: last_words(&log) }),
        }
    }

    /// The process is watched from here, its listener from a thread of its host.
    async fn until_it_serves(&mut self) -> Result<(), NotReady> {
        let Edge { lab, process, launch, .. } = self;
        let ended = async {
            loop {
                if let Ok(Some(status)) = process.ended() {
                    return NotReady::Ended(status);
                }
                sleep(LOOK).await;
            }
        };
        let readiness = launch.readiness();
        let ready = inside(lab, move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            Ok(runtime.block_on(crate::peers::ready::wait(|| Ok(None), readiness)))
        });
        tokio::select! {
            ready = ready => ready.unwrap_or_else(|error| Err(NotReady::Unasked(error))),
            ended = ended => Err(ended),
        }
    }

    /// Gives it another list, which is in force soon.
    pub(super) fn replace(&self, list: &[AccessPoint]) -> io::Result<()> {
        self.launch.replace(self.process.pid(), list)
    }

    /// Orders a drill, as an operator does. Peers have none.
    pub(super) fn drill(&mut self, dc: Dc, lasts: Duration, force: bool) -> Result<(), PeerError> {
        if self.peer != Peer::Nearpoint {
            return Ok(());
        }
        let mut command = Command::from(self.lab.edge().command(&self.launch.program));
        command.args(["drill", &dc.id().to_string(), "--for", &format!("{}ms", lasts.as_millis())]);
        command.args(["--yes", "--admin", &format!("http://{}", self.admin)]);
        command.env("NEARPOINT_TOKEN", TOKEN);
        if force {
            command.arg("--force");
        }
        let log = self.launch.directory.path().join("drill.log");
        self.drill = Some(spawn(command, &log)?);
        Ok(())
    }

    /// What came of the drill, if one was ordered.
    pub(super) async fn drill_report(&self) -> io::Result<Option<DrillView>> {
        if self.drill.is_none() {
            return Ok(None);
        }
        let admin = self.admin;
        let answer = inside(self.lab, move || get(admin, "/v1/drill")).await?;
        Ok(Some(serde_json::from_str(&answer)?))
    }

    /// An error if it has ended.
    pub(super) fn lives(&mut self) -> Result<(), PeerError> {
        match self.process.ended().map_err(PeerError::Lost)? {
            None => Ok(()),
            Some(status) => {
                let said = last_words(&log(self.launch.directory.path()));
                Err(PeerError::Ended { status, said })
            }
        }
    }

    /// What nearpoint has told of since `began`, which is offset zero of the marks.
    pub(super) async fn news(&self, began: SystemTime) -> io::Result<Vec<Mark>> {
        let admin = self.admin;
        let answer = inside(self.lab, move || get(admin, "/v1/events?limit=1000")).await?;
        let view: EventsView = serde_json::from_str(&answer)?;
        let since = |event: &EventView| {
            let at = humantime::parse_rfc3339(&event.at).ok()?;
            Some(mark(event, at.duration_since(began).ok()?))
        };
        Ok(view.events.iter().filter_map(since).collect())
    }

    pub(super) async fn stop(self) {
        self.process.stop().await;
    }
}

/// An event of nearpoint, for the timeline and for who asks when a DC was in use.
fn mark(event: &EventView, at: Duration) -> Mark {
    let is_in_use = |health: &str| matches!(health, "up" | "suspect");
    let dc_in_use = match (event.kind.as_str(), event.dc, event.from.as_deref()) {
        ("dc", Some(dc), Some(from)) => {
            let now = is_in_use(&event.to);
            (is_in_use(from) != now).then_some((dc, now))
        }
        _ => None,
    };
    let isolated = (event.kind == "isolation").then(|| event.to == "isolated");
    Mark { at, whose: Teller::Edge, text: event.says.clone(), dc_in_use, isolated }
}

/// Does this on a thread of the edge's host.
async fn inside<T: Send + 'static>(
    lab: &Lab,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let entrance = lab.edge().entrance();
    let (done, result) = oneshot::channel();
    thread::Builder::new().name("inside".to_owned()).spawn(move || {
        // Nobody waits for it any more when the run was given up.
        let _ = done.send(entrance.enter().and_then(|()| work()));
    })?;
    result.await.unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, dc: Option<u16>, from: &str, to: &str) -> EventView {
        let (from, says) = (Some(from.to_owned()), "it says so".to_owned());
        let (kind, to) = (kind.to_owned(), to.to_owned());
        EventView {
            id: 1,
            at: "2027-01-15T08:00:00.000Z".to_owned(),
            kind,
            dc,
            dc_name: None,
            access_point: None,
            from,
            to,
            cause: None,
            fingerprints: None,
            held_for_ms: None,

            by: None,
            says,
        }
    }

    fn dc_in_use(from: &str, to: &str) -> Option<(u16, bool)> {
        mark(&event("dc", Some(2), from, to), Duration::ZERO).dc_in_use
    }

    #[test]
    fn a_dc_is_out_of_use_from_down_until_it_is_anything_better() {
        assert_eq!(dc_in_use("up", "down"), Some((2, false)));
        assert_eq!(dc_in_use("suspect", "down"), Some((2, false)));
        assert_eq!(dc_in_use("down", "up"), Some((2, true)));
        assert_eq!(dc_in_use("down", "suspect"), Some((2, true)));
        // The last access point was taken from the list, and another one put there.
        assert_eq!(dc_in_use("up", "unknown"), Some((2, false)));
        assert_eq!(dc_in_use("unknown", "up"), Some((2, true)));
    }

    #[test]
    fn what_changes_nothing_for_clients_is_told_and_no_more() {
        assert_eq!(dc_in_use("up", "suspect"), None);
        assert_eq!(dc_in_use("unknown", "down"), None);
        assert_eq!(dc_in_use("down", "unknown"), None);
        let access_point = event("access_point", Some(2), "up", "down");
        let told = mark(&access_point, Duration::from_secs(3));
        assert_eq!((told.at, told.whose), (Duration::from_secs(3), Teller::Edge));
        assert_eq!((told.text.as_str(), told.dc_in_use, told.isolated), ("it says so", None, None));
    }

    #[test]
    fn isolation_begins_and_ends() {
        let isolated = |to| mark(&event("isolation", None, "", to), Duration::ZERO).isolated;
        assert_eq!(isolated("isolated"), Some(true));
        assert_eq!(isolated("connected"), Some(false));
    }
}
