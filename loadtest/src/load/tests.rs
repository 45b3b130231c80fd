//! Loads against the stub.

use super::*;
use nearpoint::stub::{Fault, Service, Setup, StubDc, UdpService};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn tcp() -> [Workload; 3] {
    let sessions = 3;
    [
        Workload::RoundTrips { sessions, bytes: 64 },
        Workload::Upload { streams: sessions },
        Workload::Download { streams: sessions },
    ]
}

fn udp() -> [Workload; 4] {
    let flows = 3;
    [
        Workload::UdpRoundTrips { flows },
        Workload::UdpUpload { flows, pace: Pace::Window },
        Workload::UdpUpload { flows, pace: Pace::Flood },
        Workload::UdpDownload { flows },
    ]
}

async fn start(workload: Workload) -> (StubDc, SocketAddr, Load) {
    let (stub, at) = stub(workload);
    let load = Load::start(Plan::new(workload), at).await.unwrap();
    (stub, at, load)
}

async fn work(load: &mut Load, amount: u64) {
    while load.tally().counts().done < amount {
        load.run_for(Duration::from_millis(1)).await.unwrap();
    }
}

#[tokio::test]
async fn every_load_gets_work_done_with_all_its_clients() {
    for workload in tcp() {
        let (stub, at, mut load) = start(workload).await;
        stub.wait_until(at, |counts| counts.open == 3).await.unwrap();
        work(&mut load, 1000).await;
        assert_eq!(load.tally().counts().offered, 0);
        load.stop().await;
        stub.wait_until(at, |counts| counts.open == 0).await.unwrap();
    }
    for workload in udp() {
        let (stub, at, mut load) = start(workload).await;
        stub.wait_until(at, |counts| counts.udp_clients == 3).await.unwrap();
        work(&mut load, 1000).await;
        assert!(load.tally().counts().offered >= load.tally().counts().done, "{workload}");
        load.stop().await;
    }
}

#[tokio::test]
async fn what_is_lost_is_offered_again_and_is_no_work() {
    for workload in udp() {
        let (stub, at, mut load) = start(workload).await;
        stub.set_fault(at, Fault::Loss(50)).await.unwrap();
        work(&mut load, 6).await;
        let done = load.tally().counts().done;
        work(&mut load, done * 2).await;
        let counts = stub.counts(at).unwrap();
        assert!(
            load.tally().counts().offered > load.tally().counts().done,
            "{workload} {counts:?}"
        );
    }
}

#[tokio::test]
async fn client_that_is_refused_under_load_is_an_error() {
    for workload in tcp().into_iter().chain(udp()) {
        let (stub, at, mut load) = start(workload).await;
        stub.kill(at).await.unwrap();
        let failed = load.run_for(Duration::from_secs(20)).await.unwrap_err();
        assert!(matches!(failed, LoadError::Client(_) | LoadError::Ended), "{failed}");
    }
}

/// An echo that says nothing while it is told to wait.
async fn stalling_echo() -> (SocketAddr, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (stalls, stalled) = watch::channel(false);
    tokio::spawn(async move {
        let mut sessions = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut stalled = stalled.clone();
            sessions.spawn(async move {
                let mut question = [0; 64];
                while stream.read_exact(&mut question).await.is_ok() {
                    let _ = stalled.wait_for(|stalled| !stalled).await;
                    stream.write_all(&question).await.unwrap();
                }
            });
        }
    });
    (at, stalls)
}

/// Lets the server of a load stall, and returns how many operations took longer than half of that.
async fn slow_operations(arrival: Arrival, sessions: u32) -> (Duration, u64) {
    let (at, stalls) = stalling_echo().await;
    let workload = Workload::RoundTrips { sessions, bytes: 64 };
    let mut load = Load::start(Plan { arrival, ..Plan::new(workload) }, at).await.unwrap();
    work(&mut load, 100).await;
    load.tally().take_latencies();
    let began = Instant::now();
    stalls.send_replace(true);
    load.run_for(Duration::from_millis(600)).await.unwrap();
    let done = load.tally().counts().done;
    let stalled = began.elapsed();
    stalls.send_replace(false);
    // All that was due meanwhile, and more.
    let due = load.due().unwrap_or(0);
    work(&mut load, due.max(done + 100)).await;
    (stalled, load.tally().take_latencies().longer_than(stalled / 2))
}

#[tokio::test]
async fn a_stall_is_felt_by_every_operation_of_an_open_loop_that_was_due_meanwhile() {
    let per_second = 1_000.0;
    let (stalled, slow) = slow_operations(Arrival::Open { per_second }, 2).await;
    // Those of the first half of the stall waited for all of the second.
    let expected = (stalled.as_secs_f64() / 2.0 * per_second) as u64;
    assert!(slow + 2 >= expected, "{slow} of {expected}");
}

#[tokio::test]
async fn a_stall_is_felt_once_by_each_session_of_a_closed_loop() {
    let (_, slow) = slow_operations(Arrival::Closed, 2).await;
    // A machine that rests adds some of its own; of an open loop there are hundreds.
    assert!((2..20).contains(&slow), "{slow}");
}

#[tokio::test]
async fn an_open_loop_begins_sessions_although_others_are_not_done() {
    let (at, stalls) = stalling_echo().await;
    stalls.send_replace(true);
    let workload = Workload::Connects { clients: 50, bytes: 64 };
    let plan = Plan { arrival: Arrival::Open { per_second: 1_000.0 }, ..Plan::new(workload) };
    let mut load = Load::start(plan, at).await.unwrap();
    while load.due().unwrap() < 100 {
        load.run_for(Duration::from_millis(10)).await.unwrap();
    }
    assert_eq!(load.tally().counts(), Counts::default());
    stalls.send_replace(false);
    work(&mut load, 100).await;
    assert!(load.tally().take_latencies().count() >= 100);
}

#[tokio::test]
async fn operations_come_at_the_rate_of_an_open_loop_by_tcp_and_udp() {
    let workloads = [
        Workload::RoundTrips { sessions: 3, bytes: 64 },
        Workload::Connects { clients: 3, bytes: 64 },
        Workload::UdpRoundTrips { flows: 3 },
    ];
    for workload in workloads {
        let (_stub, at) = stub(workload);
        let plan = Plan { arrival: Arrival::Open { per_second: 500.0 }, ..Plan::new(workload) };
        let mut load = Load::start(plan, at).await.unwrap();
        work(&mut load, 50).await;
        let (done, due) = (load.tally().counts().done, load.due().unwrap());
        assert!(done <= due, "{workload}: {done} of {due}");
        assert_eq!(load.tally().take_latencies().count(), done, "{workload}");
    }
}

#[tokio::test]
async fn a_mixture_has_its_shares_and_counts_what_its_chats_say() {
    for verify in [false, true] {
        let workload = Workload::Mixed { sessions: 120, appetite: Appetite::Modest };
        let (stub, at) = stub(workload);
        let plan = Plan { verify, ..Plan::new(workload) };
        let mut load = Load::start(plan, at).await.unwrap();
        stub.wait_until(at, |counts| counts.open == 120).await.unwrap();
        while load.tally().counts().beside < 1_000_000 {
            load.run_for(Duration::from_millis(1)).await.unwrap();
        }
        work(&mut load, 30).await;
        assert_eq!(load.tally().take_latencies().count(), load.tally().counts().done);
        assert_eq!(load.tally().counts().failed, 0);
        load.finish().await.unwrap();
    }
}

#[tokio::test]
async fn idle_sessions_are_counted_once_and_missed_when_they_end() {
    let workload = Workload::Idle { sessions: 7 };
    let (stub, at) = stub(workload);
    let plan = Plan { on_failure: OnFailure::BeginAnew, ..Plan::new(workload) };
    let mut load = Load::start(plan, at).await.unwrap();
    assert_eq!((load.tally().counts().done, load.tally().take_latencies().count()), (7, 7));
    stub.cut(at).await.unwrap();
    while load.tally().counts().done < 14 {
        load.run_for(Duration::from_millis(1)).await.unwrap();
    }
    assert_eq!(load.tally().counts().failed, 7);
}

#[tokio::test]
async fn every_opening_reaches_who_expects_it() {
    let workloads = [
        Workload::RoundTrips { sessions: 2, bytes: 64 },
        Workload::Upload { streams: 2 },
        Workload::Download { streams: 2 },
        Workload::Connects { clients: 2, bytes: 64 },
        Workload::Mixed { sessions: 10, appetite: Appetite::Modest },
        Workload::Mixed { sessions: 10, appetite: Appetite::Greedy },
    ];
    for opening in [Opening::Plain, Opening::Obfuscated, Opening::ProxyHeader] {
        for workload in workloads {
            let expects_header = opening == Opening::ProxyHeader;
            let setup = Setup { expects_header, ..Setup::default() };
            let at = (SocketAddr::from(([127, 0, 0, 1], 0)), workload.service());
            let stub = StubDc::bind_with(setup, 1, &[at]).unwrap();
            let at = stub.local_addrs()[0];
            let plan = Plan { opening, verify: true, ..Plan::new(workload) };
            let mut load = Load::start(plan, at).await.unwrap();
            work(&mut load, 10).await;
            load.finish().await.unwrap_or_else(|error| panic!("{workload}, {opening:?}: {error}"));
        }
    }
}

#[tokio::test]
async fn clients_come_from_as_many_addresses_as_there_are_to_be() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let workload = Workload::Download { streams: 600 };
    let sources = Sources::new(300).unwrap();
    let at = listener.local_addr().unwrap();
    let accepting = tokio::spawn(async move {
        let mut seen = std::collections::BTreeMap::new();
        let mut streams = Vec::new();
        while streams.len() < 600 {
            let (stream, peer) = listener.accept().await.unwrap();
            streams.push(stream);
            *seen.entry(peer.ip()).or_insert(0) += 1;
        }
        seen
    });
    let load = Load::start(Plan { sources, ..Plan::new(workload) }, at).await.unwrap();
    let seen = accepting.await.unwrap();
    assert_eq!(seen.len(), 300);
    assert!(seen.values().all(|sessions| *sessions == 2), "{seen:?}");
    load.stop().await;

    let workload = Workload::UdpRoundTrips { flows: 20 };
    let (stub, at) = stub(workload);
    let mut load = Load::start(Plan { sources, ..Plan::new(workload) }, at).await.unwrap();
    stub.wait_until(at, |counts| counts.udp_clients == 20).await.unwrap();
    work(&mut load, 100).await;
}

#[tokio::test]
async fn verified_loads_get_work_done_and_end_without_a_complaint() {
    for workload in tcp().into_iter().chain(udp()) {
        let (_stub, at) = stub(workload);
        let mut load = Load::start(Plan { verify: true, ..Plan::new(workload) }, at).await.unwrap();
        work(&mut load, 1000).await;
        load.finish().await.unwrap_or_else(|error| panic!("{workload}: {error}"));
    }
}

#[tokio::test]
async fn wrong_bytes_are_found_and_told_with_their_place() {
    let udp_who = Service::Udp(UdpService::Who);
    // What is asked for says who it is instead.
    for (workload, service, place) in [
        (Workload::RoundTrips { sessions: 1, bytes: 64 }, Service::Who, "byte 0 of answer 0"),
        (Workload::Connects { clients: 1, bytes: 64 }, Service::Who, "byte 0 of the answer"),
        (Workload::Idle { sessions: 1 }, Service::Who, "byte 0 of the answer"),
        (Workload::Download { streams: 1 }, Service::Who, "byte 0 of the stream"),
        (Workload::UdpRoundTrips { flows: 1 }, udp_who, "byte 0 of an answer"),
        (Workload::UdpDownload { flows: 1 }, udp_who, "a datagram has "),
    ] {
        let at = (SocketAddr::from(([127, 0, 0, 1], 0)), service);
        let stub = StubDc::bind(1, &[at]).unwrap();
        let plan = Plan { verify: true, ..Plan::new(workload) };
        let error = match Load::start(plan, stub.local_addrs()[0]).await {
            Ok(mut load) => load.run_for(Duration::from_secs(20)).await.unwrap_err(),
            Err(error) => error,
        };
        let (LoadError::Client(source) | LoadError::Connect(source)) = error else {
            panic!("{workload}: {error}");
        };
        assert_eq!(source.kind(), io::ErrorKind::InvalidData, "{workload}: {source}");
        assert!(source.to_string().starts_with(place), "{workload}: {source}");
    }
}

#[tokio::test]
async fn an_upload_that_does_not_arrive_is_found_in_the_end() {
    let workload = Workload::Upload { streams: 1 };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let received = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.unwrap();
        stream.write_all(format!("{}\n", received - 1).as_bytes()).await.unwrap();
    });
    let mut load = Load::start(Plan { verify: true, ..Plan::new(workload) }, at).await.unwrap();
    work(&mut load, 1000).await;
    let error = load.finish().await.unwrap_err();
    let LoadError::Client(source) = error else { panic!("{error}") };
    assert!(source.to_string().contains("the sink's count"), "{source}");
}

#[tokio::test]
async fn clients_that_begin_anew_are_counted_and_go_on_when_they_can() {
    for workload in tcp().into_iter().chain(udp()) {
        let (stub, at) = stub(workload);
        stub.set_fault(at, Fault::Refuse).await.unwrap();
        let plan = Plan { on_failure: OnFailure::BeginAnew, ..Plan::new(workload) };
        let mut load = Load::start(plan, at).await.unwrap();
        while load.tally().counts().failed < 3 {
            load.run_for(Duration::from_millis(1)).await.unwrap();
        }
        let failures = load.tally().failures();
        assert_eq!(failures.len(), 1, "{workload}: {failures:?}");
        assert_eq!(failures[0].kind, "connection refused", "{workload}");
        stub.set_fault(at, Fault::None).await.unwrap();
        work(&mut load, 1000).await;
    }
}

fn stub(workload: Workload) -> (StubDc, SocketAddr) {
    let at = (SocketAddr::from(([127, 0, 0, 1], 0)), workload.service());
    let stub = StubDc::bind(1, &[at]).unwrap();
    let at = stub.local_addrs()[0];
    (stub, at)
}
