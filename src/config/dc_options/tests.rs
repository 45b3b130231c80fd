use super::*;
use crate::config::document::Document;
use crate::config::finding::Located;
use crate::routing::topology::AccessPointSpec;

/// The access points as text, the problems, the notes.
fn read_text(text: &str) -> (Vec<String>, Vec<String>, Vec<String>) {
    let document = Document::parse(text.as_bytes(), LIMIT)
        .unwrap_or_else(|error| panic!("{}: {text}", error.text));
    let (problems, notes) = (Findings::default(), Findings::default());
    let listed = read(&document.root, false, (&problems, &notes)).listed;
    let told = |findings: Findings| {
        let list =
            findings.into_list(|path| Located::within("f".as_ref(), &document, path)).into_iter();
        list.map(|finding| format!("{}: {}", finding.path, finding.text)).collect()
    };
    let listed = listed.iter().map(|listed| {
        let dc = listed.dc;
        let AccessPointSpec { address, flags, weight, max_sessions, offered_to, secret } =
            listed.spec();
        let mut text = format!("{dc} {address} {weight}");
        for (on, name) in [
            (flags.media_only, " media_only"),
            (flags.tcpo_only, " tcpo_only"),
            (flags.cdn, " cdn"),
            (flags.static_address, " static"),
            (flags.this_port_only, " this_port_only"),
        ] {
            text.push_str(if on { name } else { "" });
        }
        text.push_str(if secret.is_some() { " secret" } else { "" });
        text.extend(max_sessions.map(|most| format!(" at most {most}")));
        for clients in offered_to.iter() {
            text.push_str(&format!(" for {clients}"));
        }
        text
    });
    (listed.collect(), told(problems), told(notes))
}

fn good(text: &str) -> Vec<String> {
    let (listed, problems, _) = read_text(text);
    assert_eq!(problems, [""; 0], "{text}");
    listed
}

#[test]
fn every_shape_of_a_dump_makes_the_same_list() {
    let wanted =
        ["2 149.154.167.51:443 100 tcpo_only static", "2 [2001:67c:4e8:f002::a]:443 100 secret"];
    for text in [
        "- {id: 2, ip_address: 149.154.167.51, port: 443, static: true, tcpo_only: true}\n\
         - {id: 2, ip: '2001:67c:4e8:f002::a', port: 443, secret: 00112233445566778899aabbccddeeff}",
        "dc_options:\n- {_: dcOption, id: 2, ip: 149.154.167.51, port: 443, flags: 20}\n\
         - {id: 2, ip: '2001:67c:4e8:f002::a', port: 443, flags: 1, secret: \
            [0, 17, 34, 51, 68, 85, 102, 119, 136, 153, 170, 187, 204, 221, 238, 255]}\nthis_dc: [any, thing]",
        r#"{"_": "config", "date": "2024-01-01", "expires": {}, "reaction": "\ud83d\udc4d",
            "dc_options": [
             {"_": "DcOption", "ipv6": false, "media_only": false, "tcpo_only": true, "cdn": null,
              "static": true, "this_port_only": false, "secret": null, "id": 2,
              "ip_address": "149.154.167.51", "port": 443},
             {"_": "DcOption", "ipv6": true, "id": 2, "ip_address": "2001:67c:4e8:f002::a",
              "port": 443, "secret": "ABEiM0RVZneImaq7zN3u/w=="}]}"#,
    ] {
        assert_eq!(good(text), wanted, "{text}");
    }
}

#[test]
fn a_dump_says_whether_it_is_of_a_test_network() {
    let is_test = |text: &str| {
        let document = Document::parse(text.as_bytes(), LIMIT).expect("a document");
        let findings = (Findings::default(), Findings::default());
        read(&document.root, false, (&findings.0, &findings.1)).is_test_network
    };
    let list = "[{id: 2, ip: 192.0.2.1, port: 443}]";
    assert!(is_test(&format!("{{test_mode: true, dc_options: {list}}}")));
    for text in ["test_mode: false, ", "test_mode: maybe, ", ""] {
        assert!(!is_test(&format!("{{{text}dc_options: {list}}}")), "{text}");
    }
    assert!(!is_test(list));
}

#[test]
fn additions_of_ours_are_read() {
    let listed =
        good("[{id: 203, ip: 192.0.2.1, port: 1, weight: 7, protocols: [tcp], cdn: true}]");
    assert_eq!(listed, ["203 192.0.2.1:1 7 cdn"]);
}

#[test]
fn what_an_address_serves_is_an_access_point_for_each_protocol() {
    let listed = good(
        "- {id: 2, ip: 192.0.2.1, port: 443, protocols: [udp, tcp], weight: 7}\n\
         - {id: 2, ip: 192.0.2.1, port: 53, protocols: [udp]}\n- {id: 2, ip: 192.0.2.2, port: 1}",
    );
    assert_eq!(
        listed,
        [
            "2 192.0.2.1:53/udp 100",
            "2 192.0.2.1:443 7",
            "2 192.0.2.1:443/udp 7",
            "2 192.0.2.2:1 100"
        ]
    );
    // Entries of one address that serve different things are different access points.
    let (listed, _, notes) = read_text(
        "- {id: 2, ip: 192.0.2.1, port: 443, static: true}\n\
         - {id: 2, ip: 192.0.2.1, port: 443, protocols: [udp, udp], media_only: true}\n\
         - {id: 2, ip: 192.0.2.1, port: 443, protocols: [tcp, udp], weight: 9}",
    );
    assert_eq!(listed, ["2 192.0.2.1:443 9 static", "2 192.0.2.1:443/udp 9"]);
    assert_eq!(
        notes,
        [
            "dc_options[1].protocols: names `udp` twice",
            "dc_options[2]: DC 2/192.0.2.1:443 is listed before, at dc_options[0]; merged",
            "dc_options[2]: DC 2/192.0.2.1:443/udp is listed before, at dc_options[1]; merged",
        ]
    );
}

#[test]
fn repeated_access_points_merge_and_are_noted() {
    let (listed, problems, notes) = read_text(
        "- {id: 2, ip: 192.0.2.1, port: 443, media_only: true, cdn: true, tcpo_only: true}\n\
         - {id: 4, ip: 192.0.2.1, port: 443}\n\
         - {id: 2, ip: 192.0.2.1, port: 443, static: true, cdn: true, tcpo_only: true, weight: 9}\n\
         - {id: 2, ip: 192.0.2.1, port: 444}",
    );
    assert_eq!(problems, [""; 0]);
    assert_eq!(
        listed,
        ["2 192.0.2.1:443 9 tcpo_only cdn static", "2 192.0.2.1:444 100", "4 192.0.2.1:443 100"]
    );
    assert_eq!(
        notes,
        ["dc_options[2]: DC 2/192.0.2.1:443 is listed before, at dc_options[0]; merged"]
    );
    let secret = |digit: &str| {
        format!("{{id: 2, ip: 192.0.2.1, port: 443, secret: ab{}}}", digit.repeat(30))
    };
    let (_, _, notes) = read_text(&format!("[{}, {}]", secret("1"), secret("2")));
    let which = "at dc_options[0]; merged, and of two secrets the first counts";
    assert!(notes[0].ends_with(which), "{notes:?}");
}

#[test]
fn the_address_says_of_which_family_it_is_and_a_flag_that_differs_is_noted() {
    let off = "dc_options[0]: 2001:db8::1 is IPv6, but the flag `ipv6` is off; the address counts";
    let on = "dc_options[0]: is flagged `ipv6`, but 192.0.2.1 is IPv4; the address counts";
    for (ip, flag, note) in [
        ("2001:db8::1", "ipv6: false", Some(off)),
        ("2001:db8::1", "flags: 16", Some(off)),
        ("2001:db8::1", "ipv6: null", None),
        ("2001:db8::1", "ipv6: true, flags: 0", None),
        ("192.0.2.1", "ipv6: true", Some(on)),
        ("192.0.2.1", "flags: 17", Some(on)),
        ("192.0.2.1", "ipv6: false", None),
    ] {
        let text = format!("[{{id: 2, ip: '{ip}', port: 443, {flag}}}]");
        let (listed, problems, notes) = read_text(&text);
        assert_eq!(problems, [""; 0], "{text}");
        assert!(listed[0].contains(ip), "{listed:?}");
        assert_eq!(notes.first().map(String::as_str), note, "{text}");
    }
}

/// Each row: keys of an entry, and its only problem.
const BROKEN: &[(&str, &str)] = &[
    ("ip: 192.0.2.1, port: 443", "dc_options[0]: needs `id`"),
    ("id: 1, port: 443", "dc_options[0]: needs `ip_address`"),
    ("id: 1, ip: 192.0.2.1", "dc_options[0]: needs `port`"),
    (
        "id: 1, ip: 192.0.2.1, ip_address: 192.0.2.1, port: 1",
        "dc_options[0].ip: repeats `ip_address`",
    ),
    ("id: 0, ip: 192.0.2.1, port: 1", "dc_options[0].id: 0 is not the id of a DC, 1..32767"),
    ("id: -2, ip: 192.0.2.1, port: 1", "dc_options[0].id: -2 is not the id of a DC, 1..32767"),
    ("id: 1, ip: 192.0.2.1, port: 0", "dc_options[0].port: 0 is not a port"),
    ("id: 1, ip: 192.0.2.1, port: 65536", "dc_options[0].port: 65536 is not a port"),
    ("id: 1, ip: 192.0.2.1, port: '443'", "dc_options[0].port: is text, not a number"),
    ("id: 1, ip: example.com, port: 1", "dc_options[0].ip: \"example.com\" is not an IP address"),
    ("id: 1, ip: 0.0.0.0, port: 1", "dc_options[0].ip: 0.0.0.0 is not the address of a machine"),
    ("id: 1, ip: '::', port: 1", "dc_options[0].ip: :: is not the address of a machine"),
    (
        "id: 1, ip: 239.1.2.3, port: 1",
        "dc_options[0].ip: 239.1.2.3 is not the address of a machine",
    ),
    (
        "id: 1, ip: '::ffff:192.0.2.1', port: 1",
        "dc_options[0].ip: ::ffff:192.0.2.1 is the IPv4 address 192.0.2.1; write it as one",
    ),
    (
        "id: 1, ip: 192.0.2.1, port: 1, static: yes please",
        "dc_options[0].static: is text, not `true` or `false`",
    ),
    (
        "id: 1, ip: 192.0.2.1, port: 1, flags: 5000000000",
        "dc_options[0].flags: 5000000000 has more than 32 bits of flags",
    ),
    ("id: 1, ip: 192.0.2.1, port: 1, weight: 0", "dc_options[0].weight: 0 is outside 1..10000"),
    (
        "id: 1, ip: 192.0.2.1, port: 1, secret: c0ffee",
        "dc_options[0].secret: is not a secret: hex, base64 or a list of 16 bytes, 17 from dd on, or 21 and more from ee on",
    ),
    (
        "id: 1, ip: 192.0.2.1, port: 1, secret: 11112222333344445555666677778888",
        "dc_options[0].secret: is a number; quote it to make it hex",
    ),
    (
        "id: 1, ip: 192.0.2.1, port: 1, protocols: [sctp]",
        "dc_options[0].protocols[0]: \"sctp\" is not `tcp` or `udp`",
    ),
    (
        "id: 1, ip: 192.0.2.1, port: 1, protocols: udp",
        "dc_options[0].protocols: is text, not a list",
    ),
    ("id: 1, ip: 192.0.2.1, port: 1, protocols: []", "dc_options[0].protocols: names no protocol"),
    ("id: 1, ip: 192.0.2.1, port: 1, protocols: ", "dc_options[0].protocols: names no protocol"),
    (
        "id: 1, ip: 192.0.2.1, port: 1, max_sessions: 0",
        "dc_options[0].max_sessions: 0 is outside 1..10000000",
    ),
    (
        "id: 1, ip: 192.0.2.1, port: 1, for: {country: [ZZ]}",
        "dc_options[0].for.country[0]: \"ZZ\" is not a country; two letters of ISO 3166-1, such as NL",
    ),
    (
        "id: 1, ip: 192.0.2.1, port: 1, for: {}",
        "dc_options[0].for: says nothing; everybody is `cidr: [0.0.0.0/0, \"::/0\"]`",
    ),
    (
        "id: 1, ip: 192.0.2.1, port: 1, for: {asn: AS64500}",
        "dc_options[0].for.asn: needs `geoip.asn_database`",
    ),
    (
        "id: 1, ip: 192.0.2.1, port: 1, health: {fall: 2}",
        "dc_options[0].health: not in this version",
    ),
    ("id: 1, ip: 192.0.2.1, port: 1, media: true", "dc_options[0].media: unknown key"),
    (
        "id: 1, ip: 192.0.2.1, port: 1, staic: true",
        "dc_options[0].staic: unknown key; did you mean `static`?",
    ),
    (
        "_: config, id: 1, ip: 192.0.2.1, port: 1",
        "dc_options[0]._: \"config\" is not `dcOption` or `DcOption`",
    ),
];

#[test]
fn each_broken_entry_is_told_with_its_path_and_what_is_wrong() {
    for (keys, problem) in BROKEN {
        for text in [format!("[{{{keys}}}]"), format!("dc_options: [{{{keys}}}]")] {
            let (_, problems, _) = read_text(&text);
            assert_eq!(problems, [*problem], "{text}");
        }
    }
}

#[test]
fn documents_without_a_list_are_refused() {
    for (text, problem) in [
        ("", "dc_options: has no entries"),
        ("[]", "dc_options: has no entries"),
        ("dc_options:", "dc_options: has no entries"),
        ("{}", ": has no `dc_options`"),
        ("dcOptions: []", ": has no `dc_options`"),
        ("5", "dc_options: is a number, not a list"),
        ("dc_options: {id: 1}", "dc_options: is a mapping, not a list"),
        ("[5]", "dc_options[0]: is a number, not a mapping of keys"),
    ] {
        let (_, problems, _) = read_text(text);
        assert_eq!(problems.first().map(String::as_str), Some(problem), "{text}");
    }
}

#[test]
fn a_list_of_nonsense_is_told_in_part_and_counted() {
    let text = format!("[{}]", "{id: 0, ip: 192.0.2.1, port: 1},".repeat(1000));
    let (_, problems, _) = read_text(&text);
    assert_eq!(problems.len(), 101);
    assert_eq!(problems[100], ": and 900 more of this kind");
}
