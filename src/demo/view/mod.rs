//! How the demo is shown: a live table in a terminal, lines elsewhere, and a summary at the end.
//!
//! Everything shown is made by pure functions of what they are given; only [`View`] writes.

mod frame;
mod lines;
mod screen;
mod summary;
mod words;

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IsTerminal, Write, stdout};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::tally::Note;
use crate::routing::{DcId, Topology};

pub(super) use frame::Frame;
use screen::Terminal;
pub(super) use summary::Summary;

/// Events that stay on the screen.
const LOG: usize = 9;

/// What DCs are called.
pub(super) struct Names(BTreeMap<DcId, Arc<str>>);

impl Names {
    /// As the configuration calls them.
    pub(super) fn of(topology: &Topology) -> Self {
        Self(topology.dcs().iter().map(|dc| (dc.id, Arc::clone(&dc.name))).collect())
    }

    /// One name.
    pub(super) fn of_dc(&self, dc: DcId) -> Arc<str> {
        self.0.get(&dc).cloned().unwrap_or_else(|| format!("DC {dc}").into())
    }

    /// All DCs.
    fn dcs(&self) -> impl Iterator<Item = (DcId, &Arc<str>)> {
        self.0.iter().map(|(dc, name)| (*dc, name))
    }
}

/// What is told at the beginning.
pub(super) struct Intro {
    /// Where the admin API is.
    pub(super) admin: Option<SocketAddr>,
    /// Where the metrics are.
    pub(super) scrape: Option<SocketAddr>,
}

/// Whoever watches.
pub(super) enum View {
    /// Reads lines.
    Lines,
    /// Sees a terminal.
    Screen { terminal: Terminal, intro: Vec<String>, log: VecDeque<String> },
}

impl View {
    /// Lines if they are asked for or nobody sees a terminal.
    pub(super) fn new(plain: bool) -> Self {
        match plain || !stdout().is_terminal() {
            true => Self::Lines,
            false => Self::Screen {
                terminal: Terminal::default(),
                intro: Vec::new(),
                log: VecDeque::new(),
            },
        }
    }

    /// Whether it shows lines.
    pub(super) fn is_plain(&self) -> bool {
        match self {
            Self::Lines => true,
            Self::Screen { .. } => false,
        }
    }

    /// Between two frames.
    pub(super) fn pace(&self) -> Duration {
        match self {
            Self::Lines => Duration::from_secs(1),
            Self::Screen { .. } => Duration::from_millis(250),
        }
    }

    /// Says what there is to see.
    pub(super) fn open(&mut self, told: &Intro) -> io::Result<()> {
        match self {
            Self::Lines => print(&words::intro(told)),
            Self::Screen { terminal, intro, .. } => {
                *intro = words::intro(told);
                terminal.open()
            }
        }
    }

    /// Something happened.
    pub(super) fn note(&mut self, at: Duration, note: &Note, names: &Names) -> io::Result<()> {
        let line = words::event(at, note, names);
        match self {
            Self::Lines => print(&[line]),
            Self::Screen { log, .. } => {
                if log.len() == LOG {
                    log.pop_front();
                }
                log.push_back(line);
                Ok(())
            }
        }
    }

    /// Shows the moment.
    pub(super) fn show(&mut self, frame: &Frame) -> io::Result<()> {
        match self {
            Self::Lines => print(&[lines::line(frame)]),
            Self::Screen { terminal, intro, log } => {
                terminal.draw(|columns, rows| screen::lines(frame, intro, log, columns, rows))
            }
        }
    }

    /// Leaves the last frame standing and says how it went.
    pub(super) fn close(&mut self, summary: &Summary<'_>) -> io::Result<()> {
        if let Self::Screen { terminal, .. } = self {
            terminal.close()?;
        }
        print(&summary.lines())
    }
}

fn print(lines: &[String]) -> io::Result<()> {
    let mut stdout = stdout().lock();
    for line in lines {
        writeln!(stdout, "{line}")?;
    }
    stdout.flush()
}
