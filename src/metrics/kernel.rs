//! What only the kernel counts. What cannot be read is left as it is: a scrape must not fail because a
//! container hides `/proc`.

use std::fs;
use std::sync::Mutex;

use prometheus::IntCounter;

/// Descriptors open in this process.
pub(super) fn open_descriptors() -> i64 {
    let entries = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    // Reading the folder opens a descriptor of its own.
    i64::try_from(entries.saturating_sub(1)).unwrap_or(i64::MAX)
}

/// Descriptors this process may open.
pub(super) fn descriptor_limit() -> i64 {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// The counters of the network namespace that this process follows.
pub(super) struct NamespaceCounters {
    listen_overflows: Since,
    udp_receive_drops: Since,
}

impl NamespaceCounters {
    /// What is counted from now on goes to these.
    pub(super) fn new(listen_overflows: IntCounter, udp_receive_drops: IntCounter) -> Self {
        Self {
            listen_overflows: Since::new(listen_overflows, listen_overflows_now()),
            udp_receive_drops: Since::new(udp_receive_drops, udp_receive_drops_now()),
        }
    }

    /// Where it is counted: listen overflows, receive drops of UDP.
    #[cfg(test)]
    pub(super) fn counters(&self) -> [&IntCounter; 2] {
        [&self.listen_overflows.counter, &self.udp_receive_drops.counter]
    }

    /// Adds what the kernel has counted since the last call.
    pub(super) fn follow(&self) {
        self.listen_overflows.follow(listen_overflows_now());
        self.udp_receive_drops.follow(udp_receive_drops_now());
    }
}

/// A counter of our own that grows by what one of the kernel grows by.
struct Since {
    counter: IntCounter,
    /// What it had come to; `None` before it could be read.
    seen: Mutex<Option<u64>>,
}

impl Since {
    fn new(counter: IntCounter, now: Option<u64>) -> Self {
        Self { counter, seen: Mutex::new(now) }
    }

    fn follow(&self, now: Option<u64>) {
        let Some(now) = now else { return };
        let mut seen = self.seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // What is read for the first time has been counted before us, and of two scrapes at a time one may
        // come late with what it has read.
        let before = seen.unwrap_or(now);
        self.counter.inc_by(now.saturating_sub(before));
        *seen = Some(before.max(now));
    }
}

/// `ListenOverflows` of `TcpExt` in `/proc/net/netstat`: connections dropped because a listen queue was full.
fn listen_overflows_now() -> Option<u64> {
    listen_overflows(&fs::read_to_string("/proc/self/net/netstat").ok()?)
}

/// `RcvbufErrors` of UDP in `/proc/net/snmp` and `/proc/net/snmp6`: datagrams dropped because the receive
/// buffer of their socket was full.
fn udp_receive_drops_now() -> Option<u64> {
    let four = fs::read_to_string("/proc/self/net/snmp").ok()?;
    // A kernel may know nothing of IPv6.
    let six = fs::read_to_string("/proc/self/net/snmp6").unwrap_or_default();
    udp_receive_drops(&four, &six)
}

fn listen_overflows(netstat: &str) -> Option<u64> {
    field(netstat, "TcpExt:", "ListenOverflows")
}

fn udp_receive_drops(snmp: &str, snmp6: &str) -> Option<u64> {
    let four = field(snmp, "Udp:", "RcvbufErrors")?;
    let mut words = snmp6.split_whitespace().skip_while(|word| *word != "Udp6RcvbufErrors");
    let six = words.nth(1).and_then(|count| count.parse().ok()).unwrap_or(0);
    Some(four.saturating_add(six))
}

/// Reads one field of the pairs of lines, names over values, that netstat files consist of.
fn field(text: &str, table: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with(table));
    let (names, values) = (lines.next()?, lines.next()?);
    let at = names.split_whitespace().position(|word| word == name)?;
    values.split_whitespace().nth(at)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use socket2::{Domain, SockRef, Socket, Type};

    use super::*;

    fn counter() -> IntCounter {
        IntCounter::new("counted", "Counted.").expect("a valid metric")
    }

    #[test]
    fn a_field_is_found_under_its_name() {
        let text = "TcpExt: A ListenOverflows B\nTcpExt: 1 42 3\nIpExt: A\nIpExt: 9\n";
        assert_eq!(listen_overflows(text), Some(42));
        assert_eq!(field(text, "IpExt:", "A"), Some(9));
        assert_eq!(field(text, "TcpExt:", "Missing"), None);
        assert_eq!(field("", "TcpExt:", "A"), None);
    }

    #[test]
    fn receive_drops_are_those_of_both_families_and_of_nothing_else() {
        let snmp = "Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors\n\
                    Udp: 10 1 9 10 7 2\n\
                    UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors\n\
                    UdpLite: 0 0 0 0 5 0\n";
        let snmp6 = "Udp6InErrors                    \t9\n\
                     Udp6RcvbufErrors                \t4\n\
                     UdpLite6RcvbufErrors            \t5\n";
        assert_eq!(udp_receive_drops(snmp, snmp6), Some(11));
        assert_eq!(udp_receive_drops(snmp, ""), Some(7), "a host without IPv6");
        assert_eq!(udp_receive_drops("", snmp6), None);
    }

    #[test]
    fn what_was_counted_before_the_start_is_not_ours_and_a_file_that_hides_changes_nothing() {
        let since = Since::new(counter(), Some(40));
        for (now, counted) in
            [(Some(40), 0), (Some(45), 5), (None, 5), (Some(44), 5), (Some(46), 6)]
        {
            since.follow(now);
            assert_eq!(since.counter.get(), counted);
        }
        let hidden = Since::new(counter(), None);
        for (now, counted) in [(None, 0), (Some(100), 0), (Some(103), 3)] {
            hidden.follow(now);
            assert_eq!(hidden.counter.get(), counted);
        }
    }

    #[test]
    fn datagrams_that_find_no_room_in_a_small_buffer_are_counted() {
        let (overflows, drops) = (counter(), counter());
        let counters = NamespaceCounters::new(overflows, drops.clone());
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let before = drops.get();
            let small = UdpSocket::bind(address).expect("bound");
            SockRef::from(&small).set_recv_buffer_size(1).expect("as small as may be");
            let sender = UdpSocket::bind(address).expect("bound");
            sender.connect(small.local_addr().expect("bound")).expect("connected");
            for _ in 0..100 {
                sender.send(&[0; 1_000]).expect("loopback takes it");
            }
            counters.follow();
            assert!(drops.get() > before + 50, "{address}: {} of 100", drops.get() - before);
        }
    }

    #[test]
    fn connections_that_find_the_listen_queue_full_are_counted() {
        let (overflows, drops) = (counter(), counter());
        let counters = NamespaceCounters::new(overflows.clone(), drops);
        let queue = TcpListener::bind("127.0.0.1:0").expect("bound");
        // Listening again changes the length of the queue (`listen(2)`): now it holds one.
        SockRef::from(&queue).listen(0).expect("listening");
        let address = queue.local_addr().expect("bound").into();
        let _clients: Vec<Socket> = (0..8)
            .map(|_| {
                let client = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None);
                let client = client.expect("a socket");
                // It is under way, or waits for a place.
                let _ = client.connect(&address);
                client
            })
            .collect();
        counters.follow();
        assert!(overflows.get() > 0, "nobody was turned away");
    }
}
