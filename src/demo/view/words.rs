//! Sentences and numbers.

use std::time::Duration;

use super::{Intro, Names};
use crate::demo::tally::{Failed, Note};
use crate::routing::{CountryCode, Health};

/// What there is to see, and what to try meanwhile.
pub(super) fn intro(intro: &Intro) -> Vec<String> {
    let mut lines = vec![
        "The real daemon, stub DCs, and clients that claim addresses of many countries.".to_owned(),
        "All of it is on loopback: distances are pretended, round trips are measured.".to_owned(),
        "Try in another terminal:".to_owned(),
    ];
    if let Some(admin) = intro.admin {
        lines.push(format!("  nearpoint status --admin http://{admin}"));
        lines.push(format!("  nearpoint explain --admin http://{admin} -l clients 178.192.61.5"));
    }
    if let Some(scrape) = intro.scrape {
        lines.push(format!("  curl -s {scrape}/metrics | grep nearpoint_"));
    }
    lines
}

/// One line of the log.
pub(super) fn event(at: Duration, note: &Note, names: &Names) -> String {
    format!("{:>7}  {}", tenths(at), sentence(note, names))
}

fn sentence(note: &Note, names: &Names) -> String {
    match note {
        Note::PowerLost { dc, open } => {
            let sessions = plural(*open, "session", "sessions");
            format!("{} lost power: {sessions} reset", names.of_dc(*dc))
        }
        Note::AllServed { clients: 1, after } => {
            format!("the client that lost its session is served elsewhere, after {}", exact(*after))
        }
        Note::AllServed { clients, after } => {
            let after = exact(*after);
            format!("all {clients} clients that lost a session are served elsewhere, after {after}")
        }
        Note::PowerBack { dc } => format!("{} has power again", names.of_dc(*dc)),
        Note::Judged { dc, health, after } => {
            let judged =
                format!("nearpoint: DC {dc}, {}, is {}", names.of_dc(*dc), health.as_str());
            match (after, health) {
                (None, _) => judged,
                (Some(after), Health::Up) => {
                    format!("{judged} and used again, after {}", exact(*after))
                }
                (Some(after), Health::Down | Health::Unknown | Health::Suspect) => {
                    format!("{judged}, after {}", exact(*after))
                }
            }
        }
        Note::AllHome { dc, clients, after } => {
            let clients = plural(*clients, "client", "clients");
            format!("all {clients} of {} are home, after {}", names.of_dc(*dc), exact(*after))
        }
        Note::Failed(failed) => format!("FAILED: {}", failure(failed, names)),
    }
}

/// A failed session: whose, how, where.
pub(super) fn failure(failed: &Failed, names: &Names) -> String {
    let Failed { country, dc, failure, at: _ } = failed;
    match dc {
        None => format!("a new session from {country}: {}", failure.as_str()),
        Some(dc) => {
            format!("a session from {country} with {}: {}", names.of_dc(*dc), failure.as_str())
        }
    }
}

/// A time to look at: `12.3s`.
pub(super) fn tenths(time: Duration) -> String {
    format!("{:.1}s", time.as_secs_f64())
}

/// A time to compare: `0.021 s`, `12.34 s`.
pub(super) fn exact(time: Duration) -> String {
    let digits = if time < Duration::from_secs(1) { 3 } else { 2 };
    format!("{:.*} s", digits, time.as_secs_f64())
}

/// The first few countries and how many more: `DE FR GB +12`.
pub(super) fn countries(countries: &[CountryCode], most: usize) -> String {
    let (shown, more) = countries.split_at(most.min(countries.len()));
    let mut words: Vec<String> = shown.iter().map(ToString::to_string).collect();
    if !more.is_empty() {
        words.push(format!("+{}", more.len()));
    }
    match words.is_empty() {
        true => "-".to_owned(),
        false => words.join(" "),
    }
}

/// A count with its word.
pub(super) fn plural(count: usize, one: &str, several: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {several}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::tally::Failure;
    use crate::demo::view::frame::fixture::names;
    use crate::routing::DcId;

    fn told(note: &Note) -> String {
        event(Duration::from_millis(8240), note, &names())
    }

    #[test]
    fn events_read_as_sentences() {
        let dc = DcId(2);
        let after = Duration::from_millis(410);
        for (note, expected) in [
            (Note::PowerLost { dc, open: 31 }, "   8.2s  Amsterdam lost power: 31 sessions reset"),
            (
                Note::AllServed { clients: 31, after },
                "   8.2s  all 31 clients that lost a session are served elsewhere, after 0.410 s",
            ),
            (
                Note::Judged { dc, health: Health::Down, after: Some(after) },
                "   8.2s  nearpoint: DC 2, Amsterdam, is down, after 0.410 s",
            ),
            (
                Note::Judged { dc, health: Health::Up, after: Some(after) },
                "   8.2s  nearpoint: DC 2, Amsterdam, is up and used again, after 0.410 s",
            ),
            (Note::PowerBack { dc }, "   8.2s  Amsterdam has power again"),
            (
                Note::AllHome { dc, clients: 44, after: after * 10 },
                "   8.2s  all 44 clients of Amsterdam are home, after 4.10 s",
            ),
        ] {
            assert_eq!(told(&note), expected);
        }
    }

    #[test]
    fn a_failure_says_whose_session_and_how() {
        let failed = Failed {
            at: Duration::ZERO,
            country: CountryCode::new("DE").expect("a code of the test"),
            dc: None,
            failure: Failure::Silent,
        };
        let text = told(&Note::Failed(failed));
        assert_eq!(text, "   8.2s  FAILED: a new session from DE: no answer in time");
    }

    #[test]
    fn countries_beyond_the_first_are_counted() {
        let codes = ["DE", "FR", "NL"].map(|code| CountryCode::new(code).expect("a code"));
        assert_eq!(countries(&codes, 3), "DE FR NL");
        assert_eq!(countries(&codes, 1), "DE +2");
        assert_eq!(countries(&[], 3), "-");
    }
}
