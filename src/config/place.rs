//! Locations: `{country: NL}` or `{lat: 52.37, lon: 4.9}`.

use crate::routing::{Coordinates, CountryCode, Place, country};

use super::node::Node;
use super::reader::{Cursor, Section};
use super::values::{Parsed, real, shown, text};

/// The location here; `None` for `none`, for a key that was not given, and for a bad one.
pub(super) fn read(cursor: &Cursor<'_>) -> Option<Place> {
    if cursor.is_word("none") || cursor.node().is_none() {
        return None;
    }
    cursor.section(|keys| {
        let place = keys.key("country").read(centroid);
        let lat = keys.key("lat").read(degrees(90.0));
        let lon = keys.key("lon").read(degrees(180.0));
        match (place, lat, lon) {
            (Some(place), None, None) => Some(place),
            (None, Some(lat), Some(lon)) => Coordinates::new(lat, lon).ok().map(at),
            (Some(_), _, _) => {
                keys.problem("has a `country` and coordinates; one of them places it");
                None
            }
            (None, _, _) => {
                needs_a_place(keys);
                None
            }
        }
    })
}

fn at(coordinates: Coordinates) -> Place {
    Place { coordinates, country: None }
}

/// Says what is missing, unless what is there has been found bad already.
fn needs_a_place(keys: &mut Section<'_>) {
    let given = |key| keys.has(key);
    match (given("country"), given("lat"), given("lon")) {
        (true, _, _) | (false, true, true) => {}
        (false, true, false) => keys.problem("needs `lon` beside `lat`"),
        (false, false, true) => keys.problem("needs `lat` beside `lon`"),
        (false, false, false) => keys.problem("needs `country`, or `lat` and `lon`"),
    }
}

fn centroid(node: &Node) -> Parsed<Place> {
    let given = text(node)?;
    let known = CountryCode::new(given).and_then(|code| Some((code, country::find(code)?)));
    let (code, country) = known.ok_or_else(|| {
        format!("{} is not a country; two letters of ISO 3166-1, such as NL", shown(given))
    })?;
    Ok(Place { coordinates: country.centroid, country: Some(code) })
}

fn degrees(most: f64) -> impl Fn(&Node) -> Parsed<f64> {
    move |node| {
        let degrees = real(node)?;
        match (-most..=most).contains(&degrees) {
            true => Ok(degrees),
            false => Err(format!("{degrees} is outside -{most}..{most}")),
        }
    }
}
