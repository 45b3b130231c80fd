//! What happened in a storm, for whoever looks for the reason of a broken rule.

use std::time::Instant;

/// Only the end of a long storm is shown.
const SHOWN: usize = 60;

/// Notes with their times.
pub(crate) struct Journal {
    began: Instant,
    notes: Vec<(Instant, String)>,
    /// Everything is printed as it happens.
    loud: bool,
}

impl Journal {
    /// An empty one.
    pub(crate) fn new(began: Instant, loud: bool) -> Self {
        Self { began, notes: Vec::new(), loud }
    }

    /// When the storm began.
    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    /// Something that explains what comes after it.
    pub(crate) fn note(&mut self, now: Instant, text: impl FnOnce() -> String) {
        let text = text();
        if self.loud {
            eprintln!("{}", self.line(now, &text));
        }
        self.notes.push((now, text));
    }

    /// Something that is of interest only when one storm is looked at alone.
    pub(crate) fn detail(&self, now: Instant, text: impl FnOnce() -> String) {
        if self.loud {
            eprintln!("{}", self.line(now, &text()));
        }
    }

    /// The last notes, a line each.
    pub(crate) fn tail(&self) -> String {
        let from = self.notes.len().saturating_sub(SHOWN);
        let lines = self.notes[from..].iter().map(|(now, text)| self.line(*now, text));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// All of it as one number: the same storm gives the same one.
    pub(crate) fn digest(&self) -> u64 {
        let mut digest = 0xcbf2_9ce4_8422_2325u64;
        for (now, text) in &self.notes {
            for byte in self.line(*now, text).bytes() {
                digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        digest
    }

    fn line(&self, now: Instant, text: &str) -> String {
        format!("{:>10.3} s  {text}", (now - self.began).as_secs_f64())
    }
}
