//! How it went.

use std::time::Duration;

use comfy_table::{Cell, CellAlignment, Table, presets};

use super::Names;
use super::words::{countries, exact, failure, plural, tenths};
use crate::demo::tally::{Figures, FlowFigures, Tally};
use crate::routing::DcId;

/// What the summary is made of.
pub(in crate::demo) struct Summary<'a> {
    /// How long it went on.
    pub(in crate::demo) lasted: Duration,
    /// How many clients there were.
    pub(in crate::demo) clients: usize,
    /// And of how many countries.
    pub(in crate::demo) countries: usize,
    /// The DC that lost its power.
    pub(in crate::demo) victim: DcId,
    /// What was counted.
    pub(in crate::demo) tally: &'a Tally,
    /// What became of questions of UDP.
    pub(in crate::demo) flows: FlowFigures,
    /// What DCs are called.
    pub(in crate::demo) names: &'a Names,
}

impl Summary<'_> {
    /// The summary as text.
    pub(super) fn lines(&self) -> Vec<String> {
        let Self { tally, .. } = self;
        let countries = plural(self.countries, "country", "countries");
        let clients = plural(self.clients, "client", "clients");
        let mut lines =
            vec![format!("Summary of {}, {clients} of {countries}", tenths(self.lasted))];
        lines.push(figure("sessions run", tally.answered()));
        lines.push(figure("new sessions that failed", tally.failed()));
        lines.extend(tally.failures().iter().map(|failed| {
            format!("    at {}: {}", tenths(failed.at), failure(failed, self.names))
        }));
        lines.push(figure("sessions lost with the power of their DC", tally.lost()));
        lines.extend(self.udp());
        lines.push(String::new());
        lines.extend(self.outage(tally.figures()));
        lines.push(String::new());
        lines.extend(self.table().trim_fmt().lines().map(str::to_owned));
        lines
    }

    fn udp(&self) -> Vec<String> {
        let FlowFigures { answered, unanswered, forsaken, .. } = self.flows;
        let mut lines = vec![
            figure("datagrams of UDP answered", answered),
            figure("datagrams of UDP asked again, without an answer", unanswered),
        ];
        if forsaken > 0 {
            lines.push(figure("clients of UDP that nobody answers any more", forsaken));
        }
        lines
    }

    fn outage(&self, figures: Figures) -> Vec<String> {
        let name = self.names.of_dc(self.victim);
        let headline = match figures.losses {
            0 => return vec![format!("{name} kept its power")],
            1 => format!("{name} lost its power once"),
            losses => format!("{name} lost its power {losses} times; the worst of each:"),
        };
        let time = |time: Option<Duration>| time.map_or_else(|| "not yet".to_owned(), exact);
        let mut lines = vec![
            headline,
            figure(
                "until all who lost a session were served elsewhere",
                time(figures.served_after),
            ),
            figure("slowest new session of its clients meanwhile", time(figures.slowest)),
            figure("until nearpoint took it out of use", time(figures.down_after)),
            figure("from its return until nearpoint used it again", time(figures.used_after)),
            figure("from its return until its last client was home", time(figures.home_after)),
        ];
        if let Some(slowest) = self.flows.slowest {
            let moved = self.flows.moved;
            lines.push(figure("flows of UDP that another DC answered", moved));
            lines.push(figure("from the loss until the last of them was answered", exact(slowest)));
        }
        if figures.waiting > 0 {
            lines.push(figure("clients that are not served yet", figures.waiting));
        }
        lines
    }

    fn table(&self) -> Table {
        let number = |value: u64| Cell::new(value).set_alignment(CellAlignment::Right);
        let moved = format!("MOVED HERE FROM {}", self.names.of_dc(self.victim).to_uppercase());
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header([
            "DC",
            "PLACE",
            "SESSIONS",
            "LOST",
            moved.as_str(),
        ]);
        for (dc, name) in self.names.dcs() {
            let served = self.tally.served_by(dc);
            let moved: Vec<_> =
                self.tally.moves().get(&dc).into_iter().flatten().copied().collect();
            table.add_row(vec![
                number(dc.0.into()),
                Cell::new(name),
                number(served.answered),
                number(served.lost),
                Cell::new(countries(&moved, usize::MAX)),
            ]);
        }
        table
    }
}

fn figure(what: &str, value: impl ToString) -> String {
    format!("  {what:<50} {:>9}", value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::tally::{ClientId, Event, Failure, Seen};
    use crate::demo::view::frame::fixture::names;
    use crate::routing::{CountryCode, Health};

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn summary(tally: &Tally) -> String {
        let names = names();
        let (clients, countries) = (3, 2);
        let victim = DcId(2);
        let flows = FlowFigures {
            clients: 6,
            answered: 170,
            unanswered: 12,
            moved: 2,
            slowest: Some(ms(204)),
            forsaken: 1,
        };
        let names = &names;
        let summary =
            Summary { lasted: ms(6_020), clients, countries, victim, tally, flows, names };
        summary.lines().join("\n")
    }

    #[test]
    fn the_summary_says_how_the_move_went() {
        let code = |code| CountryCode::new(code).expect("a code of the test");
        let mut tally = Tally::new(["DE", "DE", "US"].map(code));
        let see = |tally: &mut Tally, client, at, seen| {
            tally.on_event(Event { client: ClientId(client), at: ms(at), seen });
        };
        let (mia, ams) = (DcId(1), DcId(2));
        see(&mut tally, 0, 100, Seen::Answered { dc: ams, began: ms(99) });
        see(&mut tally, 2, 100, Seen::Answered { dc: mia, began: ms(99) });
        tally.on_power_lost(ams, ms(2000), ms(2001));
        let broken = |dc, began, failure| Seen::Broken { dc, began: ms(began), failure };
        see(&mut tally, 0, 2002, broken(Some(ams), 99, Failure::Reset));
        see(&mut tally, 0, 2021, Seen::Answered { dc: mia, began: ms(2003) });
        tally.on_health(ams, Health::Down, ms(2210));
        see(&mut tally, 1, 3000, broken(None, 2500, Failure::Ended));
        let expected = "\
Summary of 6.0s, 3 clients of 2 countries
  sessions run                                               3
  new sessions that failed                                   1
    at 3.0s: a new session from DE: closed without an answer
  sessions lost with the power of their DC                   1
  datagrams of UDP answered                                170
  datagrams of UDP asked again, without an answer           12
  clients of UDP that nobody answers any more                1

Amsterdam lost its power once
  until all who lost a session were served elsewhere   0.021 s
  slowest new session of its clients meanwhile         0.018 s
  until nearpoint took it out of use                   0.210 s
  from its return until nearpoint used it again        not yet
  from its return until its last client was home       not yet
  flows of UDP that another DC answered                      2
  from the loss until the last of them was answered    0.204 s

 DC  PLACE      SESSIONS  LOST  MOVED HERE FROM AMSTERDAM
  1  Miami             2     0  DE
  2  Amsterdam         1     1  -
  3  Singapore         0     0  -";
        let shown = summary(&tally);
        assert_eq!(shown, expected, "\n{shown}");
    }

    #[test]
    fn without_a_power_loss_there_is_no_move() {
        assert!(summary(&Tally::new([])).contains("Amsterdam kept its power"));
    }
}
