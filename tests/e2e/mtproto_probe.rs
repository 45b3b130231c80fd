//! What probes in MTProto make of DCs that answer so: health, and alarms about what is no failure.

use std::net::SocketAddr;

use nearpoint::mtproto::Secret;
use nearpoint::stub::{Fault, MtprotoFault, Service, Setup, StubDc, fingerprints_of};
use rustix::process::Signal;
use serde_json::Value;

use crate::support::eventually;
use crate::support::lab::{AMSTERDAM, DCS, Lab};
use crate::support::process::{Process, output};

const STRICT: Service = Service::Mtproto { strict: true };

/// Quick, and nobody is held down for changing so often.
const QUICK: &str = "interval: 200ms, fast_interval: 100ms, down_interval: 200ms, fall: 3, rise: 2, \
     hold_down: {first: 0s, max: 0s}";

fn probing(style: &str) -> String {
    format!("{{{QUICK}, probe: {{mtproto: {style}}}}}")
}

/// The DCs of a laboratory, each with the keys that its stub has.
fn pinned() -> String {
    let dcs = DCS.map(|dc| {
        let pins = fingerprints_of(dc).map(|it| format!("'{it:#x}'")).join(", ");
        let probe = format!("{{mtproto: {{transport: padded, fingerprints: [{pins}]}}}}");
        format!("{{id: {dc}, name: dc{dc}, site: s{dc}, health: {{probe: {probe}}}}}")
    });
    format!("[{}]", dcs.join(", "))
}

/// A daemon before DCs that answer MTProto, which it asks so.
async fn daemon() -> (Lab, Process) {
    let lab = Lab::serving(STRICT, 1);
    lab.configure(&[("dcs", &pinned()), ("health", &probing("{}"))]);
    let daemon = Process::start(&lab).await;
    (lab, daemon)
}

/// What the daemon says of the one access point of Amsterdam.
async fn amsterdam(daemon: &Process) -> Value {
    let view = daemon.doors.json("/v1/dcs").await;
    let dcs = view["dcs"].as_array().expect("a list");
    let dc = dcs.iter().find(|dc| dc["id"] == AMSTERDAM).expect("told of");
    dc["access_points"][0].clone()
}

/// Waits until Amsterdam is of this health, with this alarm or none.
async fn stands(daemon: &Process, health: &str, alarm: Option<&str>) -> Value {
    eventually(&format!("{health}, {alarm:?}"), async || {
        let it = amsterdam(daemon).await;
        (it["health"] == health && it["alarm"]["alarm"].as_str() == alarm).then_some(it)
    })
    .await
}

/// Probes of Amsterdam that came to one of these.
async fn probed(daemon: &Process, results: &[&str]) -> f64 {
    let scrape = daemon.doors.scrape().await;
    let count = |result: &&str| scrape.sum("probes_total", &[("dc", "2"), ("result", result)]);
    results.iter().map(count).sum()
}

async fn gauge(daemon: &Process, alarm: &str) -> f64 {
    let scrape = daemon.doors.scrape().await;
    scrape.value("probe_alarms", &[("dc", "2"), ("alarm", alarm)])
}

/// The events of Amsterdam after the one with this id.
async fn events(daemon: &Process, after: u64) -> Vec<Value> {
    let view = daemon.doors.json(&format!("/v1/events?dc=2&after={after}")).await;
    view["events"].as_array().expect("a list").clone()
}

async fn last_event(daemon: &Process) -> u64 {
    daemon.doors.json("/v1/events").await["last"].as_u64().expect("a number")
}

/// A row of the table: what is wrong, which results say so, whether that is a failure, and the alarm.
struct Row {
    fault: Fault,
    results: &'static [&'static str],
    /// How the cause of Down begins; `None`: it stays Up.
    cause: Option<&'static str>,
    alarm: Option<&'static str>,
}

const fn failing(fault: Fault, results: &'static [&'static str], cause: &'static str) -> Row {
    Row { fault, results, cause: Some(cause), alarm: None }
}

const ROWS: &[Row] = &[
    failing(Fault::Refuse, &["refused"], "probe failed: refused"),
    failing(Fault::Drop, &["timeout"], "probe failed: timeout"),
    failing(Fault::Mute, &["silent"], "probe failed: silent"),
    failing(Fault::Mtproto(MtprotoFault::Close), &["closed"], "probe failed: closed"),
    // The reset may come before the connection is looked at.
    failing(Fault::Reset, &["closed", "reset"], "probe failed: "),
    failing(
        Fault::Mtproto(MtprotoFault::Code(-404)),
        &["no_back_end"],
        "probe failed: no_back_end",
    ),
    failing(
        Fault::Mtproto(MtprotoFault::Code(-403)),
        &["error_code"],
        "probe failed: error_code -403",
    ),
    Row {
        fault: Fault::Mtproto(MtprotoFault::Nonce),
        results: &["foreign_answer"],
        cause: Some("probe failed: foreign_answer, to another question"),
        alarm: Some("foreign_answer"),
    },
    Row {
        fault: Fault::Mtproto(MtprotoFault::Garbage),
        results: &["foreign_answer"],
        cause: Some("probe failed: foreign_answer, no MTProto"),
        alarm: Some("foreign_answer"),
    },
    Row {
        fault: Fault::Mtproto(MtprotoFault::Code(-429)),
        results: &["rate_limited"],
        cause: None,
        alarm: Some("rate_limited"),
    },
    Row {
        fault: Fault::Mtproto(MtprotoFault::Code(-444)),
        results: &["wrong_dc"],
        cause: None,
        alarm: Some("wrong_dc"),
    },
    Row {
        fault: Fault::Mtproto(MtprotoFault::Fingerprints),
        results: &["other_fingerprints"],
        cause: None,
        alarm: Some("other_fingerprints"),
    },
];

#[tokio::test]
async fn each_answer_has_its_health_its_alarm_and_its_words() {
    let (lab, daemon) = daemon().await;
    stands(&daemon, "up", None).await;
    for row in ROWS {
        let (results, fault) = (row.results, row.fault);
        let after = last_event(&daemon).await;
        let before = probed(&daemon, results).await;
        lab.dc(AMSTERDAM).set_fault_everywhere(fault).await.expect("faulty");
        // More than it takes to be Down, if they counted as failures.
        eventually(&format!("{fault} is found"), async || {
            (probed(&daemon, results).await >= before + 4.0).then_some(())
        })
        .await;
        let health = if row.cause.is_some() { "down" } else { "up" };
        stands(&daemon, health, row.alarm).await;
        if let Some(alarm) = row.alarm {
            assert_eq!(gauge(&daemon, alarm).await, 1.0, "{fault}");
        }
        lab.dc(AMSTERDAM).set_fault_everywhere(Fault::None).await.expect("healed");
        stands(&daemon, "up", None).await;

        let told = events(&daemon, after).await;
        let of_kind = |kind: &'static str| told.iter().filter(move |it| it["kind"] == kind);
        let downs = of_kind("access_point").filter(|it| it["to"] == "down");
        let causes: Vec<&str> = downs.filter_map(|it| it["cause"].as_str()).collect();
        match (row.cause, &causes[..]) {
            (None, []) => {}
            (Some(cause), [found]) => assert!(found.starts_with(cause), "{fault}: {found}"),
            _ => panic!("{fault}: {causes:?}"),
        }
        let alarms = of_kind("alarm").map(|it| [&it["from"], &it["to"], &it["cause"]]);
        let alarms: Vec<_> = alarms.map(|it| it.map(|it| it.as_str().unwrap_or("-"))).collect();
        let expected =
            row.alarm.map(|alarm| [["-", alarm, "-"], [alarm, "none", "probe answered"]]);
        assert_eq!(alarms, expected.into_iter().flatten().collect::<Vec<_>>(), "{fault}");
        if let Some(alarm) = row.alarm {
            assert_eq!(gauge(&daemon, alarm).await, 0.0, "{fault}");
        }
    }
}

#[tokio::test]
async fn an_alarm_is_shown_wherever_operators_look_and_says_what_was_seen() {
    let (lab, daemon) = daemon().await;
    let fault = Fault::Mtproto(MtprotoFault::Fingerprints);
    lab.dc(AMSTERDAM).set_fault_everywhere(fault).await.expect("other keys");
    let mut seen = fingerprints_of(AMSTERDAM).map(|it| !it);
    seen.sort_unstable();
    let seen = seen.map(|it| format!("{it:#018x}"));
    let address = lab.dc(AMSTERDAM).local_addrs()[0].to_string();

    let it = stands(&daemon, "up", Some("other_fingerprints")).await;
    assert_eq!(it["alarm"]["fingerprints"], Value::from(seen.to_vec()));
    let says = format!("has other keys than are configured: {}", seen.join(" "));
    assert_eq!(it["alarm"]["says"], says);
    let status = daemon.doors.json("/v1/status").await;
    let dc = &status["dcs"][1];
    assert_eq!(
        (&dc["standing"], &dc["alarms"][0]["access_point"]),
        (&"serving".into(), &address.clone().into())
    );
    assert!(dc["says"].as_str().is_some_and(|it| it.contains("alarm other_fingerprints of")));
    let logged = |message: &str, level: &str| {
        daemon.count_logged(|line| {
            let is_it = line["message"] == message && line["level"] == level;
            is_it && line["alarm"] == "other_fingerprints" && line["seen"] == says
        })
    };
    assert_eq!((logged("alarm", "WARN"), logged("alarm over", "INFO")), (1, 0));

    let admin = format!("http://{}", daemon.doors.admin);
    let printed = async |arguments: &[&str]| {
        let output = output(&[arguments, &["--admin", &admin]].concat()).await;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let screen = printed(&["status"]).await;
    let line = screen.lines().find(|line| line.trim_start().starts_with("other_fingerprints"));
    let line = line.unwrap_or_else(|| panic!("{screen}"));
    assert!(line.contains(&address) && line.contains(&seen[1]), "{screen}");
    let told = printed(&["events", "--dc", "2"]).await;
    let line = format!("alarm: access point {address} of DC 2 {says}");
    assert!(told.lines().any(|it| it.ends_with(&line)), "{told}");

    lab.dc(AMSTERDAM).set_fault_everywhere(Fault::None).await.expect("healed");
    stands(&daemon, "up", None).await;
    eventually("the log says so", async || (logged("alarm over", "INFO") == 1).then_some(())).await;
    assert!(!printed(&["status"]).await.contains("ALARM"));
}

#[tokio::test]
async fn another_configuration_of_the_probe_ends_an_alarm_and_so_does_leaving() {
    let (lab, daemon) = daemon().await;
    let fault = Fault::Mtproto(MtprotoFault::Fingerprints);
    lab.dc(AMSTERDAM).set_fault_everywhere(fault).await.expect("other keys");
    stands(&daemon, "up", Some("other_fingerprints")).await;
    let ended = async |after: u64, cause: &str| {
        eventually(cause, async || {
            let told = events(&daemon, after).await;
            told.into_iter().find(|it| it["kind"] == "alarm" && it["cause"] == cause)
        })
        .await
    };
    // Nothing is pinned any more.
    let after = last_event(&daemon).await;
    lab.configure(&[("health", &probing("{transport: full}"))]);
    daemon.signal(Signal::HUP);
    ended(after, "probed in another way").await;
    stands(&daemon, "up", None).await;

    lab.configure(&[("dcs", &pinned()), ("health", &probing("{}"))]);
    daemon.signal(Signal::HUP);
    stands(&daemon, "up", Some("other_fingerprints")).await;
    let after = last_event(&daemon).await;
    lab.write("dc_options.yaml", lab.dc_options_of(|dc, _| dc != AMSTERDAM));
    lab.configure(&[
        ("dcs", &pinned()),
        ("health", &probing("{}")),
        ("guards", "{empty_dc: allow, max_removed: 100%}"),
    ]);
    daemon.signal(Signal::HUP);
    let over = ended(after, "left dc_options").await;
    assert_eq!((&over["from"], &over["to"]), (&"other_fingerprints".into(), &"none".into()));
    let scrape = daemon.doors.scrape().await;
    assert_eq!(scrape.sum("probe_alarms", &[]), 0.0);
}

/// Stub DCs with secrets, and a daemon that is told of them by a list of the test.
struct Hidden {
    lab: Lab,
    stub: StubDc,
}

const SECRET: &str = "07070707070707070707070707070707";
const PADDED: &str = "dd08080808080808080808080808080808";
const FAKE_TLS: &str = "ee090909090909090909090909090909096578616d706c652e6f7267";

impl Hidden {
    /// DC 4, strict about who names it, with so many access points; the last one speaks no MTProto.
    fn new() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let secret = |bytes: &[u8]| Secret::new(bytes).expect("a secret");
        let secrets = [secret(&[7; 16]), secret(&[&[0xdd][..], &[8; 16]].concat())];
        let setup = Setup { secrets: &secrets, ..Setup::default() };
        let mut at = vec![(any, STRICT); 5];
        at.push((any, Service::Sink));
        Self { lab: Lab::new(1), stub: StubDc::bind_with(setup, 4, &at).expect("a stub DC") }
    }

    /// The list, with DC 4 under this number, of the test network or not.
    fn list(&self, dc: u16, test_mode: bool) {
        let kinds = [
            "".to_owned(),
            format!(", secret: {SECRET}"),
            format!(", secret: {PADDED}, media_only: true"),
            ", tcpo_only: true".to_owned(),
            format!(", secret: {SECRET}, tcpo_only: true, media_only: true"),
            format!(", secret: {FAKE_TLS}"),
        ];
        let entries =
            self.stub.local_addrs().into_iter().zip(kinds).map(|(at, kind)| {
                format!("{{id: {dc}, ip: {}, port: {}{kind}}}", at.ip(), at.port())
            });
        let entries = entries.collect::<Vec<_>>().join(", ");
        self.lab.write(
            "dc_options.yaml",
            format!("{{test_mode: {test_mode}, dc_options: [{entries}]}}"),
        );
    }
}

#[tokio::test]
async fn who_hides_is_asked_as_its_clients_ask_and_who_cannot_be_is_connected_to() {
    for (transport, test_mode) in
        [("abridged", false), ("full", true), ("padded", false), ("obfuscated", true)]
    {
        let hidden = Hidden::new();
        hidden.list(4, test_mode);
        let health = probing(&format!("{{transport: {transport}}}"));
        hidden.lab.configure(&[("dcs", "[]"), ("health", &health)]);
        let main = hidden.lab.main().display().to_string();
        let checked = output(&["check", &main]).await;
        let fake = hidden.stub.local_addrs()[5];
        let note =
            format!("{fake} of DC 4 is probed by `tcp`: an `mtproto` probe speaks no fake TLS");
        let said = String::from_utf8_lossy(&checked.stdout).into_owned();
        assert!(said.contains(&note), "{said}");
        let edge = hidden.lab.start().await;
        eventually(&format!("all are up, {transport}"), async || {
            let view = edge.doors.json("/v1/dcs").await;
            let all = view["dcs"][0]["access_points"].as_array().expect("a list").clone();
            let well = |it: &Value| it["health"] == "up" && it["alarm"].is_null();
            (all.len() == 6 && all.iter().all(well)).then_some(())
        })
        .await;
        let view = edge.doors.json("/v1/dcs").await;
        for it in view["dcs"][0]["access_points"].as_array().expect("a list") {
            let is_asked = it["address"] != fake.to_string();
            assert_eq!(it["answer_ms"].is_number(), is_asked, "{transport}: {it}");
        }
        let scrape = edge.doors.scrape().await;
        let good = scrape.sum("probes_total", &[("result", "ok")]);
        assert_eq!(scrape.sum("probes_total", &[]), good, "{transport}");
    }
}

#[tokio::test]
async fn an_entry_under_the_wrong_number_is_an_alarm_and_no_failure() {
    let hidden = Hidden::new();
    // DC 4 as DC 2: those that are told whom they are taken for say so.
    hidden.list(2, false);
    hidden.lab.configure(&[("dcs", "[]"), ("health", &probing("{}"))]);
    let daemon = Process::start(&hidden.lab).await;
    let addresses = hidden.stub.local_addrs();
    let named: Vec<String> = addresses[1..5].iter().map(ToString::to_string).collect();
    eventually("all alarms", async || {
        let status = daemon.doors.json("/v1/status").await;
        let alarms = status["dcs"][0]["alarms"].as_array().expect("a list").clone();
        let wrong = alarms.iter().filter(|it| it["alarm"] == "wrong_dc");
        let mut of: Vec<&str> = wrong.filter_map(|it| it["access_point"].as_str()).collect();
        let mut all: Vec<&str> = named.iter().map(String::as_str).collect();
        of.sort_unstable();
        all.sort_unstable();
        (of == all).then_some(())
    })
    .await;
    eventually("it is asked again and again", async || {
        (probed(&daemon, &["wrong_dc"]).await >= 20.0).then_some(())
    })
    .await;
    let view = daemon.doors.json("/v1/dcs").await;
    for it in view["dcs"][0]["access_points"].as_array().expect("a list") {
        let is_named = named.iter().any(|address| it["address"] == **address);
        assert_eq!(it["health"], if is_named { "unknown" } else { "up" }, "{it}");
    }
    // The list is put right.
    hidden.list(4, false);
    hidden.lab.configure(&[
        ("dcs", "[]"),
        ("health", &probing("{}")),
        ("guards", "{empty_dc: allow, max_removed: 100%}"),
    ]);
    daemon.signal(Signal::HUP);
    eventually("all is well", async || {
        let status = daemon.doors.json("/v1/status").await;
        let dcs = status["dcs"].as_array().expect("a list").clone();
        let dc = dcs.iter().find(|dc| dc["id"] == 4)?;
        let is_well = dc["standing"] == "serving" && dc["alarms"] == Value::Array(Vec::new());
        (dcs.len() == 1 && is_well).then_some(())
    })
    .await;
}
