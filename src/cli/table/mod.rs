//! What people read: a headline, tables that fit the terminal, and plain text when there is none.

mod change;
mod event;
mod explain;
mod geoip;
mod moves;
mod sessions;
mod status;
mod summary;
mod wanted;

use std::io::{IsTerminal, stdout};

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table};

use crate::routing::{Kilometers, Millis};

pub(super) use change::{history, history_entry, intent, push};
pub(super) use event::render as event;
pub(super) use explain::render as explain;
pub(super) use geoip::render as geoip;
pub(super) use moves::render as moves;
pub(super) use sessions::render as sessions;
pub(super) use status::render as status;
pub(super) use summary::render as summary;

/// Shown where there is nothing to show.
const NOTHING: &str = "-";

/// For whom a text is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// A file or a pipe: no colours, lines as long as they are.
    Plain,
    /// A person: colours, columns that fit.
    Terminal,
}

impl Look {
    /// What standard output is.
    pub(super) fn of_stdout() -> Self {
        match stdout().is_terminal() {
            true => Self::Terminal,
            false => Self::Plain,
        }
    }
}

/// A table without lines.
fn table(look: Look, header: &[&str]) -> Table {
    let mut table = table_without_header(look);
    let header = header.iter().map(|title| Cell::new(title).add_attribute(Attribute::Bold));
    table.set_header(header.collect::<Vec<_>>());
    table
}

fn table_without_header(look: Look) -> Table {
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    if look == Look::Plain {
        table.force_no_tty();
    }
    table
}

/// A number, flush with those above it.
fn number(value: impl ToString) -> Cell {
    Cell::new(value).set_alignment(CellAlignment::Right)
}

fn millis(value: Option<f64>) -> Cell {
    number(value.map_or_else(|| NOTHING.to_owned(), |value| Millis(value).to_string()))
}

fn kilometers(value: Option<f64>) -> Cell {
    number(value.map_or_else(|| NOTHING.to_owned(), |value| Kilometers(value).to_string()))
}

/// A word about health or intent; coloured in a terminal when it is worth a look.
fn word(word: &str) -> Cell {
    let cell = Cell::new(word);
    match word {
        "up" | "serving" => cell.fg(Color::Green),
        "unknown" | "suspect" | "degraded" | "drain" | "maint" | "fail_open" | "isolated" => {
            cell.fg(Color::Yellow)
        }
        "down" | "refusing" => cell.fg(Color::Red),
        _ => cell,
    }
}

/// A table as text, without spaces at the ends of lines.
fn text(table: &Table) -> String {
    table.trim_fmt()
}

fn plural(count: usize, one: &str, several: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {several}"),
    }
}
