//! What the machine gives to the real daemon, and what it makes of too little: ways out (marks, interfaces),
//! local ports and pipes. Each test has network namespaces of its own.
//!
//! It needs root: these tests are reported as ignored where no network can be built, with the reason.
//! `NEARPOINT_FAIL_ON_SKIP=1` makes that a failure.

mod daemon;
#[path = "../support/namespace.rs"]
mod namespace;
mod network;
mod pipes;
#[path = "../../loadtest/tests/support/skip.rs"]
mod skip;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitCode;

use daemon::{Daemon, User, eventually, serve, who};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use network::{MARK, Network, SECOND_DEVICE, SOURCES, THERE};
use skip::skip;

type Test = fn(&Network);

fn main() -> ExitCode {
    let tests: [(&str, Test); 4] = [
        ("sessions_flows_and_probes_leave_by_mark_and_interface", mark_and_interface),
        ("what_a_process_may_not_do_or_a_host_has_not_is_nobodys_evidence", no_evidence),
        ("an_unprivileged_process_carries_every_byte_when_pipes_run_out", pipes::shrink),
        ("used_up_ports_lead_to_the_next_source_and_the_next_dc", used_up_ports),
    ];
    let trials = tests.map(|(name, test)| Trial::ignorable_test(name, move || on_network(test)));
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

fn on_network(test: Test) -> Result<Completion, Failed> {
    match network::build() {
        Ok(network) => {
            test(&network);
            Ok(Completion::Completed)
        }
        Err(why) => skip(&why),
    }
}

const HEALTH: &str = "health: {interval: 200ms, fast_interval: 100ms, down_interval: 200ms, fall: 2, \
                      rise: 1, startup_grace: 1s, udp_probe: {send: 'who?', expect: any}}\n";

/// Where clients are bound to a DC.
fn bound_to(dc: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 8_000 + dc).into()
}

/// Where its access point is.
fn port_of(dc: u16) -> u16 {
    4_430 + dc
}

/// Listeners that are bound to these DCs, and the list of their access points.
fn listeners_and_list(dcs: &[u16]) -> (String, String) {
    let (mut listeners, mut list) = ("listeners:\n".to_owned(), String::new());
    for dc in dcs {
        let (at, port) = (bound_to(*dc), port_of(*dc));
        for protocol in ["tcp", "udp"] {
            let listener = format!("name: {protocol}{dc}, protocol: {protocol}, bind: ['{at}']");
            listeners += &format!("  - {{{listener}, route: {{dc: {dc}}}}}\n");
        }
        list += &format!("- {{id: {dc}, ip: {THERE}, port: {port}, protocols: [tcp, udp]}}\n");
    }
    (listeners, list)
}

fn mark_and_interface(Network { edge, first, second }: &Network) {
    // At these ports there is nobody else: a DC is up only if its probes leave as its sessions do.
    serve(first, port_of(1), "first");
    serve(second, port_of(2), "second");
    serve(second, port_of(3), "second");
    let (listeners, list) = listeners_and_list(&[1, 2, 3]);
    let dcs = format!(
        "dcs:\n  - {{id: 2, source: {{mark: {MARK}}}}}\n  - {{id: 3, source: {{interface: \
         {SECOND_DEVICE}}}}}\n"
    );
    let keys = [&listeners, &dcs, HEALTH].concat();
    let daemon = Daemon::start(edge, &list, &keys, User::Root);
    for (dc, expected) in [(1, "first"), (2, "second"), (3, "second")] {
        eventually("the DC is up", || (daemon.health(dc) == "up").then_some(()));
        let session = daemon.connect(bound_to(dc)).expect("accepted");
        assert_eq!(who(&session).expect("an answer"), expected, "DC {dc}");
        assert_eq!(daemon.answer_by_udp(bound_to(dc)), expected, "DC {dc}");
        let id = format!("dc=\"{dc}\"");
        assert_eq!(daemon.metric("nearpoint_source_ports_in_use", &[&id]), 2.0, "both are open");
        assert_eq!(daemon.failed_probes(dc), 0.0, "DC {dc}");
    }
    let warned = daemon.logged(|line| is_warning(line, "cannot be dialled"));
    assert!(warned.is_empty(), "{warned:?}");
}

fn no_evidence(Network { edge, first, second }: &Network) {
    serve(first, port_of(1), "first");
    serve(second, port_of(2), "second");
    serve(second, port_of(3), "second");
    let (listeners, list) = listeners_and_list(&[1, 2, 3, 4]);
    let dcs = format!(
        "dcs:\n  - {{id: 2, source: {{mark: {MARK}}}}}\n  - {{id: 3, source: {{interface: \
         {SECOND_DEVICE}}}}}\n  - {{id: 4, source: {{interface: gone0}}}}\n"
    );
    let keys = [&listeners, &dcs, HEALTH].concat();
    let daemon = Daemon::start(edge, &list, &keys, User::Nobody);
    for (dc, reason) in [(2, "filtered"), (4, "no_interface")] {
        for _ in 0..3 {
            let session = daemon.connect(bound_to(dc)).expect("accepted");
            let error = who(&session).expect_err("nobody can be dialled");
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "DC {dc}");
        }
        let labels = [format!("dc=\"{dc}\""), format!("\"{reason}\"")];
        let labels = [labels[0].as_str(), labels[1].as_str()];
        assert!(daemon.metric("nearpoint_connect_failures_total", &labels) >= 3.0, "DC {dc}");
        assert_eq!(
            daemon.metric("nearpoint_connect_failures_total", &labels[..1]),
            daemon.metric("nearpoint_connect_failures_total", &labels),
            "nothing else happened to DC {dc}"
        );
        eventually("probes fail of the same", || {
            (daemon.metric("nearpoint_probes_total", &labels) >= 5.0).then_some(())
        });
        assert_eq!(
            daemon.health(dc),
            "unknown",
            "failures of this host are no evidence of DC {dc}"
        );
        let says = format!("DC {dc} cannot be dialled as configured");
        assert_eq!(
            daemon.logged(|line| is_warning(line, &says)).len(),
            1,
            "told once at the start"
        );
    }
    // What needs no privilege goes on: an interface may be named by anybody since Linux 5.7.
    for (dc, expected) in [(1, "first"), (3, "second")] {
        let session = daemon.connect(bound_to(dc)).expect("accepted");
        assert_eq!(who(&session).expect("an answer"), expected, "DC {dc}");
    }
}

fn used_up_ports(Network { edge, first, second: _ }: &Network) {
    const PORTS: usize = 6;
    serve(first, port_of(1), "one");
    serve(first, port_of(2), "two");
    edge.set("net/ipv4/ip_local_port_range", "40000 40005").expect("set");
    // The port of a session that has ended is not held for a minute, as it is by default.
    edge.set("net/ipv4/tcp_tw_reuse", "1").expect("set");
    let (listeners, list) = listeners_and_list(&[1, 2]);
    let sources = format!("[{}, {}]", SOURCES[0], SOURCES[1]);
    let dcs = format!(
        "dcs:\n  - {{id: 1, replicas: [2], source: {{addresses: {sources}}}}}\n  - {{id: 2, \
         source: {{addresses: {sources}}}}}\n"
    );
    // Nobody is probed again of itself: probes need ports too.
    let health = "health: {interval: 1h, down_interval: 1h, udp_probe: none}\n";
    let keys = [&listeners, &dcs, health].concat();
    let daemon = Daemon::start(edge, &list, &keys, User::Root);
    let mut open: Vec<TcpStream> = Vec::new();
    let mut answers: Vec<String> = Vec::new();
    // Two peers, from the same addresses and ports: as many as there are ports, for each of them.
    for number in 0..2 * SOURCES.len() * PORTS {
        let session = daemon.connect(bound_to(1)).expect("accepted");
        let answer = who(&session);
        answers.push(answer.unwrap_or_else(|error| {
            let log = daemon.logged(|_| true);
            panic!("{number}: {error}; {:#?}; {log:#?}", daemon.failures())
        }));
        open.push(session);
    }
    let from_one = SOURCES.len() * PORTS;
    let expected: Vec<&str> = (0..2 * from_one).map(|at| ["one", "two"][at / from_one]).collect();
    assert_eq!(answers, expected, "DC 1 from both addresses, then its replica");
    let failures = "nearpoint_connect_failures_total";
    let no_port = daemon.metric(failures, &["dc=\"1\"", "\"no_port\""]);
    assert_eq!(no_port, from_one as f64, "each that went on has tried");
    for dc in ["dc=\"1\"", "dc=\"2\""] {
        let in_use = daemon.metric("nearpoint_source_ports_in_use", &[dc]);
        assert_eq!(in_use, from_one as f64, "{dc}");
    }
    // One more finds no port anywhere.
    let refused = daemon.connect(bound_to(1)).expect("accepted");
    let error = who(&refused).expect_err("no port is left");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    let all = daemon.metric(failures, &[]);
    assert_eq!(daemon.metric(failures, &["\"no_port\""]), all, "for no other reason");
    assert_eq!([1, 2].map(|dc| daemon.health(dc)), ["up", "up"], "nobody is held for dead");
    // A port that is free again is used at once.
    drop(open.remove(0));
    eventually("a port is free", || {
        let session = daemon.connect(bound_to(1)).expect("accepted");
        (who(&session).ok()? == "one").then_some(())
    });
}

fn is_warning(line: &serde_json::Value, says: &str) -> bool {
    let message = line["message"].as_str().unwrap_or_default();
    line["level"] == "WARN" && message.contains(says)
}
