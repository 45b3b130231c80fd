//! Replays what fuzzing starts from and what it has found, with a stable compiler and in a moment.
//! `fuzz/README.md` tells how to look for more.
//!
//! The seeds are made here. Run with `NEARPOINT_REWRITE=1` in the environment to write them anew.

#[path = "../fuzz/checks/answer.rs"]
mod answer;
#[path = "../fuzz/checks/dc_options.rs"]
mod dc_options;
#[path = "../fuzz/checks/proxy_header.rs"]
mod proxy_header;
#[path = "../fuzz/checks/sniff.rs"]
mod sniff;

use std::fs;
use std::path::{Path, PathBuf};

use nearpoint::mtproto::{Question, ReqPq, ResPq, Secret, SecretKind, Style, Transport};
use nearpoint::proxy_protocol::{self, Announced, Details, v1, v2};

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)
}

/// Every file of a corpus.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder(target)).expect("a folder");
    let files = entries.map(|entry| entry.expect("an entry").path());
    files.map(|path| fs::read(path).expect("a file of the corpus")).collect()
}

#[test]
fn first_bytes_that_were_found_once_come_to_what_they_should() {
    let corpus = corpus("sniff");
    assert!(corpus.len() >= first_bytes().len());
    corpus.iter().for_each(|input| sniff::check(input));
}

#[test]
fn answers_that_were_found_once_are_read_as_they_should() {
    let corpus = corpus("answer");
    assert!(corpus.len() >= conversations().len());
    corpus.iter().for_each(|input| answer::check(input));
}

#[test]
fn headers_that_were_found_once_come_to_what_they_should() {
    let corpus = corpus("proxy_header");
    assert!(corpus.len() >= headers().len());
    corpus.iter().for_each(|input| proxy_header::check(input));
}

#[test]
fn lists_that_were_found_once_are_read_and_written_as_they_should() {
    let corpus = corpus("dc_options");
    assert!(corpus.len() >= lists().len());
    corpus.iter().for_each(|input| dc_options::check(input));
}

/// Names of lists that do not load.
const REFUSED: [&str; 11] = [
    "missing",
    "wrong",
    "unknown",
    "empty",
    "nothing",
    "scalar",
    "no-list",
    "two-documents",
    "cut-off",
    "not-text",
    "deep",
];

#[test]
fn the_lists_that_are_to_load_do() {
    let refused = lists().into_iter().filter(|(_, text)| dc_options::load(text).is_none());
    assert_eq!(refused.map(|(name, _)| name).collect::<Vec<_>>(), REFUSED);
}

#[test]
fn the_seeds_are_all_there() {
    for (target, seeds) in [
        ("sniff", first_bytes()),
        ("answer", conversations()),
        ("proxy_header", headers()),
        ("dc_options", lists()),
    ] {
        for (name, bytes) in seeds {
            let path = folder(target).join(&name);
            if std::env::var_os("NEARPOINT_REWRITE").is_some() {
                fs::write(&path, &bytes).expect("written");
            }
            let written = fs::read(&path).unwrap_or_default();
            assert!(written == bytes, "{name} of {target} is not what NEARPOINT_REWRITE=1 writes");
        }
    }
}

/// Inputs for `sniff`: every beginning, whole, with more behind it and a byte short of it, and a header of
/// every style.
fn first_bytes() -> Vec<(String, Vec<u8>)> {
    let full = [0x34, 0, 0, 0, 0, 0, 0, 0];
    let beginnings: [(&str, &[u8]); 11] = [
        ("abridged", &[0xef]),
        ("intermediate", &[0xee; 4]),
        ("padded", &[0xdd; 4]),
        ("full", &full),
        ("post", b"POST"),
        ("get", b"GET "),
        ("head", b"HEAD"),
        ("options", b"OPTI"),
        ("tls", &[0x16, 3, 1, 2]),
        ("zeros", &[0; 8]),
        ("unrecognised", &[0x41; 64]),
    ];
    let mut seeds = vec![("nothing".to_owned(), vec![0, 0])];
    for (name, bytes) in beginnings {
        let raw = |bytes: &[u8]| [&[3, 0], bytes].concat();
        seeds.push((name.to_owned(), raw(bytes)));
        seeds.push((format!("{name}-short"), raw(&bytes[..bytes.len() - 1])));
        seeds.push((format!("{name}-long"), raw(&[bytes, &[0x5a; 70]].concat())));
    }
    let random: Vec<u8> = (0..80).map(|at| 0x40 | at).collect();
    for (number, transport) in (0..).zip(Transport::ALL) {
        for (known, secret) in [(0, "none"), (1, "first"), (16, "last"), (15, "unused")] {
            let used = if secret == "unused" { 15 } else { known.max(1) - 1 };
            let described = [&[known, 0x80 | used, 0xfe, 0xff, number], &random[..], &[1, 2, 3]];
            let name = format!("header-{}-{secret}", transport.as_str());
            seeds.push((name, described.concat()));
        }
    }
    seeds
}

/// Inputs for `answer`: in every style the answer, an error and the question, in one piece and byte by
/// byte, and lengths at the edges.
fn conversations() -> Vec<(String, Vec<u8>)> {
    let res_pq = |nonce, count| {
        let fingerprints = vec![0xc3b4_2b02_6ce8_6b21; count];
        ResPq { nonce, server_nonce: [5; 16], pq: 0x17ed_4894_1a08_f981, fingerprints }.to_bytes(1)
    };
    let answer = res_pq(answer::NONCE, 1);
    let question = ReqPq { msg_id: 4, nonce: answer::NONCE }.to_bytes();
    let mut seeds = Vec::new();
    let styles = answer::styles();
    for (number, style) in (0..).zip(&styles) {
        let mut seed = |name: &str, who, length, bytes: &[u8]| {
            let name = format!("{}-{name}", name_of(number, style));
            seeds.push((name, [&[number, who, length], bytes].concat()));
        };
        seed("answer", 1, 0, &answer);
        seed("answer-singly", 1, 1, &answer);
        seed("error", 1, 3, &(-404_i32).to_le_bytes());
        seed("question", 3, 0, &question);
        seed("question-singly", 3, 1, &question);
        let asked = Question::new(style, answer::NONCE, 4, &answer::random());
        seed("asked", 2, 5, asked.opening());
        seed("echo", 0, 0, asked.opening());
    }
    for (number, transport) in (0..).zip(Transport::ALL) {
        let mut seed = |name: &str, who, bytes: &[u8]| {
            let name = format!("{}-{name}", transport.as_str());
            seeds.push((name, [&[number, who, 0], bytes].concat()));
        };
        seed("other-nonce", 1, &res_pq([9; 16], 2));
        seed("most-fingerprints", 1, &res_pq(answer::NONCE, 64));
        seed("too-many-fingerprints", 1, &res_pq(answer::NONCE, 65));
        seed("shortest", 3, &[7; 4]);
        seed("last-of-one-byte", 3, &[7; 126 * 4]);
        seed("first-of-four-bytes", 3, &[7; 127 * 4]);
        seed("longest", 3, &[7; 512]);
        seed("quick-ack", 0, &[0xff, 0xff, 0xff, 0xff, 1, 2, 3, 0x84]);
        seed("bare-error", 0, &(-429_i32).to_le_bytes());
        seed("too-long", 2, &[transport.opening(), &[0x7f, 0xff, 0xff, 0x7f]].concat());
        seed("too-short", 2, &[transport.opening(), &[0; 8]].concat());
    }
    seeds
}

/// Inputs for `proxy_header`: every form of both versions, whole, with more behind it and a byte short of it,
/// lengths at the edges, and headers of ours that are damaged.
fn headers() -> Vec<(String, Vec<u8>)> {
    let client = |from: &str, to: &str| {
        let [source, destination] = [from, to].map(|it| it.parse().expect("an address"));
        Announced::Client { source, destination }
    };
    let v4 = client("203.0.113.7:50000", "192.0.2.1:443");
    let v6 = client("[2001:db8::7]:50000", "[2001:db8::1]:443");
    let mixed = client("203.0.113.7:50000", "[2001:db8::1]:443");
    let (country, unique_id) = (Some("NL"), &b"name"[..]);
    let details = Details { unique_id, country, dc: 2, listener: "clients", edge: "edge-1" };
    let stream = proxy_protocol::Transport::Stream;
    let mut whole = Vec::new();
    for (name, announced) in [
        ("v4", v4),
        ("v6", v6),
        ("mixed", mixed),
        ("nobody", Announced::Nobody),
        ("neighbour", Announced::Neighbour),
    ] {
        whole.push((format!("line-{name}"), v1(&announced)));
        whole.push((format!("binary-{name}"), v2(stream, &announced, None)));
        whole.push((format!("details-{name}"), v2(stream, &announced, Some(&details))));
    }
    let head = |family: u8, length: u16| {
        [b"\r\n\r\n\0\r\nQUIT\n\x21", &[family][..], &length.to_be_bytes()].concat()
    };
    let with = |family, payload: &[u8]| [&head(family, payload.len() as u16), payload].concat();
    for (name, bytes) in [
        ("line-of-junk", b"PROXY UNKNOWN and more\r\n".to_vec()),
        ("line-too-long", [&b"PROXY UNKNOWN "[..], &[b'x'; 120]].concat()),
        ("line-of-others", b"PROXY TCP4 2001:db8::7 192.0.2.1 1 2\r\n".to_vec()),
        ("unix", with(0x31, &[7; 216])),
        ("datagram", with(0x12, &[7; 12])),
        ("addresses-cut", with(0x21, &[7; 35])),
        ("unspecified-junk", with(0x00, &[7; 5])),
        ("empty-id", with(0x11, &[&[7; 12][..], &[5, 0, 0]].concat())),
        ("longest-id", with(0x11, &[&[7; 12][..], &[5, 0, 128], &[7; 128]].concat())),
        ("too-long-id", with(0x11, &[&[7; 12][..], &[5, 0, 129], &[7; 129]].concat())),
        ("damaged-value", with(0x11, &[&[7; 12][..], &[0xea, 0, 9, 1]].concat())),
        ("longest", with(0x11, &[4; 600])),
    ] {
        whole.push((name.to_owned(), bytes));
    }
    let mut seeds = vec![("nothing".to_owned(), vec![0])];
    for (name, bytes) in whole {
        let raw = |bytes: &[u8]| [&[0], bytes].concat();
        seeds.push((format!("{name}-short"), raw(&bytes[..bytes.len() - 1])));
        seeds.push((format!("{name}-long"), raw(&[&bytes, &b"payload"[..]].concat())));
        seeds.push((name, raw(&bytes)));
    }
    let mapped = [&[0; 10][..], &[0xff, 0xff, 203, 0, 113, 7, 0xc3, 0x50]].concat();
    let plain = [&[0x20, 1, 0xd, 0xb8][..], &[0; 12], &[1, 0xbb]].concat();
    for (name, at, addresses) in [
        ("sound", [0, 0], [&mapped, &mapped]),
        ("of-family", [13, 0x30], [&plain, &mapped]),
        ("of-length", [15, 1], [&mapped, &plain]),
        ("of-address", [20, 1], [&plain, &plain]),
        ("of-checksum", [33, 1], [&mapped, &mapped]),
        ("of-its-type", [28, 1], [&mapped, &mapped]),
    ] {
        let described = [&at[..], addresses[0], addresses[1], &[0, 2], b"nameedge"].concat();
        for (kind, what) in [("stream", 0x80), ("datagram", 0xc0)] {
            let name = format!("described-{kind}-{name}");
            seeds.push((name, [&[what], &described[..]].concat()));
        }
    }
    seeds
}

/// Inputs for `dc_options`: lists in every shape that loads, and in some that do not.
fn lists() -> Vec<(String, Vec<u8>)> {
    let lists = [
        (
            "bare",
            "- {id: 1, ip_address: 192.0.2.1, port: 443}\n- {id: 2, ip: '2001:db8::1', port: 80}\n",
        ),
        (
            "wrapped",
            "dc_options:\n  - {id: 1, ip: 192.0.2.1, port: 443, static: true}\ntest_mode: true\n",
        ),
        (
            "json",
            "{\"_\":\"config\",\"test_mode\":false,\"dc_options\":[{\"_\":\"dcOption\",\"flags\":18,\
             \"id\":2,\"ip_address\":\"192.0.2.1\",\"port\":443,\"secret\":null}]}",
        ),
        (
            "flags",
            "- {id: 2, ip: 192.0.2.1, port: 443, media_only: true}\n\
             - {id: 203, ip: 192.0.2.2, port: 443, cdn: true, this_port_only: true}\n\
             - {id: 2, ip: '2001:db8::1', port: 443, ipv6: true, tcpo_only: true}\n",
        ),
        (
            "secrets",
            "- {id: 2, ip: 192.0.2.1, port: 443, secret: 00112233445566778899aabbccddeeff}\n\
             - {id: 2, ip: 192.0.2.2, port: 443, secret: 'ABEiM0RVZneImaq7zN3u/w=='}\n\
             - {id: 2, ip: 192.0.2.3, port: 443, secret: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}\n\
             - {id: 2, ip: 192.0.2.4, port: 443, secret: \
             ee00112233445566778899aabbccddeeff686f73742e6578616d706c65}\n",
        ),
        (
            "bounds",
            "- {id: 2, ip: 192.0.2.1, port: 443, weight: 10000, max_sessions: 7, protocols: [tcp, udp]}\n\
             - {id: 2, ip: 192.0.2.1, port: 444, weight: 1, protocols: [udp]}\n",
        ),
        (
            "offered",
            "- {id: 2, ip: 192.0.2.1, port: 443, for: {country: [NL, DE]}}\n\
             - {id: 2, ip: 192.0.2.2, port: 443, for: {cidr: [198.51.100.0/24]}}\n\
             - {id: 2, ip: 192.0.2.2, port: 443, for: {continent: [EU]}}\n",
        ),
        ("twice", "- &a {id: 1, ip: 192.0.2.1, port: 443}\n- *a\n"),
        ("quoted", "- {\"id\": 0x2, 'ip': '192.0.2.1', port: 0o673}\n"),
        ("missing", "- {id: 1, port: 443}\n- {ip: 192.0.2.1}\n"),
        ("wrong", "- {id: 70000, ip: 192.0.2.256, port: 0, static: 1}\n"),
        ("unknown", "- {id: 1, ip: 192.0.2.1, port: 443, statik: true}\n"),
        ("empty", "[]"),
        ("nothing", ""),
        ("scalar", "dc_options"),
        ("no-list", "{dc_options: {}}"),
        ("two-documents", "- {id: 1, ip: 192.0.2.1, port: 443}\n---\n[]\n"),
        ("cut-off", "- {id: 1, ip: 192.0.2.1, port: 4"),
        ("not-text", "- {id: 1, ip: \u{0}\u{fffd}}\n"),
        ("deep", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
    ];
    lists.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).into()
}

/// Number of a style among those of the target, and what it is.
fn name_of(number: u8, style: &Style) -> String {
    let obfuscated = if style.prologue_len() == 64 { "obfuscated" } else { "plain" };
    format!("{number:02}-{obfuscated}-{}", style.transport().as_str())
}

#[test]
fn the_secrets_of_the_targets_are_of_every_kind_that_is_spoken() {
    let kinds = answer::secrets().map(|secret: Secret| secret.kind());
    assert_eq!(kinds, [SecretKind::Plain, SecretKind::Padded]);
    assert_eq!(answer::styles().len(), 16);
}
