//! Which keys of a listener go together: with its protocol, and with its route.

use crate::config::finding::Findings;
use crate::config::key_path::KeyPath;
use crate::config::node::Node;
use crate::config::tree;

/// Checks that a listener for UDP wants nothing that only sessions have.
pub(super) fn check(tree: &tree::Listener, path: &KeyPath, problems: &Findings) {
    match tree.protocol {
        tree::Protocol::Tcp => return,
        tree::Protocol::Udp => {}
    }
    match tree.route {
        tree::Route::Nearest | tree::Route::Dc(_) => {}
        tree::Route::Mtproto(_) => {
            let text = "goes by the first bytes of sessions: a listener for UDP routes `nearest` or to \
                        `{dc: N}`";
            problems.add(&path.key("route").key("mtproto"), text);
        }
    }
    if !tree.proxy_protocol.accept_from.is_empty() {
        let text = "wants PROXY headers, which this version reads from sessions only: the listener \
                    serves UDP";
        problems.add(&path.key("proxy_protocol").key("accept_from"), text);
    }
    if tree.advertise.value().is_some() {
        let text = "is of a listener for UDP: clients are told addresses for TCP only";
        problems.add(&path.key("advertise"), text);
    }
}

/// Notes keys that were given and decide nothing.
pub(super) fn note_meaningless(
    tree: &tree::Listener,
    path: &KeyPath,
    node: Option<&Node>,
    notes: &Findings,
) {
    let is_given = |key: &str| node.is_some_and(|node| node.entry(key).is_some());
    note_other_protocol(tree.protocol, path, node, notes);
    if is_given("sticky") && super::is_bound(&tree.route) {
        let text = match tree.route {
            tree::Route::Nearest | tree::Route::Dc(_) => {
                "means nothing here: `route` fixes the DC of every client"
            }
            tree::Route::Mtproto(_) => {
                "means nothing here: clients are remembered with `unknown: nearest` only"
            }
        };
        notes.add(&path.key("sticky"), text);
    }
    let tree::Route::Mtproto(route) = &tree.route else { return };
    if is_given("dial") && tree.protocol == tree::Protocol::Tcp {
        let text = "means nothing here: a DC is dialled once the header of the client says which";
        notes.add(&path.key("dial"), text);
    }
    if is_given("class") && route.unknown == tree::Unknown::Close {
        let text = "means nothing here: clients that name a DC name the class too, and others \
                    are refused";
        notes.add(&path.key("class"), text);
    }
    if route.secrets.is_empty() && route.trust_plain_dc == tree::TrustPlainDc::Never {
        let text = "no header counts: there is no secret, and without one `trust_plain_dc` is \
                    `never`; every client is one of `unknown`";
        notes.add(&path.key("route").key("mtproto"), text);
    }
}

/// Notes keys of the protocol that the listener does not serve.
fn note_other_protocol(
    protocol: tree::Protocol,
    path: &KeyPath,
    node: Option<&Node>,
    notes: &Findings,
) {
    let (keys, text): (&[&[&'static str]], _) = match protocol {
        tree::Protocol::Tcp => (&[&["udp"]], "means nothing here: the listener serves TCP"),
        tree::Protocol::Udp => (OF_SESSIONS, "means nothing here: the listener serves UDP"),
    };
    for keys in keys {
        let given = keys.iter().fold(node, |node, key| node.and_then(|node| node.entry(key)));
        if given.is_some() {
            notes.add(&keys.iter().fold(path.clone(), |path, key| path.key(*key)), text);
        }
    }
}

/// What is of sessions alone.
const OF_SESSIONS: &[&[&str]] = &[
    &["tcp"],
    &["timeouts"],
    &["dial"],
    &["limits", "sessions"],
    &["limits", "sessions_per_client"],
    &["proxy_protocol", "timeout"],
];
