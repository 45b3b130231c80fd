//! Nobody's pipes: beyond `fs.pipe-user-pages-soft` the kernel gives an unprivileged user small ones
//! (`pipe(7)`), and bytes are copied instead.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use crate::daemon::{Daemon, User, eventually};
use crate::network::{Host, Network};

const SESSIONS: usize = 100;

/// Each way, in each session.
const BYTES: usize = 4 << 20;

/// Of these, what the DC takes before it pauses: it is plain by then that there are many.
const AT_FIRST: usize = 1 << 20;

/// As large as anybody may have it (`fs.pipe-max-size`).
const PIPE: usize = 1 << 20;

/// Runs as a user who has no capabilities, and wants more pipes than that user may have.
pub(crate) fn shrink(Network { edge, .. }: &Network) {
    let soft = fs::read_to_string("/proc/sys/fs/pipe-user-pages-soft").expect("the kernel tells");
    let soft = soft.trim().parse::<usize>().expect("a number") * 4096;
    assert!(soft > 0 && soft / PIPE < SESSIONS, "{soft} bytes of pipes: there is no limit here");
    // Little room in sockets: what the DC does not take waits in pipes.
    for buffer in ["net/ipv4/tcp_rmem", "net/ipv4/tcp_wmem"] {
        edge.set(buffer, "4096 65536 131072").expect("set");
    }
    let dc: SocketAddr = (Ipv4Addr::LOCALHOST, 4_500).into();
    let gate = Arc::<Gate>::default();
    serve(edge, dc, &gate);
    let at: SocketAddr = (Ipv4Addr::LOCALHOST, 8_500).into();
    let keys = format!(
        "listeners: [{{name: bulk, bind: ['{at}'], route: {{dc: 1}}}}]\n\
         memory: {{pipes: {}MiB, pipe_size: {}MiB}}\n",
        2 * SESSIONS,
        PIPE >> 20
    );
    let list = format!("[{{id: 1, ip: {}, port: {}}}]", dc.ip(), dc.port());
    let daemon = Daemon::start(edge, &list, &keys, User::Nobody);
    // A pipe has two ends: nearly as many are in use as there may be.
    let (sockets, ends) = (2 * SESSIONS, 2 * (soft / PIPE) * 3 / 4);
    thread::scope(|scope| {
        for session in 0..SESSIONS {
            let daemon = &daemon;
            scope.spawn(move || {
                let stream = daemon.connect(at).expect("accepted");
                assert!(comes_back(&stream, session).expect("carried"), "session {session}");
            });
        }
        eventually("pipes are used up", || {
            (daemon.metric("nearpoint_fds_open", &[]) > (sockets + ends) as f64).then_some(())
        });
        gate.open();
    });
    // Bytes are counted when a session has ended.
    let carried = |path: &str| daemon.metric("nearpoint_bytes_total", &[path]);
    let all = (2 * SESSIONS * BYTES) as f64;
    eventually("every byte is counted", || (carried("") == all).then_some(()));
    let (spliced, copied) = (carried("path=\"splice\""), carried("path=\"copy\""));
    assert!(spliced > all / 10.0, "{spliced} of {all} bytes were spliced");
    // Those that got no pipe have copied most of what they said.
    let without = (SESSIONS - soft / PIPE) * (BYTES - AT_FIRST) / 2;
    assert!(copied > without as f64, "{copied} of {all} bytes were copied: pipes did not run out");
    let broken = daemon.metric("nearpoint_close_total", &[])
        - daemon.metric("nearpoint_close_total", &["reason=\"closed\""]);
    assert_eq!(broken, 0.0, "sessions that did not end in order");
}

/// Says [`BYTES`] that are this session's alone, and whether the very same come back.
fn comes_back(stream: &TcpStream, session: usize) -> io::Result<bool> {
    let said: Vec<u8> =
        (0..BYTES).map(|at| (at.wrapping_mul(2_654_435_761) >> 7) as u8 ^ session as u8).collect();
    thread::scope(|scope| {
        let speaking = scope.spawn(|| {
            let mut stream = stream;
            stream.write_all(&said)?;
            stream.shutdown(Shutdown::Write)
        });
        let mut heard = Vec::with_capacity(BYTES);
        let mut listening = stream;
        listening.read_to_end(&mut heard)?;
        speaking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(heard == said)
    })
}

/// Opened once, for everybody.
#[derive(Default)]
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.is_open.lock().expect("nobody panics") = true;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let closed = self.is_open.lock().expect("nobody panics");
        drop(self.opened.wait_while(closed, |is_open| !*is_open).expect("nobody panics"));
    }
}

/// Takes a part of what comes, waits at the gate, takes the rest, and sends all of it back. For as long as this
/// process lives.
fn serve(host: &Host, at: SocketAddr, gate: &Arc<Gate>) {
    let listener = host.run(|| TcpListener::bind(at)).expect("a port");
    let gate = Arc::clone(gate);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let gate = Arc::clone(&gate);
            // Whoever leaves early has failed, and says so.
            thread::spawn(move || carry_back(&stream, &gate));
        }
    });
}

fn carry_back(mut stream: &TcpStream, gate: &Gate) -> io::Result<()> {
    let mut said = vec![0; AT_FIRST];
    stream.read_exact(&mut said)?;
    gate.pass();
    stream.read_to_end(&mut said)?;
    stream.write_all(&said)
}
