//! What first bytes come to, and when.

use super::*;
use proptest::prelude::*;

fn decided(bytes: &[u8]) -> FirstBytes {
    match sniff(bytes, &[]) {
        Sniffed::Decided(first) => first,
        Sniffed::NeedMore(n) => panic!("{bytes:02x?} needs {n}"),
    }
}

#[test]
fn each_beginning_is_decided_where_it_can_be() {
    let full = hex("34000000 00000000");
    let cases: &[(&[u8], FirstBytes, &[usize])] = &[
        (&[0xef], FirstBytes::Plain(Transport::Abridged), &[1]),
        (&[0xee; 4], FirstBytes::Plain(Transport::Intermediate), &[1, 4, 4, 4]),
        (&[0xdd; 4], FirstBytes::Plain(Transport::Padded), &[1, 4, 4, 4]),
        (b"POST", FirstBytes::Http, &[1, 4, 4, 4]),
        (b"GET ", FirstBytes::Http, &[1, 4, 4, 4]),
        (b"HEAD", FirstBytes::Http, &[1, 4, 4, 4]),
        (b"OPTI", FirstBytes::Http, &[1, 4, 4, 4]),
        (&[0x16, 3, 1, 2], FirstBytes::Tls, &[1, 4, 4, 4]),
        (&full, FirstBytes::Plain(Transport::Full), &[1, 8, 8, 8, 8, 8, 8, 8]),
        (&[0; 8], FirstBytes::Unrecognised, &[1, 8, 8, 8, 8, 8, 8, 8]),
    ];
    for (bytes, first, needed) in cases {
        for (have, needed) in needed.iter().enumerate() {
            assert_eq!(sniff(&bytes[..have], &[]), Sniffed::NeedMore(*needed), "{bytes:02x?}");
        }
        assert_eq!(needed.len(), bytes.len());
        assert_eq!(decided(bytes), *first);
        let more = [bytes, &[0x5a; 200][..]].concat();
        assert_eq!(decided(&more), *first);
    }
}

#[test]
fn what_might_be_two_things_waits_until_it_is_one() {
    for (bytes, needed) in [
        // The length of a frame in full may begin as a tag does.
        (&[0xee, 0xee, 0xee][..], 4),
        (&[0xee, 0xee, 0xee, 0], 8),
        (b"GETS", 8),
        (&[1, 2, 3, 4, 0, 0], 8),
        (&[1, 2, 3, 4, 5], 64),
        (&[1, 2, 3, 4, 0, 0, 1], 64),
        (&[1, 2, 3, 4, 0, 0, 0, 1], 64),
        (&[9; 63], 64),
    ] {
        assert_eq!(sniff(bytes, &[]), Sniffed::NeedMore(needed), "{bytes:02x?}");
    }
}

#[test]
fn full_begins_with_a_length_that_a_frame_may_have() {
    for (length, plausible) in
        [(0, false), (12, false), (16, true), (18, false), (52, true), (1 << 24, true)]
    {
        let first = decided(&u64::from(length as u32).to_le_bytes());
        assert_eq!(first == FirstBytes::Plain(Transport::Full), plausible, "{length}");
    }
    assert_eq!(decided(&hex("fcffffff 00000000")), FirstBytes::Unrecognised);
}

#[test]
fn tls_of_another_length_is_told_once_it_is_no_header() {
    let mut hello = [0x77; HEADER];
    hello[..6].copy_from_slice(&[0x16, 3, 1, 7, 0x20, 1]);
    assert_eq!(sniff(&hello[..63], &[]), Sniffed::NeedMore(HEADER));
    assert_eq!(decided(&hello), FirstBytes::Tls);
    let (_, header) = Obfuscation::connect(&random_from(&hello[..56]), Transport::Padded, 4, None);
    let said = Header { transport: Transport::Padded, dc: 4, secret: None };
    assert_eq!(decided(&header), FirstBytes::Obfuscated(said));
}

#[test]
fn the_first_secret_that_fits_wins_and_no_secret_comes_last() {
    let [other, plain, padded] =
        [Secret::new(&[9; 16]).expect("one"), secret(&[]), secret(&[0xdd])];
    let header = |secret| {
        let random = random_from(&[]);
        Obfuscation::connect(&random, Transport::Intermediate, 10_002, secret).1
    };
    let index = |header: &[u8; HEADER], secrets: &[Secret]| match sniff(header, secrets) {
        Sniffed::Decided(FirstBytes::Obfuscated(header)) => Some(header.secret),
        _ => None,
    };
    let known = [other.clone(), plain.clone(), padded.clone()];
    assert_eq!(index(&header(None), &known), Some(None));
    assert_eq!(index(&header(Some(&other)), &known), Some(Some(0)));
    // Two secrets of one key are one to a header.
    assert_eq!(index(&header(Some(&plain)), &known), Some(Some(1)));
    assert_eq!(index(&header(Some(&padded)), &known), Some(Some(1)));
    assert_eq!(index(&header(Some(&padded)), &known[2..]), Some(Some(0)));
    assert_eq!(index(&header(Some(&plain)), &known[..1]), None);
}

#[test]
fn a_header_that_fits_with_a_secret_and_without_is_that_of_the_secret() {
    // One initial counter in a billion makes it so; this one was searched for.
    let mut wire = [0x42; HEADER];
    wire[40..].copy_from_slice(&hex("4242424242424242000000000fb99a89 c97cc6be 464c 0000"));
    let fits = |secrets: &[Secret]| sniff(&wire, secrets);
    let header = |transport, dc, secret| {
        Sniffed::Decided(FirstBytes::Obfuscated(Header { transport, dc, secret }))
    };
    let secret = Secret::new(&[7; 16]).expect("a secret");
    assert_eq!(fits(&[]), header(Transport::Abridged, 21_674, None));
    assert_eq!(fits(&[secret]), header(Transport::Intermediate, 4, Some(0)));
}

#[test]
fn numbers_of_dcs_are_taken_apart() {
    let named = |dc| Header { transport: Transport::Abridged, dc, secret: None }.named_dc();
    for (dc, id, media, test) in [
        (2, 2, false, false),
        (-4, 4, true, false),
        (10_002, 2, false, true),
        (-10_002, 2, true, true),
        (10_000, 10_000, false, false),
        (0, 0, false, false),
        (i16::MIN, 22_768, true, true),
        (i16::MAX, 22_767, false, true),
    ] {
        assert_eq!(named(dc), NamedDc { id, media, test }, "{dc}");
    }
}

#[test]
fn random_bytes_that_look_like_something_else_are_refused() {
    let begins = |bytes: &[u8]| {
        let mut random = [0x55; Random::LEN];
        random[..bytes.len()].copy_from_slice(bytes);
        Random::new(&random).is_some()
    };
    assert!(begins(b"\x56\0\0\0") && begins(&[0xee, 0xee, 0xee]) && begins(b"GET/"));
    assert!(begins(&[1, 2, 3, 4, 0, 0, 0, 1]) && begins(&[0x16, 3, 1, 7]));
    for refused in [
        &[0xef][..],
        &[0xee; 4],
        &[0xdd; 4],
        b"HEAD",
        b"POST",
        b"GET ",
        b"OPTI",
        &[0x16, 3, 1, 2],
        &[1, 2, 3, 4, 0, 0, 0, 0],
    ] {
        assert!(!begins(refused), "{refused:02x?}");
    }
    let mut asked = 0;
    let drawn = Random::draw(|bytes| {
        asked += 1;
        *bytes = [if asked < 4 { 0xef } else { 0xf0 }; Random::LEN];
        Ok::<_, ()>(())
    });
    assert_eq!((drawn.is_ok(), asked), (true, 4));
    assert_eq!(Random::draw(|_| Err("no entropy")).err(), Some("no entropy"));
}

/// All secrets that the properties know.
fn secrets() -> Vec<Secret> {
    let mut secrets: Vec<_> =
        (0..6).map(|n| Secret::new(&[n; 16]).expect("16 bytes are a secret")).collect();
    secrets.push(secret(&[0xdd]));
    secrets
}

/// First bytes of every kind: openings, lengths, headers, and such as are nearly one of them.
fn first_bytes() -> impl Strategy<Value = Vec<u8>> {
    let beginnings: Vec<Vec<u8>> = [&[0xef][..], &[0xee; 4], &[0xdd; 4], b"POST", b"GET ", b"OPTI"]
        .into_iter()
        .chain([&b"HEAD"[..], &[0x16, 3, 1, 2], &[0x34, 0, 0, 0, 0, 0, 0, 0], &[0; 8], b""])
        .map(<[u8]>::to_vec)
        .collect();
    let beginning = (proptest::sample::select(beginnings), 0_usize..9, any::<Vec<u8>>())
        .prop_map(|(begin, kept, rest)| [&begin[..begin.len().min(kept)], &rest].concat());
    let header = (any::<[u8; 56]>(), 0_usize..8, any::<i16>(), any::<[u8; 8]>()).prop_filter_map(
        "a header may not begin so",
        |(bytes, key, dc, rest)| {
            let mut random = [0; Random::LEN];
            random[..56].copy_from_slice(&bytes);
            let header = Random::new(&random).map(|random| {
                Obfuscation::connect(&random, Transport::Abridged, dc, secrets().get(key)).1
            });
            Some([&header?[..], &rest].concat())
        },
    );
    prop_oneof![3 => beginning, 2 => header, 1 => any::<Vec<u8>>()]
}

/// Bytes after which something is decided at `needed`: that waiting for so many is not too long.
fn decided_at(prefix: &[u8], needed: usize) -> bool {
    let openings = [&[0xef][..], &[0xee; 4], &[0xdd; 4], b"POST", b"GET ", b"HEAD", b"OPTI"];
    let fits = |opening: &&&[u8]| opening.starts_with(prefix) && opening.len() == needed;
    let mut whole = prefix.to_vec();
    whole.resize(needed, 0);
    if let Some(opening) = openings.iter().chain([&&[0x16, 3, 1, 2][..]]).find(fits) {
        whole = opening.to_vec();
    }
    matches!(sniff(&whole, &[]), Sniffed::Decided(_))
}

proptest! {
    #[test]
    fn outcomes_depend_on_bytes_and_never_on_pieces(bytes in first_bytes(), known in 0_usize..8) {
        let secrets = secrets();
        let secrets = &secrets[..known.min(secrets.len())];
        let whole = sniff(&bytes, secrets);
        let mut wanted = 1;
        for have in 0..=bytes.len() {
            match sniff(&bytes[..have], secrets) {
                Sniffed::NeedMore(needed) => {
                    prop_assert!([1, 4, 8, 64].contains(&needed) && needed > have);
                    // Whoever waits for what was asked for is not asked for less afterwards.
                    prop_assert!(needed >= wanted);
                    prop_assert!(decided_at(&bytes[..have], needed));
                    wanted = needed;
                }
                outcome @ Sniffed::Decided(_) => {
                    prop_assert_eq!(outcome, whole);
                    prop_assert!(have >= wanted);
                }
            }
        }
    }

    #[test]
    fn headers_are_recognised_by_their_secret(
        bytes: [u8; 56], key in 0_usize..8, dc: i16, of in 0_usize..3,
    ) {
        let mut random = [0; Random::LEN];
        random[..56].copy_from_slice(&bytes);
        let Some(random) = Random::new(&random) else { return Ok(()) };
        let secrets = secrets();
        let (secret, transport) = (secrets.get(key), Transport::ALL[of]);
        let (_, header) = Obfuscation::connect(&random, transport, dc, secret);
        let said = Header { transport, dc, secret: secret.map(|_| key) };
        prop_assert_eq!(sniff(&header, &secrets), Sniffed::Decided(FirstBytes::Obfuscated(said)));
        prop_assert!(Obfuscation::accept(&header, &secrets).is_some_and(|(_, it)| it == said));
    }
}
