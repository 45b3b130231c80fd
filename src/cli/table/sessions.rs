//! The table of `nearpoint sessions`.

use std::time::Duration;

use comfy_table::Cell;
use humantime::format_duration;

use super::{Look, number, plural, table, text};
use crate::admin::view::SessionsView;

/// One line for each, those that began first on top.
pub(in crate::cli) fn render(view: &SessionsView, look: Look) -> String {
    let mut sessions: Vec<_> = view.sessions.iter().collect();
    sessions.sort_by_key(|it| std::cmp::Reverse(it.age_seconds));
    let header = ["LISTENER", "PROTOCOL", "CLIENT", "DC", "ACCESS POINT", "AGE"];
    let mut rows = table(look, &header);
    for it in sessions {
        let age = format_duration(Duration::from_secs(it.age_seconds)).to_string();
        rows.add_row([
            Cell::new(&it.listener),
            Cell::new(&it.protocol),
            Cell::new(&it.client),
            number(it.dc),
            Cell::new(&it.access_point),
            number(age),
        ]);
    }
    let more = usize::try_from(view.more).unwrap_or(usize::MAX);
    match (view.sessions.is_empty(), more) {
        (true, 0) => "nobody is connected".to_owned(),
        (true, more) => plural(more, "session or flow", "sessions and flows"),
        (false, 0) => text(&rows),
        (false, more) => format!("{}\nand {more} more (--limit shows them)", text(&rows)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::view::SessionView;

    #[test]
    fn the_oldest_come_first_and_the_others_are_counted() {
        let session = |client: &str, age_seconds| SessionView {
            listener: "clients".into(),
            protocol: "tcp".into(),
            client: client.into(),
            dc: 2,
            access_point: "192.0.2.1:443".into(),
            age_seconds,
        };
        let sessions = vec![session("203.0.113.8", 5), session("203.0.113.7", 3700)];
        let told = render(&SessionsView { sessions, more: 7 }, Look::Plain);
        assert_eq!(
            told,
            " LISTENER  PROTOCOL  CLIENT       DC  ACCESS POINT   AGE\n \
             clients   tcp       203.0.113.7   2  192.0.2.1:443  1h 1m 40s\n \
             clients   tcp       203.0.113.8   2  192.0.2.1:443         5s\n\
             and 7 more (--limit shows them)",
            "\n{told}"
        );
        assert_eq!(render(&SessionsView::default(), Look::Plain), "nobody is connected");
    }
}
