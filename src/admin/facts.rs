//! What status shows and no snapshot knows: who this daemon is, where it listens, how the last
//! reload went. Written by whoever starts and reloads the daemon, read at each request.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use super::operations::LiveList;
use crate::config::{Config, ContentHash};

/// Problems kept of one refused reload; a broken list has one per line.
const PROBLEMS: usize = 100;

/// Facts of one daemon.
pub struct Facts {
    /// `edge.name`.
    pub edge: String,
    /// Data-plane threads.
    pub workers: usize,
    started: Instant,
    changing: Mutex<Changing>,
}

/// The facts that a reload may change.
#[derive(Clone, Debug)]
pub struct Changing {
    /// In the order of the configuration.
    pub listeners: Vec<ListenerFact>,
    /// When the live `dc_options` were accepted.
    pub dc_options_accepted: Instant,
    /// The list in force; `None` before anything is.
    pub list: Option<ListFact>,
    /// `None` until the first reload; the start does not count.
    pub last_reload: Option<ReloadFact>,
    /// What locates clients; `None` when nothing does.
    pub geoip: Option<GeoipFact>,
    /// What descriptors allow; `None` before anything is accepted.
    pub descriptors: Option<DescriptorsFact>,
    /// What the daemon goes by; `None` before it does.
    pub configuration: Option<ConfigurationFact>,
}

/// The list of access points in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListFact {
    /// The list itself.
    pub list: LiveList,
    /// Who pushed it; `None` for that of the file.
    pub push: Option<PushFact>,
}

/// The push that stands for the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushFact {
    /// Of its entry in the history.
    pub number: u64,
    /// When it came into force, in words.
    pub at: String,
    /// Who pushed it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// What the file held then: it stands for that until it holds something else. `None` when it could not
    /// be read.
    pub over: Option<ContentHash>,
    /// Whether it outlives this process.
    pub is_kept: bool,
}

/// What the descriptors of the process allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescriptorsFact {
    /// That may be open.
    pub limit: u64,
    /// Sessions at a time at which accepting pauses; flows take half of one each.
    pub most_sessions: u64,
}

/// The configuration that a daemon goes by.
#[derive(Clone, Debug)]
pub struct ConfigurationFact {
    /// What it was started with: some keys are read once.
    pub started: Arc<Config>,
    /// What was accepted last.
    pub running: Arc<Config>,
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerFact {
    /// Its name.
    pub name: String,
    /// Where it is bound, ports resolved.
    pub addresses: Vec<SocketAddr>,
}

/// How a reload went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReloadFact {
    /// When it was decided.
    pub at: SystemTime,
    /// What asked for it, in the words of the label `source` of `config_reloads_total`.
    pub source: String,
    /// Whether it went live.
    pub accepted: bool,
    /// Why not, or what was noticed.
    pub problems: Vec<String>,
}

/// The databases that locate clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeoipFact {
    /// Tells where clients are.
    pub country: DatabaseFact,
    /// Tells their autonomous systems; `None` when none is configured.
    pub asn: Option<DatabaseFact>,
}

/// One database. Counts are of networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseFact {
    /// `embedded`, or a path.
    pub source: String,
    /// What it calls itself.
    pub database_type: String,
    /// When it was built.
    pub built: Option<SystemTime>,
    /// Whether it knows IPv6 addresses beside IPv4 ones.
    pub has_ipv6: bool,
    /// All that it knows something of.
    pub networks: u64,
    /// Those with a country.
    pub with_country: u64,
    /// Those with coordinates.
    pub with_coordinates: u64,
    /// Those with an autonomous system.
    pub with_asn: u64,
}

/// Networks change hands: a database that was built longer ago is stale. It goes on serving.
const STALE_AFTER: Duration = Duration::from_secs(90 * DAY);

const DAY: u64 = 24 * 60 * 60;

impl DatabaseFact {
    /// How long ago it was built; nothing for one of the future. `None` when it does not say.
    #[must_use]
    pub fn age(&self, now: SystemTime) -> Option<Duration> {
        Some(now.duration_since(self.built?).unwrap_or_default())
    }

    /// Whether it was built more than 90 days ago.
    #[must_use]
    pub fn is_stale(&self, now: SystemTime) -> bool {
        self.age(now).is_some_and(|age| age > STALE_AFTER)
    }

    /// What there is to say of a stale one.
    #[must_use]
    pub fn stale_note(&self, now: SystemTime) -> Option<String> {
        let age = self.age(now).filter(|_| self.is_stale(now))?;
        let (source, days, limit) =
            (&self.source, age.as_secs() / DAY, STALE_AFTER.as_secs() / DAY);
        Some(format!("geoip database {source} is {days} days old; after {limit} it is stale"))
    }
}

impl Facts {
    /// Facts of a daemon that starts now, with `dc_options` accepted now.
    #[must_use]
    pub fn new(edge: &str, workers: usize, now: Instant) -> Self {
        Self {
            edge: edge.to_owned(),
            workers,
            started: now,
            changing: Mutex::new(Changing {
                listeners: Vec::new(),
                dc_options_accepted: now,
                list: None,
                last_reload: None,
                geoip: None,
                descriptors: None,
                configuration: None,
            }),
        }
    }

    /// Where the daemon listens, from now on.
    pub fn set_listeners(&self, listeners: Vec<ListenerFact>) {
        self.lock().listeners = listeners;
    }

    /// Other `dc_options` went live at `now`.
    pub fn set_dc_options_accepted(&self, now: Instant) {
        self.lock().dc_options_accepted = now;
    }

    /// Which list is in force, from now on.
    pub fn set_list(&self, list: ListFact) {
        self.lock().list = Some(list);
    }

    /// The list in force.
    #[must_use]
    pub fn list(&self) -> Option<ListFact> {
        self.lock().list.clone()
    }

    /// What locates clients, from now on.
    pub fn set_geoip(&self, geoip: Option<GeoipFact>) {
        self.lock().geoip = geoip;
    }

    /// What descriptors allow, from now on.
    pub fn set_descriptors(&self, descriptors: DescriptorsFact) {
        self.lock().descriptors = Some(descriptors);
    }

    /// What the daemon goes by, from now on.
    pub fn set_configuration(&self, configuration: ConfigurationFact) {
        self.lock().configuration = Some(configuration);
    }

    /// A reload was accepted or refused. Of many problems the first hundred are kept, and a line
    /// that counts the others.
    pub fn set_last_reload(&self, mut reload: ReloadFact) {
        let more = reload.problems.len().saturating_sub(PROBLEMS);
        if more > 0 {
            reload.problems.truncate(PROBLEMS);
            reload.problems.push(format!("and {more} more"));
        }
        self.lock().last_reload = Some(reload);
    }

    /// How long the daemon has been running.
    #[must_use]
    pub fn uptime(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }

    /// How long ago the live `dc_options` were accepted.
    #[must_use]
    pub fn dc_options_age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.lock().dc_options_accepted)
    }

    /// The changing facts at one moment.
    #[must_use]
    pub fn changing(&self) -> Changing {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Changing> {
        // Nothing panics while it is held, and every state of it is a valid one.
        self.changing.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_of_a_refused_reload_are_bounded_and_counted() {
        let facts = Facts::new("edge-1", 2, Instant::now());
        facts.set_last_reload(ReloadFact {
            at: SystemTime::UNIX_EPOCH,
            source: "file".into(),
            accepted: false,
            problems: (0..250).map(|n| n.to_string()).collect(),
        });
        let problems = facts.changing().last_reload.map(|reload| reload.problems);
        let problems = problems.expect("a reload");
        assert_eq!(problems.len(), 101);
        assert_eq!(problems.last().map(String::as_str), Some("and 150 more"));
    }

    #[test]
    fn ages_count_from_what_they_are_about() {
        let start = Instant::now();
        let facts = Facts::new("edge-1", 2, start);
        facts.set_dc_options_accepted(start + Duration::from_secs(30));
        let now = start + Duration::from_secs(40);
        assert_eq!(facts.uptime(now), Duration::from_secs(40));
        assert_eq!(facts.dc_options_age(now), Duration::from_secs(10));
    }
}
