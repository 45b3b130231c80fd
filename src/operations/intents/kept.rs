//! Intents in a file: JSON, replaced as a whole. Their times are those of the calendar, since the clock of a
//! process means nothing to the next one.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::routing::intent::MOST;
use crate::routing::{AccessPointId, AdminState, DcId, Intent, Intents, Target, Told};
use crate::state_dir::StateDir;

const FILE: &str = "intents";
/// The last one that could not be read.
const DAMAGED: &str = "damaged-intents";
const VERSION: u32 = 1;
/// Bytes of as many intents as there may be, with long reasons.
const LARGEST: u64 = 64 << 20;

/// No intent has a longer time.
const YEAR_MS: u64 = 365 * 24 * 60 * 60 * 1000;

#[derive(Debug, Serialize, Deserialize)]
struct File {
    version: u32,
    intents: Vec<Kept>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    dc: u16,
    /// As it is dialled; the whole DC without.
    access_point: Option<String>,
    state: State,
    since_ms: u64,
    until_ms: Option<u64>,
    by: String,
    reason: String,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Ready,
    Drain,
    Maint,
}

/// Writes them, as they are `now`, by the process's clock and the calendar.
///
/// # Errors
/// As those of [`StateDir::replace`].
pub(super) fn write(
    directory: &StateDir,
    intents: &Intents,
    (now, today): (Instant, SystemTime),
) -> io::Result<()> {
    let calendar = |at: Instant| match at.checked_duration_since(now) {
        Some(ahead) => millis(today) + as_millis(ahead),
        None => millis(today).saturating_sub(as_millis(now.saturating_duration_since(at))),
    };
    let kept = intents.iter().map(|(target, intent)| Kept {
        dc: target.dc().0,
        access_point: match target {
            Target::Dc(_) => None,
            Target::AccessPoint(id) => Some(id.address.to_string()),
        },
        state: match intent.state {
            AdminState::Ready => State::Ready,
            AdminState::Drain => State::Drain,
            AdminState::Maint => State::Maint,
        },
        since_ms: calendar(intent.since),
        until_ms: intent.until.map(calendar),
        by: intent.told.by.clone(),
        reason: intent.told.reason.clone(),
    });
    let file = File { version: VERSION, intents: kept.collect() };
    directory.replace(FILE, |to| {
        serde_json::to_writer_pretty(&mut *to, &file)?;
        to.write_all(b"\n")
    })
}

/// What was wanted when the last daemon ended, less what is over by `now`. A file that cannot be read is set
/// aside and said to be so. Blocks.
#[must_use]
pub fn restore(directory: &StateDir, now: (Instant, SystemTime)) -> Intents {
    let read = directory.read(FILE, LARGEST).and_then(|bytes| match bytes {
        None => Ok(Intents::default()),
        Some(bytes) => parse(&bytes, now),
    });
    match read {
        Ok(intents) => {
            if !intents.is_empty() {
                info!(intents = intents.len(), "what operators wanted before holds");
            }
            intents
        }
        Err(why) => {
            let file = directory.file(FILE);
            warn!(file = %file.display(), %why, "what operators wanted is lost: all is ready");
            if let Err(error) = directory.set_aside(FILE, DAMAGED) {
                warn!(file = %file.display(), %error, "cannot move it aside");
            }
            Intents::default()
        }
    }
}

fn parse(bytes: &[u8], (now, today): (Instant, SystemTime)) -> io::Result<Intents> {
    let odd = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
    let File { version, intents: kept } = serde_json::from_slice(bytes)?;
    if version != VERSION {
        return Err(odd(format!("it is of version {version}, and {VERSION} is known")));
    }
    if kept.len() > MOST {
        return Err(odd(format!("it has {} intents, and {MOST} is the most", kept.len())));
    }
    let today = millis(today);
    let mut intents = Intents::default();
    for Kept { dc, access_point, state, since_ms, until_ms, by, reason } in kept {
        let dc = DcId(dc);
        let target = match access_point {
            None => Target::Dc(dc),
            Some(text) => {
                let address = text.parse();
                let address = address.map_err(|_| odd(format!("{text:?} is no access point")))?;
                Target::AccessPoint(AccessPointId { dc, address })
            }
        };
        // A calendar that was wrong, then or now, makes nothing longer than it was to be.
        let longest = until_ms.map(|until| until.saturating_sub(since_ms));
        let left = until_ms.map(|until| until.saturating_sub(today)).min(longest);
        let left = left.map(|left| left.min(YEAR_MS));
        if left == Some(0) {
            info!(%target, "the time of an operator's intent was over before the start");
            continue;
        }
        let ago = Duration::from_millis(today.saturating_sub(since_ms));
        let intent = Intent {
            state: match state {
                State::Ready => AdminState::Ready,
                State::Drain => AdminState::Drain,
                State::Maint => AdminState::Maint,
            },
            since: now.checked_sub(ago).unwrap_or(now),
            until: left.and_then(|left| now.checked_add(Duration::from_millis(left))),
            told: Arc::new(Told { by, reason }),
        };
        intents.set(target, intent);
    }
    Ok(intents)
}

fn millis(at: SystemTime) -> u64 {
    as_millis(at.duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn as_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(now: Instant) -> Intents {
        let told = Arc::new(Told { by: "anna".into(), reason: "new kernel".into() });
        let hour = Duration::from_secs(3600);
        let address = "192.0.2.1:443/udp".parse().expect("an address");
        let mut intents = Intents::default();
        for (target, state, until) in [
            (Target::Dc(DcId(2)), AdminState::Drain, Some(now + hour)),
            (Target::Dc(DcId(4)), AdminState::Maint, None),
            (
                Target::AccessPoint(AccessPointId { dc: DcId(2), address }),
                AdminState::Maint,
                Some(now + 2 * hour),
            ),
        ] {
            intents.set(target, Intent { state, since: now, until, told: Arc::clone(&told) });
        }
        intents
    }

    #[test]
    fn what_is_wanted_outlives_the_process_and_ends_by_the_calendar() {
        let place = tempfile::tempdir().expect("a directory");
        let directory = StateDir::open(place.path()).expect("it is ours");
        let now = Instant::now();
        let today = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert!(restore(&directory, (now, today)).is_empty());
        write(&directory, &wanted(now), (now, today)).expect("it is written");
        assert_eq!(restore(&directory, (now, today)), wanted(now));
        // Another process, whose clock says something else, ninety minutes later.
        let (later, tomorrow) =
            (now + Duration::from_secs(7), today + Duration::from_secs(90 * 60));
        let restored = restore(&directory, (later, tomorrow));
        assert_eq!(restored.state(Target::Dc(DcId(2))), AdminState::Ready, "it is over");
        assert_eq!(restored.state(Target::Dc(DcId(4))), AdminState::Maint);
        assert_eq!(restored.next_end(), Some(later + Duration::from_secs(30 * 60)));
    }

    #[test]
    fn a_file_that_is_none_is_set_aside_and_costs_nothing_else() {
        let place = tempfile::tempdir().expect("a directory");
        let directory = StateDir::open(place.path()).expect("it is ours");
        let now = (Instant::now(), SystemTime::now());
        for bad in [
            "",
            "{",
            r#"{"version": 2, "intents": []}"#,
            r#"{"version": 1, "intents": [{"dc": 2, "access_point": "nowhere", "state": "drain",
                "since_ms": 0, "until_ms": null, "by": "", "reason": ""}]}"#,
        ] {
            std::fs::write(directory.file(FILE), bad).expect("a file");
            assert!(restore(&directory, now).is_empty(), "{bad}");
            assert!(directory.file(DAMAGED).exists() && !directory.file(FILE).exists(), "{bad}");
        }
    }
}
