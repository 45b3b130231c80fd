use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use proptest::prelude::*;

use super::*;

const SIGNATURE: &[u8] = b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a";

const DETAILS: Details<'_> = Details {
    unique_id: b"00ff-1",
    country: Some("NL"),
    dc: 2,
    listener: "clients",
    edge: "edge-1",
};

fn client(source: &str, destination: &str) -> Announced {
    let at = |address: &str| address.parse().expect("an address of the test");
    Announced::Client { source: at(source), destination: at(destination) }
}

fn over_ipv4() -> Announced {
    client("203.0.113.7:50000", "192.0.2.1:443")
}

/// A header that fills all of the bytes.
fn whole(bytes: &[u8]) -> Option<Header<'_>> {
    match parse(bytes) {
        Parsed::Whole(length, header) if length == bytes.len() => Some(header),
        Parsed::Whole(..) | Parsed::Partial | Parsed::Malformed => None,
    }
}

fn announced(bytes: &[u8]) -> Option<Announced> {
    whole(bytes).map(|header| header.announced)
}

#[test]
fn version_1_is_a_line() {
    for (announced, line) in [
        (over_ipv4(), "PROXY TCP4 203.0.113.7 192.0.2.1 50000 443\r\n"),
        (
            client("[2001:db8::7]:50000", "[2001:db8::1]:443"),
            "PROXY TCP6 2001:db8::7 2001:db8::1 50000 443\r\n",
        ),
        (
            client("203.0.113.7:50000", "[2001:db8::1]:443"),
            "PROXY TCP6 ::ffff:cb00:7107 2001:db8::1 50000 443\r\n",
        ),
        (
            client("[2001:db8::7]:50000", "192.0.2.1:443"),
            "PROXY TCP6 2001:db8::7 ::ffff:c000:201 50000 443\r\n",
        ),
        (
            client("[::ffff:203.0.113.7]:50000", "[::ffff:192.0.2.1]:443"),
            "PROXY TCP4 203.0.113.7 192.0.2.1 50000 443\r\n",
        ),
        (Announced::Nobody, "PROXY UNKNOWN\r\n"),
        (Announced::Neighbour, "PROXY UNKNOWN\r\n"),
    ] {
        assert_eq!(String::from_utf8(v1(&announced)).expect("text"), line);
    }
}

#[test]
fn version_2_of_ipv4_is_written_byte_by_byte() {
    let addresses = [203, 0, 113, 7, 192, 0, 2, 1, 0xc3, 0x50, 0x01, 0xbb];
    for (transport, family) in [(Transport::Stream, 0x11), (Transport::Datagram, 0x12)] {
        let expected = [SIGNATURE, &[0x21, family, 0, 12], &addresses].concat();
        assert_eq!(v2(transport, &over_ipv4(), None), expected);
    }
}

#[test]
fn version_2_of_ipv6_is_written_byte_by_byte() {
    let mapped = |last: [u8; 4]| [&[0; 10][..], &[0xff, 0xff], &last].concat();
    let documented = |last| [&[0x20, 0x01, 0x0d, 0xb8][..], &[0; 11], &[last]].concat();
    for (announced, source, destination) in [
        (client("[2001:db8::7]:50000", "[2001:db8::1]:443"), documented(7), documented(1)),
        (client("203.0.113.7:50000", "[2001:db8::1]:443"), mapped([203, 0, 113, 7]), documented(1)),
        (client("[2001:db8::7]:50000", "192.0.2.1:443"), documented(7), mapped([192, 0, 2, 1])),
    ] {
        for (transport, family) in [(Transport::Stream, 0x21), (Transport::Datagram, 0x22)] {
            let head = [SIGNATURE, &[0x21, family, 0, 36]].concat();
            let ports = vec![0xc3, 0x50, 0x01, 0xbb];
            let expected = [head, source.clone(), destination.clone(), ports].concat();
            assert_eq!(v2(transport, &announced, None), expected);
        }
    }
    let mapped = client("[::ffff:203.0.113.7]:50000", "[::ffff:192.0.2.1]:443");
    assert_eq!(v2(Transport::Stream, &mapped, None), v2(Transport::Stream, &over_ipv4(), None));
}

#[test]
fn who_has_no_address_and_who_speaks_for_itself_have_none_in_version_2() {
    let local = [SIGNATURE, &[0x20, 0, 0, 0]].concat();
    let unknown = [SIGNATURE, &[0x21, 0, 0, 0]].concat();
    for transport in [Transport::Stream, Transport::Datagram] {
        assert_eq!(v2(transport, &Announced::Neighbour, None), local);
        assert_eq!(v2(transport, &Announced::Nobody, None), unknown);
    }
    assert_eq!(announced(&local), Some(Announced::Neighbour));
    assert_eq!(announced(&unknown), Some(Announced::Nobody));
    // Its family and addresses are nothing to anybody.
    let odd = [SIGNATURE, &[0x20, 0xff, 0, 3, 1, 2, 3]].concat();
    assert_eq!(announced(&odd), Some(Announced::Neighbour));
}

/// The checksums were computed bit by bit, by other code.
#[test]
fn details_are_written_byte_by_byte_and_begin_with_a_checksum_of_all_of_it() {
    for (transport, family, checksum) in
        [(Transport::Stream, 0x11, 0x3e80_261e_u32), (Transport::Datagram, 0x12, 0xa04c_caf3)]
    {
        let expected = [
            SIGNATURE,
            &[0x21, family, 0, 57],
            &[203, 0, 113, 7, 192, 0, 2, 1, 0xc3, 0x50, 0x01, 0xbb],
            b"\x03\x00\x04",
            &checksum.to_be_bytes(),
            b"\x05\x00\x0600ff-1",
            b"\xe4\x00\x02NL",
            b"\xe5\x00\x02\x00\x02",
            b"\xe6\x00\x07clients",
            b"\xe7\x00\x06edge-1",
        ];
        let header = v2(transport, &over_ipv4(), Some(&DETAILS));
        assert_eq!(header, expected.concat());
        let said = whole(&header).expect("a header");
        assert_eq!(said.announced, over_ipv4());
        assert_eq!((said.version, said.transport), (Version::Two, Some(transport)));
        assert_eq!(said.unique_id(), Some(&b"00ff-1"[..]));
        let tlvs = [COUNTRY, DC, LISTENER, EDGE].map(|kind| said.tlv(kind));
        assert_eq!(tlvs, [&b"NL"[..], &[0, 2], b"clients", b"edge-1"].map(Some));
    }
}

#[test]
fn what_is_empty_is_not_said_and_what_is_too_long_is_cut() {
    let details = Details { dc: 7, ..Details::default() };
    let header = v2(Transport::Stream, &over_ipv4(), Some(&details));
    assert_eq!(header.len(), 28 + 5 + 7, "a DC and a checksum");
    let long = "x".repeat(70_000);
    let details =
        Details { unique_id: long.as_bytes(), country: Some(&long), listener: &long, ..details };
    let header = v2(Transport::Stream, &over_ipv4(), Some(&details));
    let said = whole(&header).expect("a header");
    assert_eq!(said.unique_id().map(<[u8]>::len), Some(LONGEST_UNIQUE_ID));
    assert_eq!(said.tlv(LISTENER).map(<[u8]>::len), Some(255));
}

#[test]
fn nobody_has_details_too() {
    let header = v2(Transport::Stream, &Announced::Nobody, Some(&DETAILS));
    let said = whole(&header).expect("a header");
    assert_eq!(said.announced, Announced::Nobody);
    assert_eq!(said.tlv(EDGE), Some(&b"edge-1"[..]));
}

#[test]
fn a_checksum_that_is_wrong_damages_a_header_and_so_does_any_bit_under_it() {
    let header = v2(Transport::Stream, &over_ipv4(), Some(&DETAILS));
    for bit in 0..8 * header.len() {
        let mut damaged = header.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let said = whole(&damaged).map(|header| header.announced);
        // Of who speaks for itself, and of addresses of no family, nothing that follows is used. What
        // does not look like a checksum is none.
        let is_unused = damaged[12] == 0x20 || damaged[13] == 0x01;
        assert!(said.is_none() || is_unused || damaged[28] != CRC32C, "bit {bit}");
    }
    let short = [SIGNATURE, &[0x21, 0x11, 0, 17], &[0; 12], &[CRC32C, 0, 2, 0, 0]].concat();
    assert_eq!(parse(&short), Parsed::Malformed);
}

#[test]
fn what_is_behind_the_addresses_has_to_be_sound() {
    let with = |tlvs: &[u8]| {
        let length = u8::try_from(12 + tlvs.len()).expect("short");
        [SIGNATURE, &[0x21, 0x11, 0, length], &[0; 12], tlvs].concat()
    };
    for sound in [&[][..], &[4, 0, 0], &[4, 0, 1, 9], &[0xea, 0, 0, 0xea, 0, 1, 5]] {
        assert!(whole(&with(sound)).is_some(), "{sound:?}");
    }
    for damaged in [&[4][..], &[4, 0], &[4, 0, 1], &[4, 0, 0, 4], &[4, 0xff, 0xff, 1]] {
        assert_eq!(parse(&with(damaged)), Parsed::Malformed, "{damaged:?}");
    }
    let id =
        |length: u8| with(&[&[UNIQUE_ID, 0, length][..], &vec![7; usize::from(length)]].concat());
    assert!(whole(&id(128)).is_some_and(|header| header.unique_id() == Some(&[7; 128])));
    assert_eq!(parse(&id(129)), Parsed::Malformed);
    assert!(whole(&id(0)).is_some_and(|header| header.unique_id().is_none()));
    // Nobody knows how long addresses are that are of no family.
    let unspecified = [SIGNATURE, &[0x21, 0, 0, 2], &[1, 2]].concat();
    assert_eq!(announced(&unspecified), Some(Announced::Nobody));
}

#[test]
fn every_cut_of_a_header_is_partial_and_garbage_is_malformed_at_once() {
    for header in [
        v1(&over_ipv4()),
        v1(&Announced::Nobody),
        v2(Transport::Stream, &over_ipv4(), Some(&DETAILS)),
        v2(Transport::Stream, &Announced::Neighbour, None),
    ] {
        for cut in 0..header.len() {
            assert_eq!(parse(&header[..cut]), Parsed::Partial, "cut at {cut}");
        }
    }
    for garbage in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"\xef",
        b"PROXY TCP4 x y z 1\r\n",
        b"PROXYTCP",
        b"PROXY UNKNOWN\n",
        b"PROXY UNKNOWN\r ",
        b"PROXY UNKNOWN and\nmore\r\n",
        b"PROXY TCP4 2001:db8::7 192.0.2.1 1 2\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 65536 2\r\n",
        &[SIGNATURE, &[0x31, 0x11, 0, 12]].concat(),
        &[SIGNATURE, &[0x22, 0x11, 0, 12]].concat(),
        &[SIGNATURE, &[0x21, 0x41, 0, 12]].concat(),
        &[SIGNATURE, &[0x21, 0x13, 0, 12]].concat(),
        &[SIGNATURE, &[0x21, 0x11, 0, 11]].concat(),
    ] {
        assert_eq!(parse(garbage), Parsed::Malformed, "{garbage:?}");
    }
    let endless = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat();
    assert_eq!(parse(&endless), Parsed::Malformed);
}

fn addresses() -> impl Strategy<Value = SocketAddr> {
    let v4 = any::<u32>().prop_map(|bits| Ipv4Addr::from_bits(bits).into());
    let v6 = any::<u128>().prop_map(|bits| Ipv6Addr::from_bits(bits).into());
    let mapped = any::<u32>().prop_map(|it| Ipv4Addr::from_bits(it).to_ipv6_mapped().into());
    (prop_oneof![v4, v6, mapped], any::<u16>())
        .prop_map(|(ip, port): (std::net::IpAddr, u16)| SocketAddr::new(ip, port))
}

fn announcements() -> impl Strategy<Value = Announced> {
    let client = (addresses(), addresses())
        .prop_map(|(source, destination)| Announced::Client { source, destination });
    prop_oneof![4 => client, 1 => Just(Announced::Nobody), 1 => Just(Announced::Neighbour)]
}

/// The same addresses, each in the shorter form.
fn canonical(announced: Announced) -> Announced {
    let shorter = |it: SocketAddr| SocketAddr::new(it.ip().to_canonical(), it.port());
    match announced {
        Announced::Client { source, destination } => {
            Announced::Client { source: shorter(source), destination: shorter(destination) }
        }
        Announced::Nobody | Announced::Neighbour => announced,
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        sent in announcements(),
        datagram: bool,
        has_details: bool,
        unique_id in prop::collection::vec(any::<u8>(), 1..=LONGEST_UNIQUE_ID),
        dc: u16,
        names in ("[a-z]{1,64}", "[a-z]{1,64}"),
        behind in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let transport = if datagram { Transport::Datagram } else { Transport::Stream };
        let (country, listener, edge) = (Some("BR"), &*names.0, &*names.1);
        let details = Details { unique_id: &unique_id, country, dc, listener, edge };
        let header = v2(transport, &sent, has_details.then_some(&details));
        let read = [&header[..], &behind].concat();
        let Parsed::Whole(length, said) = parse(&read) else { panic!("{header:?}") };
        prop_assert_eq!((length, said.version), (header.len(), Version::Two));
        prop_assert_eq!(canonical(said.announced), canonical(sent));
        let is_said = has_details && sent != Announced::Neighbour;
        prop_assert_eq!(said.unique_id(), is_said.then_some(&unique_id[..]));
        let dc = dc.to_be_bytes();
        prop_assert_eq!(said.tlv(DC), is_said.then_some(&dc[..]));
        prop_assert_eq!(said.tlv(EDGE), is_said.then_some(edge.as_bytes()));

        let line = v1(&sent);
        prop_assert!(line.len() <= 107);
        let read = [&line[..], &behind].concat();
        let Parsed::Whole(length, said) = parse(&read) else { panic!("{line:?}") };
        prop_assert_eq!((length, said.version), (line.len(), Version::One));
        let told = if sent == Announced::Neighbour { Announced::Nobody } else { sent };
        prop_assert_eq!(canonical(said.announced), canonical(told));
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0..4) {
        let prefix: &[u8] = match kind {
            0 => &[],
            1 => b"PROXY ",
            2 => SIGNATURE,
            _ => b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x40",
        };
        let bytes = [prefix, &bytes].concat();
        if let Parsed::Whole(length, header) = parse(&bytes) {
            prop_assert!(length <= bytes.len());
            prop_assert_eq!(parse(&bytes[..length]), Parsed::Whole(length, header));
        }
    }
}
