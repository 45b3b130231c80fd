//! Datagrams as questions.

use std::net::UdpSocket;

use super::*;
use crate::routing::LocalFailure;
use crate::routing::control::ProbeTimes;
use crate::routing::topology::UdpProbe;

/// What is asked.
const QUESTION: &[u8] = b"who is there";

fn question(expect: &[u8]) -> Conversation {
    Conversation::Datagram(UdpProbe { send: QUESTION.into(), expect: expect.into() }.into())
}

/// What comes of a question to somebody who answers with these datagrams, where one that begins with
/// `expect` is wanted.
async fn answered(expect: &[u8], answers: &[&[u8]], timeout: Duration) -> ProbeOutcome {
    let service = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = service.local_addr().expect("bound");
    let answers: Vec<Vec<u8>> = answers.iter().map(|answer| answer.to_vec()).collect();
    let serving = tokio::task::spawn_blocking(move || {
        let mut asked = [0; 64];
        let (length, from) = service.recv_from(&mut asked).expect("a question");
        for answer in answers {
            service.send_to(&answer, from).expect("sent");
        }
        // The port stays open: who closed it would refuse.
        (asked[..length].to_vec(), service)
    });
    let probed = probe_from(&[], DialAddress::udp(address), question(expect), timeout);
    let (report, metrics) = probed.await;
    let result = report.outcome.as_ref().map_or_else(|it| it.as_str(), ProbeAnswer::as_str);
    assert_eq!(metrics.probes_total.with_label_values(&["2", result]).get(), 1);
    assert_eq!(serving.await.expect("served").0, QUESTION);
    report.outcome
}

#[tokio::test]
async fn a_good_answer_begins_as_it_should_and_its_time_is_a_round_trip() {
    let good: [(&[u8], &[u8]); 4] =
        [(b"", b"anything"), (b"", b""), (b"ok", b"ok"), (b"ok", b"okay")];
    for (expect, answer) in good {
        let outcome = answered(expect, &[answer], PATIENT).await.expect("a good answer");
        let ProbeTimes::Echoed { answer } = outcome.times else { panic!("{outcome:?}") };
        assert_eq!((outcome.times.round_trip(), outcome.times.total()), (answer, answer));
    }
}

#[tokio::test]
async fn of_an_answer_that_is_long_the_beginning_is_enough() {
    let long = [b"ok".as_slice(), &[0; 9000]].concat();
    assert!(answered(b"ok", &[&long], PATIENT).await.is_ok());
}

#[tokio::test]
async fn a_wrong_answer_is_not_the_end_and_wrong_ones_alone_are() {
    let wrong: &[&[u8]] = &[b"no", b"", b"o", b"not ok"];
    let then_right: &[&[u8]] = &[wrong, &[b"ok"]].concat();
    assert!(answered(b"ok", then_right, PATIENT).await.is_ok());
    let outcome = answered(b"ok", wrong, IMPATIENT).await;
    assert_eq!(outcome, Err(ProbeFailure::WrongAnswer));
}

#[tokio::test]
async fn a_service_that_says_nothing_is_out_of_time_and_so_is_its_way() {
    assert_eq!(answered(b"", &[], IMPATIENT).await, Err(ConnectFailure::Timeout.into()));
}

#[tokio::test]
async fn a_port_that_nobody_serves_refuses_by_both_families() {
    for loopback in ["127.0.0.1:0", "[::1]:0"] {
        let free = UdpSocket::bind(loopback).and_then(|it| it.local_addr()).expect("a port");
        let (report, _) = probe_from(&[], DialAddress::udp(free), question(b""), PATIENT).await;
        assert_eq!(report.outcome, Err(ConnectFailure::Refused.into()));
    }
}

#[tokio::test]
async fn what_this_host_will_not_send_is_nobodys_failure() {
    let service = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = DialAddress::udp(service.local_addr().expect("bound"));
    // No address of this host (RFC 5737).
    let foreign = [[203, 0, 113, 1].into()];
    let (report, _) = probe_from(&foreign, address, question(b""), PATIENT).await;
    assert_eq!(report.outcome, Err(ConnectFailure::Local(LocalFailure::NoPort).into()));
    // More than a datagram holds.
    let huge = UdpProbe { send: vec![0; 1 << 17].into(), expect: Box::default() };
    let (report, _) = probe_from(&[], address, Conversation::Datagram(huge.into()), PATIENT).await;
    assert_eq!(report.outcome, Err(ConnectFailure::Local(LocalFailure::Other).into()));
}

#[tokio::test]
async fn an_answer_that_was_there_in_time_and_is_seen_late_is_no_silence() {
    let service = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = service.local_addr().expect("bound");
    let wanted = UdpProbe { send: QUESTION.into(), expect: Box::default() };
    let egress = &Egress::default();
    let target = Target { address, sources: &[], egress, send_proxy: None };
    let mut probing = Box::pin(super::super::udp::probe(target, &wanted, IMPATIENT));
    // It asks, and then nothing turns the runtime until its time is over.
    let looked = std::future::poll_fn(|cx| Poll::Ready(probing.as_mut().poll(cx)));
    assert!(looked.await.is_pending());
    let (_, from) = service.recv_from(&mut [0; 64]).expect("a question");
    service.send_to(b"here", from).expect("sent");
    std::thread::sleep(2 * IMPATIENT);
    let outcome = probing.await;
    assert_eq!(outcome, Err(ConnectFailure::Local(LocalFailure::HeldUp).into()));
}
