//! `nearpoint geoip` for people.

use comfy_table::Cell;

use super::super::geoip::{AddressView, CountryView};
use super::{Look, NOTHING, table_without_header, text};
use crate::routing::{Asn, Coordinates};

/// One address: what it is called, and a line for everything that is known of it.
pub(in crate::cli) fn render(view: &AddressView, look: Look) -> String {
    let mut lines = table_without_header(look);
    let mut line = |what: &str, value: String| {
        lines.add_row(vec![Cell::new(what), Cell::new(value)]);
    };
    line("source", view.source());
    line("network", or_nothing(view.network.clone()));
    line("country", or_nothing(view.country.as_ref().map(country)));
    let at = view.coordinates.and_then(|at| Coordinates::new(at.lat, at.lon).ok());
    line("coordinates", or_nothing(at.map(|at| at.to_string())));
    line("asn", asn(view));
    format!("{}\n{}", title(view), text(&lines))
}

fn title(view: &AddressView) -> String {
    match &view.carried_by {
        None => view.address.clone(),
        Some(carrier) => format!("{}, carried by {} ({carrier})", view.address, view.asked),
    }
}

fn country(country: &CountryView) -> String {
    let CountryView { code, name, continent, eu, eea } = country;
    let union = match (eu, eea) {
        (true, _) => "EU and EEA",
        (false, true) => "EEA, not EU",
        (false, false) => "neither EU nor EEA",
    };
    format!("{code} {name}, continent {continent}, {union}")
}

fn asn(view: &AddressView) -> String {
    match (&view.asn_database, view.asn) {
        (None, _) => format!("{NOTHING} (no database of autonomous systems)"),
        (Some(database), None) => format!("unknown to database {database}"),
        (Some(database), Some(number)) => {
            let network = view.asn_network.as_deref().unwrap_or(NOTHING);
            format!("{} of {network}, database {database}", Asn(number))
        }
    }
}

fn or_nothing(value: Option<String>) -> String {
    value.unwrap_or_else(|| NOTHING.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::view::CoordinatesView;

    fn view() -> AddressView {
        AddressView {
            asked: "64:ff9b::192.0.2.7".into(),
            address: "192.0.2.7".into(),
            carried_by: Some("NAT64".into()),
            origin: "database".into(),
            database: "/var/lib/city.mmdb".into(),
            network: Some("192.0.2.0/24".into()),
            country: Some(CountryView {
                code: "NO".into(),
                name: "Norway".into(),
                continent: "EU".into(),
                eu: false,
                eea: true,
            }),
            coordinates: Some(CoordinatesView { lat: 59.91, lon: 10.75 }),
            asn_database: Some("/var/lib/asn.mmdb".into()),
            asn_network: Some("192.0.0.0/16".into()),
            asn: Some(2119),
        }
    }

    #[test]
    fn everything_that_is_known_has_a_line() {
        let expected = "\
192.0.2.7, carried by 64:ff9b::192.0.2.7 (NAT64)
 source       database /var/lib/city.mmdb, its own coordinates
 network      192.0.2.0/24
 country      NO Norway, continent EU, EEA, not EU
 coordinates  59.91,10.75
 asn          AS2119 of 192.0.0.0/16, database /var/lib/asn.mmdb";
        let rendered = render(&view(), Look::Plain);
        assert_eq!(rendered, expected, "\n{rendered}");
    }

    #[test]
    fn an_unknown_address_says_who_does_not_know_it() {
        let unknown = AddressView {
            carried_by: None,
            origin: "unknown".into(),
            database: "embedded".into(),
            network: None,
            country: None,
            coordinates: None,
            asn_database: None,
            asn_network: None,
            asn: None,
            ..view()
        };
        let expected = "\
192.0.2.7
 source       unknown to database embedded
 network      -
 country      -
 coordinates  -
 asn          - (no database of autonomous systems)";
        let rendered = render(&unknown, Look::Plain);
        assert_eq!(rendered, expected, "\n{rendered}");
        for (origin, says) in [
            ("override", "source       geoip.overrides"),
            ("country", "source       database embedded, centre of the country"),
            ("default", "source       geoip.default, for cost only: database embedded does not"),
        ] {
            let view = AddressView { origin: origin.into(), ..unknown.clone() };
            let rendered = render(&view, Look::Plain);
            assert!(rendered.contains(says), "{rendered}");
        }
    }
}
