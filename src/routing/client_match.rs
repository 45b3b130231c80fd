//! Which clients are meant: by network, country, continent, membership, autonomous system.

use std::collections::BTreeSet;
use std::fmt;

use super::country;
use super::network::Network;
use super::place::{Asn, Continent, CountryCode};
use super::rank::Client;

/// A description of clients. Every field that says something must fit, and of a list one member must;
/// a description that says nothing fits everybody.
///
/// What is known of a client's country comes from the overrides and the databases;
/// `geoip.default` is a place for cost and nobody's country. A client whose country is not known is
/// neither inside nor outside of any country, continent or union.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientMatch {
    /// In one of these networks.
    pub networks: BTreeSet<Network>,
    /// In one of these countries.
    pub countries: BTreeSet<CountryCode>,
    /// On one of these continents.
    pub continents: BTreeSet<Continent>,
    /// In, or known to be outside of, the European Union.
    pub eu: Option<bool>,
    /// In, or known to be outside of, the European Economic Area.
    pub eea: Option<bool>,
    /// In one of these autonomous systems.
    pub asns: BTreeSet<Asn>,
    /// Whether the country is unknown.
    pub unknown: Option<bool>,
}

impl ClientMatch {
    /// Whether this client is meant.
    #[must_use]
    pub fn fits(&self, client: &Client) -> bool {
        let country = client.location.country().and_then(country::find);
        let one_of = |empty: bool, found: bool| empty || found;
        let is = |wanted: Option<bool>, found: Option<bool>| wanted.is_none() || wanted == found;
        one_of(
            self.networks.is_empty(),
            self.networks.iter().any(|network| network.contains(client.addr)),
        ) && one_of(
            self.countries.is_empty(),
            country.is_some_and(|it| self.countries.contains(&it.code)),
        ) && one_of(
            self.continents.is_empty(),
            country.is_some_and(|it| self.continents.contains(&it.continent)),
        ) && one_of(
            self.asns.is_empty(),
            client.location.asn.is_some_and(|asn| self.asns.contains(&asn)),
        ) && is(self.eu, country.map(|it| it.eu))
            && is(self.eea, country.map(|it| it.eea))
            && is(self.unknown, Some(country.is_none()))
    }
}

impl fmt::Display for ClientMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let mut list = |word: &str, members: Vec<String>| {
            if !members.is_empty() {
                parts.push(format!("{word} {}", members.join(", ")));
            }
        };
        list("cidr", self.networks.iter().map(ToString::to_string).collect());
        list("country", self.countries.iter().map(ToString::to_string).collect());
        list("continent", self.continents.iter().map(|it| it.as_str().to_owned()).collect());
        list("asn", self.asns.iter().map(ToString::to_string).collect());
        for (word, wanted) in [("eu", self.eu), ("eea", self.eea), ("unknown", self.unknown)] {
            match wanted {
                None => {}
                Some(true) => parts.push(word.to_owned()),
                Some(false) => parts.push(format!("not {word}")),
            }
        }
        match parts.is_empty() {
            true => f.write_str("everybody"),
            false => f.write_str(&parts.join(" and ")),
        }
    }
}
