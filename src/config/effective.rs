//! The effective configuration: the whole tree with the defaults filled in, in one canonical form, so
//! that two of them differ only where they mean something else.

use serde_json::Value;

use crate::routing::topology::Revision;

use super::dc_options::{Listed, Options};
use super::dcs::default_name;
use super::tree::{
    Class, Limits, Listener, Main, Overrides, Probe, Protocol, ProxyProtocol, Route, Tcp, Timeouts,
    Udp, Unknown,
};
use super::value::{Given, ListenerSecret, Name, Or, OrNone, client_network};

/// Everything that a configuration was made of.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Effective {
    tree: Main,
    access_points: Vec<Listed>,
    is_test_network: bool,
    revision: Revision,
}

impl Effective {
    /// Of a tree and a list without problems.
    pub(super) fn new(mut tree: Main, options: Options, revision: Revision) -> Self {
        fill_in(&mut tree);
        put_in_order(&mut tree);
        let Options { listed, is_test_network } = options;
        Self { tree, access_points: listed, is_test_network, revision }
    }

    /// As JSON: the keys of the main file, with the list itself under `dc_options`, and its file,
    /// whether it is of a test network, and the revision of its text beside it.
    pub(super) fn to_value(&self) -> Value {
        self.with_access_points(&self.access_points.iter().collect::<Vec<_>>())
    }

    /// Both, without the access points that are the same in both: so that the difference of two long
    /// lists costs no more than it is long.
    pub(super) fn apart(&self, other: &Self) -> (Value, Value) {
        let left_out = |one: &Self, other: &Self| {
            // Both lists are in order, by DC and address.
            let is_elsewhere = |listed: &&Listed| {
                let found = other.access_points.binary_search_by_key(&listed.id(), Listed::id);
                found.is_ok_and(|at| other.access_points[at] == **listed)
            };
            let different = one.access_points.iter().filter(|listed| !is_elsewhere(listed));
            one.with_access_points(&different.collect::<Vec<_>>())
        };
        (left_out(self, other), left_out(other, self))
    }

    fn with_access_points(&self, access_points: &[&Listed]) -> Value {
        let plain = "the types of the tree are plain data";
        let mut value = serde_json::to_value(&self.tree).expect(plain);
        let list = serde_json::to_value(access_points).expect(plain);
        let keys = value.as_object_mut().expect("the tree is a mapping");
        let file = keys.insert("dc_options".to_owned(), list);
        keys.insert("dc_options_file".to_owned(), file.unwrap_or_default());
        keys.insert("dc_options_test_mode".to_owned(), self.is_test_network.into());
        keys.insert("dc_options_revision".to_owned(), self.revision.to_string().into());
        value
    }
}

/// What is not said stands for something: says it.
fn fill_in(tree: &mut Main) {
    for dc in tree.dcs.iter_mut() {
        dc.health = dc.health.over(&tree.health);
        if let (Some(id), None) = (dc.id.get(), dc.name.get()) {
            dc.name = Given(Some(Name::from(default_name(id.get()))));
        }
    }
    for listener in tree.listeners.iter_mut() {
        leave_out_other_protocol(listener);
        let no_memory = OrNone::default();
        match &listener.route {
            Route::Nearest => {}
            Route::Dc(_) => listener.sticky.0 = no_memory,
            Route::Mtproto(route) => {
                listener.dial = Listener::default().dial;
                match route.unknown {
                    Unknown::Nearest => {}
                    Unknown::Dc(_) => listener.sticky.0 = no_memory,
                    // Nobody is left whose class the header does not say.
                    Unknown::Close => {
                        (listener.sticky.0, listener.class) = (no_memory, Class::default());
                    }
                }
            }
        }
    }
    let overrides = tree
        .geoip
        .overrides
        .iter()
        .filter_map(|(network, place)| Some((client_network(network).ok()?, place?)));
    let mut overrides: Vec<_> = overrides.collect();
    overrides.sort_by_key(|(network, _)| *network);
    let written = overrides.into_iter().map(|(network, place)| (network.to_string(), place));
    tree.geoip.overrides = written.collect::<Overrides>();
}

/// What is of the protocol that a listener does not serve means nothing, whatever it says.
fn leave_out_other_protocol(listener: &mut Listener) {
    match listener.protocol {
        Protocol::Tcp => listener.udp = Udp::default(),
        Protocol::Udp => {
            (listener.tcp, listener.timeouts) = (Tcp::default(), Timeouts::default());
            listener.proxy_protocol = ProxyProtocol::default();
            listener.dial = Listener::default().dial;
            let Limits { sessions, sessions_per_client, .. } = Limits::default();
            (listener.limits.sessions, listener.limits.sessions_per_client) =
                (sessions, sessions_per_client);
        }
    }
}

/// Sorts what has no order. `prefer` has one, and so have rules; listeners are shown in theirs.
fn put_in_order(tree: &mut Main) {
    tree.include.sort();
    tree.dcs.sort_by_key(|dc| dc.id.get().copied());
    let own = tree.dcs.iter_mut().filter_map(|dc| dc.health.probe.0.as_mut());
    for probe in own.chain([&mut tree.health.probe]) {
        match probe {
            Probe::Tcp | Probe::Http(_) => {}
            Probe::Mtproto(probe) => probe.fingerprints.sort(),
        }
    }
    for rule in tree.policy.rules.iter_mut() {
        if let Given(Some(dcs)) = &mut rule.restrict {
            dcs.sort();
        }
    }
    for listener in tree.listeners.iter_mut() {
        listener.bind.sort();
        listener.proxy_protocol.accept_from.sort();
        if let Or::Value(dcs) = &mut listener.dcs {
            dcs.sort();
        }
        if let Route::Mtproto(route) = &mut listener.route {
            route.secrets.sort_by_key(ListenerSecret::shown);
        }
    }
    tree.admin.allowed_hosts.sort();
}

#[cfg(test)]
mod tests;
