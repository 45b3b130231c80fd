//! `dcs`, `health`, `connect`, `policy`: what `dc_options` does not say about DCs, and how they are
//! watched, dialled and compared.

use std::sync::Arc;
use std::time::Duration;

use crate::routing::policy::Objective;
use crate::routing::topology::{ConnectLimits, DcSpec, HealthSettings};
use crate::routing::{DcId, Millis, Place, Policy};

use super::key_path::KeyPath;
use super::node::Node;
use super::place;
use super::reader::{Cursor, Section};
use super::values::{Parsed, count, duration, flag, integer, name, percent, spoken, word};

const MILLI: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Share of a DC or an access point that says nothing of it.
pub(super) const WEIGHT: u32 = 100;
/// The largest share.
pub(super) const MOST_WEIGHT: u32 = 10_000;
const MAX_CONNECTING: u32 = 512;
const STARTUP_GRACE: Duration = Duration::from_secs(2);
const CONNECT: ConnectLimits = ConnectLimits {
    timeout: Duration::from_secs(3),
    deadline: Duration::from_secs(10),
    attempts: 5,
};

/// The number of a DC: 1 to 32767, since headers carry it in a signed 16-bit field.
pub(super) fn dc_id(node: &Node) -> Parsed<DcId> {
    let number = integer(node)?;
    let id = u16::try_from(number).ok();
    id.filter(|id| (1..=32_767).contains(id))
        .map(DcId)
        .ok_or_else(|| format!("{number} is not the id of a DC, 1..32767"))
}

/// A DC as `dcs` describes it, before its access points are known.
pub(super) struct DcDraft {
    pub(super) path: KeyPath,
    /// `None` when it is missing or bad.
    pub(super) id: Option<DcId>,
    name: Option<Arc<str>>,
    location: Option<Place>,
    site: Option<Arc<str>>,
    weight: u32,
    max_connecting: u32,
    health: HealthSettings,
}

impl DcDraft {
    /// `health` is what holds where the DC says nothing else.
    pub(super) fn read(cursor: &Cursor<'_>, health: &HealthSettings) -> Self {
        cursor.section(|keys| Self {
            path: keys.path().clone(),
            id: keys.required("id", dc_id),
            name: keys.key("name").read(name),
            location: place::read(&keys.key("location")),
            site: keys.key("site").read_unless_none(name),
            weight: keys.or("weight", WEIGHT, count(0..=MOST_WEIGHT)),
            max_connecting: keys.or("max_connecting", MAX_CONNECTING, count(1..=1_000_000)),
            health: keys.key("health").section(|keys| read_health(keys, health)),
        })
    }

    /// The name it goes by.
    pub(super) fn name(&self, id: DcId) -> Arc<str> {
        self.name.clone().unwrap_or_else(|| default_name(id))
    }

    /// The DC, without access points.
    pub(super) fn spec(&self, id: DcId) -> DcSpec {
        DcSpec {
            id,
            name: self.name(id),
            location: self.location.map(|place| place.coordinates),
            site: self.site.clone(),
            weight: self.weight,
            max_connecting: self.max_connecting,
            health: self.health,
            access_points: Vec::new(),
        }
    }
}

/// A DC that only `dc_options` knows.
pub(super) fn unlisted(id: DcId, health: HealthSettings) -> DcSpec {
    DcSpec {
        id,
        name: default_name(id),
        location: None,
        site: None,
        weight: WEIGHT,
        max_connecting: MAX_CONNECTING,
        health,
        access_points: Vec::new(),
    }
}

/// What a DC is called that nobody named.
pub(super) fn default_name(id: DcId) -> Arc<str> {
    format!("dc{id}").into()
}

/// The settings of all DCs that say nothing else, and how long the first probes are waited for.
pub(super) fn read_global_health(cursor: &Cursor<'_>) -> (HealthSettings, Duration) {
    cursor.section(|keys| {
        let grace = duration(Duration::ZERO..=5 * MINUTE);
        (
            read_health(keys, &HealthSettings::default()),
            keys.or("startup_grace", STARTUP_GRACE, grace),
        )
    })
}

fn read_health(keys: &mut Section<'_>, default: &HealthSettings) -> HealthSettings {
    read_probe(&keys.key("probe"));
    let pause = duration(10 * MILLI..=HOUR);
    let fast = keys.key("fast_interval");
    let health = HealthSettings {
        interval: keys.or("interval", default.interval, &pause),
        fast_interval: fast.read(&pause).unwrap_or(default.fast_interval),
        down_interval: keys.or("down_interval", default.down_interval, &pause),
        timeout: keys.or("timeout", default.timeout, duration(10 * MILLI..=MINUTE)),
        fall: keys.or("fall", default.fall, count(1..=100)),
        rise: keys.or("rise", default.rise, count(1..=100)),
        jitter_percent: keys.or("jitter", default.jitter_percent, percent),
    };
    if health.fast_interval > health.interval {
        let (fast_interval, interval) = (spoken(health.fast_interval), spoken(health.interval));
        fast.problem(format!("{fast_interval} is longer than `interval`, {interval}"));
    }
    health
}

/// A connect is the only probe so far; other ones are mappings.
fn read_probe(cursor: &Cursor<'_>) {
    match cursor.is_mapping() {
        true => cursor.section(|keys| {
            if keys.is_empty() {
                keys.problem("is not `tcp`");
            }
        }),
        false => cursor.read(word(&[("tcp", ())])).unwrap_or_default(),
    }
}

pub(super) fn read_connect(cursor: &Cursor<'_>) -> ConnectLimits {
    cursor.section(|keys| {
        let key = keys.key("deadline");
        let connect = ConnectLimits {
            timeout: keys.or("timeout", CONNECT.timeout, duration(10 * MILLI..=MINUTE)),
            deadline: key.read(duration(10 * MILLI..=5 * MINUTE)).unwrap_or(CONNECT.deadline),
            attempts: keys.or("attempts", CONNECT.attempts, count(1..=64)),
        };
        if connect.deadline < connect.timeout {
            let (deadline, timeout) = (spoken(connect.deadline), spoken(connect.timeout));
            key.problem(format!("{deadline} is shorter than `connect.timeout`, {timeout}"));
        }
        connect
    })
}

pub(super) fn read_policy(cursor: &Cursor<'_>) -> Policy {
    let objective = word(&[
        ("distance", Objective::Distance),
        ("latency", Objective::Latency),
        ("balanced", Objective::Balanced),
    ]);
    let margin = duration(Duration::ZERO..=MINUTE);
    let default = Policy::default();
    cursor.section(|keys| Policy {
        objective: keys.or("objective", default.objective, objective),
        tie_margin: keys
            .or("tie_margin", default.tie_margin, |node| margin(node).map(Millis::from)),
        fail_open: keys.or("fail_open", default.fail_open, flag),
        ..default
    })
}
