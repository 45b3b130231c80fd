use std::path::Path;

use super::*;
use crate::config::{Config, File, parse};

/// A configuration with `counts.1` access points in each DC `counts.0`.
fn config(guards: &str, counts: &[(u16, usize)]) -> Config {
    let mut list = String::from("[");
    for (dc, count) in counts {
        for n in 0..*count {
            list.push_str(&format!("{{id: {dc}, ip: 192.0.2.1, port: {}}},", n + 1));
        }
    }
    list.push(']');
    listed(guards, &list)
}

fn refusal(guards: &str, old: &[(u16, usize)], new: &[(u16, usize)]) -> Option<String> {
    let (old, new) = (config(guards, old), config(guards, new));
    let checked = check(&Listing::of(&old.topology), &Listing::of(&new.topology), &new.guards);
    checked.err().map(|refusal| refusal.to_string())
}

#[test]
fn growth_and_half_of_the_access_points_pass() {
    assert_eq!(refusal("", &[(1, 4)], &[(1, 9), (2, 1)]), None);
    assert_eq!(refusal("", &[(1, 2), (2, 2)], &[(1, 1), (2, 1)]), None);
}

#[test]
fn losing_more_than_max_removed_is_refused_with_the_numbers() {
    assert_eq!(
        refusal("", &[(1, 5)], &[(1, 2)]).as_deref(),
        Some("3 of 5 access points would leave (guards.max_removed: 50%)")
    );
    let strict = "guards: {max_removed: 0%}";
    assert!(refusal(strict, &[(1, 100)], &[(1, 99)]).is_some());
    let lax = "guards: {max_removed: 100%}";
    assert_eq!(refusal(lax, &[(1, 100)], &[(1, 1)]), None);
}

#[test]
fn an_emptied_dc_is_refused_also_when_it_vanishes() {
    let told = "DC 2 would lose its last access point (guards.empty_dc: refuse)";
    assert_eq!(refusal("", &[(1, 9), (2, 1)], &[(1, 9)]).as_deref(), Some(told));
    let still_described = "dcs: [{id: 2}]";
    let refused = refusal(still_described, &[(1, 9), (2, 1)], &[(1, 9)]);
    assert_eq!(refused.as_deref(), Some(told));
    let allowed = "guards: {empty_dc: allow}";
    assert_eq!(refusal(allowed, &[(1, 9), (2, 1)], &[(1, 9)]), None);
    // One that was empty before loses nothing.
    assert_eq!(refusal(still_described, &[(1, 9)], &[(1, 9)]), None);
}

/// A configuration with the access points of this list.
fn listed(guards: &str, list: &str) -> Config {
    let main = format!("listeners: [{{name: a, bind: ['127.0.0.1:1']}}]\n{guards}");
    let file = |path, bytes| File { path: Path::new(path), bytes };
    parse(file("m", main.as_bytes()), file("l", list.as_bytes()))
        .unwrap_or_else(|error| panic!("{error}"))
        .config
}

#[test]
fn a_dc_that_would_serve_media_only_is_refused_although_it_keeps_its_addresses() {
    let main = "{id: 2, ip: 192.0.2.1, port: 1}";
    let media = "{id: 2, ip: 192.0.2.1, port: 1, media_only: true}";
    let (more, cdn) = (
        "{id: 2, ip: 192.0.2.2, port: 1, media_only: true}",
        "{id: 2, ip: 192.0.2.2, port: 1, cdn: true}",
    );
    let told = "DC 2 would lose its last access point for ordinary sessions: the others are \
                media_only, cdn or for UDP (guards.empty_dc: refuse)";
    let refusal = |guards, old: &str, new: &str| {
        let (old, new) = (listed(guards, old), listed(guards, new));
        let checked = check(&Listing::of(&old.topology), &Listing::of(&new.topology), &new.guards);
        checked.err().map(|refusal| refusal.to_string())
    };
    for (old, new) in [
        (format!("[{main}]"), format!("[{media}]")),
        (format!("[{main}, {more}]"), format!("[{media}, {cdn}]")),
        (format!("[{main}, {more}]"), format!("[{more}]")),
    ] {
        assert_eq!(refusal("", &old, &new).as_deref(), Some(told), "{old} to {new}");
        assert_eq!(refusal("guards: {empty_dc: allow}", &old, &new), None);
        // What never served main sessions loses none.
        assert_eq!(refusal("", &new, &new), None);
    }
}

#[test]
fn a_dc_that_would_lose_what_it_has_for_udp_is_refused_as_one_that_would_be_emptied() {
    let [tcp, udp, both] = ["[tcp]", "[udp]", "[tcp, udp]"]
        .map(|served| format!("[{{id: 2, ip: 192.0.2.1, port: 1, protocols: {served}}}]"));
    let refusal = |guards, old: &str, new: &str| {
        let (old, new) = (listed(guards, old), listed(guards, new));
        let checked = check(&Listing::of(&old.topology), &Listing::of(&new.topology), &new.guards);
        checked.err().map(|refusal| refusal.to_string()).unwrap_or_default()
    };
    let lax = "guards: {max_removed: 100%}";
    let told = "DC 2 would lose its last access point for UDP (guards.empty_dc: refuse)";
    assert_eq!(refusal(lax, &both, &tcp), told);
    assert_eq!(refusal("", &both, &tcp), told, "one of two access points is no more than half");
    assert!(refusal(lax, &both, &udp).contains("its last access point for ordinary sessions"));
    assert!(refusal(lax, &udp, &tcp).contains(told));
    assert_eq!(refusal(lax, &tcp, &both) + &refusal(lax, &tcp, &tcp), "");
    assert_eq!(refusal("guards: {empty_dc: allow}", &both, &tcp), "");
    let share = refusal("guards: {max_removed: 49%, empty_dc: allow}", &both, &udp);
    assert_eq!(share, "1 of 2 access points would leave (guards.max_removed: 49%)");
}

#[test]
fn all_reasons_are_told() {
    let told = refusal("", &[(1, 1), (2, 1)], &[(3, 1)]).expect("a refusal");
    assert_eq!(told.matches("; ").count(), 2, "{told}");
}

#[test]
fn retiring_access_points_have_left_already() {
    let (old, new) = (config("", &[(1, 4)]), config("", &[(1, 3)]));
    let gone = old.topology.access_points()[3].clone();
    let serving = new.topology.with_retiring(&[gone]);
    let strict = Guards { max_removed: 0, max_moved: 50, empty_dc: EmptyDc::Refuse };
    assert_eq!(check(&Listing::of(&serving), &Listing::of(&new.topology), &strict), Ok(()));
}

#[test]
fn what_a_daemon_tells_of_its_list_is_guarded_as_the_list_is() {
    let list = "[{id: 2, ip: 192.0.2.1, port: 443}, {id: 2, ip: '2001:db8::1', port: 443, \
                media_only: true}, {id: 203, ip: 192.0.2.3, port: 443, cdn: true}, \
                {id: 4, ip: 192.0.2.4, port: 443, protocols: [udp, tcp]}]";
    let config = listed("", list);
    let told = Listing::of_effective(&config.effective());
    assert_eq!(told, Some(Listing::of(&config.topology)));
    for broken in ["{}", r#"{"dc_options": [{}]}"#, r#"{"dc_options": [{"id": 2, "port": 1}]}"#] {
        let value = serde_json::from_str(broken).expect("JSON");
        assert_eq!(Listing::of_effective(&value), None, "{broken}");
    }
}

#[test]
fn more_moved_clients_than_max_moved_are_refused_if_there_are_enough_to_tell() {
    let guards = Guards { max_removed: 50, max_moved: 30, empty_dc: EmptyDc::Refuse };
    assert_eq!(check_moves(1000, 0.3, &guards), Ok(()));
    assert_eq!(check_moves(49, 1.0, &guards), Ok(()), "a share of a few says nothing");
    let told = check_moves(50, 0.42, &guards).map_err(|refusal| refusal.to_string());
    let expected = "42.0% of the clients seen lately would get another DC, or none \
                    (guards.max_moved: 30%; 50 were looked at)";
    assert_eq!(told, Err(expected.to_owned()));
}
