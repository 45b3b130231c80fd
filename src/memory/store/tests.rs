//! What survives a restart, and what becomes of files that nobody can read.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::routing::topology::{ListenerRoute, Route};
use crate::routing::{ClientAddr, DcId, Sticky};

fn open(path: &Path) -> Result<(Store, HashKey), StateDirError> {
    Store::open(Arc::new(StateDir::open(path)?))
}

const NOW: EpochSeconds = EpochSeconds(1_000_000);

/// A daemon as far as its memory goes.
struct Daemon {
    store: Store,
    memory: StickyMemory,
}

impl Daemon {
    fn start(path: &Path) -> Self {
        Self::start_with(path, &[("clients", 100_000), ("others", 10)])
    }

    fn start_with(path: &Path, listeners: &[(&str, u32)]) -> Self {
        let (store, key) = open(path).unwrap_or_else(|error| panic!("{error}"));
        let memory = StickyMemory::new(key);
        memory.follow(&routes(listeners), NOW);
        store.load(&memory, NOW);
        Self { store, memory }
    }

    fn remember(&self, listener: &str, client: u32, dc: u16, used: EpochSeconds) {
        let listener = self.memory.of_listener(listener).expect("it is sticky");
        listener.remember(v4(client), DcId(dc), used);
    }

    fn recall(&self, listener: &str, client: u32) -> Option<u16> {
        self.memory.recall(listener, v4(client), NOW).map(|dc| dc.0)
    }

    fn end(self) {
        self.store.save(&self.memory).expect("saved");
    }
}

fn routes(listeners: &[(&str, u32)]) -> BTreeMap<Arc<str>, ListenerRoute> {
    let route = |clients| ListenerRoute {
        sticky: Some(Sticky { clients, ..Sticky::default() }),
        ..ListenerRoute::new(Route::Nearest)
    };
    listeners.iter().map(|(name, clients)| ((*name).into(), route(*clients))).collect()
}

fn v4(number: u32) -> ClientAddr {
    ClientAddr::new(IpAddr::V4(Ipv4Addr::from_bits(number)))
}

fn ago(seconds: u32) -> EpochSeconds {
    EpochSeconds(NOW.0 - seconds)
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
}

#[test]
fn what_is_saved_is_remembered_after_a_restart() {
    let directory = directory();
    let daemon = Daemon::start(directory.path());
    (0..10_000).for_each(|it| daemon.remember("clients", it, (it % 5) as u16 + 1, ago(10)));
    daemon.remember("others", 1, 7, ago(3600));
    daemon.end();
    let daemon = Daemon::start(directory.path());
    assert!((0..10_000).all(|it| daemon.recall("clients", it) == Some((it % 5) as u16 + 1)));
    assert_eq!(daemon.recall("others", 1), Some(7));
    assert_eq!(daemon.recall("others", 2), None);
}

#[test]
fn times_go_on_over_a_restart() {
    let directory = directory();
    let daemon = Daemon::start(directory.path());
    let week = 7 * 86_400;
    daemon.remember("clients", 1, 2, ago(week - 1));
    daemon.remember("clients", 2, 2, ago(week));
    daemon.remember("clients", 3, 2, EpochSeconds(NOW.0 + 999_999));
    daemon.end();
    let daemon = Daemon::start(directory.path());
    assert_eq!([1, 2, 3].map(|it| daemon.recall("clients", it)), [Some(2), None, Some(2)]);
    daemon.memory.forget_expired(EpochSeconds(NOW.0 + week));
    assert_eq!(daemon.recall("clients", 3), None, "a time in the future is taken for now");
}

#[test]
fn a_smaller_memory_takes_the_most_recent_and_a_listener_that_left_nothing() {
    let directory = directory();
    let daemon = Daemon::start(directory.path());
    (0..5000).for_each(|it| daemon.remember("clients", it, 2, ago(6000 - it)));
    daemon.remember("others", 1, 2, NOW);
    daemon.end();
    let daemon = Daemon::start_with(directory.path(), &[("clients", 10)]);
    assert!((0..5000).filter(|it| daemon.recall("clients", *it).is_some()).eq(4990..5000));
    daemon.remember("clients", 1, 2, NOW);
    daemon.end();
    let daemon = Daemon::start(directory.path());
    assert_eq!(daemon.recall("others", 1), None);
}

#[test]
fn nothing_is_written_while_nothing_changes_and_after_a_failure_it_is_tried_again() {
    let directory = directory();
    let daemon = Daemon::start(directory.path());
    assert!(!daemon.store.save(&daemon.memory).expect("saved"));
    daemon.remember("clients", 1, 2, NOW);
    let in_the_way = directory.path().join("sticky.new");
    fs::create_dir(&in_the_way).expect("a directory");
    daemon.store.save(&daemon.memory).expect_err("there is a directory");
    fs::remove_dir(&in_the_way).expect("removed");
    assert!(daemon.store.save(&daemon.memory).expect("saved"));
    assert!(!daemon.store.save(&daemon.memory).expect("saved"));
}

#[test]
fn every_kind_of_damage_costs_the_memory_is_set_aside_and_the_next_one_works() {
    let good = {
        let directory = directory();
        let daemon = Daemon::start(directory.path());
        daemon.remember("clients", 1, 2, NOW);
        daemon.end();
        let key = fs::read(directory.path().join(KEY)).expect("a key");
        (key, fs::read(directory.path().join(MEMORY)).expect("a memory"))
    };
    let (key, good) = good;
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] ^= byte;
        bytes
    };
    let end = good.len();
    let damages: [(&str, Vec<u8>); 9] = [
        ("empty", Vec::new()),
        ("foreign", b"{\"version\": 1, \"clients\": []}".to_vec()),
        ("of another version", with(16, 3)),
        ("truncated", good[..end - 1].to_vec()),
        ("truncated in the middle", good[..end / 2].to_vec()),
        ("changed in a client", with(40, 1)),
        ("changed in its checksum", with(end - 1, 0x80)),
        ("longer", [good.as_slice(), b"more"].concat()),
        ("of an endless name", [&good[..20], &[0xff; 9000]].concat()),
    ];
    for (what, bytes) in damages {
        let directory = directory();
        fs::write(directory.path().join(KEY), &key).expect("written");
        fs::write(directory.path().join(MEMORY), &bytes).expect("written");
        let daemon = Daemon::start(directory.path());
        assert_eq!(daemon.recall("clients", 1), None, "{what}");
        let aside = fs::read(directory.path().join(DAMAGED)).expect(what);
        assert_eq!(aside, bytes, "{what}");
        assert!(!directory.path().join(MEMORY).exists(), "{what}");
        daemon.remember("clients", 3, 4, NOW);
        daemon.end();
        assert_eq!(Daemon::start(directory.path()).recall("clients", 3), Some(4), "{what}");
    }
    let directory = directory();
    fs::write(directory.path().join(KEY), &key).expect("written");
    fs::write(directory.path().join(MEMORY), &good).expect("written");
    assert_eq!(Daemon::start(directory.path()).recall("clients", 1), Some(2), "and undamaged");
}

#[test]
fn a_file_larger_than_it_could_have_become_is_not_read() {
    let directory = directory();
    let file = fs::File::create(directory.path().join(MEMORY)).expect("a file");
    // Sparse: only its length counts.
    file.set_len(ALWAYS_READ + 1).expect("a long file");
    let daemon = Daemon::start(directory.path());
    let Err(FileError::TooLarge(..)) = ({
        file.set_len(ALWAYS_READ + 1).expect("a long file");
        fs::rename(directory.path().join(DAMAGED), directory.path().join(MEMORY)).expect("back");
        daemon.store.read(&daemon.memory)
    }) else {
        panic!("it was read");
    };
}

#[test]
fn a_memory_of_another_key_is_of_no_use() {
    let directory = directory();
    let daemon = Daemon::start(directory.path());
    daemon.remember("clients", 1, 2, NOW);
    daemon.end();
    for no_key in [&b"short"[..], b"", b"far too long to be a key", b"another key, 16B"] {
        fs::write(directory.path().join(KEY), no_key).expect("written");
        let daemon = Daemon::start(directory.path());
        assert_eq!(daemon.recall("clients", 1), None);
        assert!(directory.path().join(DAMAGED).exists());
        fs::rename(directory.path().join(DAMAGED), directory.path().join(MEMORY)).expect("back");
    }
}

#[test]
fn files_are_for_nobody_else_and_so_is_the_directory_that_is_made() {
    let directory = directory();
    let path = directory.path().join("made/of/two");
    let daemon = Daemon::start(&path);
    daemon.remember("clients", 1, 2, NOW);
    daemon.end();
    assert_eq!(mode(&path), 0o700);
    for name in [KEY, MEMORY] {
        assert_eq!(mode(&path.join(name)), 0o600, "{name}");
    }
    fs::set_permissions(path.join(KEY), fs::Permissions::from_mode(0o644)).expect("changed");
    assert_eq!(Daemon::start(&path).recall("clients", 1), Some(2));
    assert_eq!(mode(&path.join(KEY)), 0o600, "it is made so again");
    let mut names: Vec<_> = fs::read_dir(&path)
        .expect("a directory")
        .map(|it| it.expect("a name").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["lock", MEMORY, KEY]);
}

#[test]
fn what_a_crash_or_somebody_else_left_behind_is_not_written_to() {
    let directory = directory();
    let (unfinished, elsewhere) =
        (directory.path().join("sticky.new"), directory.path().join("elsewhere"));
    let daemon = Daemon::start(directory.path());
    fs::write(&unfinished, "half").expect("written");
    fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o644)).expect("changed");
    daemon.remember("clients", 1, 2, NOW);
    daemon.store.save(&daemon.memory).expect("saved");
    assert_eq!(mode(&directory.path().join(MEMORY)), 0o600);
    fs::write(&elsewhere, "precious").expect("written");
    std::os::unix::fs::symlink(&elsewhere, &unfinished).expect("a link");
    daemon.remember("clients", 2, 2, NOW);
    daemon.end();
    assert_eq!(fs::read(&elsewhere).expect("it is there"), b"precious");
    assert_eq!(Daemon::start(directory.path()).recall("clients", 2), Some(2));
}

#[test]
fn what_could_not_be_written_takes_no_room() {
    let directory = directory();
    let daemon = Daemon::start(directory.path());
    let written = daemon.store.directory.replace(MEMORY, |file| {
        file.write_all(b"half")?;
        Err(ErrorKind::StorageFull.into())
    });
    assert_eq!(written.map_err(|error| error.kind()), Err(ErrorKind::StorageFull));
    assert!(!directory.path().join("sticky.new").exists());
}

#[test]
fn what_is_written_tells_no_address() {
    let directory = directory();
    let daemon = Daemon::start(directory.path());
    let address = Ipv4Addr::new(203, 0, 113, 77);
    daemon.remember("clients", address.to_bits(), 2, NOW);
    daemon.end();
    let bytes = fs::read(directory.path().join(MEMORY)).expect("a memory");
    for form in [address.to_bits().to_le_bytes(), address.to_bits().to_be_bytes()] {
        assert!(!bytes.windows(4).any(|it| it == form));
    }
}

#[test]
fn one_daemon_has_the_directory() {
    let directory = directory();
    let daemon = Daemon::start(directory.path());
    let error = open(directory.path()).expect_err("it is taken");
    assert!(matches!(error, StateDirError::InUse(_)), "{error}");
    drop(daemon);
    open(directory.path()).expect("it is free again");
}

#[test]
fn a_directory_that_cannot_be_had_says_so() {
    let directory = directory();
    let file = directory.path().join("file");
    fs::write(&file, "").expect("written");
    for path in [file.clone(), file.join("below")] {
        let error = open(&path).expect_err("there is a file").to_string();
        assert!(error.starts_with("edge.state_dir: cannot make "), "{error}");
    }
    fs::create_dir(directory.path().join(KEY)).expect("a directory");
    let error = open(directory.path()).expect_err("the key is a directory").to_string();
    assert!(error.contains(KEY), "{error}");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let key = HashKey::new([7; 16]);
        let intact = [b"nearpoint-sticky\x01\0\0\0".as_slice(), &bytes].concat();
        for bytes in [bytes, intact] {
            prop_assert!(file::read(bytes.as_slice(), &key, |_| Some(10)).is_err());
        }
    }
}
