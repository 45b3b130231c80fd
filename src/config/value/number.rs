//! Whole numbers, factors, ids, degrees.

use schemars::{Schema, json_schema};
use serde::Serialize;

use super::parse::{Parsed, integer, outside, real, within};
use super::{Scalar, scalar};
use crate::config::node::Node;
use crate::routing::DcId;

/// A whole number within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count<const LEAST: u32, const MOST: u32>(u32);

impl<const LEAST: u32, const MOST: u32> Count<LEAST, MOST> {
    /// A default, which is within the bounds.
    pub(crate) fn of(count: u32) -> Self {
        Self(count)
    }

    pub(crate) fn get(self) -> u32 {
        self.0
    }
}

impl<const LEAST: u32, const MOST: u32> Scalar for Count<LEAST, MOST> {
    fn parse(node: &Node) -> Parsed<Self> {
        let number = integer(node)?;
        let fitting = u32::try_from(number).ok().filter(|n| (LEAST..=MOST).contains(n));
        fitting.map(Self).ok_or_else(|| outside(number, LEAST, MOST))
    }

    fn written(&self) -> impl Serialize {
        self.0
    }

    fn schema() -> Schema {
        json_schema!({
            "type": "integer",
            "minimum": LEAST,
            "maximum": MOST,
            "x-kind": format!("number, {LEAST} to {MOST}"),
        })
    }
}

scalar!(Count<const LEAST: u32, const MOST: u32>);

/// The number of a DC: 1 to 32767, since headers carry it in a signed 16-bit field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DcNumber(DcId);

impl DcNumber {
    pub(crate) fn get(self) -> DcId {
        self.0
    }
}

/// Of an id that was read before.
impl From<DcId> for DcNumber {
    fn from(id: DcId) -> Self {
        Self(id)
    }
}

impl Scalar for DcNumber {
    fn parse(node: &Node) -> Parsed<Self> {
        let number = integer(node)?;
        let id = u16::try_from(number).ok().filter(|id| (1..=32_767).contains(id));
        id.map(|id| Self(DcId(id)))
            .ok_or_else(|| format!("{number} is not the id of a DC, 1..32767"))
    }

    fn written(&self) -> impl Serialize {
        self.0.0
    }

    fn schema() -> Schema {
        json_schema!({
            "type": "integer",
            "minimum": 1,
            "maximum": 32_767,
            "x-kind": "id of a DC, 1 to 32767",
        })
    }
}

scalar!(DcNumber);

/// An angle, as far as it may go in either direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Degrees<const MOST: u16>(f64);

impl<const MOST: u16> Degrees<MOST> {
    pub(crate) fn get(self) -> f64 {
        self.0
    }
}

impl<const MOST: u16> Scalar for Degrees<MOST> {
    fn parse(node: &Node) -> Parsed<Self> {
        let most = f64::from(MOST);
        within(real(node)?, -most..=most).map(Self)
    }

    fn written(&self) -> impl Serialize {
        self.0
    }

    fn schema() -> Schema {
        let most = i32::from(MOST);
        json_schema!({
            "type": "number",
            "minimum": -most,
            "maximum": most,
            "x-kind": format!("degrees, -{MOST} to {MOST}"),
        })
    }
}

scalar!(Degrees<const MOST: u16>);

/// How many times something, with decimals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Factor<const LEAST: u16, const MOST: u16>(f64);

impl<const LEAST: u16, const MOST: u16> Factor<LEAST, MOST> {
    /// A default, which is within the bounds.
    pub(crate) fn of(times: f64) -> Self {
        Self(times)
    }

    pub(crate) fn get(self) -> f64 {
        self.0
    }
}

impl<const LEAST: u16, const MOST: u16> Scalar for Factor<LEAST, MOST> {
    fn parse(node: &Node) -> Parsed<Self> {
        within(real(node)?, f64::from(LEAST)..=f64::from(MOST)).map(Self)
    }

    fn written(&self) -> impl Serialize {
        self.0
    }

    fn schema() -> Schema {
        json_schema!({
            "type": "number",
            "minimum": LEAST,
            "maximum": MOST,
            "x-kind": format!("number with decimals, {LEAST} to {MOST}"),
        })
    }
}

scalar!(Factor<const LEAST: u16, const MOST: u16>);

/// The integer `flags` of a TL constructor: 32 bits, which some dump as a signed number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlagBits(u32);

impl FlagBits {
    pub(crate) fn has(self, bit: u32) -> bool {
        self.0 & (1 << bit) != 0
    }
}

impl Scalar for FlagBits {
    fn parse(node: &Node) -> Parsed<Self> {
        let number = integer(node)?;
        let unsigned = u32::try_from(number).ok();
        let signed = i32::try_from(number).map(i32::cast_unsigned).ok();
        let bits = unsigned.or(signed).map(Self);
        bits.ok_or_else(|| format!("{number} has more than 32 bits of flags"))
    }

    fn written(&self) -> impl Serialize {
        self.0
    }

    fn schema() -> Schema {
        json_schema!({
            "type": "integer",
            "minimum": i32::MIN,
            "maximum": u32::MAX,
            "x-kind": "number of 32 bits",
        })
    }
}

scalar!(FlagBits);
