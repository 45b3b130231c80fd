//! What a request of HTTP is made of, and which answers are good.

use std::net::Ipv6Addr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use schemars::{Schema, json_schema};
use serde::Serialize;
use serde_json::json;

use super::parse::{Parsed, integer, outside, shown, text};
use super::{Scalar, pattern, scalar};
use crate::config::node::Node;

/// Path and query of a request, in the letters that RFC 3986 has for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestPath(Arc<str>);

/// The longest path.
const LONGEST_PATH: usize = 1024;

/// Letters of paths and queries that are neither letters of the alphabet nor digits.
const PATH_MARKS: &str = "._~!$&'()*+,;=:@/?%-";

impl RequestPath {
    /// A default, which is a path.
    pub(crate) fn of(path: &str) -> Self {
        Self(path.into())
    }

    pub(crate) fn get(&self) -> &str {
        &self.0
    }
}

impl Scalar for RequestPath {
    fn parse(node: &Node) -> Parsed<Self> {
        let path = text(node)?;
        let fits = |c: char| c.is_ascii_alphanumeric() || PATH_MARKS.contains(c);
        if !path.starts_with('/') {
            return Err(format!("{} is not a path: it has to begin with `/`", shown(path)));
        }
        match path.len() <= LONGEST_PATH && path.chars().all(fits) {
            true => Ok(Self(path.into())),
            false => Err(format!(
                "{} is not a path: up to {LONGEST_PATH} letters, digits and {PATH_MARKS}; others \
                 are written as %20",
                shown(path)
            )),
        }
    }

    fn written(&self) -> impl Serialize {
        &*self.0
    }

    fn schema() -> Schema {
        json_schema!({
            "type": "string",
            "pattern": format!("^/[A-Za-z0-9{PATH_MARKS}]{{0,{}}}$", LONGEST_PATH - 1),
            "x-kind": "path that begins with `/`, query included",
            "examples": ["/", "/health?deep=1"],
        })
    }
}

scalar!(RequestPath);

/// A `Host` header: a name or an address, perhaps with a port, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostHeader(Arc<str>);

/// The longest name of a host (RFC 1035).
const LONGEST_NAME: usize = 253;

impl HostHeader {
    pub(crate) fn get(&self) -> &str {
        &self.0
    }
}

impl Scalar for HostHeader {
    fn parse(node: &Node) -> Parsed<Self> {
        let given = text(node)?;
        let split = match given.strip_prefix('[') {
            Some(rest) => rest
                .split_once(']')
                .filter(|(ip, _)| ip.parse::<Ipv6Addr>().is_ok())
                .map(|(_, port)| port),
            None => {
                let end = given.find(':').unwrap_or(given.len());
                let (name, port) = given.split_at(end);
                let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
                let is_name = (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(fits);
                is_name.then_some(port)
            }
        };
        match split.is_some_and(is_port_or_nothing) {
            true => Ok(Self(given.to_ascii_lowercase().into())),
            false => Err(format!("{} is not a host, with or without a port", shown(given))),
        }
    }

    fn written(&self) -> impl Serialize {
        &*self.0
    }

    fn schema() -> Schema {
        let (v6, port) = (pattern::ipv6(), pattern::number(1, 65_535));
        json_schema!({
            "type": "string",
            "pattern": format!(
                r"^(?:[A-Za-z0-9_.-]{{1,{LONGEST_NAME}}}|\[(?:{v6})\])(?::(?:{port}))?$"
            ),
            "x-kind": "host name or IP address, with or without a port",
            "examples": ["health.example.org", "127.0.0.1:8080", "[::1]"],
        })
    }
}

scalar!(HostHeader);

/// Nothing, or `:` and a port without zeros before it.
fn is_port_or_nothing(rest: &str) -> bool {
    rest.is_empty()
        || rest.strip_prefix(':').is_some_and(|port| {
            port.starts_with(|c: char| ('1'..='9').contains(&c)) && port.parse::<u16>().is_ok()
        })
}

/// Status codes of HTTP: `200`, or `200-399`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StatusCodes(RangeInclusive<u16>);

/// All that there are (RFC 9110, 15).
const CODES: RangeInclusive<u16> = 100..=599;

impl StatusCodes {
    /// A default, which is within what there is.
    pub(crate) fn of(codes: RangeInclusive<u16>) -> Self {
        Self(codes)
    }

    pub(crate) fn get(&self) -> RangeInclusive<u16> {
        self.0.clone()
    }
}

impl Scalar for StatusCodes {
    fn parse(node: &Node) -> Parsed<Self> {
        let range = match node {
            Node::Text(text) => text.split_once('-'),
            Node::Integer(_) | Node::Float(_) => {
                let number = integer(node)?;
                let code = u16::try_from(number).ok().filter(|code| CODES.contains(code));
                return code
                    .map(|code| Self(code..=code))
                    .ok_or_else(|| outside(number, CODES.start(), CODES.end()));
            }
            Node::Null | Node::Bool(_) | Node::List(_) | Node::Map(_) => {
                return Err(format!("is {}, not {TAKEN}", node.kind()));
            }
        };
        let code = |text: &str| {
            let is_code = text.len() == 3 && text.bytes().all(|it| it.is_ascii_digit());
            text.parse().ok().filter(|code| is_code && CODES.contains(code))
        };
        match range.and_then(|(first, last)| code(first).zip(code(last))) {
            Some((first, last)) if first <= last => Ok(Self(first..=last)),
            Some((first, last)) => Err(format!("{first}-{last} ends before it begins")),
            None => {
                let given = text(node)?;
                Err(format!("{} is not {TAKEN}", shown(given)))
            }
        }
    }

    fn written(&self) -> impl Serialize {
        match (self.0.start(), self.0.end()) {
            (first, last) if first == last => json!(first),
            (first, last) => json!(format!("{first}-{last}")),
        }
    }

    fn schema() -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": CODES.start(), "maximum": CODES.end() },
                { "type": "string", "pattern": "^[1-5][0-9]{2}-[1-5][0-9]{2}$" },
            ],
            "x-kind": "status code or range of them, 100 to 599",
            "examples": [200, "200-399"],
        })
    }
}

scalar!(StatusCodes);

const TAKEN: &str = "a status code or a range of them, such as 200 or 200-399";
