//! Stub DCs, the files of a configuration, and a daemon in this process.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nearpoint::app::{App, StartError};
use nearpoint::routing::{DcId, Health, Snapshot};
use nearpoint::stub::{Service, Setup, StubDc, UdpService};
use tempfile::TempDir;

use super::doors::Doors;
use super::within;

pub(crate) const MIAMI: u16 = 1;
pub(crate) const AMSTERDAM: u16 = 2;
pub(crate) const SINGAPORE: u16 = 5;

/// All DCs of the laboratory.
pub(crate) const DCS: [u16; 3] = [MIAMI, AMSTERDAM, SINGAPORE];

/// The token of those who test, which may change everything: requests of [`Doors`] and commands show it.
pub(crate) const TOKEN: &str = "token-of-the-laboratory-0123456789";

/// Three DCs, and a directory with the configuration of a daemon before them.
pub(crate) struct Lab {
    directory: TempDir,
    dcs: Vec<StubDc>,
    /// What the DCs serve of UDP, at the same addresses; empty in a laboratory of TCP.
    udp: Vec<StubDc>,
}

impl Lab {
    /// DCs of so many access points each, all of which say who they are and echo then.
    pub(crate) fn new(access_points: usize) -> Self {
        Self::serving(Service::Who, access_points)
    }

    /// DCs of so many access points each, all of this service.
    pub(crate) fn serving(service: Service, access_points: usize) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let at = vec![(any, service); access_points];
        let dcs = DCS.map(|dc| StubDc::bind(dc, &at).expect("a stub DC"));
        let lab = Self::of(dcs.into(), Vec::new());
        lab.configure(&[]);
        lab
    }

    /// DCs of one access point each that serve nobody who sends no PROXY header: at 127.0.0.1, or at ::1.
    pub(crate) fn expecting_headers(service: Service, host: IpAddr) -> Self {
        let setup = Setup { expects_header: true, ..Setup::default() };
        let at = [(SocketAddr::new(host, 0), service)];
        let dcs = DCS.map(|dc| StubDc::bind_with(setup, dc, &at).expect("a stub DC"));
        Self::of(dcs.into(), Vec::new())
    }

    /// DCs of so many access points each, of TCP and of UDP, that say who they are: at 127.0.0.1, or
    /// at ::1. Each protocol can fail by itself.
    pub(crate) fn with_udp(host: IpAddr, service: UdpService, access_points: usize) -> Self {
        let pairs = DCS.map(|dc| stubs_of_both(dc, host, service, access_points));
        let (dcs, udp) = pairs.into_iter().unzip();
        let lab = Self::of(dcs, udp);
        lab.configure_udp(&[]);
        lab
    }

    fn of(dcs: Vec<StubDc>, udp: Vec<StubDc>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let lab = Self { directory, dcs, udp };
        lab.write("dc_options.yaml", lab.dc_options());
        lab.write("tokens", format!("tester write {TOKEN}\n"));
        lab
    }

    /// One of the DCs.
    pub(crate) fn dc(&self, id: u16) -> &StubDc {
        self.dcs.iter().find(|dc| dc.dc() == id).expect("a DC of the laboratory")
    }

    /// What one of the DCs serves of UDP.
    pub(crate) fn udp(&self, id: u16) -> &StubDc {
        self.udp.iter().find(|dc| dc.dc() == id).expect("a DC that serves UDP")
    }

    /// A list of all access points.
    pub(crate) fn dc_options(&self) -> String {
        self.dc_options_of(|_, _| true)
    }

    /// A list of the access points that are to be in it, asked by DC and number within the DC.
    pub(crate) fn dc_options_of(&self, listed: impl Fn(u16, usize) -> bool) -> String {
        let mut list = String::new();
        let protocols = if self.udp.is_empty() { "[tcp]" } else { "[tcp, udp]" };
        for dc in &self.dcs {
            for (number, at) in dc.local_addrs().iter().enumerate() {
                if listed(dc.dc(), number) {
                    let (id, ip, port) = (dc.dc(), at.ip(), at.port());
                    let of_dc = format!("id: {id}, ip: '{ip}', port: {port}");
                    list.push_str(&format!("- {{{of_dc}, protocols: {protocols}}}\n"));
                }
            }
        }
        list
    }

    /// Writes the main file: usual sections, of which some are replaced or added, each as one line
    /// of YAML.
    pub(crate) fn configure(&self, sections: &[(&str, &str)]) {
        self.write("nearpoint.yaml", main_file(sections));
    }

    /// The same for a laboratory with UDP, in which clients are where [`CLIENTS_OF_DCS`] says.
    pub(crate) fn configure_udp(&self, sections: &[(&str, &str)]) {
        let usual = [("listeners", UDP_LISTENER), ("geoip", CLIENTS_OF_DCS), ("health", QUICK_UDP)];
        let sections: Vec<_> = usual.into_iter().chain(sections.iter().copied()).collect();
        self.configure(&sections);
    }

    /// Writes a file beside the main one, in place.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("a file of the test");
    }

    /// A path beside the main file.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The main file.
    pub(crate) fn main(&self) -> PathBuf {
        self.path("nearpoint.yaml")
    }

    /// Starts the daemon in this process.
    pub(crate) async fn start(&self) -> Edge {
        self.try_start().await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts the daemon in this process, if it can.
    pub(crate) async fn try_start(&self) -> Result<Edge, StartError> {
        within("the start", Edge::start(&self.main())).await
    }
}

/// Both at the same addresses.
fn stubs_of_both(
    dc: u16,
    host: IpAddr,
    service: UdpService,
    access_points: usize,
) -> (StubDc, StubDc) {
    let any = vec![(SocketAddr::new(host, 0), Service::Who); access_points];
    // Ports of UDP that are free at this moment are anybody's who asks for one.
    let both = (0..20).find_map(|_| {
        let tcp = StubDc::bind(dc, &any).expect("a stub DC");
        let at: Vec<_> = tcp.local_addrs().iter().map(|at| (*at, Service::Udp(service))).collect();
        StubDc::bind(dc, &at).ok().map(|udp| (tcp, udp))
    });
    both.expect("ports that are free for TCP and for UDP")
}

fn main_file(sections: &[(&str, &str)]) -> String {
    let usual = [
        ("edge", "{name: lab, workers: 2}"),
        ("dcs", LOCATED),
        (
            "listeners",
            // Clients of most tests are expected at home again once their DC is.
            "[{name: clients, bind: ['127.0.0.1:0'], sticky: none, \
             proxy_protocol: {accept_from: [127.0.0.0/8]}}]",
        ),
        ("policy", "{objective: distance}"),
        ("health", QUICK),
        ("shutdown", "{grace: 0s, deadline: 0s}"),
        ("admin", "{bind: '127.0.0.1:0', tokens_file: tokens}"),
        ("metrics", "{bind: '127.0.0.1:0'}"),
        ("log", "{level: info, format: json}"),
    ];
    let sections: BTreeMap<_, _> = usual.into_iter().chain(sections.iter().copied()).collect();
    sections.iter().map(|(key, value)| format!("{key}: {value}\n")).collect()
}

const LOCATED: &str = "[{id: 1, name: mia, location: {lat: 25.77, lon: -80.19}}, \
     {id: 2, name: ams, location: {lat: 52.37, lon: 4.90}}, \
     {id: 5, name: sin, location: {lat: 1.35, lon: 103.82}}]";

/// The listener of most tests of UDP.
pub(crate) const UDP_LISTENER: &str =
    "[{name: clients, protocol: udp, bind: ['127.0.0.1:0'], sticky: none}]";

/// Whose home the networks of clients are: 127.0.1.0/24 is at home in Miami (DC 1), 127.0.2.0/24 and
/// ::1 in Amsterdam (DC 2), 127.0.5.0/24 in Singapore (DC 5), and the rest of them in Amsterdam too.
pub(crate) const CLIENTS_OF_DCS: &str = "{overrides: {\
     '127.0.0.0/8': {country: NL}, '::1/128': {country: NL}, \
     '127.0.1.0/24': {lat: 25.77, lon: -80.19}, '127.0.5.0/24': {country: SG}}}";

/// As [`QUICK`], and asks services of UDP as well.
const QUICK_UDP: &str = "{interval: 200ms, fast_interval: 100ms, down_interval: 200ms, fall: 3, \
     rise: 2, udp_probe: {send: 'who is there?', expect: any}}";

/// Notices within half a second what has happened to a DC.
const QUICK: &str =
    "{interval: 200ms, fast_interval: 100ms, down_interval: 200ms, fall: 3, rise: 2}";

/// After its first round nobody is probed again of itself: only what sessions experience is noticed
/// (and checked at once).
pub(crate) const BLIND: &str =
    "{interval: 1h, fast_interval: 100ms, down_interval: 1h, fall: 2, rise: 1}";

/// A daemon in this process. Ends when it is dropped together with its runtime.
pub(crate) struct Edge {
    pub(crate) app: App,
    pub(crate) doors: Doors,
}

impl Edge {
    pub(crate) async fn start(main: &Path) -> Result<Self, StartError> {
        let app = App::start(main).await?;
        let doors = Doors {
            admin: app.admin.expect("an admin API"),
            metrics: app.scrape.expect("a metrics listener"),
        };
        Ok(Self { app, doors })
    }

    /// Where the listener `clients` is.
    pub(crate) fn clients(&self) -> SocketAddr {
        self.listener("clients")
    }

    /// Where a listener is.
    pub(crate) fn listener(&self, name: &str) -> SocketAddr {
        self.app.listeners[name][0]
    }

    /// Waits until a snapshot fulfils a condition.
    pub(crate) async fn until(
        &self,
        what: &str,
        condition: impl Fn(&Snapshot) -> bool,
    ) -> Arc<Snapshot> {
        within(what, self.app.reader.wait_for(condition)).await
    }

    /// Waits until these DCs are of this health.
    pub(crate) async fn until_dcs_are(&self, dcs: &[u16], health: Health) {
        let what = format!("DCs {dcs:?} are {}", health.as_str());
        self.until(&what, |snapshot| {
            dcs.iter().all(|dc| {
                let index = snapshot.topology.find_dc(DcId(*dc));
                index.is_some_and(|index| snapshot.dc(index).health == health)
            })
        })
        .await;
    }

    /// Waits until every access point of these DCs is of this health.
    pub(crate) async fn until_access_points_are(&self, dcs: &[u16], health: Health) {
        let what = format!("access points of DCs {dcs:?} are {}", health.as_str());
        self.until(&what, |snapshot| {
            let states = snapshot.topology.access_points().iter().zip(&snapshot.access_points);
            states.filter(|(it, _)| dcs.contains(&it.id.dc.0)).all(|(_, it)| it.health == health)
        })
        .await;
    }
}
