//! Times, sizes and shares: numbers that are nothing without their unit.

use std::time::Duration;

use schemars::{Schema, json_schema};
use serde::Serialize;

use super::parse::{Parsed, SIZE_UNITS, TIME_UNITS, outside, quantity, spoken, spoken_size};
use super::{Scalar, pattern, scalar};
use crate::config::node::Node;

/// A time with its unit, `300ms`, `3s`, `10m`, `1h`, `7d`, within bounds in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time<const LEAST: u64, const MOST: u64>(Duration);

impl<const LEAST: u64, const MOST: u64> Time<LEAST, MOST> {
    pub(crate) fn get(self) -> Duration {
        self.0
    }
}

/// For defaults, which are within their bounds.
impl<const LEAST: u64, const MOST: u64> From<Duration> for Time<LEAST, MOST> {
    fn from(time: Duration) -> Self {
        Self(time)
    }
}

impl<const LEAST: u64, const MOST: u64> Scalar for Time<LEAST, MOST> {
    fn parse(node: &Node) -> Parsed<Self> {
        let millis = quantity(node, "a time", TIME_UNITS)?;
        let spoken = |millis| spoken(Duration::from_millis(millis));
        match (LEAST..=MOST).contains(&millis) {
            true => Ok(Self(Duration::from_millis(millis))),
            false => Err(outside(spoken(millis), spoken(LEAST), spoken(MOST))),
        }
    }

    fn written(&self) -> impl Serialize {
        spoken(self.0)
    }

    fn schema() -> Schema {
        let (least, most) = (Duration::from_millis(LEAST), Duration::from_millis(MOST));
        json_schema!({
            "type": "string",
            "pattern": pattern::time(LEAST, MOST),
            "x-kind": format!("time, {} to {}", spoken(least), spoken(most)),
        })
    }
}

scalar!(Time<const LEAST: u64, const MOST: u64>);

/// A size with its unit, `64KiB`, `48MiB`, `1GiB`, within bounds in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size<const LEAST: u64, const MOST: u64>(u64);

impl<const LEAST: u64, const MOST: u64> Size<LEAST, MOST> {
    /// A default, which is within the bounds.
    pub(crate) fn of(bytes: u64) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(self) -> u64 {
        self.0
    }
}

impl<const LEAST: u64, const MOST: u64> Scalar for Size<LEAST, MOST> {
    fn parse(node: &Node) -> Parsed<Self> {
        let bytes = quantity(node, "a size", SIZE_UNITS)?;
        match (LEAST..=MOST).contains(&bytes) {
            true => Ok(Self(bytes)),
            false => Err(outside(spoken_size(bytes), spoken_size(LEAST), spoken_size(MOST))),
        }
    }

    fn written(&self) -> impl Serialize {
        spoken_size(self.0)
    }

    fn schema() -> Schema {
        json_schema!({
            "type": "string",
            "pattern": pattern::size(LEAST, MOST),
            "x-kind": format!("size, {} to {}", spoken_size(LEAST), spoken_size(MOST)),
        })
    }
}

scalar!(Size<const LEAST: u64, const MOST: u64>);

/// A share, `0%` to `100%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Percent(u8);

impl Percent {
    /// A default, which is at most 100.
    pub(crate) fn of(percent: u8) -> Self {
        Self(percent)
    }

    pub(crate) fn get(self) -> u8 {
        self.0
    }
}

const SHARE: &[(&str, u64)] = &[("%", 1)];

impl Scalar for Percent {
    fn parse(node: &Node) -> Parsed<Self> {
        let share = quantity(node, "a share", SHARE)?;
        let fitting = u8::try_from(share).ok().filter(|share| *share <= 100);
        fitting.map(Self).ok_or_else(|| outside(format!("{share}%"), "0%", "100%"))
    }

    fn written(&self) -> impl Serialize {
        format!("{}%", self.0)
    }

    fn schema() -> Schema {
        json_schema!({
            "type": "string",
            "pattern": pattern::share(100),
            "x-kind": "share, 0% to 100%",
        })
    }
}

scalar!(Percent);
