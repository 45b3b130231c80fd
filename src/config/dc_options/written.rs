//! A list as people read it: one block for each DC, flags only where they are set.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Not;

use serde::Serialize;
use serde_json::{Value, json};

use super::{Imported, LIST, Listed, TEST_MODE};
use crate::config::tree::{Clients, WEIGHT};
use crate::config::value::Secret;
use crate::routing::{DcId, Protocol, Traffic};

/// The most notes that the head of a file repeats.
const MOST: usize = 20;

impl Imported {
    /// How many there are: `13 entries, 12 access points of 5 DCs`.
    #[must_use]
    pub fn summary(&self) -> String {
        let counted = |count: usize, one: &str, several: &str| match count {
            1 => format!("1 {one}"),
            count => format!("{count} {several}"),
        };
        format!(
            "{}, {} of {}",
            counted(self.entries, "entry", "entries"),
            counted(self.listed.len(), "access point", "access points"),
            counted(self.dcs().len(), "DC", "DCs"),
        )
    }

    /// A file for `dc_options` that loads as exactly these access points: by DC, and in each the main
    /// ones before those for media and of a CDN. Its head says that it comes from `origin`, and what was
    /// noticed.
    #[must_use]
    pub fn to_yaml(&self, origin: &str) -> String {
        let network = if self.is_test_network { "test network" } else { "network" };
        let mut text = format!("# The access points of a {network}, by `nearpoint import`.\n#\n");
        comment(&mut text, &format!("From {origin}: {}.", self.summary()));
        if self.listed.iter().any(|listed| listed.secret.is_some()) {
            text.push_str("# Some need a secret, which whoever reads this file has.\n");
        }
        if !self.notes.is_empty() {
            text.push_str("#\n# Noticed:\n");
            for note in self.notes.iter().take(MOST) {
                // Of which file, the line above has said.
                let line = note.line.map(|line| format!("line {line}: ")).unwrap_or_default();
                let path = if note.path.is_empty() { "" } else { &format!("{}: ", note.path) };
                comment(&mut text, &format!("  {line}{path}{}", note.text));
            }
            match self.notes.len().saturating_sub(MOST) {
                0 => {}
                more => comment(&mut text, &format!("  and {more} more, told at the import")),
            }
        }
        let indent = match self.is_test_network {
            true => {
                let _ = write!(text, "\n{TEST_MODE}: true\n{LIST}:\n");
                "  "
            }
            false => "",
        };
        for (at, (dc, members)) in self.dcs().into_iter().enumerate() {
            if at > 0 || !self.is_test_network {
                text.push('\n');
            }
            let _ = writeln!(text, "{indent}# DC {dc}: {}", counts(&members));
            for entry in together(&members).flat_map(entries) {
                let _ = writeln!(text, "{indent}- {}", flow(&plain(&entry)));
            }
        }
        text
    }

    /// The same for machines: `test_mode`, `dc_options`, and the notes as text. Loads as well.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let dcs = self.dcs();
        let entries = dcs.values().flat_map(|members| together(members)).flat_map(entries);
        let entries: Vec<Value> = entries.map(|entry| plain(&entry)).collect();
        let notes: Vec<String> = self.notes.iter().map(ToString::to_string).collect();
        json!({ TEST_MODE: self.is_test_network, LIST: entries, "notes": notes })
    }

    fn dcs(&self) -> BTreeMap<DcId, Vec<&Listed>> {
        let mut dcs: BTreeMap<DcId, Vec<&Listed>> = BTreeMap::new();
        for listed in &self.listed {
            dcs.entry(listed.dc).or_default().push(listed);
        }
        // They come in the order of their addresses, which stays among equals.
        dcs.values_mut().for_each(|members| members.sort_by_key(|it| it.flags.class()));
        dcs
    }
}

/// What access points of a DC are for: `3 main (1 IPv6), 1 media, 1 main for UDP`.
fn counts(members: &[&Listed]) -> String {
    let of_traffic = Traffic::all().filter_map(|traffic| {
        let members = || members.iter().filter(|it| it.traffic() == traffic);
        let v6 = members().filter(|it| it.address.socket.is_ipv6()).count();
        let class = traffic.class.as_str();
        let what = match traffic.protocol {
            Protocol::Tcp => class.to_owned(),
            Protocol::Udp => format!("{class} for UDP"),
        };
        match (members().count(), v6) {
            (0, _) => None,
            (count, 0) => Some(format!("{count} {what}")),
            (count, v6) => Some(format!("{count} {what} ({v6} IPv6)")),
        }
    });
    of_traffic.collect::<Vec<_>>().join(", ")
}

/// Access points that one entry can name, which lie side by side.
fn together<'l>(members: &'l [&'l Listed]) -> impl Iterator<Item = &'l [&'l Listed]> {
    members.chunk_by(|one, next| one.is_like(next))
}

/// An entry that says nothing that goes without saying.
#[derive(Serialize)]
struct Entry<'a> {
    id: u16,
    ip_address: IpAddr,
    port: u16,
    #[serde(skip_serializing_if = "Not::not")]
    ipv6: bool,
    #[serde(skip_serializing_if = "Not::not")]
    media_only: bool,
    #[serde(skip_serializing_if = "Not::not")]
    tcpo_only: bool,
    #[serde(skip_serializing_if = "Not::not")]
    cdn: bool,
    #[serde(rename = "static", skip_serializing_if = "Not::not")]
    static_address: bool,
    #[serde(skip_serializing_if = "Not::not")]
    this_port_only: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocols: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_sessions: Option<u32>,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    offered_to: Option<&'a Clients>,
}

/// One entry for access points at one address, or one for each kind of clients that they are offered to:
/// those merge again.
fn entries<'l>(alike: &'l [&'l Listed]) -> Vec<Entry<'l>> {
    let Some(Listed { dc, address, flags, weight, max_sessions, secret, offered_to }) =
        alike.first()
    else {
        return Vec::new();
    };
    let protocols = || alike.iter().map(|listed| listed.address.protocol);
    let address = address.socket;
    let entry = |offered_to| Entry {
        id: dc.0,
        ip_address: address.ip(),
        port: address.port(),
        ipv6: address.is_ipv6(),
        protocols: (!protocols().eq([Protocol::Tcp]))
            .then(|| protocols().map(Protocol::as_str).collect()),
        media_only: flags.media_only,
        tcpo_only: flags.tcpo_only,
        cdn: flags.cdn,
        static_address: flags.static_address,
        this_port_only: flags.this_port_only,
        secret: secret.as_ref().map(hex),
        weight: Some(*weight).filter(|weight| *weight != WEIGHT),
        max_sessions: *max_sessions,
        offered_to,
    };
    match offered_to.is_empty() {
        true => vec![entry(None)],
        false => offered_to.iter().map(|offer| entry(Some(&offer.written))).collect(),
    }
}

fn hex(secret: &Secret) -> String {
    secret.bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn plain(entry: &Entry<'_>) -> Value {
    serde_json::to_value(entry).expect("an entry is plain data")
}

/// One line of YAML. Keys are ours; texts are quoted as in JSON, whose quotes YAML has too, since `NO`
/// is a country and `1e10` may be a secret.
fn flow(value: &Value) -> String {
    match value {
        Value::Object(keys) => {
            let keys: Vec<_> =
                keys.iter().map(|(key, it)| format!("{key}: {}", flow(it))).collect();
            format!("{{{}}}", keys.join(", "))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::String(text) if text.parse::<Ipv4Addr>().is_ok() => text.clone(),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// A line of a comment, which stays one whatever a file was called.
fn comment(text: &mut String, line: &str) {
    text.push_str("# ");
    for letter in line.chars() {
        match letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{feff}') {
            true => text.extend(letter.escape_unicode()),
            false => text.push(letter),
        }
    }
    text.push('\n');
}
