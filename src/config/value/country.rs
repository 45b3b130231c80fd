//! Countries, continents, autonomous systems.

use schemars::{Schema, json_schema};
use serde::Serialize;

use super::parse::{Parsed, integer, outside, shown, text};
use super::{Scalar, pattern, scalar};
use crate::config::node::Node;
use crate::routing::place::{self, Asn};
use crate::routing::{CountryCode, country};

/// A country that exists, by its two letters, all capitals or all small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Country(CountryCode);

impl Country {
    pub(crate) fn get(self) -> CountryCode {
        self.0
    }
}

impl Scalar for Country {
    const INLINE: bool = false;

    fn parse(node: &Node) -> Parsed<Self> {
        let given = text(node)?;
        let is_mixed = given != given.to_ascii_uppercase() && given != given.to_ascii_lowercase();
        let code =
            CountryCode::new(given).filter(|code| !is_mixed && country::find(*code).is_some());
        code.map(Self).ok_or_else(|| {
            format!("{} is not a country; two letters of ISO 3166-1, such as NL", shown(given))
        })
    }

    fn written(&self) -> impl Serialize {
        self.0.to_string()
    }

    fn schema() -> Schema {
        let capitals = country::all().iter().map(|country| country.code.to_string());
        let small = country::all().iter().map(|it| it.code.as_str().to_ascii_lowercase());
        let codes: Vec<String> = capitals.chain(small).collect();
        json_schema!({ "enum": codes, "x-kind": "country, two letters of ISO 3166-1" })
    }
}

scalar!(Country);

/// A continent by the two letters that GeoIP databases use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Continent(place::Continent);

const CONTINENTS: [&str; 7] = ["AF", "AN", "AS", "EU", "NA", "OC", "SA"];

impl Continent {
    pub(crate) fn get(self) -> place::Continent {
        self.0
    }
}

impl Scalar for Continent {
    fn parse(node: &Node) -> Parsed<Self> {
        let given = text(node)?;
        place::Continent::new(given)
            .map(Self)
            .ok_or_else(|| format!("{} is not a continent: {}", shown(given), CONTINENTS.join(" ")))
    }

    fn written(&self) -> impl Serialize {
        self.0.as_str()
    }

    fn schema() -> Schema {
        json_schema!({ "enum": CONTINENTS, "x-kind": "continent: AF AN AS EU NA OC SA" })
    }
}

scalar!(Continent);

/// An autonomous system, `64500` or `AS64500`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AsNumber(Asn);

impl AsNumber {
    pub(crate) fn get(self) -> Asn {
        self.0
    }
}

impl Scalar for AsNumber {
    fn parse(node: &Node) -> Parsed<Self> {
        let number = match node {
            Node::Text(given) => {
                let digits = given.strip_prefix("AS").filter(|digits| {
                    digits.len() <= 10 && digits.bytes().all(|byte| byte.is_ascii_digit())
                });
                let number = digits.and_then(|digits| digits.parse().ok());
                number.ok_or_else(|| {
                    format!("{} is not an autonomous system, such as AS64500", shown(given))
                })?
            }
            other => integer(other)?,
        };
        let asn = u32::try_from(number).ok().filter(|asn| *asn != 0);
        asn.map(|asn| Self(Asn(asn))).ok_or_else(|| outside(number, 1, u32::MAX))
    }

    fn written(&self) -> impl Serialize {
        self.0.to_string()
    }

    fn schema() -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": 1, "maximum": u32::MAX },
                { "type": "string", "pattern": format!("^AS0*(?:{})$", pattern::number(1, u32::MAX.into())) },
            ],
            "x-kind": "autonomous system, 64500 or AS64500",
            "examples": [64500, "AS64500"],
        })
    }
}

scalar!(AsNumber);
