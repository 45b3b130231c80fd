//! The main file, read, and checked as far as it can be alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::routing::Coordinates;
use crate::routing::topology::{ConnectLimits, HealthSettings, OnDown};

use super::admin::Admin;
use super::assemble::{check_advertised, check_binds, check_unique};
use super::daemon::{Guards, Log, Memory, Metrics, Shutdown};
use super::dcs::{DcDraft, connect_limits, global_health};
use super::edge::{Edge, Geoip};
use super::finding::{Finding, Findings};
use super::key_path::KeyPath;
use super::listener::ListenerDraft;
use super::node::Node;
use super::rules::PolicyDraft;
use super::secrets::SecretFiles;
use super::{de, tree};

/// What the main file says. Where it had problems the defaults stand.
#[derive(Clone)]
pub(super) struct Draft {
    /// As it was written, with the defaults and what is in files of secrets filled in.
    pub(super) tree: tree::Main,
    pub(super) secret_files: SecretFiles,
    pub(super) edge: Edge,
    pub(super) dc_options: PathBuf,
    pub(super) geoip: Geoip,
    pub(super) routing: RoutingDraft,
    pub(super) guards: Guards,
    pub(super) memory: Memory,
    pub(super) shutdown: Shutdown,
    pub(super) admin: Admin,
    /// What is wrong with the content of the files that `admin` names.
    pub(super) admin_problems: Vec<Finding>,
    pub(super) metrics: Metrics,
    pub(super) log: Log,
}

/// What the main file says about routing.
#[derive(Clone)]
pub(super) struct RoutingDraft {
    pub(super) dcs: Vec<DcDraft>,
    pub(super) listeners: Vec<ListenerDraft>,
    pub(super) policy: PolicyDraft,
    pub(super) connect: ConnectLimits,
    pub(super) on_down: OnDown,
    /// Of DCs that say nothing else.
    pub(super) health: HealthSettings,
    pub(super) startup_grace: Duration,
    pub(super) max_probes: usize,
    pub(super) edge: Option<Coordinates>,
}

impl Draft {
    /// `base` is where relative paths begin.
    pub(super) fn read(root: &Node, base: &Path, told: (&Findings, &Findings)) -> Self {
        let (problems, _) = told;
        let mut tree: tree::Main = de::read(root, KeyPath::default(), problems).unwrap_or_default();
        let secret_files = SecretFiles::include(&mut tree, base, problems);
        let edge = Edge::new(&tree.edge, base);
        let geoip = Geoip::new(&tree.geoip, base, problems);
        let element = |key: &'static str, index| {
            let path = KeyPath::default().key(key).index(index);
            (path, root.entry(key).and_then(|list| list.element(index)))
        };
        let dcs = tree.dcs.indexed().filter_map(|(index, dc)| {
            let (path, node) = element("dcs", index);
            DcDraft::new(dc, &tree.health, path, node, problems)
        });
        let listeners = tree.listeners.indexed().map(|(index, listener)| {
            let (path, node) = element("listeners", index);
            ListenerDraft::new(listener, path, node, told)
        });
        let mut policy = PolicyDraft::new(&tree.policy, root.entry("policy"), told);
        policy.policy.overflow = tree.overflow.into();
        let (admin, admin_problems) = Admin::new(&tree.admin, base, root.entry("admin"), told);
        let draft = Self {
            routing: RoutingDraft {
                dcs: dcs.collect(),
                listeners: listeners.collect(),
                policy,
                connect: connect_limits(&tree.connect, problems),
                on_down: tree.on_down.resolve(),
                health: global_health(&tree.health, problems),
                startup_grace: tree.health.startup_grace.get(),
                max_probes: usize::try_from(tree.health.max_in_flight.get()).unwrap_or(usize::MAX),
                edge: edge.location.map(|place| place.coordinates),
            },
            edge,
            dc_options: tree.dc_options.beside(base),
            geoip,
            guards: (&tree.guards).into(),
            memory: Memory::new(&tree.memory, problems),
            shutdown: Shutdown::new(&tree.shutdown, problems),
            admin,
            admin_problems,
            metrics: (&tree.metrics).into(),
            log: (&tree.log).into(),
            tree,
            secret_files,
        };
        check_unique(&draft.routing, problems);
        check_binds(&draft.routing.listeners, &draft.admin, &draft.metrics, problems);
        check_advertised(&draft.routing.listeners, problems);
        draft
    }
}
