//! DCs that fall ill in different ways, each under clients who keep coming: what it costs them, what
//! shows it, and that everybody is home again afterwards. With `--nocapture` the figures are printed;
//! only outcomes are asserted.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nearpoint::routing::{DcId, DcSlot, Health};
use nearpoint::stub::{Fault, Service};
use serde_json::Value;

use crate::places::{PLACES, clients, ip};
use crate::support::arrivals::{Arrival, Arrivals};
use crate::support::client::{Client, who_answers};
use crate::support::eventually;
use crate::support::lab::{AMSTERDAM, DCS, Edge, Lab};

/// A client that is at home in Amsterdam.
const DUTCH: &str = "145.97.1.1";

/// A hundred new sessions a second.
const PACE: Duration = Duration::from_millis(10);

/// Sessions that the fault itself caught are over a second later.
const IMPATIENT: &str = "[{name: clients, bind: ['127.0.0.1:0'], sticky: none, \
     timeouts: {first_byte: 1s}, proxy_protocol: {accept_from: [127.0.0.0/8]}}]";

/// Nothing is set: what is measured is what operators get.
const AS_SHIPPED: &str = "{}";

const ASKING: &str = "{probe: {http: {path: /health, expect: 200}}}";

#[tokio::test]
async fn a_dc_that_refuses_costs_no_new_session() {
    let lab = Lab::new(2);
    lab.configure(&[("listeners", IMPATIENT), ("health", AS_SHIPPED)]);
    let edge = lab.start().await;
    let homes = homes();
    let arrivals = Arrivals::start(edge.clients(), homes.keys().copied().collect(), PACE);
    arrivals.until(homes.len(), Instant::now()).await;

    let outage = Outage::begin(&lab, &edge, Fault::Refuse).await;
    outage.is_served_elsewhere(&arrivals, &homes).await;
    heal(&lab, &edge).await;
    are_home(&arrivals, &homes).await;

    all_were_served(&outage.tell(arrivals).await);
}

#[tokio::test]
async fn a_dc_without_power_costs_no_new_session() {
    /// What Amsterdam has saved up after ten seconds of this load: a second's worth of sessions.
    const HEDGES: u32 = 40;
    let lab = Lab::new(2);
    lab.configure(&[("listeners", IMPATIENT), ("health", AS_SHIPPED)]);
    let edge = lab.start().await;
    let homes = homes();
    let arrivals = Arrivals::start(edge.clients(), homes.keys().copied().collect(), PACE);
    arrivals.until(3 * homes.len(), Instant::now()).await;
    slot_of_amsterdam(&edge).refill_hedges(HEDGES, HEDGES);

    let outage = Outage::begin(&lab, &edge, Fault::Drop).await;
    outage.is_served_elsewhere(&arrivals, &homes).await;
    let causes = outage.causes_of_down(&edge).await;
    assert_eq!(causes, ["probe failed: timeout"; 2]);
    let changes = outage.changes(&edge).await;
    let overtaken = changes.iter().find(|it| it["cause"] == "overtaken connects of sessions");
    assert_eq!(overtaken.expect("sessions tell first")["to"], "suspect");
    heal(&lab, &edge).await;
    are_home(&arrivals, &homes).await;

    all_were_served(&outage.tell(arrivals).await);
    let won = [("dc", "2"), ("result", "won")];
    let scrape = edge.doors.scrape().await;
    assert!(scrape.sum("hedges_total", &won) >= 1.0, "who came first did not wait");
    eprintln!("  hedges that won: {}", scrape.sum("hedges_total", &won));
}

#[tokio::test]
async fn a_mute_dc_is_out_of_use_when_its_probes_ask() {
    let lab = Lab::serving(Service::Http, 2);
    lab.configure(&[("listeners", IMPATIENT), ("health", ASKING)]);
    let edge = lab.start().await;
    let homes = homes();
    let arrivals = Arrivals::start(edge.clients(), homes.keys().copied().collect(), PACE);
    arrivals.until(homes.len(), Instant::now()).await;

    let outage = Outage::begin(&lab, &edge, Fault::Mute).await;
    outage.is_served_elsewhere(&arrivals, &homes).await;
    assert_eq!(outage.causes_of_down(&edge).await, ["probe failed: silent"; 2]);
    heal(&lab, &edge).await;
    are_home(&arrivals, &homes).await;

    let out_of_use = outage.began + outage.lasted;
    let came = outage.tell(arrivals).await;
    for arrival in failed(&came) {
        assert_eq!(homes[&arrival.client], AMSTERDAM, "{arrival:?}");
        assert!(arrival.began <= out_of_use, "{arrival:?}");
    }
}

#[tokio::test]
async fn a_mute_dc_is_out_of_use_by_what_sessions_show_when_its_probes_only_connect() {
    const NEIGHBOURHOODS: u8 = 24;
    const HELD: u64 = 3000;
    let lab = Lab::serving(Service::Http, 1);
    lab.configure(&[
        ("listeners", IMPATIENT),
        ("health", "{hold_down: {first: 3s, max: 1m}}"),
        ("geoip", "{overrides: {10.0.0.0/8: {country: NL}}}"),
    ]);
    let edge = lab.start().await;
    let dutch = (0..NEIGHBOURHOODS).map(|n| IpAddr::V4(Ipv4Addr::new(10, 0, n, 1)));
    let homes: BTreeMap<IpAddr, u16> = dutch.map(|client| (client, AMSTERDAM)).collect();
    let arrivals = Arrivals::start(edge.clients(), homes.keys().copied().collect(), 3 * PACE);
    arrivals.until(homes.len(), Instant::now()).await;

    let outage = Outage::begin(&lab, &edge, Fault::Mute).await;
    let status = edge.doors.json("/v1/status").await;
    outage.is_served_elsewhere(&arrivals, &homes).await;
    let at = lab.dc(AMSTERDAM).local_addrs()[0].to_string();
    let held = &of_amsterdam(&status)["held_down"][0];
    assert_eq!(held["access_point"], at, "{status}");
    let seconds = held["held_for_seconds"].as_u64().expect("a number");
    assert!((1..=HELD / 1000).contains(&seconds), "{held}");
    let says = of_amsterdam(&status)["says"].as_str().expect("a sentence");
    assert!(says.contains(&format!("{at} held down for another {seconds}s")), "{says}");

    heal(&lab, &edge).await;
    are_home(&arrivals, &homes).await;
    let changes = outage.changes(&edge).await;
    let down = changes.iter().find(|event| event["to"] == "down").expect("it went Down");
    assert_eq!((&down["cause"], &down["held_for_ms"]), (&"mute sessions".into(), &HELD.into()));
    let up = changes
        .iter()
        .find(|event| event["to"] == "up" && event["id"].as_u64() > down["id"].as_u64());
    let back = stamp(up.expect("it came back")) - stamp(down);
    assert!(
        back >= Duration::from_millis(HELD),
        "its probes had been good all the while: {back:?}"
    );
    let scrape = edge.doors.scrape().await;
    let probed = |result| scrape.sum("probes_total", &[("dc", "2"), ("result", result)]);
    assert_eq!(probed("ok"), scrape.sum("probes_total", &[("dc", "2")]), "none has failed");

    let out_of_use = outage.began + outage.lasted;
    for arrival in failed(&outage.tell(arrivals).await) {
        assert!(arrival.began <= out_of_use, "{arrival:?}");
    }
}

#[tokio::test]
async fn a_dc_ten_times_as_slow_is_up_and_its_clients_go_where_it_is_faster() {
    const USUAL: Fault = Fault::Slow(Duration::from_millis(10));
    const TEN_TIMES: Fault = Fault::Slow(Duration::from_millis(100));
    let lab = Lab::serving(Service::Http, 1);
    lab.configure(&[
        ("listeners", IMPATIENT),
        ("policy", "{objective: balanced}"),
        (
            "health",
            "{interval: 200ms, fast_interval: 100ms, probe: {http: {path: /health, expect: 200}}}",
        ),
    ]);
    lab.dc(AMSTERDAM).set_fault_everywhere(USUAL).await.expect("as far away as that");
    let edge = lab.start().await;
    let arrivals = Arrivals::start(edge.clients(), vec![ip(DUTCH)], PACE);
    arrivals.until(20, Instant::now()).await;
    let first = async || edge.doors.explain(ip(DUTCH)).await["attempts"][0]["dc"].clone();
    assert_eq!(first().await, AMSTERDAM);

    let last = last_event(&edge).await;
    let began = Instant::now();
    lab.dc(AMSTERDAM).set_fault_everywhere(TEN_TIMES).await.expect("slow");
    eventually("it is too slow", async || (first().await != AMSTERDAM).then_some(())).await;
    let out_of_use = Instant::now();
    arrivals.until(20, out_of_use).await;
    for arrival in arrivals.since(out_of_use) {
        let who = arrival.answered.as_ref().expect("a session");
        assert_ne!(who.dc, AMSTERDAM);
    }
    edge.until_dcs_are(&[AMSTERDAM], Health::Up).await;
    let told = changes_since(&edge, last).await;
    assert_eq!(told, [] as [Value; 0], "slow is not dead");
    let outage =
        Outage { fault: TEN_TIMES, began, in_effect: began, lasted: out_of_use - began, last };
    all_were_served(&outage.tell(arrivals).await);
}

#[tokio::test]
async fn an_edge_that_is_cut_off_condemns_nobody_and_ends_no_session() {
    let lab = Lab::new(1);
    let edge = lab.start().await;
    let mut open = Vec::new();
    for (client, home) in [(DUTCH, AMSTERDAM), ("8.8.8.8", DCS[0]), ("133.11.1.1", DCS[2])] {
        let mut session = Client::announced(edge.clients(), ip(client)).await.expect("a session");
        assert_eq!(session.who().await.expect("an answer").dc, home);
        open.push(session);
    }
    let last = last_event(&edge).await;
    let silent = async || {
        let scrape = edge.doors.scrape().await;
        scrape.sum("probes_total", &[("result", "timeout")])
    };

    let cut = Instant::now();
    for dc in DCS {
        lab.dc(dc).set_fault_everywhere(Fault::Drop).await.expect("dark");
    }
    let isolated = edge.until("the edge is cut off", |snapshot| snapshot.isolated).await;
    let noticed = cut.elapsed();
    assert!(isolated.access_points.iter().all(|state| state.health.is_usable()));
    // More than it takes to be Down, if they counted.
    let before = silent().await;
    eventually("probes go on", async || (silent().await >= before + 12.0).then_some(())).await;
    let snapshot = edge.app.reader.load_full();
    assert!(snapshot.isolated && snapshot.access_points.iter().all(|it| it.health.is_usable()));
    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.value("edge_isolated", &[]), 1.0);
    assert_eq!(scrape.sum("dc_up", &[]), DCS.len() as f64);
    assert_eq!(scrape.sum("sessions_active", &[]), open.len() as f64);
    assert_eq!(scrape.sum("close_total", &[]), 0.0);
    let (status, why) = edge.doors.get("/readyz").await;
    assert_eq!(status, 503);
    assert!(why.contains("isolated: this edge is cut off"), "{why}");

    let probes = silent().await;
    let healed = Instant::now();
    for dc in DCS {
        lab.dc(dc).set_fault_everywhere(Fault::None).await.expect("light");
    }
    let connected = edge.until("it is connected", |snapshot| !snapshot.isolated).await;
    let ended = healed.elapsed();
    assert!(connected.access_points.iter().all(|state| state.health.is_usable()));
    assert!(connected.access_points.iter().all(|state| state.held_until.is_none()));
    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.value("edge_isolated", &[]), 0.0);
    assert_eq!(edge.doors.get("/readyz").await.0, 200);
    edge.until_access_points_are(&DCS, Health::Up).await;
    assert_eq!(who_answers(edge.clients(), ip(DUTCH)).await.expect("a session").dc, AMSTERDAM);

    let told = changes_since(&edge, last).await;
    let isolation: Vec<_> = told.iter().filter(|it| it["kind"] == "isolation").collect();
    assert_eq!(isolation.iter().map(|it| &it["to"]).collect::<Vec<_>>(), ["isolated", "connected"]);
    for event in told.iter().filter(|it| it["kind"] == "access_point" && it["to"] == "down") {
        let back = |it: &&Value| {
            it["access_point"] == event["access_point"] && it["cause"] == "edge isolated"
        };
        let back = told.iter().find(back).expect("what was concluded is taken back");
        assert_eq!(back["to"], "suspect", "{told:?}");
        assert!(event["held_for_ms"].is_null(), "{event}");
    }
    let after = isolation[1]["id"].as_u64();
    let mut later = told.iter().filter(|it| it["id"].as_u64() > after);
    assert!(later.all(|it| it["to"] == "up"), "nothing is held against anybody: {told:?}");
    eprintln!(
        "all DCs dark at once: noticed after {noticed:?}; over {ended:?} after healing, {} silent \
         probes later",
        silent().await - probes
    );
}

#[tokio::test]
async fn a_dc_that_flaps_is_held_down_longer_each_time() {
    const FLAPPING: &str = "{interval: 200ms, fast_interval: 100ms, down_interval: 200ms, fall: 3, \
         rise: 2, hold_down: {first: 1s, max: 4s}}";
    let lab = Lab::new(1);
    lab.configure(&[("health", FLAPPING)]);
    let edge = lab.start().await;
    let (amsterdam, last) = (lab.dc(AMSTERDAM), last_event(&edge).await);
    for time in 1..=4 {
        amsterdam.set_fault_everywhere(Fault::Refuse).await.expect("refusing");
        edge.until_access_points_are(&[AMSTERDAM], Health::Down).await;
        amsterdam.set_fault_everywhere(Fault::None).await.expect("healed");
        if time == 4 {
            let who = who_answers(edge.clients(), ip(DUTCH)).await.expect("a session");
            assert_ne!(who.dc, AMSTERDAM, "it answers, and is not believed yet");
        }
        edge.until_access_points_are(&[AMSTERDAM], Health::Up).await;
    }
    assert_eq!(who_answers(edge.clients(), ip(DUTCH)).await.expect("a session").dc, AMSTERDAM);

    let told = changes_since(&edge, last).await;
    let told: Vec<_> = told.iter().filter(|it| it["kind"] == "access_point").collect();
    let held: Vec<_> =
        told.iter().filter(|it| it["to"] == "down").map(|it| it["held_for_ms"].as_u64()).collect();
    assert_eq!(held, [None, Some(1000), Some(2000), Some(4000)]);
    let turns = told.chunks_exact(2);
    let down: Vec<_> = turns.map(|turn| stamp(turn[1]) - stamp(turn[0])).collect();
    for (down, held) in down.iter().zip(held) {
        assert!(*down >= Duration::from_millis(held.unwrap_or(0)), "{down:?}");
    }
    eprintln!("flapping DC, back in use after {down:?}");
}

/// Clients of all places, and the DC at which each is at home.
fn homes() -> BTreeMap<IpAddr, u16> {
    let homes = PLACES.iter().map(|(_, _, home)| *home).cycle();
    clients(2 * PLACES.len()).into_iter().zip(homes).collect()
}

/// A fault of Amsterdam.
struct Outage {
    fault: Fault,
    began: Instant,
    /// Who came before may have met Amsterdam on both sides of the fault.
    in_effect: Instant,
    /// Until it was out of use.
    lasted: Duration,
    /// The last event before.
    last: u64,
}

impl Outage {
    /// Begins it, and waits until Amsterdam is out of use.
    async fn begin(lab: &Lab, edge: &Edge, fault: Fault) -> Self {
        let last = last_event(edge).await;
        let began = Instant::now();
        lab.dc(AMSTERDAM).set_fault_everywhere(fault).await.expect("faulty");
        let in_effect = Instant::now();
        edge.until_access_points_are(&[AMSTERDAM], Health::Down).await;
        Self { fault, began, in_effect, lasted: began.elapsed(), last }
    }

    /// Everybody who comes from now on is served at once, and nobody by Amsterdam.
    async fn is_served_elsewhere(&self, arrivals: &Arrivals, homes: &BTreeMap<IpAddr, u16>) {
        let then = Instant::now();
        arrivals.until(homes.len(), then).await;
        for arrival in arrivals.since(then) {
            let who = arrival.answered.as_ref().expect("a session");
            match homes[&arrival.client] {
                AMSTERDAM => assert_ne!(who.dc, AMSTERDAM),
                home => assert_eq!(who.dc, home, "only clients of the ill DC move"),
            }
        }
    }

    /// What has happened to its access points.
    async fn changes(&self, edge: &Edge) -> Vec<Value> {
        let mut changes = changes_since(edge, self.last).await;
        changes.retain(|event| event["kind"] == "access_point" && event["dc"] == AMSTERDAM);
        changes
    }

    /// Why its access points went Down.
    async fn causes_of_down(&self, edge: &Edge) -> Vec<String> {
        let changes = self.changes(edge).await;
        let down = changes.iter().filter(|event| event["to"] == "down");
        down.map(|event| event["cause"].as_str().expect("a cause").to_owned()).collect()
    }

    /// Ends the load and prints what those met who came until Amsterdam was out of use. Returns all
    /// who came since the fault was in effect.
    async fn tell(self, arrivals: Arrivals) -> Vec<Arrival> {
        let mut came = arrivals.stop().await;
        came.retain(|arrival| arrival.began >= self.in_effect);
        let until = self.began + self.lasted;
        let during: Vec<_> = came.iter().filter(|arrival| arrival.began <= until).collect();
        let lost = during.iter().filter(|arrival| arrival.answered.is_err()).count();
        let mut took: Vec<_> = during.iter().filter_map(|it| it.answered_after).collect();
        took.sort_unstable();
        let at = |share: f64| took.get((took.len() as f64 * share) as usize);
        eprintln!(
            "{}: out of use after {:?}; {} new sessions until then, {lost} failed; answered after \
             {:?} (p50), {:?} (p99), {:?} (most)",
            self.fault,
            self.lasted,
            during.len(),
            at(0.5),
            at(0.99),
            took.last(),
        );
        came
    }
}

async fn heal(lab: &Lab, edge: &Edge) {
    let healed = Instant::now();
    lab.dc(AMSTERDAM).set_fault_everywhere(Fault::None).await.expect("healed");
    edge.until_access_points_are(&[AMSTERDAM], Health::Up).await;
    eprintln!("back in use {:?} after healing", healed.elapsed());
}

/// Everybody who comes from now on is served at home.
async fn are_home(arrivals: &Arrivals, homes: &BTreeMap<IpAddr, u16>) {
    let then = Instant::now();
    arrivals.until(homes.len(), then).await;
    for arrival in arrivals.since(then) {
        let who = arrival.answered.as_ref().expect("a session");
        assert_eq!(who.dc, homes[&arrival.client], "{}", arrival.client);
    }
}

fn all_were_served(came: &[Arrival]) {
    let failed = failed(came);
    assert!(failed.is_empty(), "{failed:?}");
}

fn failed(came: &[Arrival]) -> Vec<&Arrival> {
    came.iter().filter(|arrival| arrival.answered.is_err()).collect()
}

async fn last_event(edge: &Edge) -> u64 {
    edge.doors.json("/v1/events").await["last"].as_u64().expect("a number")
}

async fn changes_since(edge: &Edge, last: u64) -> Vec<Value> {
    let told = edge.doors.json(&format!("/v1/events?after={last}")).await;
    told["events"].as_array().expect("a list").clone()
}

/// When an event was told, since the epoch.
fn stamp(event: &Value) -> Duration {
    let at = humantime::parse_rfc3339(event["at"].as_str().expect("a time")).expect("a time");
    at.duration_since(std::time::UNIX_EPOCH).expect("after the epoch")
}

fn of_amsterdam(status: &Value) -> &Value {
    let dcs = status["dcs"].as_array().expect("a list");
    dcs.iter().find(|dc| dc["id"] == AMSTERDAM).expect("told of")
}

fn slot_of_amsterdam(edge: &Edge) -> Arc<DcSlot> {
    let snapshot = edge.app.reader.load_full();
    let index = snapshot.topology.find_dc(DcId(AMSTERDAM)).expect("a DC of the laboratory");
    Arc::clone(&snapshot.dc(index).slot)
}
