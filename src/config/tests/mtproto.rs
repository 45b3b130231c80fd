//! Listeners that route by what clients say, and the secrets that they are given.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::routing::topology::{ByHeader, Class, Destination, TrustPlainDc, UnknownClient};

const SECRET: &str = "00112233445566778899aabbccddeeff";
const OTHER: &str = "dd0f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// A main file with one listener that has this route.
fn main_file(route: &str, keys: &str) -> String {
    format!(
        "listeners: [{{name: clients, bind: ['127.0.0.1:443'], route: {{mtproto: {route}}}{keys}}}]"
    )
}

/// A main file, a list, and files of secrets beside them.
struct Files(TempDir);

impl Files {
    fn new(main: &str) -> Self {
        let files = Self(tempfile::tempdir().expect("a directory"));
        files.write("nearpoint.yaml", main);
        files.write("dc_options.yaml", OPTIONS);
        files
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).expect("a file");
    }

    fn load(&self) -> Result<Loaded, ConfigError> {
        load(&self.0.path().join("nearpoint.yaml"))
    }

    /// The problems, with files as the main one names them.
    fn problems(&self) -> Vec<String> {
        let error = self.load().expect_err("problems");
        let prefix = format!("{}/", self.0.path().display());
        error.problems.iter().map(|it| it.to_string().replace(&prefix, "")).collect()
    }
}

fn secrets(config: &Config) -> Vec<usize> {
    let sniffing = config.listeners[0].sniffing.as_ref().expect("it sniffs");
    sniffing.secrets.iter().map(|secret| secret.bytes().len()).collect()
}

#[test]
fn defaults_believe_nobody_and_refuse_who_names_no_dc() {
    let Loaded { config, notes, .. } = good(&main_file("{}", ""));
    let route = config.topology.route("clients").expect("a route");
    let by_header = ByHeader { trust_plain_dc: TrustPlainDc::Never, unknown: UnknownClient::Close };
    assert_eq!((route.route, route.sticky), (Route::Mtproto(by_header), None));
    let sniffing = config.listeners[0].sniffing.as_ref().expect("it sniffs");
    assert_eq!((&*sniffing.secrets, sniffing.timeout), (&[][..], Duration::from_secs(5)));
    let told = notes.iter().find(|note| note.path == "listeners[0].route.mtproto");
    assert!(told.expect("a note").text.starts_with("no header counts: there is no secret"));
    assert_eq!(good(LISTENER).config.listeners[0].sniffing, None);
}

#[test]
fn every_key_of_the_route_arrives() {
    let route = format!(
        "{{secrets: ['{SECRET}'], trust_plain_dc: known, unknown: nearest, sniff_timeout: 2s}}"
    );
    let loaded = good(&main_file(&route, ", class: media, sticky: {ttl: 1h}"));
    let route = loaded.config.topology.route("clients").expect("a route");
    let by_header =
        ByHeader { trust_plain_dc: TrustPlainDc::Known, unknown: UnknownClient::Nearest };
    assert_eq!(route.route, Route::Mtproto(by_header));
    let goes_to = by_header.destination(None, route, &loaded.config.topology);
    assert_eq!(goes_to, Some(Destination::Nearest(Class::Media)));
    assert_eq!(route.sticky.map(|it| it.ttl), Some(Duration::from_secs(3600)));
    assert_eq!(secrets(&loaded.config), [16]);
    assert_eq!(loaded.notes.len(), 1, "of the DC alone: {:?}", loaded.notes);

    let bound = good(&main_file("{trust_plain_dc: known, unknown: {dc: 2}}", "")).config;
    let Some(Route::Mtproto(by_header)) = bound.topology.route("clients").map(|it| it.route) else {
        panic!("another route");
    };
    assert_eq!(by_header.unknown, UnknownClient::Dc(DcId(2)));
}

#[test]
fn what_decides_nothing_is_noted_and_no_part_of_the_effective_configuration() {
    let told = |main: &str| -> Vec<String> {
        let notes = good(main).notes.into_iter().filter(|note| !note.path.is_empty());
        notes.map(|note| format!("{}: {}", note.path, note.text)).collect()
    };
    let close = main_file(
        "{trust_plain_dc: known}",
        ", class: media, dial: on_first_byte, sticky: {ttl: 1h}",
    );
    assert_eq!(
        told(&close),
        [
            "listeners[0].sticky: means nothing here: clients are remembered with `unknown: \
             nearest` only",
            "listeners[0].dial: means nothing here: a DC is dialled once the header of the client \
             says which",
            "listeners[0].class: means nothing here: clients that name a DC name the class too, \
             and others are refused",
        ]
    );
    let bare = good(&main_file("{trust_plain_dc: known}", "")).config.effective();
    assert_eq!(good(&close).config.effective(), bare);
    let bound =
        main_file("{trust_plain_dc: known, unknown: {dc: 2}}", ", class: media, sticky: {}");
    assert_eq!(told(&bound).len(), 1, "the class counts for those without a DC");
    assert_eq!(
        told(&main_file("{trust_plain_dc: known, unknown: nearest}", ", sticky: {}")),
        [""; 0]
    );
}

#[test]
fn a_file_of_secrets_is_as_good_as_a_list() {
    let both = main_file(&format!("{{secrets: ['{SECRET}'], secrets_file: keys/now}}"), "");
    let files = Files::new(&both);
    fs::create_dir(files.0.path().join("keys")).expect("a folder");
    let text = format!(
        "\u{feff}# ours\r\n\n  {OTHER}\t# of autumn\r\n#{SECRET}\nAQIDBAUGBwgJCgsMDQ4PEA=="
    );
    files.write("keys/now", &text);
    let Loaded { config, sources, .. } = files.load().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(secrets(&config), [16, 17, 16]);
    assert!(sources.paths().any(|path| path == files.0.path().join("keys/now")), "watched");
    assert!(!sources.is_database(&files.0.path().join("keys/now")));

    let effective = config.effective();
    let shown =
        effective["listeners"][0]["route"]["mtproto"]["secrets"].as_array().expect("a list");
    assert_eq!(shown.len(), 3);
    assert!(shown.iter().all(|it| it.as_str().is_some_and(|it| it.starts_with("redacted:"))));
    for shown in [format!("{config:?}"), effective.to_string()] {
        for secret in [SECRET, OTHER, "AQIDBAUG", "[1, 2, 3, 4", "[0, 17, 34"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    files.write("keys/now", OTHER);
    let later = files.load().unwrap_or_else(|error| panic!("{error}")).config;
    assert_ne!(later, config);
    let plan = ReloadPlan::new(&config, &later);
    assert_eq!(plan.listeners.adjusted, ["clients"]);
    let changed: Vec<&str> = plan.changes.iter().map(|change| change.path.as_str()).collect();
    assert_eq!(changed, ["listeners[clients].route.mtproto.secrets"]);
}

#[test]
fn a_file_of_secrets_is_refused_line_by_line_and_shows_none_of_them() {
    let files = Files::new(&main_file("{secrets_file: keys}", ""));
    let tls = format!("ee{SECRET}6578616d706c65");
    files.write("keys", &format!("{SECRET}\nxyzzy # no\n\n{tls}\ndd{SECRET}\n\u{fffd}"));
    let shape = "is not a secret: 16 bytes, or 17 from dd on, as hex, base64 or a list";
    assert_eq!(
        files.problems(),
        [
            format!("keys:2: {shape}"),
            "keys:4: is a secret of fake TLS (from ee on): its clients show their header to nobody \
             but who answers their TLS handshake"
                .to_owned(),
            "keys:5: repeats the secret of line 1".to_owned(),
            format!("keys:6: {shape}"),
        ]
    );

    files.write("keys", &"xyzzy\n".repeat(1000));
    let told = files.problems();
    assert_eq!(told.len(), 17);
    assert_eq!(told[16], "keys: and 984 more of this kind");
    files.write("keys", &"#".repeat(65 << 10));
    assert_eq!(files.problems(), ["keys: has more than 64 KiB"]);
    fs::remove_file(files.0.path().join("keys")).expect("it was there");
    assert_eq!(files.problems().len(), 1);
    let error = files.load().expect_err("no file");
    assert!(error.to_string().contains("keys: cannot be read: "), "{error}");
    let sources = error.sources.expect("it is known which files would help");
    assert_eq!(sources.secrets, [files.0.path().join("keys")]);
    fs::create_dir(files.0.path().join("keys")).expect("a folder");
    assert_eq!(files.problems(), ["keys: is not a file"]);
}

#[test]
fn secrets_of_list_and_file_are_counted_and_compared_together() {
    let numbered = |numbers: std::ops::Range<u8>| -> Vec<String> {
        numbers.map(|number| format!("{number:032x}")).collect()
    };
    let listed = |numbers| {
        let quoted = numbered(numbers).into_iter().map(|it| format!("'{it}'"));
        quoted.collect::<Vec<_>>().join(", ")
    };
    let of =
        |numbers, file: &str| main_file(&format!("{{secrets: [{}]{file}}}", listed(numbers)), "");
    good(&of(0..16, ""));
    assert_eq!(
        problems(&of(0..17, "")),
        ["listeners[0].route.mtproto.secrets: has 17 secrets; 16 at most"]
    );
    let files = Files::new(&of(0..9, ", secrets_file: keys"));
    files.write("keys", &numbered(9..16).join("\n"));
    assert_eq!(secrets(&files.load().expect("16 of them").config).len(), 16);
    files.write("keys", &numbered(9..17).join("\n"));
    assert_eq!(
        files.problems(),
        ["nearpoint.yaml:1: listeners[0].route.mtproto.secrets_file: has 17 secrets; 16 at most, \
          those of `secrets` included"]
    );
    files.write("keys", &numbered(20..40).join("\n"));
    assert_eq!(files.problems(), ["keys: has 20 secrets; 16 at most"]);
    files.write("keys", &format!("#\ndd{:032x}", 8));
    assert_eq!(
        files.problems(),
        [
            "nearpoint.yaml:1: listeners[0].route.mtproto.secrets_file: line 2 repeats the secret of \
          listeners[0].route.mtproto.secrets[8]"
        ]
    );
}

#[test]
fn a_file_that_several_listeners_name_is_told_about_once() {
    let listener = |name: &str, port: u16| {
        format!(
            "{{name: {name}, bind: ['127.0.0.1:{port}'], route: {{mtproto: {{secrets_file: keys}}}}}}"
        )
    };
    let files = Files::new(&format!("listeners: [{}, {}]", listener("a", 1), listener("b", 2)));
    files.write("keys", "xyzzy");
    assert_eq!(files.problems().len(), 1);
    files.write("keys", SECRET);
    let loaded = files.load().expect("a good file");
    assert_eq!(loaded.sources.secrets.len(), 1);
    assert_eq!(loaded.config.listeners[0].sniffing, loaded.config.listeners[1].sniffing);
}

#[test]
fn broken_routes_are_told_with_their_path() {
    let at = "listeners[0].route.mtproto";
    for (route, problem) in [
        ("{secrets: [1122]}", "secrets[0]: is a number; quote it to make it hex"),
        (
            "{secrets: [xyzzy]}",
            "secrets[0]: is not a secret: 16 bytes, or 17 from dd on, as hex, base64 or a list",
        ),
        (
            "{secrets: [ABEiM0RVZneImaq7zN3u/w==, 00112233445566778899aabbccddeeff]}",
            "secrets[1]: repeats the secret of listeners[0].route.mtproto.secrets[0]",
        ),
        ("{secrets: 00112233445566778899aabbccddeeff}", "secrets: is text, not a list"),
        ("{secrets_file: []}", "secrets_file: is a list, not text"),
        ("{trust_plain_dc: always}", "trust_plain_dc: \"always\" is not `never` or `known`"),
        ("{unknown: open}", "unknown: \"open\" is not `close`, `nearest` or `{dc: N}`"),
        ("{unknown: {dc: 7}}", "unknown.dc: there is no DC 7 in `dcs` or in dc_options"),
        ("{sniff_timeout: 50ms}", "sniff_timeout: 50ms is outside 100ms..1h"),
        ("{trust: known}", "trust: unknown key"),
    ] {
        assert_eq!(problems(&main_file(route, "")), [format!("{at}.{problem}")], "{route}");
    }
    let main = format!("dcs: [{{id: 5}}]\n{}", main_file("{unknown: {dc: 5}}", ", dcs: [2]"));
    assert_eq!(problems(&main), ["listeners[0].dcs: does not allow DC 5, which `route` asks for"]);
}
