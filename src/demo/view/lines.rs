//! One moment as one line, for pipes and files.

use super::Frame;
use super::words::tenths;
use crate::demo::view::frame::Row;

/// Time, each DC, totals.
pub(super) fn line(frame: &Frame) -> String {
    let dcs: Vec<String> = frame.dcs.iter().map(dc).collect();
    format!(
        "{:>7}  {} | {} run, {:.0}/s, {} failed, {} lost",
        tenths(frame.now),
        dcs.join(" | "),
        frame.answered,
        frame.rate,
        frame.failed,
        frame.lost
    )
}

fn dc(row: &Row) -> String {
    let power = if row.power { "" } else { ", no power" };
    format!(
        "{} {}{power}, {} open, {:.0}% of new",
        row.name,
        row.health.as_str(),
        row.sessions,
        row.share * 100.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::view::frame::fixture::frame;

    #[test]
    fn a_line_holds_the_moment() {
        assert_eq!(
            line(&frame()),
            "   8.2s  Miami up, 50 open, 62% of new | Amsterdam down, no power, 0 open, 0% of new \
             | Singapore up, 30 open, 38% of new | 512 run, 62/s, 0 failed, 31 lost"
        );
    }
}
