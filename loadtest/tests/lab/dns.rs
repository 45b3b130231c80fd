//! A real DNS server and a real client of it, with nearpoint between them.

use crate::edge::{CLIENTS, Edge};
use crate::privilege::needed_by;
use crate::skip::skip;
use libtest_mimic::{Completion, Failed};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Both DCs, at the port of DNS.
const LIST: &str = "- {id: 1, ip_address: 198.19.1.10, port: 53, protocols: [udp]}\n\
                    - {id: 2, ip_address: 198.19.2.10, port: 53, protocols: [udp]}\n";

/// The probe is a question (RFC 1035, 4.1): id abcd, recursion desired, one question: who.test TXT IN.
/// A good answer has the id of the question.
const PROBE: &str = "{interval: 500ms, fast_interval: 200ms, udp_probe: {\
     send: 'hex:abcd010000010000000000000377686f04746573740000100001', expect: 'hex:abcd'}}";

/// As long as a string of TXT may be (RFC 1035, 3.3.14), and so many of them: more than two packets hold.
const STRING: usize = 255;
const STRINGS: usize = 12;

pub(crate) fn large_answers_pass_and_a_question_probes() -> Result<Completion, Failed> {
    for program in ["dnsmasq", "dig"] {
        if !is_installed(program) {
            return skip(&format!("{program} is not installed"));
        }
    }
    needed_by(in_a_lab)()
}

fn in_a_lab() -> Result<(), Failed> {
    let edge = Edge::start("2ms,2ms,4ms", LIST, PROBE)?;
    let dying = serve(&edge, 1)?;
    let _living = serve(&edge, 2)?;
    until("both answer their probe", || {
        let up = edge.metric("nearpoint_access_point_up", "")?;
        Ok((up == 2.0).then_some(()))
    })?;

    // Some clients of each DC.
    let mut asked = Vec::new();
    for host in 1..=8 {
        let client = format!("198.18.0.{host}");
        let dc = who(&edge, &client)?.ok_or("no answer")?;
        asked.push((client, dc));
    }
    for dc in [1, 2] {
        assert!(asked.iter().any(|(_, answered)| *answered == dc), "{asked:?}");
    }

    // 12 strings, each in quotes: in fragments over an MTU of 1500.
    for (client, _) in &asked {
        let answer = dig(&edge, client, &["+bufsize=4096", "big.test", "TXT"])?;
        let strings: Vec<&str> = answer.split_whitespace().collect();
        assert_eq!(strings.len(), STRINGS, "{answer}");
        for (number, string) in strings.into_iter().enumerate() {
            assert_eq!(string, format!("\"{}\"", text(number)), "string {number}");
        }
    }
    // Whoever has less room gets an answer that is cut short, and asks no further here.
    let (client, _) = &asked[0];
    assert_eq!(dig(&edge, client, &["+bufsize=512", "big.test", "TXT"])?.trim(), "");

    // The server of DC 1 dies, and the next question of its clients is answered elsewhere.
    drop(dying);
    until("its probe says so", || {
        Ok((edge.metric("nearpoint_access_point_up", "dc=\"1\"")? == 0.0).then_some(()))
    })?;
    for (client, _) in &asked {
        assert_eq!(who(&edge, client)?, Some(2), "{client}");
    }
    Ok(())
}

/// A server in a DC that knows who it is, and something long.
fn serve(edge: &Edge, dc: u8) -> Result<Server, Failed> {
    let mut command = edge.command(&format!("dc{dc}"), "dnsmasq");
    command.args(["--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null"]);
    command.args(["--user=root", "--pid-file=", "--local=/test/", "--edns-packet-max=4096"]);
    command.args([format!("--txt-record=who.test,dc{dc}"), big()]);
    command.args(["--bind-interfaces", "--port=53"]);
    command.arg(format!("--listen-address=198.19.{dc}.10"));
    Ok(Server(command.stdout(Stdio::null()).spawn()?))
}

fn big() -> String {
    let strings: Vec<String> = (0..STRINGS).map(text).collect();
    format!("--txt-record=big.test,{}", strings.join(","))
}

fn text(number: usize) -> String {
    let letters = (b'a'..=b'z').cycle().skip(number).take(STRING);
    letters.map(char::from).collect()
}

/// Which DC answers, if any.
fn who(edge: &Edge, client: &str) -> Result<Option<u8>, Failed> {
    let answer = dig(edge, client, &["who.test", "TXT"])?;
    Ok(answer.trim().trim_matches('"').strip_prefix("dc").and_then(|dc| dc.parse().ok()))
}

/// Never by TCP, also if the answer is cut short.
fn dig(edge: &Edge, client: &str, question: &[&str]) -> Result<String, Failed> {
    let (server, port) = CLIENTS.split_once(':').ok_or("no port")?;
    let mut dig = edge.command("clients", "dig");
    dig.args([&format!("@{server}"), "-p", port, "-b", client]);
    dig.args(["+short", "+ignore", "+notcp", "+tries=5", "+timeout=2"]).args(question);
    let output = dig.output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => Ok(said),
        false => Err(format!("dig {question:?} from {client}: {}: {said}", output.status).into()),
    }
}

/// A server that does not outlive its test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn until<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>, Failed>) -> Result<T, Failed> {
    let until = Instant::now() + crate::edge::PATIENCE;
    while Instant::now() < until {
        if let Some(found) = look()? {
            return Ok(found);
        }
        thread::sleep(Duration::from_millis(20));
    }
    Err(format!("waited in vain: {what}").into())
}

/// Daemons often live where only root's PATH leads.
fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).any(|folder| folder.join(program).is_file())
}
