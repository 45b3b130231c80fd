//! The report as a page.

use super::{Entry, Report, ScenarioReport};
use crate::failover::record::Teller;
use crate::failover::verdict::Verdict;
use crate::report::{machine, table};
use comfy_table::presets;
use std::fmt::Write;

/// Lines of a timeline; a flapping DC could fill pages.
const TIMELINE: usize = 40;

const HOW_TO_READ: &str = "\
**failed** are new sessions that got no answer, in all phases. Those that were under way when something \
broke are *caught*: no proxy of layer 4 could save them, and they are counted apart, for every peer.

**p99 during** is the time from the connect to the first byte of the answer, of sessions that began \
during the fault. One that failed counts as slower than any that was answered; `failed` means that more \
than one in a hundred did.

**back to normal** is the time from the begin of the fault to that of the last session that failed, or \
that took more than 180 ms (two round trips to the farthest DC, and 100 ms).

**held: longest outage** is the longest time between two answers of a client that holds a session open, \
whether the session went on or another took its place. The client asks every second, and comes back a \
second after an end in order and 50 ms after a reset.

Less is better everywhere; the best of a scenario is bold, and the remark says where a peer is better \
than nearpoint.";

impl Report {
    /// `folder` is where the pictures are, as seen from the page.
    pub(super) fn markdown(&self, folder: &str) -> String {
        let mut page = String::from("# The same failures through every peer\n\n");
        page.push_str(&machine(&self.host, &self.peers));
        let summary = self.summary(presets::ASCII_MARKDOWN, |best| format!("**{best}**"));
        // Writing to a string cannot fail.
        let _ = write!(
            page,
            "\n{}\n\n## Summary\n\n{summary}\n\n{HOW_TO_READ}\n",
            self.circumstances.sentence()
        );
        for scenario in &self.scenarios {
            scenario.write(&mut page, folder);
        }
        page
    }
}

impl ScenarioReport {
    fn write(&self, page: &mut String, folder: &str) {
        let _ = write!(
            page,
            "\n## {}: {}\n\n{}\n\n![{}]({folder}/{}.svg)\n",
            self.name, self.title, self.stands_for, self.title, self.name
        );
        for section in self.sections() {
            let _ = write!(page, "\n{}\n", table(section, presets::ASCII_MARKDOWN));
        }
        for (title, verdicts, good, bad) in [
            ("Outcomes asked of nearpoint", &self.outcomes, "holds", "**BROKEN**"),
            ("Bars", &self.bars, "met", "**missed**"),
        ] {
            if verdicts.is_empty() {
                continue;
            }
            let _ = write!(page, "\n{title}:\n\n");
            for verdict @ Verdict { holds, .. } in verdicts {
                let _ = writeln!(page, "- {}: {verdict}", if *holds { good } else { bad });
            }
        }
        self.write_timeline(page);
    }

    /// Folded: it is for those who want to know why.
    fn write_timeline(&self, page: &mut String) {
        if self.timeline.is_empty() {
            return;
        }
        page.push_str("\n<details><summary>What the lab did, and what nearpoint said</summary>\n");
        page.push_str("\n```text\n");
        for Entry { at_seconds, mark } in self.timeline.iter().take(TIMELINE) {
            let whose = match mark.whose {
                Teller::Lab => "lab",
                Teller::Edge => "nearpoint",
            };
            let _ = writeln!(page, "{at_seconds:>+9.3} s  {whose:<9}  {}", mark.text);
        }
        if let Some(more @ 1..) = self.timeline.len().checked_sub(TIMELINE) {
            let _ = writeln!(page, "... and {more} more");
        }
        page.push_str("```\n\n</details>\n");
    }
}
