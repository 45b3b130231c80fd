//! Replays what fuzzing starts from and what it has found, with a stable compiler and in a moment.
//! `fuzz/README.md` tells how to look for more.
//!
//! The seeds are made here. Run with `NEARPOINT_REWRITE=1` in the environment to write them anew.

#[path = "../fuzz/checks/answer.rs"]
mod answer;
#[path = "../fuzz/checks/sniff.rs"]
mod sniff;

use std::fs;
use std::path::{Path, PathBuf};

use nearpoint::mtproto::{Question, ReqPq, ResPq, Secret, SecretKind, Style, Transport};

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
fn the_seeds_are_all_there() {
    for (target, seeds) in [("sniff", first_bytes()), ("answer", conversations())] {
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
