//! The real daemon on the edge of a network, its clients there, and services behind it.

use std::fs::{self, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use crate::network::{Host, there};

/// Longer than anything takes on a machine that is merely busy.
const PATIENCE: Duration = Duration::from_secs(60);

const LOOK: Duration = Duration::from_millis(20);

const ADMIN: &str = "127.0.0.1:9900";
const METRICS: &str = "127.0.0.1:9901";

/// Nobody, who has no capability.
const NOBODY: u32 = 65_534;

/// Who the daemon runs as.
#[derive(Clone, Copy, Debug)]
pub(crate) enum User {
    Root,
    Nobody,
}

/// A daemon on a host. Killed when dropped.
pub(crate) struct Daemon<'a> {
    host: &'a Host,
    child: Child,
    log: Arc<Mutex<Vec<Value>>>,
    _directory: TempDir,
}

impl<'a> Daemon<'a> {
    /// Starts it with this list and these further keys, and returns when it serves.
    pub(crate) fn start(host: &'a Host, list: &str, keys: &str, user: User) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        // Nobody may read it, too.
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("ours");
        let main = directory.path().join("nearpoint.yaml");
        fs::write(directory.path().join("dc_options.yaml"), list).expect("written");
        let text = format!(
            "edge: {{name: host, workers: 1}}\nshutdown: {{grace: 0s, deadline: 0s}}\n\
             admin: {{bind: '{ADMIN}'}}\nmetrics: {{bind: '{METRICS}'}}\n\
             log: {{level: info, format: json}}\n{keys}"
        );
        fs::write(&main, text).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_nearpoint"));
        command.arg("run").arg(main).env_remove("RUST_LOG").env_remove("NOTIFY_SOCKET");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        if let User::Nobody = user {
            // Without user 0 there are no capabilities.
            command.uid(NOBODY).gid(NOBODY);
        }
        let mut child = host.run(|| command.spawn()).expect("a process");
        let stderr = child.stderr.take().expect("piped");
        let log = Arc::<Mutex<Vec<Value>>>::default();
        let kept = Arc::clone(&log);
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                kept.lock().expect("nobody panics").push(line);
            }
        });
        let mut daemon = Self { host, child, log, _directory: directory };
        eventually("the daemon serves", || {
            let ended = daemon.child.try_wait().expect("a child");
            assert!(ended.is_none(), "{ended:?}: {:?}", daemon.logged(|_| true));
            let serving = daemon.logged(|line| line["message"] == "serving");
            (!serving.is_empty()).then_some(())
        });
        daemon
    }

    /// Lines of the log.
    pub(crate) fn logged(&self, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let log = self.log.lock().expect("nobody panics");
        log.iter().filter(|line| wanted(line)).cloned().collect()
    }

    /// A client of TCP, from an address of its own.
    pub(crate) fn connect(&self, at: SocketAddr) -> io::Result<TcpStream> {
        connect(self.host, at)
    }

    /// Who answers a client of UDP at this address.
    pub(crate) fn answer_by_udp(&self, at: SocketAddr) -> String {
        let socket = self.host.run(|| UdpSocket::bind("127.0.0.1:0")).expect("a port");
        socket.set_read_timeout(Some(Duration::from_secs(1))).expect("set");
        // A datagram may be lost, and the first one of a DC that nobody has asked yet finds nobody.
        eventually("an answer by UDP", || {
            socket.send_to(b"who?", at).expect("sent");
            let mut buffer = [0; 64];
            let length = socket.recv(&mut buffer).ok()?;
            Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
        })
    }

    /// The health of a DC, in the words of the API.
    pub(crate) fn health(&self, dc: u16) -> String {
        let status: Value = serde_json::from_str(&self.get(ADMIN, "/v1/dcs")).expect("JSON");
        let dcs = status["dcs"].as_array().expect("a list");
        let found = dcs.iter().find(|it| it["id"] == dc).expect("it is configured");
        found["health"].as_str().expect("a word").to_owned()
    }

    /// The sum of a metric over the series that have all of these labels.
    pub(crate) fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let text = self.get(METRICS, "/metrics");
        let of_name = text.lines().filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| {
                rest.starts_with(['{', ' ']) && labels.iter().all(|label| rest.contains(label))
            })
        });
        of_name.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }

    /// Probes of a DC that came to anything but a good answer.
    pub(crate) fn failed_probes(&self, dc: u16) -> f64 {
        let text = self.get(METRICS, "/metrics");
        let of_dc = format!("nearpoint_probes_total{{dc=\"{dc}\",");
        let failed = text.lines().filter(|it| it.starts_with(&of_dc) && !it.contains("\"ok\""));
        failed.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }

    /// Failed dials and refusals, as they are measured.
    pub(crate) fn failures(&self) -> Vec<String> {
        let text = self.get(METRICS, "/metrics");
        let names = ["nearpoint_connect_failures_total{", "nearpoint_refused_total{"];
        let wanted = text.lines().filter(|line| names.iter().any(|name| line.starts_with(name)));
        wanted.map(str::to_owned).collect()
    }

    fn get(&self, at: &str, path: &str) -> String {
        let at = at.parse().expect("an address");
        let mut stream = connect(self.host, at).expect("a side door");
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        body.to_owned()
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whose name the first line of a session is.
pub(crate) fn who(mut stream: &TcpStream) -> io::Result<String> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"who?")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    match line.trim() {
        "" => Err(io::ErrorKind::UnexpectedEof.into()),
        name => Ok(name.to_owned()),
    }
}

/// Serves TCP and UDP at a port of a host, for as long as this process lives, and says this name.
pub(crate) fn serve(host: &Host, port: u16, name: &'static str) {
    let bind = || Ok((TcpListener::bind(there(port))?, UdpSocket::bind(there(port))?));
    let (listener, socket): (TcpListener, UdpSocket) =
        host.run(|| -> io::Result<_> { bind() }).expect("a port");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || answer(&stream, name));
        }
    });
    thread::spawn(move || {
        let mut buffer = [0; 2_000];
        while let Ok((_, from)) = socket.recv_from(&mut buffer) {
            // Whoever has left needs no answer.
            let _ = socket.send_to(name.as_bytes(), from);
        }
    });
}

/// Says a name to whoever asks, and stays until the other side leaves.
fn answer(mut stream: &TcpStream, name: &str) {
    let mut buffer = [0; 64];
    while let Ok(1..) = stream.read(&mut buffer) {
        if writeln!(stream, "{name}").is_err() {
            return;
        }
    }
}

/// Looks again and again until `look` has found something.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "waited in vain: {what}");
        thread::sleep(LOOK);
    }
}

/// Each from another address of loopback, and from a port that is nobody's whom the kernel gives one: a port
/// that was bound by itself is given to no dial of another program.
fn connect(host: &Host, at: SocketAddr) -> io::Result<TcpStream> {
    static NEXT: AtomicU32 = AtomicU32::new(u32::from_be_bytes([127, 2, 0, 1]));
    let from = Ipv4Addr::from_bits(NEXT.fetch_add(1, Ordering::Relaxed));
    host.run(|| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((from, 20_000)).into())?;
        socket.connect(&at.into())?;
        Ok(socket.into())
    })
}
