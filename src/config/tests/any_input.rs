//! Input that nobody would write.

use proptest::prelude::*;

use super::{LISTENER, OPTIONS, parse_both};

/// Documents that are nearly right, so that generation reaches beyond the first check.
fn any_node() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::{Value, json};
    let key = prop::sample::select(vec![
        "edge",
        "dcs",
        "id",
        "listeners",
        "bind",
        "route",
        "dc",
        "health",
        "location",
        "country",
        "lat",
        "lon",
        "geoip",
        "overrides",
        "dc_options",
        "ip",
        "port",
        "flags",
        "secret",
        "name",
        "tcp",
        "keepalive",
        "10.0.0.0/8",
        "<<",
        "",
        "é",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "\\PC{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["none", "auto", "3s", "0.0.0.0:1", "::1", "nearest", "NL"])
            .prop_map(Value::from),
        (0..70_000).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        let entries = prop::collection::vec((key.clone(), inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(Value::from),
            entries.prop_map(|entries| {
                Value::Object(
                    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
                )
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_tree_panics_and_every_refusal_says_why(main in any_node(), options in any_node()) {
        let yaml = serde_yaml::to_string(&main).expect("YAML");
        if let Err(error) = parse_both(yaml.as_bytes(), options.to_string().as_bytes()) {
            prop_assert!(!error.problems.is_empty());
            prop_assert!(error.problems.iter().all(|problem| !problem.text.is_empty()));
        }
    }

    #[test]
    fn no_bytes_panic(main in prop::collection::vec(any::<u8>(), 0..200), text in "[-:{}\\[\\],&*!<'\"a0 \\n\\t#|>?]{0,80}") {
        prop_assert!(parse_both(&main, OPTIONS.as_bytes()).is_err());
        prop_assert!(parse_both(text.as_bytes(), &main).is_err());
        prop_assert!(parse_both(LISTENER.as_bytes(), text.as_bytes()).is_err());
    }

    #[test]
    fn a_cut_list_is_refused_or_shorter(cut in 0_usize..1000) {
        let list: String = (1..=9).map(|n| format!("- {{id: 2, ip: 192.0.2.{n}, port: 443}}\n")).collect();
        let cut = cut % list.len();
        match parse_both(LISTENER.as_bytes(), &list.as_bytes()[..cut]) {
            Ok(loaded) => prop_assert!(loaded.config.topology.access_points().len() <= 9),
            Err(error) => prop_assert!(!error.problems.is_empty()),
        }
    }
}
