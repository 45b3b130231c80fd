//! Names, paths, host names, and flags that may be null.

use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::{Schema, json_schema};
use serde::Serialize;

use super::parse::{Parsed, shown, text};
use super::{Scalar, pattern, scalar};
use crate::config::node::Node;

/// A name of an edge, a DC, a site, a listener: fit for a metric label and a log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(Arc<str>);

impl Name {
    pub(crate) fn get(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl Name {
    /// A default, which is a name.
    pub(crate) fn of(name: &str) -> Self {
        Self(name.into())
    }
}

/// For defaults, which are names.
impl From<Arc<str>> for Name {
    fn from(name: Arc<str>) -> Self {
        Self(name)
    }
}

impl Scalar for Name {
    fn parse(node: &Node) -> Parsed<Self> {
        let name = text(node)?;
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.len() <= 64 && name.chars().all(fits) {
            return Ok(Self(name.into()));
        }
        Err(format!("{} is not a name: up to 64 letters, digits, `-`, `_` and `.`", shown(name)))
    }

    fn written(&self) -> impl Serialize {
        &*self.0
    }

    fn schema() -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[A-Za-z0-9_.-]{1,64}$",
            "x-kind": "name",
        })
    }
}

scalar!(Name);

/// The name of a network interface, as Linux allows it (`dev_valid_name` of `net/core/dev.c`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Interface(Arc<str>);

impl Interface {
    pub(crate) fn get(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl Scalar for Interface {
    fn parse(node: &Node) -> Parsed<Self> {
        let name = text(node)?;
        let fits = |c: char| c.is_ascii_graphic() && !"/:".contains(c);
        if name.len() <= 15 && name.chars().all(fits) && !matches!(name, "." | "..") {
            return Ok(Self(name.into()));
        }
        Err(format!("{} is not the name of an interface: up to 15 characters", shown(name)))
    }

    fn written(&self) -> impl Serialize {
        &*self.0
    }

    fn schema() -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^(?!\.{1,2}$)[!-.0-9;-~]{1,15}$",
            "x-kind": "interface",
            "examples": ["eth1"],
        })
    }
}

scalar!(Interface);

/// The path of a file or a folder; a relative one begins beside the main file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FilePath(PathBuf);

impl FilePath {
    /// A default.
    pub(crate) fn of(path: &str) -> Self {
        Self(path.into())
    }

    pub(crate) fn beside(&self, base: &Path) -> PathBuf {
        base.join(&self.0)
    }
}

impl Scalar for FilePath {
    fn parse(node: &Node) -> Parsed<Self> {
        text(node).map(|path| Self(path.into()))
    }

    fn written(&self) -> impl Serialize {
        self.0.to_string_lossy()
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "x-kind": "path" })
    }
}

scalar!(FilePath);

/// A host as an HTTP header names it, without a port, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Host(Arc<str>);

impl Host {
    /// A default, which is a host in lower case.
    pub(crate) fn of(host: &str) -> Self {
        Self(host.into())
    }

    pub(crate) fn get(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl Scalar for Host {
    const INLINE: bool = false;

    fn parse(node: &Node) -> Parsed<Self> {
        let host = text(node)?;
        let is_name = host.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match is_name || bare.parse::<Ipv6Addr>().is_ok() {
            true => Ok(Self(host.to_ascii_lowercase().into())),
            false => Err(format!("{} is not a host without a port", shown(host))),
        }
    }

    fn written(&self) -> impl Serialize {
        &*self.0
    }

    fn schema() -> Schema {
        let v6 = pattern::ipv6();
        json_schema!({
            "type": "string",
            "pattern": format!(r"^(?:[A-Za-z0-9_.-]+|(?:{v6})|\[(?:{v6})\])$"),
            "x-kind": "host name or IP address, without a port",
            "examples": ["localhost", "127.0.0.1", "[::1]"],
        })
    }
}

scalar!(Host);

/// `true`, `false`, or null as some dumps write what is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flag(Option<bool>);

impl Flag {
    pub(crate) fn get(self) -> Option<bool> {
        self.0
    }
}

impl Scalar for Flag {
    fn parse(node: &Node) -> Parsed<Self> {
        match node {
            Node::Null => Ok(Self(None)),
            Node::Bool(value) => Ok(Self(Some(*value))),
            other => Err(format!("is {}, not `true` or `false`", other.kind())),
        }
    }

    fn written(&self) -> impl Serialize {
        self.0
    }

    fn schema() -> Schema {
        json_schema!({ "type": ["boolean", "null"], "x-kind": "`true` or `false`" })
    }
}

scalar!(Flag);
