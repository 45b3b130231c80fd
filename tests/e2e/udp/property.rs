//! Whatever clients send, in whatever order and size: every datagram arrives once, whole, at the upstream
//! of its flow, and its answer at its client.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use nearpoint::routing::Health;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::timeout;

use super::{count, lab};
use crate::places::ip;
use crate::support::crowd::Crowd;
use crate::support::eventually;
use crate::support::lab::{AMSTERDAM, Edge, Lab, MIAMI, SINGAPORE};
use crate::support::upstream::{Received, Upstream};

/// Who sends from where to where, and whose client that is. Some differ only in whom they ask.
const CLIENTS: [(&str, &str, u16); 7] = [
    ("127.0.1.1", "127.0.0.1", MIAMI),
    ("127.0.1.1", "127.0.0.2", MIAMI),
    ("127.0.2.1", "127.0.0.1", AMSTERDAM),
    ("127.0.5.1", "127.77.0.3", SINGAPORE),
    ("127.0.5.1", "127.77.0.3", SINGAPORE),
    ("127.0.5.2", "127.0.0.1", SINGAPORE),
    ("::1", "::1", AMSTERDAM),
];

/// The largest datagram, and the largest train.
const LARGEST: usize = 65_507;

/// The largest datagram of a client of IPv6: such clients do not fragment, and the loopback interface has an MTU
/// of 65,536.
const LARGEST_V6: usize = 65_488;

/// So much may be under way at a time, as [`cost`] has it: less than any receive buffer of a usual machine
/// holds, so that no kernel on the way has a reason to drop anything.
const UNDER_WAY: usize = 190_000;

/// For what is under way to arrive, on a machine that is merely busy.
const SOON: Duration = Duration::from_secs(20);

/// What a datagram takes of a receive buffer, and more.
fn cost(length: usize) -> usize {
    1_200 + 2 * length
}

/// What one client does next.
#[derive(Clone, Debug)]
struct Step {
    client: usize,
    sends: Sends,
}

#[derive(Clone, Debug)]
enum Sends {
    /// So many datagrams of that many bytes, one by one.
    Each(usize, usize),
    /// A train in one call: so many segments, their length, and the length of the last one.
    Train(usize, usize, usize),
}

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => 0..64_usize,
        4 => 64..1_500_usize,
        2 => 1_500..9_000_usize,
        1 => 9_000..=LARGEST,
        1 => prop_oneof![Just(0), Just(1_472), Just(1_473), Just(LARGEST)],
    ]
}

fn sends() -> impl Strategy<Value = Sends> {
    let burst = (1..=20_usize, 0..1_500_usize);
    let train = (2..=64_usize, 1..=1_472_usize).prop_flat_map(|(segments, segment)| {
        let segments = segments.min(LARGEST / segment);
        (Just(segments), Just(segment), 1..=segment)
    });
    prop_oneof![
        4 => length().prop_map(|length| Sends::Each(1, length)),
        2 => burst.prop_map(|(count, length)| Sends::Each(count, length)),
        3 => train.prop_map(|(segments, segment, last)| Sends::Train(segments, segment, last)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    (0..CLIENTS.len(), sends()).prop_map(|(client, sends)| Step { client, sends })
}

/// One client with all that it has sent and heard.
struct Client {
    number: usize,
    socket: Rc<Crowd>,
    from: IpAddr,
    to: SocketAddr,
    sent: Vec<Vec<u8>>,
    heard: Rc<RefCell<Vec<Vec<u8>>>>,
}

impl Client {
    /// So many bytes that no other datagram of the test has, if there is room for a number.
    fn datagram(&self, length: usize) -> Vec<u8> {
        let number = (self.sent.len() as u32).to_le_bytes();
        let head = [&[self.number as u8], number.as_slice()].concat();
        let body = (0..length).map(|at| (at * 7 + self.sent.len()) as u8);
        head.into_iter().chain(body).take(length).collect()
    }

    async fn carry_out(&mut self, sends: &Sends) {
        match *sends {
            Sends::Each(count, length) => {
                let length = if self.from.is_ipv6() { length.min(LARGEST_V6) } else { length };
                for _ in 0..count {
                    let datagram = self.datagram(length);
                    self.send(&datagram, None).await;
                    self.sent.push(datagram);
                }
            }
            Sends::Train(segments, segment, last) => {
                let mut train = Vec::new();
                for number in 1..=segments {
                    let length = if number == segments { last } else { segment };
                    let datagram = self.datagram(length);
                    train.extend_from_slice(&datagram);
                    self.sent.push(datagram);
                }
                self.send(&train, Some(segment)).await;
            }
        }
    }

    async fn send(&self, contents: &[u8], segment: Option<usize>) {
        let sent = self.socket.send(self.from, self.to, contents, segment).await;
        sent.unwrap_or_else(|error| panic!("{} bytes, {segment:?}: {error}", contents.len()));
    }
}

/// The daemon and its DCs, for one case after the other.
struct Stage {
    edge: Edge,
    upstreams: Vec<(u16, Upstream)>,
    ports: [u16; 2],
}

impl Stage {
    async fn set(lab: &Lab) -> Self {
        let at = ["127.0.0.1", "127.0.0.1", "::1"].map(|host| SocketAddr::new(ip(host), 0));
        let mut upstreams = Vec::new();
        for (dc, at) in [MIAMI, AMSTERDAM, SINGAPORE].into_iter().zip(at) {
            upstreams.push((dc, Upstream::start(at, |_| false).await));
        }
        let list = upstreams.iter().map(|(dc, upstream)| upstream.listed(*dc));
        lab.write("dc_options.yaml", list.collect::<String>());
        lab.configure_udp(&[
            (
                "listeners",
                "[{name: clients, protocol: udp, bind: ['0.0.0.0:0', '[::]:0'], sticky: none}]",
            ),
            // What probes ask would be among what clients do.
            ("health", "{interval: 1h, down_interval: 1h}"),
        ]);
        let edge = lab.start().await;
        let bound = &edge.app.listeners["clients"];
        let port = |v4| bound.iter().find(|it| it.is_ipv4() == v4).expect("both are bound").port();
        let ports = [port(true), port(false)];
        Self { edge, upstreams, ports }
    }

    /// Plays one case, and says what was not as it should be.
    async fn play(&self, steps: &[Step]) -> Result<(), TestCaseError> {
        for (_, upstream) in &self.upstreams {
            upstream.take();
        }
        let (answered, mut under_way) = watch::channel(0_usize);
        let answered = Rc::new(answered);
        let mut listening = JoinSet::new();
        let mut clients = Vec::new();
        for (number, (from, to, _)) in CLIENTS.into_iter().enumerate() {
            let (from, to) = (ip(from), ip(to));
            let port = self.ports[usize::from(to.is_ipv6())];
            let to = SocketAddr::new(to, port);
            let socket = Rc::new(Crowd::new(from).await);
            let heard = Rc::<RefCell<Vec<Vec<u8>>>>::default();
            clients.push(Client {
                number,
                socket: Rc::clone(&socket),
                from,
                to,
                sent: Vec::new(),
                heard: Rc::clone(&heard),
            });
            let answered = Rc::clone(&answered);
            listening.spawn_local(async move {
                let mut buffer = vec![0; 1 << 16];
                loop {
                    let (datagrams, from) = socket.receive(&mut buffer).await;
                    assert_eq!(from, to, "an answer from another address than was asked");
                    let costs: usize = datagrams.iter().map(|it| cost(it.len())).sum();
                    heard.borrow_mut().extend(datagrams);
                    answered.send_modify(|sum| *sum += costs);
                }
            });
        }

        // Everybody says something first, by which the upstream knows the flow.
        let hello = (0..CLIENTS.len()).map(|client| Step { client, sends: Sends::Each(1, 5) });
        let bye = hello.clone();
        let mut sent = 0;
        for step in hello.chain(steps.iter().cloned()).chain(bye) {
            let next = match step.sends {
                Sends::Each(count, length) => count * cost(length),
                Sends::Train(segments, segment, _) => segments * cost(segment),
            };
            let room = under_way
                .wait_for(|answered| sent - answered == 0 || sent - answered + next < UNDER_WAY);
            let answered = timeout(SOON, room).await;
            if answered.is_err() {
                return Err(self.stalled(&clients).await);
            }
            let client = &mut clients[step.client];
            let before = client.sent.len();
            client.carry_out(&step.sends).await;
            sent += client.sent[before..].iter().map(|it| cost(it.len())).sum::<usize>();
        }
        let all = under_way.wait_for(|answered| *answered >= sent);
        let answered = timeout(SOON, all).await.is_ok();
        if !answered {
            return Err(self.stalled(&clients).await);
        }
        // What comes twice may come later: a round trip of every flow later.
        for client in &mut clients {
            client.carry_out(&Sends::Each(1, 5)).await;
            let (heard, sent) = (Rc::clone(&client.heard), client.sent.last().cloned());
            eventually("the last answer", async || {
                heard.borrow().iter().any(|it| Some(it) == sent.as_ref()).then_some(())
            })
            .await;
        }
        listening.shutdown().await;
        self.judge(&clients)
    }

    /// Something has not come; where, and what the daemon says of it.
    async fn stalled(&self, clients: &[Client]) -> TestCaseError {
        let scrape = self.edge.doors.scrape().await;
        let drops = scrape.samples("udp_drops_total", &[]).filter(|it| it.value > 0.0);
        let drops: Vec<_> = drops.map(|it| format!("{:?} {}", it.labels, it.value)).collect();
        match self.judge(clients) {
            Err(missing) => TestCaseError::fail(format!("{missing}; drops {drops:?}")),
            Ok(()) => TestCaseError::fail(format!("late, and all is there; drops {drops:?}")),
        }
    }

    fn judge(&self, clients: &[Client]) -> Result<(), TestCaseError> {
        let mut flows = 0;
        for (dc, upstream) in &self.upstreams {
            for (peer, received) in upstream.received() as Received {
                let client = received.first().and_then(|hello| hello.first());
                let client = client.and_then(|number| clients.get(usize::from(*number)));
                let client =
                    client.ok_or_else(|| TestCaseError::fail(format!("{peer}: whose?")))?;
                let home = CLIENTS[client.number].2;
                prop_assert_eq!(home, *dc, "client {} is served elsewhere", client.number);
                same(&format!("client {} -> {peer}", client.number), &client.sent, &received)?;
                flows += 1;
            }
        }
        prop_assert_eq!(flows, clients.len(), "every client is one flow");
        for client in clients {
            let heard = client.heard.borrow();
            same(&format!("answers to client {}", client.number), &client.sent, &heard)?;
        }
        Ok(())
    }
}

/// The same datagrams, each as often; UDP promises no order.
fn same(what: &str, sent: &[Vec<u8>], received: &[Vec<u8>]) -> Result<(), TestCaseError> {
    let sorted = |datagrams: &[Vec<u8>]| {
        let mut datagrams = datagrams.to_vec();
        datagrams.sort();
        datagrams
    };
    let lengths = |datagrams: &[Vec<u8>]| datagrams.iter().map(Vec::len).collect::<Vec<_>>();
    match sorted(sent) == sorted(received) {
        true => Ok(()),
        false => Err(TestCaseError::fail(format!(
            "{what}: sent {:?}, received {:?}",
            lengths(sent),
            lengths(received)
        ))),
    }
}

#[test]
fn every_datagram_arrives_once_and_whole_and_its_answer_at_its_client() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let tasks = LocalSet::new();
    let lab = runtime.block_on(async { lab(1) });
    let stage = tasks.block_on(&runtime, Stage::set(&lab));
    let config =
        Config { cases: 32, max_shrink_iters: 12, failure_persistence: None, ..Config::default() };
    let played = TestRunner::new(config)
        .run(&vec(step(), 1..60), |steps| tasks.block_on(&runtime, stage.play(&steps)));
    let drops = tasks.block_on(&runtime, count(&stage.edge, "udp_drops_total", &[]));
    played.unwrap_or_else(|failure| panic!("{failure}; {drops} drops counted"));
    assert_eq!(drops, 0.0);
    let health = stage.edge.app.reader.load_full();
    assert!(health.access_points.iter().all(|it| it.health != Health::Down));
}
