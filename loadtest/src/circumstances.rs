//! When and how something was measured, as reports say it.

use crate::report::load_average;
use serde::Serialize;
use std::time::SystemTime;

const CONGESTION_CONTROL: &str = "/proc/sys/net/ipv4/tcp_congestion_control";

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Circumstances {
    /// The command, as it was typed.
    pub(crate) command: String,
    /// RFC 3339, in UTC.
    #[serde(serialize_with = "rfc3339")]
    pub(crate) when: SystemTime,
    /// Of the machine, over the last minute (proc(5)): at the start and at the end.
    pub(crate) load_average: [Option<f64>; 2],
    /// Of new sockets (tcp(7)). One that paces, as BBR does, makes bulk over loopback cost several times as much.
    pub(crate) tcp_congestion_control: Option<String>,
}

impl Circumstances {
    /// Of a run that begins now.
    pub(crate) fn begin() -> Circumstances {
        let load_average = [load_average(), None];
        let tcp_congestion_control = std::fs::read_to_string(CONGESTION_CONTROL).ok();
        Circumstances {
            command: command(),
            when: SystemTime::now(),
            load_average,
            tcp_congestion_control: tcp_congestion_control.map(|it| it.trim_end().to_owned()),
        }
    }

    /// It ends now.
    pub(crate) fn end(&mut self) {
        self.load_average[1] = load_average();
    }

    pub(crate) fn sentence(&self) -> String {
        let load = |average: Option<f64>| average.map_or("?".to_owned(), |it| format!("{it:.2}"));
        let [begin, end] = self.load_average.map(load);
        let control = self.tcp_congestion_control.as_deref().unwrap_or("?");
        format!(
            "`{}`, {}; load average of the machine {begin} at the start, {end} at the end; TCP with {control}.",
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
