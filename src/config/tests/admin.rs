//! The section `admin`, whose keys depend on each other and on files.

use super::{LISTENER, good, problems};

/// Each row: the section, and the only problem it has.
const BROKEN: &[(&str, &str)] = &[
    (
        "admin: {bind: '0.0.0.0:9900'}",
        "admin.bind: 0.0.0.0:9900 is outside loopback, which needs `tokens_file`",
    ),
    (
        "admin: {bind: 'unix:admin.sock'}",
        "admin.bind: \"admin.sock\" is not the whole path of a socket",
    ),
    ("admin: {bind: 'unix:/run/'}", "admin.bind: \"/run/\" is not the whole path of a socket"),
    (
        "admin: {bind: 'unix:/run/admin.sock', tls: {cert: /proc/self/stat, key: /proc/self/stat}}",
        "admin.tls: means nothing on a Unix socket",
    ),
    ("admin: {tls: {cert: /proc/self/stat}}", "admin.tls: needs `key`"),
    ("admin: {tls: {cert: /proc/self/stat, key: /}}", "admin.tls.key: / is not a file"),
    ("admin: {tokens_file: 5}", "admin.tokens_file: is a number, not text; quote it"),
    (
        "admin: {allowed_hosts: ['localhost:9900']}",
        "admin.allowed_hosts[0]: \"localhost:9900\" is not a host without a port",
    ),
];

#[test]
fn each_broken_section_is_told_with_its_path_and_what_is_wrong() {
    for (section, told) in BROKEN {
        assert_eq!(problems(&format!("{LISTENER}{section}")), [*told], "{section}");
    }
}

#[test]
fn outside_loopback_it_takes_tokens_and_what_is_told_in_clear_is_noted() {
    let folder = tempfile::tempdir().expect("a folder");
    let tokens = folder.path().join("tokens");
    std::fs::write(&tokens, "ann write 0123456789abcdef").expect("a file");
    let notes = |bind: &str, tls: &str| {
        let file = tokens.display();
        let section = format!("admin: {{bind: '{bind}', tokens_file: '{file}', tls: {tls}}}");
        let loaded = good(&format!("{LISTENER}{section}"));
        let notes = loaded.notes.iter().filter(|note| note.path == "admin.bind");
        notes.map(|note| note.text.clone()).collect::<Vec<_>>()
    };
    let tls = format!("{{cert: '{0}', key: '{0}'}}", tokens.display());
    assert_eq!(notes("127.0.0.1:9900", "none"), [""; 0]);
    assert_eq!(notes("192.0.2.1:9900", &tls), [""; 0]);
    let in_clear = notes("192.0.2.1:9900", "none");
    assert!(in_clear.len() == 1 && in_clear[0].ends_with("tokens and answers travel in clear"));
    let wildcard = notes("[::]:9900", &tls);
    assert!(wildcard.len() == 1 && wildcard[0].starts_with("answers only hosts of"));
}
