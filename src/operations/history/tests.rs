use std::fs;

use super::*;

fn entry(number: u64, bytes: u64) -> Entry {
    Entry {
        number,
        at_ms: 1_000 * number,
        source: "push".into(),
        by: "anna".into(),
        from: "127.0.0.1:1".into(),
        reason: String::new(),
        forced: false,
        revision: format!("{number:016x}"),
        bytes,
        difference: Difference::default(),
        over: None,
    }
}

fn list(text: &str) -> Arc<[u8]> {
    text.as_bytes().into()
}

fn numbers(history: &History) -> Vec<u64> {
    history.newest(usize::MAX).iter().map(|entry| entry.number).collect()
}

fn directory(path: &std::path::Path) -> Option<Arc<StateDir>> {
    Some(Arc::new(StateDir::open(path).expect("a directory of the test")))
}

#[test]
fn what_was_in_force_is_there_after_a_restart_with_its_list_and_its_numbers_go_on() {
    let place = tempfile::tempdir().expect("a directory");
    let history = History::open(directory(place.path()));
    assert_eq!(history.next_number(), 1);
    history.add(entry(1, 3), list("one"));
    history.add(entry(2, 3), list("two"));
    drop(history);
    let history = History::open(directory(place.path()));
    assert_eq!((numbers(&history), history.next_number()), (vec![2, 1], 3));
    assert_eq!(history.entry(1).as_deref(), Some(&entry(1, 3)));
    assert_eq!(history.list(1).expect("a file"), Some(list("one")));
    assert_eq!(history.list(7).expect("no error"), None);
    let before = history.before(&format!("{:016x}", 2)).map(|entry| entry.number);
    assert_eq!(before, Some(1));
}

#[test]
fn the_oldest_go_first_by_number_and_by_bytes_and_the_newest_never() {
    let place = tempfile::tempdir().expect("a directory");
    let history = History::open(directory(place.path()));
    (1..=MOST as u64 + 5).for_each(|number| history.add(entry(number, 1), list("x")));
    assert_eq!(numbers(&history).len(), MOST);
    assert_eq!(numbers(&history).last(), Some(&6));
    assert!(!place.path().join(name_of(5)).exists());
    history.add(entry(200, MOST_BYTES + 1), list("a giant"));
    assert_eq!(numbers(&history), [200]);
    let in_memory = History::default();
    in_memory.add(entry(1, 1), list("x"));
    in_memory.add(entry(2, MOST_BYTES_IN_MEMORY), list("y"));
    assert_eq!(numbers(&in_memory), [2]);
    assert_eq!(in_memory.list(2).expect("it is in memory"), Some(list("y")));
}

#[test]
fn damaged_files_are_set_aside_and_their_numbers_are_not_given_again() {
    let place = tempfile::tempdir().expect("a directory");
    let history = History::open(directory(place.path()));
    (1..=3).for_each(|number| history.add(entry(number, 3), list("abc")));
    drop(history);
    let path = |number| place.path().join(name_of(number));
    let mut bytes = fs::read(path(3)).expect("a file");
    *bytes.last_mut().expect("it has bytes") ^= 1;
    fs::write(path(3), bytes).expect("a file");
    fs::rename(path(1), path(9)).expect("a file under another name");
    fs::write(place.path().join("history-0000000010.new"), "half").expect("a file");
    let history = History::open(directory(place.path()));
    assert_eq!((numbers(&history), history.next_number()), (vec![2], 10));
    assert!(!path(3).exists() && place.path().join(DAMAGED).exists());
}
