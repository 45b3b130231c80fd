//! The countries of the world: where each is, its continent, EU and EEA membership.
//!
//! One table for every GeoIP database, so that policy does not change its mind with the vendor.
//! Territories go by their own code: French Guiana is `GF`, in South America and outside the EU.

use std::sync::LazyLock;

use super::geo::Coordinates;
use super::place::{Continent, CountryCode};

/// A country or territory with a code of ISO 3166-1, or Kosovo (`XK`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Country {
    /// Its code.
    pub code: CountryCode,
    /// Its English name.
    pub name: &'static str,
    /// Where its people live: the mean of its cities, weighted by population.
    pub centroid: Coordinates,
    /// The continent it counts to.
    pub continent: Continent,
    /// Whether it is one of the 27 member states of the European Union.
    pub eu: bool,
    /// Whether it is in the European Economic Area: the EU, Iceland, Liechtenstein, Norway.
    pub eea: bool,
}

/// The country with this code. Costs two array lookups.
#[must_use]
pub fn find(code: CountryCode) -> Option<&'static Country> {
    let table = &*TABLE;
    table.positions[slot(code)].map(|at| &table.countries[usize::from(at)])
}

/// All countries in the order of their codes.
#[must_use]
pub fn all() -> &'static [Country] {
    &TABLE.countries
}

/// Source and licence: `geoip/README.md`.
const CSV: &str = include_str!("../../geoip/countries.csv");

const LETTERS: usize = 26;

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::new(CSV));

struct Table {
    countries: Vec<Country>,
    /// By [`slot`]: where in `countries` a code is.
    positions: [Option<u8>; LETTERS * LETTERS],
}

impl Table {
    fn new(csv: &'static str) -> Self {
        let lines = csv.lines().skip(1);
        let rows =
            lines.map(|line| parse(line).expect("the tests read every row of countries.csv"));
        let mut countries: Vec<Country> = rows.collect();
        countries.sort_by_key(|country| country.code);
        let mut positions = [None; LETTERS * LETTERS];
        for (at, country) in (0..=u8::MAX).zip(&countries) {
            positions[slot(country.code)] = Some(at);
        }
        Self { countries, positions }
    }
}

fn slot(code: CountryCode) -> usize {
    code.as_str().bytes().fold(0, |slot, letter| slot * LETTERS + usize::from(letter - b'A'))
}

/// `code,name,lat,lon,continent,eu,eea`; names hold no commas.
fn parse(line: &'static str) -> Option<Country> {
    let mut fields = line.split(',');
    let mut field = || fields.next();
    let country = Country {
        code: CountryCode::new(field()?)?,
        name: field()?,
        centroid: Coordinates::new(field()?.parse().ok()?, field()?.parse().ok()?).ok()?,
        continent: Continent::new(field()?)?,
        eu: field()?.parse().ok()?,
        eea: field()?.parse().ok()?,
    };
    fields.next().is_none().then_some(country)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every code of ISO 3166-1 by its continent. Codes: ISO Online Browsing Platform. Continents: the
    /// regions of UN M49, the Americas parted at Panama's border with Colombia.
    const ISO_3166: [(&str, &str); 7] = [
        (
            "AF",
            "AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW IO KE KM LR \
             LS LY MA MG ML MR MU MW MZ NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TF TG TN \
             TZ UG YT ZA ZM ZW",
        ),
        ("AN", "AQ"),
        (
            "AS",
            "AE AF AM AZ BD BH BN BT CN CY GE HK ID IL IN IQ IR JO JP KG KH KP KR KW KZ LA LB \
             LK MM MN MO MV MY NP OM PH PK PS QA SA SG SY TH TJ TL TM TR TW UZ VN YE",
        ),
        (
            "EU",
            "AD AL AT AX BA BE BG BY CH CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT \
             JE LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA",
        ),
        (
            "NA",
            "AG AI AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ \
             MS MX NI PA PM PR SV SX TC TT US VC VG VI",
        ),
        (
            "OC",
            "AS AU CC CK CX FJ FM GU HM KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TO TV UM VU \
             WF WS",
        ),
        ("SA", "AR BO BR BV CL CO EC FK GF GS GY PE PY SR UY VE"),
    ];

    /// Where our table, which follows GeoNames as GeoIP databases do, is at odds with UN M49: an EU
    /// member that lies off Asia, and islands that are nearer to another continent.
    const AT_ODDS: [(&str, &str); 8] = [
        ("BV", "AN"),
        ("CC", "AS"),
        ("CY", "EU"),
        ("GS", "AN"),
        ("HM", "AN"),
        ("IO", "AS"),
        ("TF", "AN"),
        ("TL", "OC"),
    ];

    /// The member states, by the list of them on european-union.europa.eu. The EEA is these and the
    /// three states of EFTA that are parties to its agreement.
    const EU: [&str; 27] = [
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE",
        "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
    ];

    fn country(code: &str) -> &'static Country {
        CountryCode::new(code).and_then(find).unwrap_or_else(|| panic!("{code} is missing"))
    }

    fn codes(of: impl Fn(&Country) -> bool) -> Vec<&'static str> {
        let members = all().iter().filter(|country| of(country));
        members.map(|country| country.code.as_str()).collect()
    }

    #[test]
    fn every_row_is_a_country_and_is_found_by_its_code() {
        assert_eq!(CSV.lines().count() - 1, 250, "249 of ISO 3166-1 and XK");
        assert_eq!(all().len(), 250);
        for (before, after) in all().iter().zip(&all()[1..]) {
            assert!(before.code < after.code, "{} twice", after.code);
        }
        for country in all() {
            assert_eq!(find(country.code), Some(country));
            assert!(!country.name.trim().is_empty());
        }
    }

    #[test]
    fn the_table_has_every_code_of_iso_3166_on_its_continent_and_kosovo() {
        let mut expected = vec![("XK", "EU")];
        for (continent, codes) in ISO_3166 {
            expected.extend(codes.split_whitespace().map(|code| {
                let ours = AT_ODDS.iter().find(|(odd, _)| *odd == code);
                (code, ours.map_or(continent, |(_, ours)| *ours))
            }));
        }
        expected.sort_unstable();
        let rows = all().iter().map(|it| (it.code.as_str(), it.continent.as_str()));
        assert_eq!(rows.collect::<Vec<_>>(), expected);
        assert_eq!(expected.len(), 250);
    }

    #[test]
    fn codes_without_a_country_find_nothing() {
        for code in ["AA", "EU", "UK", "XX", "ZZ"] {
            assert_eq!(CountryCode::new(code).and_then(find), None, "{code}");
        }
    }

    #[test]
    fn the_eu_has_27_members_and_the_eea_three_more() {
        for country in all() {
            let code = country.code.as_str();
            assert_eq!(country.eu, EU.contains(&code), "{code}");
            assert_eq!(country.eea, country.eu || ["IS", "LI", "NO"].contains(&code), "{code}");
        }
        assert_eq!(codes(|country| country.eu), EU);
        let beyond = codes(|country| country.eea && !country.eu);
        assert_eq!(beyond, ["IS", "LI", "NO"]);
        assert!(all().iter().all(|country| country.eea || !country.eu));
        for outside in ["GB", "CH", "GF", "GL", "RE"] {
            assert!(!country(outside).eea, "{outside}");
        }
    }

    #[test]
    fn centroids_lie_where_people_live() {
        for (code, lat, lon) in [
            ("NL", 52.1, 5.1),
            ("US", 38.0, -93.0),
            ("CA", 48.0, -89.0),
            ("RU", 56.0, 52.0),
            ("AU", -33.5, 146.0),
            ("SG", 1.35, 103.8),
            ("BR", -18.0, -46.0),
            // Its islands lie on both sides of the date line.
            ("FJ", -17.8, 178.2),
            ("XK", 42.6, 20.9),
        ] {
            let expected = Coordinates::new(lat, lon).expect("a point of the test");
            let off = country(code).centroid.distance(&expected);
            assert!(off.0 < 250.0, "{code} is {off} off");
        }
    }

    #[test]
    fn continents_are_those_of_the_territory() {
        for (code, continent) in [
            ("GF", Continent::SouthAmerica),
            ("GP", Continent::NorthAmerica),
            ("RE", Continent::Africa),
            ("NC", Continent::Oceania),
            ("CY", Continent::Europe),
            ("TR", Continent::Asia),
            ("AQ", Continent::Antarctica),
        ] {
            assert_eq!(country(code).continent, continent, "{code}");
        }
    }

    #[test]
    fn rows_that_are_no_country_are_refused() {
        assert!(parse("NL,Netherlands,52.1,5.3,EU,true,true").is_some());
        for row in [
            "",
            "NLD,Netherlands,52.1,5.3,EU,true,true",
            "NL,Netherlands,92.1,5.3,EU,true,true",
            "NL,Netherlands,52.1,5.3,XX,true,true",
            "NL,Netherlands,52.1,5.3,EU,yes,true",
            "NL,Netherlands,52.1,5.3,EU,true",
            "NL,Netherlands, the,52.1,5.3,EU,true,true",
        ] {
            assert!(parse(row).is_none(), "{row}");
        }
    }
}
