//! The live picture in a terminal.
//!
//! Drawn over itself from the top, line by line, without the alternate screen: the last picture
//! stays when the demo is over.

use std::collections::VecDeque;
use std::io::{self, Write, stdout};

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};
use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::style::Print;
use crossterm::terminal::{self, BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use crossterm::{execute, queue};

use super::Frame;
use super::frame::Row;
use super::words::{countries, tenths};
use crate::demo::tally::FlowFigures;
use crate::demo::timeline::Step;
use crate::routing::{Health, Millis};

/// Taken when the terminal does not tell its size.
const USUAL_SIZE: (u16, u16) = (80, 24);

const LONGEST_BAR: usize = 30;
const SHORTEST_BAR: usize = 6;

/// From here on there is room for long bars and more countries.
const WIDE: usize = 92;

/// A terminal in which the demo draws. Gives the cursor back when dropped.
#[derive(Default)]
pub(in crate::demo) struct Terminal {
    open: bool,
}

impl Terminal {
    /// Makes room: what is on the screen moves up out of it and is not lost.
    pub(super) fn open(&mut self) -> io::Result<()> {
        let (_, rows) = size();
        self.open = true;
        let mut stdout = stdout().lock();
        queue!(stdout, Print("\n".repeat(rows.into())), Hide)?;
        stdout.flush()
    }

    /// Draws over the last picture; `lines` makes the picture for so many columns and
    /// lines.
    pub(super) fn draw(&self, lines: impl FnOnce(usize, usize) -> Vec<String>) -> io::Result<()> {
        let (columns, rows) = size();
        // The last row stays free: a line feed there would scroll.
        let room = usize::from(rows).saturating_sub(1);
        let mut stdout = stdout().lock();
        queue!(stdout, BeginSynchronizedUpdate, MoveTo(0, 0))?;
        for line in lines(columns.into(), room).iter().take(room) {
            queue!(stdout, Print(line), Clear(ClearType::UntilNewLine), Print("\r\n"))?;
        }
        queue!(stdout, Clear(ClearType::FromCursorDown), EndSynchronizedUpdate)?;
        stdout.flush()
    }

    /// Leaves the picture; what follows is written below it.
    pub(super) fn close(&mut self) -> io::Result<()> {
        self.open = false;
        execute!(stdout(), Show, Print("\n"))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.open {
            // Nobody is left to tell when the terminal is gone.
            let _ = execute!(stdout(), Show);
        }
    }
}

fn size() -> (u16, u16) {
    terminal::size().unwrap_or(USUAL_SIZE)
}

/// The picture, no line longer than `columns`. If there are not `rows` for all events, the last
/// ones are shown.
pub(super) fn lines(
    frame: &Frame,
    intro: &[String],
    log: &VecDeque<String>,
    columns: usize,
    rows: usize,
) -> Vec<String> {
    let cut = |line: &str| line.chars().take(columns).collect::<String>();
    let mut lines = vec![cut(&headline(frame))];
    lines.extend(intro.iter().map(|line| cut(line)));
    lines.push(String::new());
    // The table fits by itself, and holds colours, which must not be cut.
    lines.extend(table(&frame.dcs, columns).trim_fmt().lines().map(str::to_owned));
    lines.extend(["", &totals(frame), &flows(frame), &phase(frame), ""].map(cut));
    let room = rows.saturating_sub(lines.len());
    let last = log.iter().skip(log.len().saturating_sub(room));
    lines.extend(last.map(|line| cut(line)));
    lines
}

fn headline(frame: &Frame) -> String {
    let clock = match frame.end {
        Some(end) => format!("{} of {}", tenths(frame.now), tenths(end)),
        None => format!("{}, Ctrl-C ends", tenths(frame.now)),
    };
    let Frame { clients, countries, .. } = frame;
    format!("nearpoint demo: {clients} clients of {countries} countries, {clock}")
}

/// Everything but the bar takes 74 columns when narrow and 80 when wide.
fn table(dcs: &[Row], columns: usize) -> Table {
    let (rest, named, title) = match columns < WIDE {
        true => (74, 2, "NEW"),
        false => (80, 4, "NEW SESSIONS"),
    };
    let bar_columns = columns.saturating_sub(rest).clamp(SHORTEST_BAR, LONGEST_BAR);
    let header = ["DC", "PLACE", "POWER", "HEALTH", "RTT", "OPEN", title, "", "FROM", "AWAY"];
    let header = header.map(|title| Cell::new(title).add_attribute(Attribute::Bold));
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(columns).unwrap_or(u16::MAX))
        .set_header(header);
    for row in dcs {
        table.add_row(vec![
            number(row.id),
            Cell::new(&row.name),
            power(row.power),
            health(row.health),
            number(row.round_trip.map_or("-".into(), |it| Millis::from(it).to_string())),
            number(row.sessions),
            Cell::new(bar(row.share, bar_columns)).fg(Color::Cyan),
            number(format!("{:.0}%", row.share * 100.0)),
            Cell::new(countries(&row.countries, named)),
            number(row.away.map_or("-".into(), |away| away.to_string())),
        ]);
    }
    table
}

fn number(value: impl ToString) -> Cell {
    Cell::new(value).set_alignment(CellAlignment::Right)
}

fn power(on: bool) -> Cell {
    match on {
        true => Cell::new("on"),
        false => Cell::new("OFF").fg(Color::Red).add_attribute(Attribute::Bold),
    }
}

fn health(health: Health) -> Cell {
    let colour = match health {
        Health::Up => Color::Green,
        Health::Unknown | Health::Suspect => Color::Yellow,
        Health::Down => Color::Red,
    };
    Cell::new(health.as_str()).fg(colour)
}

/// A bar of blocks, padded so that the columns behind it do not jump.
fn bar(share: f64, columns: usize) -> String {
    let filled = (share.clamp(0.0, 1.0) * columns as f64).round() as usize;
    format!("{}{}", "█".repeat(filled), "·".repeat(columns - filled))
}

fn totals(frame: &Frame) -> String {
    let Frame { answered, rate, failed, lost, .. } = frame;
    format!(
        "{answered} sessions run, {rate:.0} a second; {failed} failed; {lost} lost with the power \
         of their DC"
    )
}

fn flows(frame: &Frame) -> String {
    let FlowFigures { clients, answered, unanswered, moved, .. } = frame.flows;
    format!(
        "{clients} ask by UDP: {answered} answered; {unanswered} asked again; {moved} moved to another DC"
    )
}

fn phase(frame: &Frame) -> String {
    let (at, step, name) = &frame.next;
    let left = tenths(at.saturating_sub(frame.now));
    match step {
        Step::PowerLoss => format!("All DCs have power; {name} loses it in {left}."),
        Step::PowerReturn => format!("{name} has no power; it returns in {left}."),
        Step::End => format!("All DCs have power; the demo ends in {left}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::view::frame::fixture::frame;

    fn picture(columns: usize, rows: usize) -> Vec<String> {
        let intro = ["Try: nearpoint status".to_owned()];
        let log = ["   8.0s  Amsterdam lost power: 31 sessions reset", "   8.2s  later"];
        lines(&frame(), &intro, &log.map(str::to_owned).into(), columns, rows)
    }

    #[test]
    fn the_picture_shows_power_health_and_where_clients_are() {
        let expected = "\
nearpoint demo: 87 clients of 71 countries, 8.2s of 20.0s
Try: nearpoint status

 DC  PLACE      POWER  HEALTH  RTT     OPEN  NEW SESSIONS               FROM            AWAY
  1  Miami      on     up      0.2 ms    50  █████████████·······  62%  US GB DE FR +3  6512 km
  2  Amsterdam  OFF    down         -     0  ····················   0%  -                     -
  3  Singapore  on     up      0.2 ms    30  ████████············  38%  IN JP AU        4100 km

512 sessions run, 62 a second; 0 failed; 31 lost with the power of their DC
6 ask by UDP: 240 answered; 2 asked again; 2 moved to another DC
Amsterdam has no power; it returns in 5.1s.

   8.0s  Amsterdam lost power: 31 sessions reset
   8.2s  later";
        let shown = picture(100, 34).join("\n");
        assert_eq!(shown, expected, "\n{shown}");
    }

    #[test]
    fn no_line_is_longer_than_the_terminal() {
        for columns in [60, 80, 92, 100, 120, 200] {
            for line in picture(columns, 34) {
                assert!(line.chars().count() <= columns, "{columns}: {line}");
            }
        }
    }

    #[test]
    fn a_usual_terminal_is_enough_for_a_line_each_and_the_last_events() {
        let shown = picture(80, 13);
        let dcs = shown.iter().filter(|line| line.contains(" on ") || line.contains(" OFF "));
        assert_eq!(dcs.count(), 3);
        assert_eq!(shown[7], "", "the table has four lines:\n{}", shown.join("\n"));
        assert_eq!(shown[12..], ["   8.2s  later"]);
    }

    #[test]
    fn bars_are_as_long_as_their_share() {
        assert_eq!(bar(0.5, 4), "██··");
        assert_eq!(bar(0.0, 2), "··");
        assert_eq!(bar(1.0, 2), "██");
    }
}
