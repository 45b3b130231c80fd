//! Opens the databases that a configuration names, each file once.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::admin::facts::{DatabaseFact, GeoipFact};
use crate::config::{Geoip, GeoipDatabase};
use crate::geoip::{Database, DatabaseKind, Databases, GeoDbError, Locator, Overrides, Survey};

/// What is wrong with the files of databases, each told once.
#[derive(Debug)]
pub struct DatabaseErrors(pub Vec<GeoDbError>);

impl fmt::Display for DatabaseErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&texts.join("\n"))
    }
}

impl Error for DatabaseErrors {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.first().and_then(|error| error.source())
    }
}

/// Opens the databases that `geoip` names.
///
/// # Errors
/// With every file that cannot be read, is damaged, or does not tell what it is named for.
pub fn open_databases(geoip: &Geoip) -> Result<Databases, DatabaseErrors> {
    open_other(geoip, None)
}

/// The locator that `geoip` describes, over these databases.
#[must_use]
pub fn locator(geoip: &Geoip, databases: Databases) -> Locator {
    Locator::new(databases, Overrides::new(geoip.overrides.iter().copied()), geoip.default)
}

/// Databases in use, and how to know that a file is still the one that was read.
pub(super) struct InPlace<'a> {
    /// What named them.
    pub(super) geoip: &'a Geoip,
    /// What was read.
    pub(super) databases: &'a Databases,
    /// Whether the file at this path looks as it did then.
    pub(super) is_same: &'a dyn Fn(&Path) -> bool,
}

/// Opens the databases that `geoip` names, unless they are in place already.
///
/// # Errors
/// As those of [`open_databases`].
pub(super) fn open_other(
    geoip: &Geoip,
    in_place: Option<&InPlace<'_>>,
) -> Result<Databases, DatabaseErrors> {
    let mut errors = Vec::new();
    let country = country(geoip, in_place).map_err(|error| errors.push(error)).ok();
    let asn = match &geoip.asn_database {
        None => None,
        Some(path) => {
            let opened = match &geoip.database {
                GeoipDatabase::File(both) if both == path => country.as_ref().map(|database| {
                    let told = database.tells(DatabaseKind::Asn);
                    let told = told.map_err(|fault| GeoDbError { path: path.clone(), fault });
                    told.map(|()| Arc::clone(database))
                }),
                GeoipDatabase::File(_) | GeoipDatabase::Embedded => Some(asn(path, in_place)),
            };
            // `None` is a file that has been found bad already.
            opened.and_then(|opened| opened.map_err(|error| errors.push(error)).ok())
        }
    };
    match country {
        Some(country) if errors.is_empty() => Ok(Databases { country, asn }),
        Some(_) | None => Err(DatabaseErrors(errors)),
    }
}

fn country(geoip: &Geoip, in_place: Option<&InPlace<'_>>) -> Result<Arc<Database>, GeoDbError> {
    let named_before = in_place.filter(|it| it.geoip.database == geoip.database);
    match &geoip.database {
        GeoipDatabase::Embedded => Ok(match named_before {
            Some(it) => Arc::clone(&it.databases.country),
            None => Arc::new(Database::embedded()),
        }),
        GeoipDatabase::File(path) => match named_before.filter(|it| (it.is_same)(path)) {
            Some(it) => Ok(Arc::clone(&it.databases.country)),
            None => Database::open(path, DatabaseKind::Country).map(Arc::new),
        },
    }
}

fn asn(path: &Path, in_place: Option<&InPlace<'_>>) -> Result<Arc<Database>, GeoDbError> {
    let same = in_place.filter(|it| it.geoip.asn_database.as_deref() == Some(path));
    let same = same.filter(|it| (it.is_same)(path));
    match same.and_then(|it| it.databases.asn.as_ref()) {
        Some(database) => Ok(Arc::clone(database)),
        None => Database::open(path, DatabaseKind::Asn).map(Arc::new),
    }
}

/// What an operator may want to know of the databases of `geoip`.
#[must_use]
pub fn geoip_fact(geoip: &Geoip, databases: &Databases) -> GeoipFact {
    let source = match &geoip.database {
        GeoipDatabase::Embedded => "embedded".to_owned(),
        GeoipDatabase::File(path) => shown(path),
    };
    let asn = geoip.asn_database.as_deref().zip(databases.asn.as_ref());
    GeoipFact {
        country: database_fact(source, &databases.country),
        asn: asn.map(|(path, database)| database_fact(shown(path), database)),
    }
}

fn database_fact(source: String, database: &Database) -> DatabaseFact {
    let Survey { networks, with_country, with_coordinates, with_asn } = database.survey();
    DatabaseFact {
        source,
        database_type: database.database_type().to_owned(),
        built: database.built(),
        has_ipv6: database.has_ipv6(),
        networks,
        with_country,
        with_coordinates,
        with_asn,
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;
    use std::time::{Duration, SystemTime};

    use serde_json::json;
    use tempfile::TempDir;

    use super::*;
    use crate::geoip::mmdb;

    const NETWORK: &str = "192.0.2.0/24";

    struct Files(TempDir);

    impl Files {
        fn new() -> Self {
            let files = Self(tempfile::tempdir().expect("a directory"));
            let write = |name: &str, record| {
                let bytes = mmdb::write(name, &[(NETWORK, record)]);
                fs::write(files.path(name), bytes).expect("a file");
            };
            write("country", json!({"country_code": "NL"}));
            write("asn", json!({"asn": "AS1103"}));
            write("both", json!({"country_code": "NL", "asn": "AS1103"}));
            fs::write(files.path("noise"), "noise").expect("a file");
            files
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn geoip(&self, country: &str, asn: Option<&str>) -> Geoip {
            let database = GeoipDatabase::File(self.path(country));
            let asn_database = asn.map(|name| self.path(name));
            Geoip { database, asn_database, ..Geoip::default() }
        }
    }

    #[test]
    fn a_file_that_is_named_twice_is_read_once() {
        let files = Files::new();
        let both = open_databases(&files.geoip("both", Some("both"))).expect("a good file");
        let asn = both.asn.expect("it was named");
        assert!(Arc::ptr_eq(&both.country, &asn));
    }

    #[test]
    fn all_bad_files_are_told_each_once_and_by_what_they_lack() {
        let files = Files::new();
        for (country, asn, told) in [
            (
                "country",
                Some("country"),
                vec![
                    "country: is a database of type \"country\", in which no \
                record has the number of an autonomous system",
                ],
            ),
            (
                "asn",
                None,
                vec!["no record has a country or coordinates; it tells autonomous systems"],
            ),
            ("asn", Some("asn"), vec!["no record has a country or coordinates"]),
            ("noise", Some("noise"), vec!["noise: is not a MaxMind DB file"]),
            ("noise", Some("missing"), vec!["noise: is not", "missing: cannot be read"]),
            ("both", Some("noise"), vec!["noise: is not a MaxMind DB file"]),
        ] {
            let errors = open_databases(&files.geoip(country, asn)).expect_err("bad files");
            let texts: Vec<String> = errors.0.iter().map(ToString::to_string).collect();
            assert_eq!(texts.len(), told.len(), "{texts:?}");
            for (text, part) in texts.iter().zip(told) {
                assert!(text.contains(part), "{text}");
            }
        }
    }

    #[test]
    fn only_files_that_have_changed_are_read_again() {
        let files = Files::new();
        let old = files.geoip("country", Some("asn"));
        let databases = open_databases(&old).expect("good files");
        let reopened = |geoip: &Geoip, changed: Option<&str>| {
            let changed = changed.map(|name| files.path(name));
            let is_same = |path: &Path| changed.as_deref() != Some(path);
            let in_place = InPlace { geoip: &old, databases: &databases, is_same: &is_same };
            let new = open_other(geoip, Some(&in_place)).expect("good files");
            DatabaseKind::ALL.map(|kind| new.is_same(&databases, kind))
        };
        assert_eq!(reopened(&old, None), [true, true]);
        assert_eq!(reopened(&old, Some("country")), [false, true]);
        assert_eq!(reopened(&old, Some("asn")), [true, false]);
        assert_eq!(reopened(&files.geoip("both", Some("asn")), None), [false, true]);
        assert_eq!(reopened(&files.geoip("country", Some("both")), None), [true, false]);
        assert_eq!(reopened(&files.geoip("country", None), None), [true, false]);
    }

    #[test]
    fn facts_tell_each_database_by_its_source_and_what_is_in_it() {
        let files = Files::new();
        let geoip = files.geoip("country", Some("both"));
        let databases = open_databases(&geoip).expect("good files");
        let GeoipFact { country, asn } = geoip_fact(&geoip, &databases);
        let asn = asn.expect("it was named");
        let counts =
            |it: &DatabaseFact| (it.networks, it.with_country, it.with_coordinates, it.with_asn);
        assert_eq!(counts(&country), (1, 1, 0, 0));
        assert_eq!((asn.database_type.as_str(), counts(&asn)), ("both", (1, 1, 0, 1)));
        assert!(!asn.has_ipv6);
        let built = country.built.expect("a date");
        assert_eq!(built, SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    }
}
