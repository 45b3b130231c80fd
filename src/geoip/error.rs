//! Why a file is no database to locate clients with.

use std::fmt;
use std::io;
use std::path::PathBuf;

use maxminddb::MaxMindDbError;

use super::database::MAX_FILE_BYTES;

/// A file that cannot serve.
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
            | GeoDbFault::NoPlaces { .. }
            | GeoDbFault::NoAsns { .. } => None,
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
        /// Whether it tells autonomous systems instead.
        has_asns: bool,
    },
    /// Can be read, and says of no address which autonomous system announces it.
    NoAsns {
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
            Self::NoPlaces { database_type, has_asns } => {
                write!(
                    f,
                    "is a database of type {database_type:?}, in which no record has a country or \
                     coordinates"
                )?;
                match has_asns {
                    true => f.write_str("; it tells autonomous systems, as `asn_database` does"),
                    false => Ok(()),
                }
            }
            Self::NoAsns { database_type } => write!(
                f,
                "is a database of type {database_type:?}, in which no record has the number of an \
                 autonomous system"
            ),
        }
    }
}
