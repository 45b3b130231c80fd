//! The main file, read key by key.

use std::path::{Path, PathBuf};

use crate::routing::topology::Revision;

use super::Config;
use super::assemble::{RoutingDraft, assemble, check_binds, check_unique};
use super::daemon::{Admin, Guards, Log, Memory, Metrics, Shutdown};
use super::dc_options::Listed;
use super::dcs::{DcDraft, read_connect, read_global_health, read_policy};
use super::edge::{Edge, Geoip};
use super::finding::Findings;
use super::listener::ListenerDraft;
use super::reader::Cursor;
use super::values::text;

/// What the main file says. Where it had problems the defaults stand.
pub(super) struct Draft {
    pub(super) edge: Edge,
    pub(super) dc_options: PathBuf,
    pub(super) geoip: Geoip,
    pub(super) routing: RoutingDraft,
    pub(super) guards: Guards,
    pub(super) memory: Memory,
    pub(super) shutdown: Shutdown,
    pub(super) admin: Admin,
    pub(super) metrics: Metrics,
    pub(super) log: Log,
}

impl Draft {
    /// `base` is where relative paths begin.
    pub(super) fn read(root: &Cursor<'_>, base: &Path) -> Self {
        root.section(|keys| {
            let edge = Edge::read(&keys.key("edge"), base);
            let list = keys.key("dc_options").read(|node| text(node).map(PathBuf::from));
            let geoip = Geoip::read(&keys.key("geoip"), base);
            let (health, startup_grace) = read_global_health(&keys.key("health"));
            let dcs = keys.key("dcs").items();
            let dcs = dcs.map(|dc| DcDraft::read(&dc, &health)).collect();
            let listeners = keys.key("listeners");
            if listeners.is_empty_list() {
                keys.problem("needs `listeners`, a list of at least one");
            }
            Self {
                routing: RoutingDraft {
                    dcs,
                    listeners: listeners.items().map(|one| ListenerDraft::read(&one)).collect(),
                    policy: read_policy(&keys.key("policy")),
                    connect: read_connect(&keys.key("connect")),
                    health,
                    startup_grace,
                    edge: edge.location.map(|place| place.coordinates),
                },
                edge,
                dc_options: base.join(list.unwrap_or_else(|| "dc_options.yaml".into())),
                geoip,
                guards: Guards::read(&keys.key("guards")),
                memory: Memory::read(&keys.key("memory")),
                shutdown: Shutdown::read(&keys.key("shutdown")),
                admin: Admin::read(&keys.key("admin")),
                metrics: Metrics::read(&keys.key("metrics")),
                log: Log::read(&keys.key("log")),
            }
        })
    }

    /// Checks what only the whole file shows.
    pub(super) fn check(&self, problems: &Findings) {
        check_unique(&self.routing, problems);
        check_binds(&self.routing.listeners, &self.admin, &self.metrics, problems);
    }

    /// The configuration, if there were no problems.
    pub(super) fn into_config(
        self,
        options: Vec<Listed>,
        revision: Revision,
        notes: (&Findings, &Findings),
    ) -> Config {
        let listeners = self.routing.listeners.iter();
        Config {
            edge: self.edge,
            dc_options: self.dc_options,
            geoip: self.geoip,
            listeners: listeners.map(|draft| draft.listener.clone()).collect(),
            topology: assemble(self.routing, options, revision, notes),
            guards: self.guards,
            memory: self.memory,
            shutdown: self.shutdown,
            admin: self.admin,
            metrics: self.metrics,
            log: self.log,
        }
    }
}
