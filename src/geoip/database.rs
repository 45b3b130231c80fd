//! A GeoIP database: a MaxMind DB file, read into memory and checked.

use std::borrow::Cow;
use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::time::{Duration, SystemTime};

use ipnet::IpNet;
use maxminddb::{LookupResult, Reader};

use super::error::{GeoDbError, GeoDbFault};
use super::record::Record;
use super::survey::{Survey, survey};
use crate::routing::{Asn, ClientAddr, Location, Origin, Place, country};

/// The largest file that is read: several city databases. A wrong path must not fill the memory.
pub const MAX_FILE_BYTES: u64 = 1 << 30;

/// What a database is asked for. One file may tell both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DatabaseKind {
    /// Where addresses are: countries, perhaps coordinates.
    Country,
    /// Which autonomous systems announce them.
    Asn,
}

impl DatabaseKind {
    /// Both of them, for metrics.
    pub const ALL: [Self; 2] = [Self::Country, Self::Asn];

    /// A fixed word, used as a metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Country => "country",
            Self::Asn => "asn",
        }
    }
}

/// Tells where addresses are, or who announces them. Immutable; a newer file is another `Database`.
pub struct Database {
    reader: Reader<Cow<'static, [u8]>>,
    survey: Survey,
}

impl Database {
    /// The database inside the binary: IPv4 and IPv6 networks of all countries, by DB-IP.
    ///
    /// Reads all of it, as [`open`](Self::open) does.
    #[must_use]
    pub fn embedded() -> Self {
        Self::read(Cow::Borrowed(EMBEDDED), DatabaseKind::Country)
            .expect("the tests read the embedded database")
    }

    /// Reads and checks a file. Blocks for as long as that takes: tens of milliseconds for a country
    /// database, seconds for the largest ones.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged anywhere, or does not tell what it is opened for.
    pub fn open(path: &Path, kind: DatabaseKind) -> Result<Self, GeoDbError> {
        let database = bytes_of(path).and_then(|bytes| Self::read(Cow::Owned(bytes), kind));
        database.map_err(|fault| GeoDbError { path: path.to_path_buf(), fault })
    }

    /// Checks the content of a file, as [`open`](Self::open) does.
    ///
    /// # Errors
    /// When it is damaged anywhere, or does not tell what it is read for.
    pub fn read(bytes: Cow<'static, [u8]>, kind: DatabaseKind) -> Result<Self, GeoDbFault> {
        if bytes.is_empty() {
            return Err(GeoDbFault::Empty);
        }
        let file_bytes = bytes.len();
        let reader = Reader::from_source(bytes).map_err(GeoDbFault::Malformed)?;
        let survey = survey(&reader, file_bytes).map_err(GeoDbFault::Malformed)?;
        let database = Self { reader, survey };
        database.tells(kind)?;
        Ok(database)
    }

    /// Whether it can be asked for this.
    ///
    /// # Errors
    /// When no record of it has anything of the kind.
    pub fn tells(&self, kind: DatabaseKind) -> Result<(), GeoDbFault> {
        let Survey { with_country, with_coordinates, with_asn, .. } = self.survey;
        let database_type = || self.database_type().to_owned();
        match kind {
            DatabaseKind::Country if with_country == 0 && with_coordinates == 0 => {
                let has_asns = with_asn > 0;
                Err(GeoDbFault::NoPlaces { database_type: database_type(), has_asns })
            }
            DatabaseKind::Asn if with_asn == 0 => {
                Err(GeoDbFault::NoAsns { database_type: database_type() })
            }
            DatabaseKind::Country | DatabaseKind::Asn => Ok(()),
        }
    }

    /// Where the client is, as far as this database knows. Tells no autonomous system: that is asked
    /// for by [`asn`](Self::asn). Neither waits nor allocates.
    #[must_use]
    pub fn locate(&self, client: ClientAddr) -> Location {
        let record = self.record(client);
        let by_country = || record.country.and_then(country::find);
        let (coordinates, origin) = match record.coordinates {
            Some(own) => (own, Origin::Database),
            None => match by_country() {
                Some(country) => (country.centroid, Origin::Country),
                None => return Location::UNKNOWN,
            },
        };
        let place = Place { coordinates, country: record.country };
        Location { place: Some(place), origin, asn: None }
    }

    /// The autonomous system that announces the client's address, as far as this database knows.
    /// Neither waits nor allocates.
    #[must_use]
    pub fn asn(&self, client: ClientAddr) -> Option<Asn> {
        self.record(client).asn
    }

    /// The network whose record is the client's; `None` when there is no record.
    #[must_use]
    pub fn network(&self, client: ClientAddr) -> Option<IpNet> {
        let found = self.lookup(client).filter(LookupResult::has_data)?;
        let network = found.network().ok()?;
        IpNet::new(network.ip(), network.prefix()).ok()
    }

    /// When it was made, in seconds since 1970.
    #[must_use]
    pub fn build_epoch(&self) -> u64 {
        self.reader.metadata().build_epoch
    }

    /// When it was made; `None` for a time that cannot be written as a date.
    #[must_use]
    pub fn built(&self) -> Option<SystemTime> {
        let epoch = Some(self.build_epoch()).filter(|epoch| *epoch < YEAR_10000)?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(epoch))
    }

    /// What it calls itself, such as `GeoLite2-City`.
    #[must_use]
    pub fn database_type(&self) -> &str {
        &self.reader.metadata().database_type
    }

    /// What is in it.
    #[must_use]
    pub fn survey(&self) -> Survey {
        self.survey
    }

    /// Whether it knows IPv6 addresses too.
    #[must_use]
    pub fn has_ipv6(&self) -> bool {
        self.reader.metadata().ip_version == 6
    }

    fn record(&self, client: ClientAddr) -> Record {
        let record = self.lookup(client).and_then(|found| found.decode().ok()?);
        record.unwrap_or_default()
    }

    fn lookup(&self, client: ClientAddr) -> Option<LookupResult<'_, Cow<'static, [u8]>>> {
        // An error here is an IPv6 address in an IPv4 database: all else has been read before.
        self.reader.lookup(client.ip()).ok()
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("type", &self.database_type())
            .field("build_epoch", &self.build_epoch())
            .field("survey", &self.survey)
            .finish_non_exhaustive()
    }
}

/// The first second whose date takes more than four digits for the year (RFC 3339, section 1).
const YEAR_10000: u64 = 253_402_300_800;

/// Source, licence and how to replace it: `geoip/README.md`.
const EMBEDDED: &[u8] = include_bytes!("../../geoip/dbip-country.mmdb");

fn bytes_of(path: &Path) -> Result<Vec<u8>, GeoDbFault> {
    // Asked before opening, which would wait for the writer of a pipe.
    let metadata = fs::metadata(path).map_err(GeoDbFault::Read)?;
    if !metadata.is_file() {
        return Err(GeoDbFault::NotAFile);
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(GeoDbFault::TooLarge);
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    let file = File::open(path).map_err(GeoDbFault::Read)?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(GeoDbFault::Read)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(GeoDbFault::TooLarge);
    }
    Ok(bytes)
}
