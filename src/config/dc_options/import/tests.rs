use std::path::Path;

use proptest::prelude::*;

use super::*;

fn imported(text: &str) -> Imported {
    let file = File { path: Path::new("dump"), bytes: text.as_bytes() };
    import(file).unwrap_or_else(|error| panic!("{error}\nin\n{text}"))
}

/// The written lines that are no comments.
fn written(text: &str) -> Vec<String> {
    let yaml = imported(text).to_yaml("a test");
    let lines = yaml.lines().filter(|line| !line.is_empty() && !line.trim().starts_with('#'));
    lines.map(str::to_owned).collect()
}

/// As a library prints it that knows TL objects as classes, with the time as text and bytes in base64.
const CLASSES: &str = r#"{
  "_": "Config", "date": "2025-11-21T00:00:00+00:00", "expires": "2025-11-21T01:00:00+00:00",
  "test_mode": false, "this_dc": 2,
  "dc_options": [
    {"_": "DcOption", "id": 2, "ip_address": "149.154.167.151", "port": 443, "ipv6": false,
     "media_only": true, "tcpo_only": false, "cdn": false, "static": false,
     "this_port_only": false, "secret": null},
    {"_": "DcOption", "id": 1, "ip_address": "149.154.175.50", "port": 443, "ipv6": false,
     "media_only": false, "tcpo_only": true, "cdn": false, "static": true,
     "this_port_only": true, "secret": "3QARIjNEVWZ3iJmqu8zd7v8="},
    {"_": "DcOption", "id": 2, "ip_address": "149.154.167.51", "port": 443, "ipv6": null,
     "media_only": null, "tcpo_only": null, "cdn": null, "static": null, "this_port_only": null,
     "secret": null},
    {"_": "DcOption", "id": 2, "ip_address": "2001:67c:4e8:f002::a", "port": 443, "ipv6": true}
  ],
  "dc_txt_domain_name": "apv3.stel.com", "reactions_default": {"_": "ReactionEmoji", "emoticon": "\ud83d\udc4d"}
}"#;

/// The same as a dump in YAML, with a time, and bytes as YAML has them.
const YAML: &str = "\
_: Config
date: 2025-11-21 00:00:00+00:00
expires: 2025-11-21 01:00:00+00:00
dc_options:
- {_: DcOption, id: 2, ip_address: 149.154.167.151, port: 443, media_only: true, secret: null}
- _: DcOption
  id: 1
  ip_address: 149.154.175.50
  port: 443
  static: true
  tcpo_only: true
  this_port_only: true
  secret: !!binary |
    3QARIjNEVWZ3iJmq
    u8zd7v8=
- {_: DcOption, id: 2, ip_address: 149.154.167.51, port: 443, secret: ~}
- {_: DcOption, id: 2, ip_address: '2001:67c:4e8:f002::a', port: 443, ipv6: true}
test_mode: false
";

/// The same with constructors under another name, flags by their bits, and bytes as numbers.
const BITS: &str = r#"{"@type": "config", "dc_options": [
    {"@type": "dcOption", "flags": 2, "id": 2, "ip_address": "149.154.167.151", "port": 443},
    {"@type": "dcOption", "flags": 1076, "id": 1, "ip_address": "149.154.175.50", "port": 443,
     "secret": [221, 0, 17, 34, 51, 68, 85, 102, 119, 136, 153, 170, 187, 204, 221, 238, 255]},
    {"@type": "dcOption", "flags": 0, "id": 2, "ip_address": "149.154.167.51", "port": 443},
    {"@type": "dcOption", "flags": 1, "id": 2, "ip_address": "2001:67c:4e8:f002::a", "port": 443}]}"#;

#[test]
fn dumps_of_every_kind_become_the_same_list() {
    for dump in [CLASSES, YAML, BITS] {
        assert_eq!(
            written(dump),
            [
                r#"- {id: 1, ip_address: 149.154.175.50, port: 443, tcpo_only: true, static: true, this_port_only: true, secret: "dd00112233445566778899aabbccddeeff"}"#,
                "- {id: 2, ip_address: 149.154.167.51, port: 443}",
                r#"- {id: 2, ip_address: "2001:67c:4e8:f002::a", port: 443, ipv6: true}"#,
                "- {id: 2, ip_address: 149.154.167.151, port: 443, media_only: true}",
            ],
            "{dump}"
        );
    }
}

#[test]
fn a_list_has_a_head_and_a_block_for_each_dc() {
    let dump = "\
- {id: 203, ip: 192.0.2.203, port: 443, cdn: true}
- {id: 2, ip: 192.0.2.3, port: 443, media_only: true}
- {id: 2, ip: 192.0.2.1, port: 443}
- {id: 2, ip: '2001:db8::1', port: 443}
- {id: 2, ip: 192.0.2.1, port: 443, static: true, secret: 1122334455667788990011223344556e}
";
    assert_eq!(
        imported(dump).to_yaml("config.json"),
        r#"# The access points of a network, by `nearpoint import`.
#
# From config.json: 5 entries, 4 access points of 2 DCs.
# Some need a secret, which whoever reads this file has.
#
# Noticed:
#   line 5: dc_options[4]: DC 2/192.0.2.1:443 is listed before, at dc_options[2]; merged

# DC 2: 2 main (1 IPv6), 1 media
- {id: 2, ip_address: 192.0.2.1, port: 443, static: true, secret: "1122334455667788990011223344556e"}
- {id: 2, ip_address: "2001:db8::1", port: 443, ipv6: true}
- {id: 2, ip_address: 192.0.2.3, port: 443, media_only: true}

# DC 203: 1 cdn
- {id: 203, ip_address: 192.0.2.203, port: 443, cdn: true}
"#
    );
}

#[test]
fn what_serves_udp_is_written_and_counted_so() {
    let dump = "\
- {id: 2, ip: 192.0.2.1, port: 443, protocols: [udp, tcp]}
- {id: 2, ip: 192.0.2.2, port: 443}
- {id: 2, ip: 192.0.2.2, port: 443, protocols: [udp], weight: 7}
- {id: 2, ip: '2001:db8::1', port: 53, protocols: [udp]}
";
    let yaml = imported(dump).to_yaml("x");
    assert!(yaml.contains("4 entries, 5 access points of 1 DC."), "{yaml}");
    assert!(yaml.contains("# DC 2: 2 main, 3 main for UDP (1 IPv6)\n"), "{yaml}");
    assert_eq!(
        written(dump),
        [
            r#"- {id: 2, ip_address: 192.0.2.1, port: 443, protocols: ["tcp", "udp"]}"#,
            "- {id: 2, ip_address: 192.0.2.2, port: 443}",
            r#"- {id: 2, ip_address: 192.0.2.2, port: 443, protocols: ["udp"], weight: 7}"#,
            r#"- {id: 2, ip_address: "2001:db8::1", port: 53, ipv6: true, protocols: ["udp"]}"#,
        ]
    );
}

#[test]
fn a_test_network_stays_one() {
    let text = imported("{test_mode: true, dc_options: [{id: 1, ip: 192.0.2.1, port: 443}]}");
    let yaml = text.to_yaml("config.json");
    let list = "\
\ntest_mode: true
dc_options:
  # DC 1: 1 main
  - {id: 1, ip_address: 192.0.2.1, port: 443}
";
    assert!(yaml.ends_with(list), "{yaml}");
    assert!(imported(&yaml).is_test_network);
    assert_eq!(text.to_json()["test_mode"], true);
}

#[test]
fn what_people_added_to_a_list_is_kept() {
    let offered = written(
        "- {id: 1, ip: 192.0.2.1, port: 443, weight: 7, for: {country: [no, NL], eu: true}}\n\
         - {id: 1, ip: 192.0.2.1, port: 443, for: {cidr: '::/0', asn: 7}}",
    );
    assert_eq!(
        offered,
        [
            r#"- {id: 1, ip_address: 192.0.2.1, port: 443, weight: 7, for: {country: ["NL", "NO"], eu: true}}"#,
            r#"- {id: 1, ip_address: 192.0.2.1, port: 443, weight: 7, for: {cidr: ["::/0"], asn: ["AS7"]}}"#,
        ]
    );
    let notes = imported("[{id: 1, ip: 192.0.2.1, port: 443, for: {asn: 7}}]").notes;
    assert_eq!(notes[0].text, "`for` with `asn` needs `geoip.asn_database`");
}

#[test]
fn bad_dumps_are_refused_with_all_their_problems() {
    let dump = "{\"dc_options\": [\n{\"id\": 0, \"ip_address\": \"x\", \"port\": 443},\n\
                {\"@type\": \"updates\", \"id\": 1, \"ip_address\": \"192.0.2.1\"},\n\
                {\"id\": 1, \"ip_address\": \"192.0.2.1\", \"port\": 1, \"secret\": \"c0ffee\"}]}";
    let error = import(File { path: Path::new("dump"), bytes: dump.as_bytes() });
    assert_eq!(
        error.expect_err("a bad dump").to_string(),
        "\
dump:2: dc_options[0].id: 0 is not the id of a DC, 1..32767
dump:2: dc_options[0].ip_address: \"x\" is not an IP address
dump:3: dc_options[1]._: \"updates\" is not `dcOption` or `DcOption`
dump:3: dc_options[1]: needs `port`
dump:4: dc_options[2].secret: is not a secret: hex, base64 or a list of 16 bytes, 17 from dd on, or 21 and more from ee on"
    );
    for (dump, says) in [
        ("{'_': 'Config', 'date': datetime.datetime(2025, 11, 21)}", "dump"),
        ("{\"_\": \"config\"}", "dump: has no `dc_options`"),
        ("", "dump: dc_options: has no entries"),
        ("dc_options: none", "dump:1: dc_options: is text, not a list"),
        ("{", "dump:2: did not find"),
    ] {
        let error = import(File { path: Path::new("dump"), bytes: dump.as_bytes() });
        let told = error.expect_err(dump).to_string();
        assert!(told.starts_with(says), "{dump}: {told}");
    }
}

#[test]
fn more_than_a_list_may_have_is_read_no_further() {
    let read = read_dump(io::repeat(b'#')).expect("it never fails");
    assert_eq!(read.len(), LIMIT + 1);
    let error = import(File { path: Path::new("dump"), bytes: &read }).expect_err("too large");
    assert_eq!(error.to_string(), "dump: is larger than 16 MiB");
}

#[test]
fn nothing_that_a_dump_is_called_gets_out_of_the_comment() {
    let name = "a\n- {id: 7}\r\u{85}- x\u{2028}\u{7f}";
    let mut dump = imported(
        "[{id: 1, ip: 192.0.2.1, port: 443, ipv6: true}, {id: 1, ip: 192.0.2.1, port: 443}]",
    );
    dump.notes.iter_mut().for_each(|note| note.text = name.into());
    let yaml = dump.to_yaml(name);
    assert_eq!(imported(&yaml).listed, dump.listed, "{yaml}");
    assert_eq!(yaml.lines().filter(|line| line.contains("{id: 7}")).count(), 3, "{yaml}");
    let escaped = "a\\u{a}- {id: 7}\\u{d}\\u{85}- x\\u{2028}\\u{7f}";
    assert!(yaml.contains(&format!("# From {escaped}: 2 entries")), "{yaml}");
    assert!(yaml.contains(&format!(": {escaped}\n")), "{yaml}");
}

#[test]
fn a_head_repeats_some_notes_and_counts_the_rest() {
    let dump = "- {id: 1, ip: 192.0.2.1, port: 443}\n".repeat(60);
    let yaml = imported(&dump).to_yaml("x");
    assert!(yaml.contains("\n#   and 39 more, told at the import\n"), "{yaml}");
}

/// An entry as somebody may have written it.
fn any_entry() -> impl Strategy<Value = String> {
    let address = prop_oneof![
        (1..6_u8).prop_map(|last| format!("192.0.2.{last}")),
        (1..6_u8).prop_map(|last| format!("'2001:db8::{last}'")),
    ];
    let secret = prop_oneof![
        3 => Just(String::new()),
        1 => prop::collection::vec(any::<u8>(), 16).prop_map(|bytes| format!(", secret: {bytes:?}")),
        1 => "[0-9]{32}".prop_map(|hex| format!(", secret: '{hex}'")),
        1 => "ee[0-9a-f]{40}".prop_map(|hex| format!(", secret: {hex}")),
    ];
    let offer = prop::sample::select(vec![
        "",
        "",
        ", for: {country: [NO, DE]}",
        ", for: {country: de, eea: false, unknown: true}",
        ", for: {cidr: [10.0.0.0/8, '::/0']}",
        ", for: {continent: [AF], asn: [AS7, 8]}",
    ]);
    let weight = prop::sample::select(vec!["", ", weight: 100", ", weight: 7"]);
    let protocols = prop::sample::select(vec![
        "",
        "",
        ", protocols: [tcp]",
        ", protocols: [udp]",
        ", protocols: [udp, tcp]",
    ]);
    let place = (1..4_u16, address, prop::sample::select(vec![443_u16, 80]));
    (place, 0..64_u32, secret, weight, offer, protocols).prop_map(
        |((id, ip, port), flags, secret, weight, offer, protocols)| {
            let rest = format!("flags: {flags}{secret}{weight}{offer}{protocols}");
            format!("- {{id: {id}, ip: {ip}, port: {port}, {rest}}}")
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_loads_as_exactly_the_same_access_points(
        entries in prop::collection::vec(any_entry(), 1..40),
        is_test_network in any::<bool>(),
    ) {
        let dump = format!("test_mode: {is_test_network}\ndc_options:\n{}", entries.join("\n"));
        let first = imported(&dump);
        let yaml = first.to_yaml("a test");
        let again = imported(&yaml);
        prop_assert_eq!(&again.listed, &first.listed, "{}", yaml);
        prop_assert_eq!(again.is_test_network, is_test_network);
        prop_assert_eq!(written(&yaml), written(&dump), "and is written the same again");
        let json = imported(&first.to_json().to_string());
        prop_assert_eq!(&json.listed, &first.listed);
        prop_assert_eq!(json.is_test_network, is_test_network);
    }
}
