//! Files -> configuration.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::routing::topology::Revision;

use super::assemble::{assemble, check_headers, check_routes};
use super::draft::Draft;
use super::edge::{Geoip, GeoipDatabase};
use super::effective::Effective;
use super::finding::{ConfigError, Finding, Findings, Located};
use super::key_path::KeyPath;
use super::list::{ContentHash, List, PUSHED, PushedList};
use super::main_files::{self, MainFiles, base_of};
use super::node::Node;
use super::read::{File, open, read_at_most};
use super::rules::NEEDS_ASNS;
use super::{Config, dc_options, de};

/// A configuration that may run.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The main file, for another list.
    pub main: Main,
    /// The list that it was made with.
    pub list: List,
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
    /// The files that the main file includes.
    pub included: Vec<PathBuf>,
    /// The list of access points.
    pub dc_options: PathBuf,
    /// The GeoIP database, unless it is the embedded one.
    pub geoip: Option<PathBuf>,
    /// The database of autonomous systems; perhaps the same file.
    pub asn: Option<PathBuf>,
    /// The files of secrets that listeners name, each once.
    pub secrets: Vec<PathBuf>,
}

impl Sources {
    /// All of them, each once.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let both = [self.main.as_path(), self.dc_options.as_path()];
        let included = self.included.iter().map(PathBuf::as_path);
        let asn = self.asn.as_deref().filter(|asn| self.geoip.as_deref() != Some(*asn));
        let secrets = self.secrets.iter().map(PathBuf::as_path);
        both.into_iter().chain(included).chain(self.geoip.as_deref()).chain(asn).chain(secrets)
    }

    /// Whether this is the file of a database, which may be large.
    #[must_use]
    pub fn is_database(&self, path: &Path) -> bool {
        [&self.geoip, &self.asn].into_iter().any(|database| database.as_deref() == Some(path))
    }
}

/// Reads the main file, what it includes, and the list of access points that it names.
///
/// # Errors
/// With all problems of all files; also when one cannot be read.
pub fn load(path: &Path) -> Result<Loaded, ConfigError> {
    load_with(path, None)
}

/// Reads the main file and what it includes, and the list of access points: that which was `pushed`, as
/// long as the file holds what it was pushed over, or cannot be read.
///
/// # Errors
/// With all problems of all files; also when one cannot be read.
pub fn load_with(path: &Path, pushed: Option<&PushedList>) -> Result<Loaded, ConfigError> {
    let main = Main::load(path)?;
    let file = main.list_file().to_owned();
    let read = read_at_most(&file, dc_options::LIMIT);
    let held = read.as_ref().ok().map(|bytes| ContentHash::of(bytes));
    if let Some(pushed) = pushed.filter(|pushed| held.is_none() || held == pushed.over) {
        return main.with_pushed(Arc::clone(&pushed.bytes), held);
    }
    match read {
        Ok(bytes) => {
            let list = List { bytes: bytes.into(), is_pushed: false, file: held };
            main.complete(&file, list)
        }
        Err(error) => {
            let sources = Some(Box::new(main.sources()));
            let is_named = main.names_list();
            let mut problems = main.into_problems();
            if is_named {
                problems.push(unreadable(&file, error.to_string()));
            }
            Err(ConfigError { problems, sources })
        }
    }
}

/// How the main file at `path` says that clients are located, if that can be read, whatever the
/// problems of the rest: so that a bad database can be told beside them.
#[must_use]
pub fn readable_geoip(path: &Path) -> Option<Geoip> {
    let bytes = read_at_most(path, main_files::LIMIT).ok()?;
    let files = MainFiles::read(File { path, bytes: &bytes }).ok()?;
    let problems = Findings::default();
    let section = files.root.entry("geoip")?;
    let tree = de::read(section, KeyPath::default().key("geoip"), &problems)?;
    let geoip = Geoip::new(&tree, base_of(path), &problems);
    problems.is_empty().then_some(geoip)
}

/// Makes a configuration of texts that have been read already: the main file, and the list of access
/// points, whichever file that came from. What the main file includes is read from beside it.
///
/// # Errors
/// With all problems of all of them.
pub fn parse(main: File<'_>, dc_options: File<'_>) -> Result<Loaded, ConfigError> {
    let file = Some(ContentHash::of(dc_options.bytes));
    let list = List { bytes: dc_options.bytes.into(), is_pushed: false, file };
    Main::read(main)?.complete(dc_options.path, list)
}

/// The main file, read with what it includes and its files of secrets; what it says of DCs waits for the
/// list of access points.
#[derive(Clone)]
pub struct Main {
    path: PathBuf,
    files: MainFiles,
    problems: Findings,
    notes: Findings,
    draft: Draft,
}

impl fmt::Debug for Main {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Main").field(&self.path).finish()
    }
}

impl Main {
    /// Reads it.
    ///
    /// # Errors
    /// When it cannot be read, or is no document. Other problems are told when it is complete.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let bytes = read_at_most(path, main_files::LIMIT).map_err(|error| ConfigError {
            problems: vec![unreadable(path, error.to_string())],
            sources: None,
        })?;
        Self::read(File { path, bytes: &bytes })
    }

    /// The file of the list that it names.
    #[must_use]
    pub fn list_file(&self) -> &Path {
        &self.draft.dc_options
    }

    /// The folder for what survives a restart.
    #[must_use]
    pub fn state_dir(&self) -> Option<&Path> {
        self.draft.edge.state_dir.as_deref()
    }

    /// Whether it can be completed with some list: it and what it names has no problem of its own.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        !self.has_problems()
    }

    /// What the file of the list holds now; `None` when it cannot be read.
    #[must_use]
    pub fn list_file_hash(&self) -> Option<ContentHash> {
        let read = read_at_most(self.list_file(), dc_options::LIMIT);
        read.ok().map(|bytes| ContentHash::of(&bytes))
    }

    /// The configuration with a list that was pushed, while the file of the list held `file`.
    ///
    /// # Errors
    /// With all problems.
    pub fn with_pushed(
        self,
        bytes: Arc<[u8]>,
        file: Option<ContentHash>,
    ) -> Result<Loaded, ConfigError> {
        self.complete(Path::new(PUSHED), List { bytes, is_pushed: true, file })
    }

    fn read(file: File<'_>) -> Result<Self, ConfigError> {
        let files = MainFiles::read(file)?;
        let (problems, notes) = (Findings::default(), Findings::default());
        let draft = Draft::read(&files.root, base_of(file.path), (&problems, &notes));
        let main = Self { path: file.path.to_owned(), files, problems, notes, draft };
        // A file that could not be read may be the one that has them.
        let listeners = main.files.root.entry("listeners");
        let is_mapping = matches!(main.files.root, Node::Map(_) | Node::Null);
        if is_mapping && main.is_whole() && listeners.is_none_or(Node::is_empty) {
            let text = "needs `listeners`, a list of at least one";
            main.problems.add(&KeyPath::default(), text);
        }
        if !main.may_know_asns() {
            let asking = main.draft.routing.policy.asn_matches();
            asking.for_each(|path| main.problems.add(&path, NEEDS_ASNS));
        }
        Ok(main)
    }

    /// Whether it is known which file the list is in: it may be what could not be read.
    fn names_list(&self) -> bool {
        match self.files.root.entry("dc_options") {
            None => self.is_whole(),
            Some(node) => matches!(node, Node::Text(_)),
        }
    }

    /// Whether a database of autonomous systems is named, or may be where nothing could be read.
    fn may_know_asns(&self) -> bool {
        let section = self.files.root.entry("geoip");
        let is_bad = |node: &Node| match node {
            Node::Text(word) => word.is_empty(),
            Node::Null
            | Node::Bool(_)
            | Node::Integer(_)
            | Node::Float(_)
            | Node::List(_)
            | Node::Map(_) => true,
        };
        self.draft.geoip.asn_database.is_some()
            || !self.is_whole()
            || section.and_then(|geoip| geoip.entry("asn_database")).is_some_and(is_bad)
    }

    /// Whether the id of every DC that is described could be read.
    fn knows_dcs(&self) -> bool {
        let described = match self.files.root.entry("dcs") {
            None | Some(Node::Null) => 0,
            Some(Node::List(list)) => list.len(),
            Some(
                Node::Bool(_) | Node::Integer(_) | Node::Float(_) | Node::Text(_) | Node::Map(_),
            ) => return false,
        };
        self.is_whole() && self.draft.routing.dcs.len() == described
    }

    /// Whether all included files could be read, and fit together.
    fn is_whole(&self) -> bool {
        self.files.problems.is_empty()
    }

    fn sources(&self) -> Sources {
        Sources {
            main: self.path.clone(),
            included: self.files.included.clone(),
            dc_options: self.draft.dc_options.clone(),
            geoip: match &self.draft.geoip.database {
                GeoipDatabase::Embedded => None,
                GeoipDatabase::File(path) => Some(path.clone()),
            },
            asn: self.draft.geoip.asn_database.clone(),
            secrets: self.draft.secret_files.paths().map(Path::to_owned).collect(),
        }
    }

    /// All problems of the main file, what it includes, and the files of secrets that it names.
    fn into_problems(mut self) -> Vec<Finding> {
        let mut problems = std::mem::take(&mut self.files.problems);
        problems.append(&mut self.problems.into_list(|path| self.files.locate(path)));
        problems.extend(self.draft.secret_files.problems().cloned());
        problems.append(&mut self.draft.admin_problems);
        problems
    }

    /// Whether there are any.
    fn has_problems(&self) -> bool {
        let mut of_secrets = self.draft.secret_files.problems();
        let in_files = of_secrets.next().is_some() || !self.draft.admin_problems.is_empty();
        !self.is_whole() || !self.problems.is_empty() || in_files
    }

    fn complete(self, path: &Path, list: List) -> Result<Loaded, ConfigError> {
        let (sources, main) = (self.sources(), self.clone());
        let document = match open(File { path, bytes: &list.bytes }, dc_options::LIMIT) {
            Ok(document) => document,
            Err(mut error) => {
                let mut problems = self.into_problems();
                problems.append(&mut error.problems);
                return Err(ConfigError { problems, sources: Some(Box::new(sources)) });
            }
        };
        let within_list = |at: &KeyPath| Located::within(path, &document, at);
        let (list_problems, list_notes) = (Findings::default(), Findings::default());
        let options =
            dc_options::read(&document.root, self.may_know_asns(), (&list_problems, &list_notes));
        // What could not be read may be the very DCs that a listener names.
        if list_problems.is_empty() && self.knows_dcs() {
            check_routes(&self.draft.routing, &options.listed, &self.problems);
            check_headers(&self.draft.routing, &options.listed, &self.problems);
        }
        if self.has_problems() || !list_problems.is_empty() {
            let mut problems = self.into_problems();
            problems.append(&mut list_problems.into_list(within_list));
            return Err(ConfigError { problems, sources: Some(Box::new(sources)) });
        }
        let Self { path: _, files, problems: _, notes, draft } = self;
        let revision = revision(&list.bytes);
        let config = into_config(draft, options, revision, (&notes, &list_notes));
        let mut all = notes.into_list(|path| files.locate(path));
        all.append(&mut list_notes.into_list(within_list));
        Ok(Loaded { config, main, list, notes: all, sources })
    }
}

fn unreadable(file: &Path, text: String) -> Finding {
    Finding { file: file.to_owned(), line: None, path: String::new(), text }
}

/// The configuration of a draft that had no problems.
fn into_config(
    draft: Draft,
    options: dc_options::Options,
    revision: Revision,
    notes: (&Findings, &Findings),
) -> Config {
    let listeners = draft.routing.listeners.iter();
    Config {
        edge: draft.edge,
        dc_options: draft.dc_options,
        geoip: draft.geoip,
        listeners: listeners.map(|draft| draft.listener.clone()).collect(),
        topology: assemble(
            draft.routing,
            (&options.listed, options.is_test_network),
            revision,
            notes,
        ),
        guards: draft.guards,
        memory: draft.memory,
        shutdown: draft.shutdown,
        admin: draft.admin,
        metrics: draft.metrics,
        log: draft.log,
        effective: Arc::new(Effective::new(draft.tree, options, revision)),
    }
}

/// The hash of the document as it is: whoever pushed it can tell whether it is the live one.
fn revision(bytes: &[u8]) -> Revision {
    let digest = Sha256::digest(bytes);
    let mut revision = [0; 8];
    revision.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    Revision(revision)
}
