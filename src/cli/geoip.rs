//! `nearpoint geoip`: what is known of addresses, and who says so.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use super::args::GeoipArgs;
use super::table::Look;
use super::{BAD_CONFIG, FAILED, output, table};
use crate::admin::facts::GeoipFact;
use crate::admin::view::CoordinatesView;
use crate::config::{Geoip, GeoipDatabase};
use crate::geoip::{Locator, Trace};
use crate::routing::client::Carrier;
use crate::routing::country::{self, Country};
use crate::routing::{ClientAddr, Origin};
use crate::{config, reload};

/// Looks addresses up in the databases that the arguments name and prints what they say.
pub(super) fn look_up(args: &GeoipArgs) -> ExitCode {
    let opened = match &args.config {
        Some(config) => configured(config),
        None => named(args.database.as_deref(), args.asn_database.as_deref()),
    };
    let (locator, fact) = match opened {
        Ok(opened) => opened,
        Err(Unusable { code, why }) => return output::fail(&why, code),
    };
    let views = args.ips.iter().map(|ip| AddressView::new(*ip, &locator, &fact));
    let views: Vec<AddressView> = views.collect();
    if args.json {
        return output::print_json(&views);
    }
    let look = Look::of_stdout();
    let texts: Vec<String> = views.iter().map(|view| table::geoip(view, look)).collect();
    output::print(&texts.join("\n\n"))
}

/// Nothing to look into.
#[derive(Debug)]
struct Unusable {
    /// How the process ends.
    code: u8,
    why: String,
}

/// What this configuration locates clients by.
fn configured(main: &Path) -> Result<(Locator, GeoipFact), Unusable> {
    let bad = |why: String| Unusable { code: BAD_CONFIG, why };
    let loaded = config::load(main).map_err(|error| bad(error.to_string()))?;
    open(&loaded.config.geoip).map_err(bad)
}

/// These files, and nothing else; in place of no database the embedded one.
fn named(database: Option<&Path>, asn: Option<&Path>) -> Result<(Locator, GeoipFact), Unusable> {
    let database =
        database.map_or(GeoipDatabase::Embedded, |path| GeoipDatabase::File(path.into()));
    let geoip = Geoip { database, asn_database: asn.map(PathBuf::from), ..Geoip::default() };
    open(&geoip).map_err(|why| Unusable { code: FAILED, why })
}

fn open(geoip: &Geoip) -> Result<(Locator, GeoipFact), String> {
    let databases = reload::open_databases(geoip).map_err(|errors| errors.to_string())?;
    let fact = reload::geoip_fact(geoip, &databases);
    Ok((reload::locator(geoip, databases), fact))
}

/// What is known of one address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct AddressView {
    /// As it was asked for.
    pub asked: String,
    /// As it is looked up: the IPv4 address in it, if there is one.
    pub address: String,
    /// What carried that IPv4 address: `v4-mapped`, `NAT64`, `6to4` or `Teredo`.
    pub carried_by: Option<String>,
    /// Who places it: `override`, `database`, `country` (the centre of the country that the database
    /// tells), `default` (for cost only) or `unknown`.
    pub origin: String,
    /// `embedded`, or the path of the database of places.
    pub database: String,
    /// What the place is stated of: the network of the override, or of the database's record.
    pub network: Option<String>,
    /// `null` also for a client whose place is the default: policy sees it as unknown.
    pub country: Option<CountryView>,
    /// Where distances are measured from.
    pub coordinates: Option<CoordinatesView>,
    /// The path of the database of autonomous systems.
    pub asn_database: Option<String>,
    /// The network of its record.
    pub asn_network: Option<String>,
    /// The number of the autonomous system.
    pub asn: Option<u32>,
}

/// A country, by the table that holds for every database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct CountryView {
    /// ISO 3166-1 alpha-2.
    pub code: String,
    /// English.
    pub name: String,
    /// Two letters.
    pub continent: String,
    /// A member of the European Union.
    pub eu: bool,
    /// In the European Economic Area.
    pub eea: bool,
}

impl AddressView {
    fn new(asked: IpAddr, locator: &Locator, fact: &GeoipFact) -> Self {
        let client = ClientAddr::new(asked);
        let Trace { location, network, asn_network } = locator.trace(client);
        let country = location.country().and_then(country::find);
        Self {
            asked: asked.to_string(),
            address: client.to_string(),
            carried_by: Carrier::of(asked).map(|carrier| carrier.as_str().to_owned()),
            origin: location.origin.as_str().to_owned(),
            database: fact.country.source.clone(),
            network: network.map(|network| network.to_string()),
            country: country.map(CountryView::from),
            coordinates: location.place.map(|place| place.coordinates.into()),
            asn_database: fact.asn.as_ref().map(|asn| asn.source.clone()),
            asn_network: asn_network.map(|network| network.to_string()),
            asn: location.asn.map(|asn| asn.0),
        }
    }

    /// Who places it, for people.
    pub(super) fn source(&self) -> String {
        let database = &self.database;
        match Origin::ALL.into_iter().find(|origin| origin.as_str() == self.origin) {
            Some(Origin::Override) => "geoip.overrides".to_owned(),
            Some(Origin::Database) => format!("database {database}, its own coordinates"),
            Some(Origin::Country) => format!("database {database}, centre of the country"),
            Some(Origin::Default) => {
                format!("geoip.default, for cost only: database {database} does not know it")
            }
            Some(Origin::Unknown) | None => format!("unknown to database {database}"),
        }
    }
}

impl From<&Country> for CountryView {
    fn from(country: &Country) -> Self {
        Self {
            code: country.code.to_string(),
            name: country.name.to_owned(),
            continent: country.continent.as_str().to_owned(),
            eu: country.eu,
            eea: country.eea,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;
    use crate::geoip::mmdb;

    fn views(opened: &(Locator, GeoipFact), ips: &[&str]) -> Vec<AddressView> {
        let ips = ips.iter().map(|ip| ip.parse().expect("an address of the test"));
        ips.map(|ip| AddressView::new(ip, &opened.0, &opened.1)).collect()
    }

    #[test]
    fn without_files_the_embedded_database_answers() {
        let opened = named(None, None).expect("it is always there");
        let [direct, carried] = &*views(&opened, &["193.0.6.139", "64:ff9b::193.0.6.139"]) else {
            panic!("two addresses were asked for");
        };
        assert_eq!(
            (carried.address.as_str(), carried.carried_by.as_deref()),
            ("193.0.6.139", Some("NAT64"))
        );
        assert_eq!(direct.carried_by, None);
        assert_eq!(direct.country, carried.country);
        let country = direct.country.clone().expect("a country");
        assert_eq!((country.code.as_str(), country.name.as_str()), ("NL", "The Netherlands"));
        assert_eq!((country.continent.as_str(), country.eu, country.eea), ("EU", true, true));
        assert_eq!((direct.origin.as_str(), direct.database.as_str()), ("country", "embedded"));
        assert!(direct.network.is_some() && direct.coordinates.is_some());
        assert_eq!((direct.asn, &direct.asn_database), (None, &None));
    }

    #[test]
    fn a_configuration_answers_with_its_overrides_databases_and_default() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name);
        let networks = [("10.0.0.0/8", json!({"autonomous_system_number": 64_512}))];
        fs::write(path("asn.mmdb"), mmdb::write("Test-ASN", &networks)).expect("a file");
        fs::write(path("dc_options.yaml"), "[{id: 2, ip: 192.0.2.1, port: 443}]").expect("a file");
        let main = "listeners: [{name: a, bind: ['127.0.0.1:443']}]
geoip: {asn_database: asn.mmdb, overrides: {10.20.0.0/16: {country: SG}}, default: {country: NL}}";
        fs::write(path("main.yaml"), main).expect("a file");
        let opened = configured(&path("main.yaml")).expect("a good configuration");
        let found = views(&opened, &["10.20.30.40", "10.30.1.1", "192.0.2.1"]);
        let said: Vec<_> = found
            .iter()
            .map(|it| {
                (it.origin.as_str(), it.network.as_deref(), it.asn, it.asn_network.as_deref())
            })
            .collect();
        assert_eq!(
            said,
            [
                ("override", Some("10.20.0.0/16"), Some(64_512), Some("10.0.0.0/8")),
                ("default", None, Some(64_512), Some("10.0.0.0/8")),
                ("default", None, None, None),
            ]
        );
        assert_eq!(found[0].country.as_ref().map(|it| it.name.as_str()), Some("Singapore"));
        assert_eq!(found[1].country, None, "the default is nobody's country");
        assert!(found[1].coordinates.is_some());
    }

    #[test]
    fn a_bad_configuration_and_a_bad_file_end_differently() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name);
        fs::write(path("bad.mmdb"), "no database").expect("a file");
        fs::write(path("dc_options.yaml"), "[{id: 2, ip: 192.0.2.1, port: 443}]").expect("a file");
        let main = "listeners: [{name: a, bind: ['127.0.0.1:443']}]\ngeoip: {database: bad.mmdb}";
        fs::write(path("main.yaml"), main).expect("a file");
        let bad = path("bad.mmdb");
        for (opened, code, says) in [
            (configured(&path("main.yaml")), BAD_CONFIG, "bad.mmdb: is not a MaxMind DB file"),
            (configured(&path("missing.yaml")), BAD_CONFIG, "missing.yaml"),
            (named(Some(&bad), None), FAILED, "bad.mmdb: is not a MaxMind DB file"),
            (named(None, Some(&path("missing"))), FAILED, "missing: cannot be read"),
        ] {
            let unusable = opened.map(|_| ()).expect_err("nothing to look into");
            assert_eq!(unusable.code, code, "{}", unusable.why);
            assert!(unusable.why.contains(says), "{}", unusable.why);
        }
    }
}
