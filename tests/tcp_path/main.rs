//! Sessions over an Ethernet whose other end goes without a word: on the loopback interface nobody can.
//!
//! It needs root: these tests are reported as ignored where no network can be built, with the reason.
//! `NEARPOINT_FAIL_ON_SKIP=1` makes that a failure.

#[path = "../support/namespace.rs"]
mod namespace;
#[expect(dead_code, reason = "datagrams ask more of a path than sessions do")]
#[path = "../udp_path/network.rs"]
mod network;
#[path = "../../loadtest/tests/support/skip.rs"]
mod skip;
mod ways;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use nearpoint::app::App;
use nearpoint::stub::{Service, StubDc};
use network::Host;
use skip::skip;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

/// Longer than anything takes on a machine that is merely busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Soon enough for a test, in seconds, as the kernel counts; and later than it finds that a neighbour does not
/// answer, which takes it three.
const TCP: &str = "{keepalive: {idle: 1s, interval: 1s, count: 6}, user_timeout: 7s}";

/// Sessions that vanish together.
const SESSIONS: u64 = 5;

/// How a peer goes.
#[derive(Clone, Copy)]
enum Leave {
    /// Packets still reach its network, and nobody there answers.
    Silently,
    /// This host learns that nobody can be reached there any more.
    Unreachably,
}

fn main() -> ExitCode {
    let tests = [
        ("idle_clients_that_vanish_are_found_by_keepalive", Service::Echo, Leave::Silently),
        ("readers_that_vanish_are_found_by_what_they_do_not_confirm", ENDLESS, Leave::Silently),
        ("readers_that_cannot_be_reached_any_more_have_vanished", ENDLESS, Leave::Unreachably),
    ];
    let trials = tests.map(|(name, service, leave)| {
        Trial::ignorable_test(name, move || match network::build() {
            Ok(hosts) => {
                clients_vanish(&hosts, service, leave);
                Ok::<_, Failed>(Completion::Completed)
            }
            Err(why) => skip(&why),
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

const ENDLESS: Service = Service::Source { bytes: None };

fn clients_vanish([here, there]: &[Host; 2], service: Service, leave: Leave) {
    let (at, is_at) = std::sync::mpsc::channel();
    let (gone, are_gone) = oneshot::channel();
    std::thread::scope(|scope| {
        let edge = scope.spawn(move || {
            here.run(|| {
                let runtime = Builder::new_current_thread().enable_all().build();
                runtime.expect("a runtime").block_on(edge(here, service, at, are_gone));
            });
        });
        let at: SocketAddr = is_at.recv_timeout(PATIENCE).expect("the edge serves");
        let connect = || {
            let mut client = there.run(|| TcpStream::connect(at)).expect("connected");
            client.write_all(b"hello").expect("sent");
            client.read_exact(&mut [0; 5]).expect("an answer");
            client
        };
        let clients: Vec<TcpStream> = (0..SESSIONS).map(|_| connect()).collect();
        ways::leave(there);
        match leave {
            // The way to it is known as before, and nothing there has this address any more.
            Leave::Silently => ways::know(here, there),
            Leave::Unreachably => ways::forget(here, there),
        }
        gone.send(()).expect("the edge waits for that");
        edge.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        drop(clients);
    });
}

/// An edge with one DC, until all of its clients have vanished.
async fn edge(
    here: &Host,
    service: Service,
    at: std::sync::mpsc::Sender<SocketAddr>,
    gone: oneshot::Receiver<()>,
) {
    let files = tempfile::tempdir().expect("a folder");
    let dc = StubDc::bind(2, &[(SocketAddr::from(([127, 0, 0, 1], 0)), service)]).expect("a DC");
    let port = dc.local_addrs()[0].port();
    let list = format!("- {{id: 2, ip: 127.0.0.1, port: {port}}}\n");
    std::fs::write(files.path().join("dc_options.yaml"), list).expect("written");
    let main = files.path().join("nearpoint.yaml");
    let bind = SocketAddr::new(here.v4(), 0);
    let text = format!(
        "edge: {{workers: 2}}\n\
         listeners: [{{name: clients, bind: ['{bind}'], tcp: {TCP}}}]\n\
         admin: {{bind: none}}\nmetrics: {{bind: none}}\n"
    );
    std::fs::write(&main, text).expect("written");
    let app = App::start(&main).await.expect("a daemon");
    at.send(app.listeners["clients"][0]).expect("somebody waits for it");
    timeout(PATIENCE, gone).await.expect("in time").expect("they go");
    let closed =
        |side, reason| app.metrics.close_total.with_label_values(&["2", side, reason]).get();
    let over = async {
        let all = || ["vanished", "stalled", "reset"].map(|reason| closed("client", reason));
        let active = || app.metrics.sessions_active.with_label_values(&["clients", "2"]).get();
        // Another thread ends them, one thing after the other.
        while all().iter().sum::<u64>() < SESSIONS || active() > 0 {
            sleep(Duration::from_millis(20)).await;
        }
        all()
    };
    let [vanished, stalled, reset] = timeout(PATIENCE, over).await.expect("all are found");
    // Who took no byte at last may not have read: nobody can tell these from each other.
    assert_eq!((vanished + stalled, reset), (SESSIONS, 0));
    if matches!(service, Service::Echo) {
        assert_eq!(stalled, 0, "nobody was behind");
    }
    assert_eq!(app.metrics.pending_bytes.get(), 0, "what was kept for them is free again");
}
