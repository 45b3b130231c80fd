//! What is said while a file is counted, and in the end: lines for addresses, bad lines, progress, the
//! summary.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::super::super::table::{self, Look};
use super::super::super::{FAILED, output};
use super::super::addresses::BadLine;
use super::super::tally::{Answer, Fate, Names, SummaryView, Tally};

/// Bad lines that are told one by one; the others are counted. A file of something else has millions.
const TOLD: u64 = 100;

/// What is said of one file.
pub(super) struct Report {
    file: String,
    tally: Tally,
    json: bool,
    /// Where addresses get a line each; `None` when they are only counted.
    each: Option<BufWriter<StdoutLock<'static>>>,
    progress: Progress,
}

/// The line of one address, for machines.
#[derive(Debug, Serialize)]
struct EachView {
    address: IpAddr,
    country: Option<String>,
    dc: Option<u16>,
    why: Option<String>,
    refused: Option<String>,
    decided_by: Vec<String>,
}

impl Report {
    /// Of this file, which is named when a line of it is bad.
    pub(super) fn new(file: String, each: bool, json: bool) -> Self {
        let each = each.then(|| BufWriter::new(io::stdout().lock()));
        Self { file, tally: Tally::default(), json, each, progress: Progress::new() }
    }

    /// Counts this client, and gives it its line.
    ///
    /// # Errors
    /// When the line cannot be written.
    pub(super) fn take(&mut self, ip: IpAddr, answer: &Answer) -> io::Result<()> {
        self.tally.count(answer);
        if let Some(out) = &mut self.each {
            match self.json {
                true => {
                    serde_json::to_writer(&mut *out, &EachView::new(ip, answer))?;
                    writeln!(out)?;
                }
                false => writeln!(out, "{}", line(ip, answer))?,
            }
        }
        self.progress.tell(self.tally.addresses());
        Ok(())
    }

    /// Tells of a line that is no address, and counts it.
    pub(super) fn take_bad(&mut self, bad: &BadLine) {
        self.tally.count_bad_line();
        if self.tally.bad_lines() <= TOLD {
            self.progress.clear();
            // Nobody is left to tell when standard error is gone.
            let _ = writeln!(io::stderr(), "nearpoint: {}:{bad}", self.file);
        }
    }

    /// The counts so far.
    pub(super) fn summary(&self, names: &Names) -> SummaryView {
        self.tally.summary(names)
    }

    /// Prints the summary, unless addresses had a line each. Ends with 1 if a line was bad.
    pub(super) fn finish(mut self, names: &Names) -> ExitCode {
        self.progress.clear();
        let flushed = self.each.as_mut().map(|out| out.flush());
        let printed = match flushed {
            Some(Ok(())) => ExitCode::SUCCESS,
            Some(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Some(Err(error)) => output::fail(&format!("cannot write the answer: {error}"), FAILED),
            None => {
                let summary = self.summary(names);
                match self.json {
                    true => output::print_json(&summary),
                    false => output::print(&table::summary(&summary, Look::of_stdout())),
                }
            }
        };
        match self.tally.bad_lines() {
            0 => printed,
            1 => output::fail(&format!("{}: 1 line is no address", self.file), FAILED),
            bad => output::fail(&format!("{}: {bad} lines are no addresses", self.file), FAILED),
        }
    }
}

/// The line of one address, for people and for columns of other programs.
fn line(ip: IpAddr, answer: &Answer) -> String {
    let country = answer.country.map_or_else(|| "-".to_owned(), |country| country.to_string());
    let (dc, why) = match &answer.fate {
        Fate::Served(dc, why) => (dc.to_string(), why),
        Fate::Refused(reason) => ("refused".to_owned(), reason),
    };
    let decided_by = match answer.decided_by() {
        nothing if nothing.is_empty() => "-".to_owned(),
        some => some.join(","),
    };
    format!("{ip}\t{country}\t{dc}\t{why}\t{decided_by}")
}

impl EachView {
    fn new(address: IpAddr, answer: &Answer) -> Self {
        let (dc, why, refused) = match &answer.fate {
            Fate::Served(dc, why) => (Some(*dc), Some(why.to_string()), None),
            Fate::Refused(reason) => (None, None, Some(reason.to_string())),
        };
        let country = answer.country.map(|country| country.to_string());
        Self { address, country, dc, why, refused, decided_by: answer.decided_by() }
    }
}

/// A count that a person sees grow, once it takes a while.
struct Progress {
    /// `None` when nobody looks.
    next: Option<Instant>,
    shown: bool,
}

/// Between looks at the clock, in addresses.
const LOOK_EVERY: u64 = 64;

const TELL_EVERY: Duration = Duration::from_secs(1);

impl Progress {
    fn new() -> Self {
        let next = io::stderr().is_terminal().then(|| Instant::now() + TELL_EVERY);
        Self { next, shown: false }
    }

    fn tell(&mut self, addresses: u64) {
        let Some(next) = self.next.filter(|_| addresses.is_multiple_of(LOOK_EVERY)) else {
            return;
        };
        let now = Instant::now();
        if now >= next {
            self.next = Some(now + TELL_EVERY);
            self.shown = true;
            let _ = write!(io::stderr(), "\r{addresses} addresses");
        }
    }

    /// Makes room for something else.
    fn clear(&mut self) {
        if self.shown {
            self.shown = false;
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::CountryCode;

    fn addressed() -> (IpAddr, Answer) {
        let answer = Answer {
            country: CountryCode::new("DE"),
            fate: Fate::Served(2, "preferred".into()),
            fitting: vec![(0, false), (3, true)],
            default_decides: true,
            audited: false,
        };
        ("203.0.113.7".parse().expect("an address"), answer)
    }

    #[test]
    fn an_address_has_five_columns() {
        let (ip, answer) = addressed();
        let expected = "203.0.113.7\tDE\t2\tpreferred\tpolicy.default,policy.rules[3]";
        assert_eq!(line(ip, &answer), expected);
        let refused = Answer {
            country: None,
            fate: Fate::Refused("no_dc".into()),
            fitting: Vec::new(),
            default_decides: false,
            ..answer
        };
        assert_eq!(line(ip, &refused), "203.0.113.7\t-\trefused\tno_dc\t-");
    }

    #[test]
    fn an_address_is_one_line_of_json() {
        let (ip, answer) = addressed();
        let json = serde_json::to_string(&EachView::new(ip, &answer)).expect("it serialises");
        let expected = r#"{"address":"203.0.113.7","country":"DE","dc":2,"why":"preferred","refused":null,"decided_by":["policy.default","policy.rules[3]"]}"#;
        assert_eq!(json, expected);
    }
}
