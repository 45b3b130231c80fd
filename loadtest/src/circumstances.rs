//! When and how something was measured, as reports say it.

use crate::report::load_average;
use serde::Serialize;
use std::time::SystemTime;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Circumstances {
    /// The command, as it was typed.
    pub(crate) command: String,
    /// RFC 3339, in UTC.
    #[serde(serialize_with = "rfc3339")]
    pub(crate) when: SystemTime,
    /// Of the machine, over the last minute (proc(5)): at the start and at the end.
    pub(crate) load_average: [Option<f64>; 2],
}

impl Circumstances {
    /// Of a run that begins now.
    pub(crate) fn begin() -> Circumstances {
        let load_average = [load_average(), None];
        Circumstances { command: command(), when: SystemTime::now(), load_average }
    }

    /// It ends now.
    pub(crate) fn end(&mut self) {
        self.load_average[1] = load_average();
    }

    pub(crate) fn sentence(&self) -> String {
        let load = |average: Option<f64>| average.map_or("?".to_owned(), |it| format!("{it:.2}"));
        let [begin, end] = self.load_average.map(load);
        format!(
            "`{}`, {}; load average of the machine {begin} at the start, {end} at the end.",
            self.command,
            humantime::format_rfc3339_seconds(self.when)
        )
    }
}

/// As it was typed, but for the directory of this program.
fn command() -> String {
    let words = std::env::args().skip(1);
    std::iter::once("loadtest".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

fn rfc3339<S: serde::Serializer>(when: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&humantime::format_rfc3339_seconds(*when).to_string())
}
