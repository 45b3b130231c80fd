//! A daemon in this process, before one DC.

use std::fs;
use std::net::SocketAddr;

use nearpoint::app::App;
use nearpoint::routing::{DcId, Health};
use tempfile::TempDir;

/// A running daemon. Ends when it is dropped together with its runtime.
pub(crate) struct Edge {
    _app: App,
    _directory: TempDir,
    /// Where clients come in: one of IPv4, one of IPv6.
    pub(crate) doors: Vec<SocketAddr>,
}

impl Edge {
    /// A daemon that sends this version to the access point `at`, which `probe` finds Up, and whose
    /// listener has these keys too. All clients are at home in the Netherlands.
    pub(crate) async fn start(at: SocketAddr, version: &str, probe: &str, keys: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let listener = "name: clients, bind: ['127.0.0.1:0', '[::1]:0'], sticky: none";
        let main = format!(
            "edge: {{name: edge-1, workers: 1}}\n\
             dcs: [{{id: 2, name: ams, send_proxy: {version}}}]\n\
             listeners: [{{{listener}, {keys}}}]\n\
             geoip: {{overrides: {{0.0.0.0/0: {{country: NL}}, '::/0': {{country: NL}}}}}}\n\
             health: {{interval: 200ms, fast_interval: 100ms, {probe}}}\n\
             shutdown: {{grace: 0s, deadline: 0s}}\n\
             admin: {{bind: '127.0.0.1:0'}}\n\
             metrics: {{bind: '127.0.0.1:0'}}\n"
        );
        let list = format!("- {{id: 2, ip: '{}', port: {}}}\n", at.ip(), at.port());
        let path = directory.path().join("nearpoint.yaml");
        fs::write(&path, main).expect("written");
        fs::write(directory.path().join("dc_options.yaml"), list).expect("written");
        let app = App::start(&path).await.unwrap_or_else(|error| panic!("{error}"));
        app.reader
            .wait_for(|snapshot| {
                let dc = snapshot.topology.find_dc(DcId(2));
                dc.is_some_and(|dc| snapshot.dc(dc).health == Health::Up)
            })
            .await;
        let doors = app.listeners["clients"].clone();
        Self { _app: app, _directory: directory, doors }
    }
}
