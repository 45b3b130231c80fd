//! Files -> configuration.

use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::routing::topology::Revision;

use super::assemble::check_routes;
use super::document::Document;
use super::draft::Draft;
use super::edge::{Geoip, GeoipDatabase};
use super::finding::{ConfigError, Finding, Findings};
use super::key_path::KeyPath;
use super::node::Node;
use super::reader::Cursor;
use super::{Config, dc_options};

/// The largest main file that is read.
const MAIN_LIMIT: usize = 1 << 20;

/// A configuration that may run.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What an operator may want to know and what is no problem, at most some 200.
    pub notes: Vec<Finding>,
    /// The files it was made of.
    pub sources: Sources,
}

/// The files of a configuration: what is watched for changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    /// The main file.
    pub main: PathBuf,
    /// The list of access points.
    pub dc_options: PathBuf,
    /// The GeoIP database, unless it is the embedded one.
    pub geoip: Option<PathBuf>,
    /// The database of autonomous systems; perhaps the same file.
    pub asn: Option<PathBuf>,
}

impl Sources {
    /// All of them, each once.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let both = [self.main.as_path(), self.dc_options.as_path()];
        let asn = self.asn.as_deref().filter(|asn| self.geoip.as_deref() != Some(*asn));
        both.into_iter().chain(self.geoip.as_deref()).chain(asn)
    }

    /// Whether this is the file of a database, which may be large.
    #[must_use]
    pub fn is_database(&self, path: &Path) -> bool {
        [&self.geoip, &self.asn].into_iter().any(|database| database.as_deref() == Some(path))
    }
}

/// The content of a file and the name it is told about by.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Its path; relative paths within a main file begin beside it.
    pub path: &'a Path,
    /// Its content.
    pub bytes: &'a [u8],
}

/// Reads the main file and the list of access points that it names.
///
/// # Errors
/// With all problems of both files; also when one cannot be read.
pub fn load(path: &Path) -> Result<Loaded, ConfigError> {
    let unreadable = |file: &Path, error: Unreadable| Finding {
        file: file.to_owned(),
        line: None,
        path: String::new(),
        text: error.to_string(),
    };
    let bytes = read_at_most(path, MAIN_LIMIT)
        .map_err(|error| ConfigError { problems: vec![unreadable(path, error)], sources: None })?;
    let main = Main::read(File { path, bytes: &bytes })?;
    match read_at_most(&main.draft.dc_options, dc_options::LIMIT) {
        Ok(bytes) => {
            let list = main.draft.dc_options.clone();
            main.complete(File { path: &list, bytes: &bytes })
        }
        Err(error) => {
            let sources = Some(main.sources());
            let problem = unreadable(&main.draft.dc_options, error);
            let mut problems = main.problems.into_list(path, &main.document);
            problems.push(problem);
            Err(ConfigError { problems, sources })
        }
    }
}

/// How the main file at `path` says that clients are located, if that can be read, whatever the
/// problems of the rest: so that a bad database can be told beside them.
#[must_use]
pub fn readable_geoip(path: &Path) -> Option<Geoip> {
    let bytes = read_at_most(path, MAIN_LIMIT).ok()?;
    let document = Document::parse(&bytes, MAIN_LIMIT).ok()?;
    let problems = Findings::default();
    let Node::Map(entries) = &document.root else { return None };
    let (_, node) = entries.iter().find(|(key, _)| key == "geoip")?;
    let section = Cursor::root(node, KeyPath::default().key("geoip"), &problems);
    let geoip = Geoip::read(&section, base_of(path));
    problems.is_empty().then_some(geoip)
}

/// Where relative paths of the main file begin.
fn base_of(main: &Path) -> &Path {
    main.parent().unwrap_or(Path::new(""))
}

/// Makes a configuration of texts that have been read already: the main file, and the list of access
/// points, whichever file that came from.
///
/// # Errors
/// With all problems of both.
pub fn parse(main: File<'_>, dc_options: File<'_>) -> Result<Loaded, ConfigError> {
    Main::read(main)?.complete(dc_options)
}

/// Why a file has no content.
enum Unreadable {
    /// A directory, a pipe or a device.
    NotAFile,
    /// The system would not read it.
    Failed(io::Error),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAFile => f.write_str("is not a file"),
            Self::Failed(error) => write!(f, "cannot be read: {error}"),
        }
    }
}

/// One byte more than `limit` shows that a file is too large.
fn read_at_most(path: &Path, limit: usize) -> Result<Vec<u8>, Unreadable> {
    // Asked before opening, which would wait for the writer of a pipe.
    if !fs::metadata(path).map_err(Unreadable::Failed)?.is_file() {
        return Err(Unreadable::NotAFile);
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(Unreadable::Failed)?;
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(Unreadable::Failed)?;
    Ok(bytes)
}

fn open<'t>(file: File<'t>, limit: usize) -> Result<Document<'t>, ConfigError> {
    Document::parse(file.bytes, limit).map_err(|error| ConfigError {
        problems: vec![Finding {
            file: file.path.to_owned(),
            line: error.line,
            path: String::new(),
            text: error.text,
        }],
        sources: None,
    })
}

/// The main file, read; what it says of DCs waits for the list of access points.
struct Main<'t> {
    file: File<'t>,
    document: Document<'t>,
    problems: Findings,
    draft: Draft,
}

impl<'t> Main<'t> {
    fn read(file: File<'t>) -> Result<Self, ConfigError> {
        let document = open(file, MAIN_LIMIT)?;
        let problems = Findings::default();
        let root = Cursor::root(&document.root, KeyPath::default(), &problems);
        let draft = Draft::read(&root, base_of(file.path));
        draft.check(&problems);
        Ok(Self { file, document, problems, draft })
    }

    fn sources(&self) -> Sources {
        Sources {
            main: self.file.path.to_owned(),
            dc_options: self.draft.dc_options.clone(),
            geoip: match &self.draft.geoip.database {
                GeoipDatabase::Embedded => None,
                GeoipDatabase::File(path) => Some(path.clone()),
            },
            asn: self.draft.geoip.asn_database.clone(),
        }
    }

    fn complete(self, file: File<'_>) -> Result<Loaded, ConfigError> {
        let sources = self.sources();
        let Self { file: main, document, problems, draft } = self;
        let list = match open(file, dc_options::LIMIT) {
            Ok(list) => list,
            Err(mut error) => {
                let mut all = problems.into_list(main.path, &document);
                all.append(&mut error.problems);
                return Err(ConfigError { problems: all, sources: Some(sources) });
            }
        };
        let list_problems = Findings::default();
        let (notes, list_notes) = (Findings::default(), Findings::default());
        let options = dc_options::read(&list.root, &list_problems, &list_notes);
        // Entries that could not be read may be the very ones that a listener names.
        if list_problems.is_empty() {
            check_routes(&draft.routing, &options, &problems);
        }
        let mut all = problems.into_list(main.path, &document);
        all.append(&mut list_problems.into_list(file.path, &list));
        if !all.is_empty() {
            return Err(ConfigError { problems: all, sources: Some(sources) });
        }
        let config = draft.into_config(options, revision(file.bytes), (&notes, &list_notes));
        let mut all = notes.into_list(main.path, &document);
        all.append(&mut list_notes.into_list(file.path, &list));
        Ok(Loaded { config, notes: all, sources })
    }
}

/// The hash of the document as it is: whoever pushed it can tell whether it is the live one.
fn revision(bytes: &[u8]) -> Revision {
    let digest = Sha256::digest(bytes);
    let mut revision = [0; 8];
    revision.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    Revision(revision)
}
