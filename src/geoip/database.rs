//! A GeoIP database: a MaxMind DB file, read into memory and checked.

use std::borrow::Cow;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use maxminddb::{MaxMindDbError, Reader};

use super::record::Record;
use super::survey::{Survey, survey};
use crate::routing::{ClientAddr, Location, Origin, Place, country};

/// The largest file that is read: several city databases. A wrong path must not fill the memory.
pub const MAX_FILE_BYTES: u64 = 1 << 30;

/// Tells where addresses are. Immutable; a newer file is another `Database`.
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
        Self::new(Cow::Borrowed(EMBEDDED)).expect("the tests read the embedded database")
    }

    /// Reads and checks a file. Blocks for as long as that takes: tens of milliseconds for a country
    /// database, seconds for the largest ones.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged anywhere, or knows no places.
    pub fn open(path: &Path) -> Result<Self, GeoDbError> {
        let database = read(path).and_then(|bytes| Self::new(Cow::Owned(bytes)));
        database.map_err(|fault| GeoDbError { path: path.to_path_buf(), fault })
    }

    /// Where the client is, as far as this database knows. Neither waits nor allocates.
    #[must_use]
    pub fn locate(&self, client: ClientAddr) -> Location {
        let record = self.record(client).unwrap_or_default();
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

    /// When it was made, in seconds since 1970.
    #[must_use]
    pub fn build_epoch(&self) -> u64 {
        self.reader.metadata().build_epoch
    }

    /// What it calls itself, such as `GeoLite2-City`.
    #[must_use]
    pub fn database_type(&self) -> &str {
        &self.reader.metadata().database_type
    }

    /// Whether it has coordinates of its own. Otherwise clients stand in the centres of countries.
    #[must_use]
    pub fn has_coordinates(&self) -> bool {
        self.survey.coordinates > 0
    }

    /// Whether it knows IPv6 addresses too.
    #[must_use]
    pub fn has_ipv6(&self) -> bool {
        self.reader.metadata().ip_version == 6
    }

    pub(super) fn new(bytes: Cow<'static, [u8]>) -> Result<Self, GeoDbFault> {
        if bytes.is_empty() {
            return Err(GeoDbFault::Empty);
        }
        let file_bytes = bytes.len();
        let reader = Reader::from_source(bytes).map_err(GeoDbFault::Malformed)?;
        let survey = survey(&reader, file_bytes).map_err(GeoDbFault::Malformed)?;
        if survey.countries == 0 && survey.coordinates == 0 {
            let database_type = reader.metadata().database_type.clone();
            return Err(GeoDbFault::NoPlaces { database_type });
        }
        Ok(Self { reader, survey })
    }

    fn record(&self, client: ClientAddr) -> Option<Record> {
        // An error here is an IPv6 address in an IPv4 database: all else has been read before.
        self.reader.lookup(client.ip()).ok()?.decode().ok()?
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

/// Why a file is no database to locate clients with.
#[derive(Debug)]
pub struct GeoDbError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: GeoDbFault,
}

impl fmt::Display for GeoDbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.fault)
    }
}

impl std::error::Error for GeoDbError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            GeoDbFault::Read(source) => Some(source),
            GeoDbFault::Malformed(source) => Some(source),
            GeoDbFault::NotAFile
            | GeoDbFault::Empty
            | GeoDbFault::TooLarge
            | GeoDbFault::NoPlaces { .. } => None,
        }
    }
}

/// What can be wrong with the file of a database.
#[derive(Debug)]
pub enum GeoDbFault {
    /// The system would not read it.
    Read(io::Error),
    /// A directory, a pipe or a device.
    NotAFile,
    /// Has no bytes.
    Empty,
    /// Exceeds [`MAX_FILE_BYTES`].
    TooLarge,
    /// Is another kind of file, was cut short, or is damaged.
    Malformed(MaxMindDbError),
    /// Can be read, and says of no address where it is.
    NoPlaces {
        /// What the database calls itself.
        database_type: String,
    },
}

impl fmt::Display for GeoDbFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(source) => write!(f, "cannot be read: {source}"),
            Self::NotAFile => f.write_str("is not a regular file"),
            Self::Empty => f.write_str("is empty"),
            Self::TooLarge => write!(f, "has more than {} MiB", MAX_FILE_BYTES >> 20),
            Self::Malformed(source) => {
                write!(f, "is not a MaxMind DB file or is damaged: {source}")
            }
            Self::NoPlaces { database_type } => write!(
                f,
                "is a database of type {database_type:?}, in which no record has a country or \
                 coordinates"
            ),
        }
    }
}

/// Source, licence and how to replace it: `geoip/README.md`.
const EMBEDDED: &[u8] = include_bytes!("../../geoip/dbip-country.mmdb");

fn read(path: &Path) -> Result<Vec<u8>, GeoDbFault> {
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
