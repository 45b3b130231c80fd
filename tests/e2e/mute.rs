//! DCs that accept and never answer, and clients that never ask.

use std::net::{IpAddr, Ipv4Addr};

use nearpoint::routing::Health;
use nearpoint::stub::{Fault, Service};

use crate::places::ip;
use crate::support::client::{Client, End};
use crate::support::lab::{AMSTERDAM, BLIND, DCS, Lab, MIAMI};
use crate::support::{eventually, within};

/// A DC has a second to answer.
const IMPATIENT: &str = "[{name: clients, bind: ['127.0.0.1:0'], sticky: none, \
     timeouts: {first_byte: 1s}, proxy_protocol: {accept_from: [127.0.0.0/8]}}]";

#[tokio::test]
async fn a_session_with_a_mute_dc_is_reset_and_others_are_not() {
    let lab = Lab::serving(Service::Echo, 1);
    lab.configure(&[("listeners", IMPATIENT), ("health", BLIND)]);
    let edge = lab.start().await;
    let mut answered = Client::announced(edge.clients(), ip("8.8.8.8")).await.expect("a session");
    answered.echo(b"hello").await.expect("an answer");
    let mut thinking = Client::announced(edge.clients(), ip("8.8.8.8")).await.expect("a session");
    let (amsterdam, at) = (lab.dc(AMSTERDAM), lab.dc(AMSTERDAM).local_addrs()[0]);
    amsterdam.set_fault_everywhere(Fault::Mute).await.expect("mute");

    let mut asking = Client::announced(edge.clients(), ip("145.97.1.1")).await.expect("a session");
    asking.send(b"anybody?").await.expect("sent");
    within("it was read", amsterdam.wait_until(at, |it| it.bytes_in == 8)).await.expect("a DC");
    assert_eq!(within("the end", asking.end()).await, End::Reset);
    within("the DC sees it", amsterdam.wait_until(at, |it| it.open == 0)).await.expect("a DC");
    answered.echo(b"again").await.expect("who was answered once may wait");
    thinking.echo(b"at last").await.expect("who said nothing may think");

    let closed = [("dc", "2"), ("side", "nearpoint"), ("reason", "first_byte")];
    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.value("close_total", &closed), 1.0);
    assert_eq!(scrape.sum("close_total", &[]), 1.0);
    assert_eq!(scrape.value("sessions_active", &[("dc", &MIAMI.to_string())]), 2.0);
}

#[tokio::test]
async fn a_thousand_clients_that_leave_without_a_byte_say_nothing_of_their_dc() {
    let lab = Lab::serving(Service::Echo, 1);
    lab.configure(&[
        ("listeners", IMPATIENT),
        ("health", BLIND),
        ("geoip", "{overrides: {10.0.0.0/8: {country: NL}}}"),
    ]);
    let edge = lab.start().await;
    let amsterdam = lab.dc(AMSTERDAM);
    amsterdam.set_fault_everywhere(Fault::Mute).await.expect("mute");
    let probed = amsterdam.total().accepted;
    // Each from a network of its own: nothing is left out because another one said it.
    for n in 0..1000_u16 {
        let [high, low] = n.to_be_bytes();
        let client = IpAddr::V4(Ipv4Addr::new(10, high, low, 1));
        Client::announced(edge.clients(), client).await.expect("connected");
    }
    let scrape = eventually("all have ended", async || {
        let scrape = edge.doors.scrape().await;
        let ended = scrape.sum("close_total", &[("dc", "2")]);
        (ended == 1000.0 && scrape.sum("worker_sessions", &[]) == 0.0).then_some(scrape)
    })
    .await;
    assert_eq!(scrape.sum("close_total", &[("side", "client"), ("reason", "closed")]), 1000.0);
    assert_eq!(amsterdam.total().accepted, probed + 1000, "nothing made anybody look");
    let snapshot = edge.app.reader.load_full();
    assert_eq!(snapshot.access_points.len(), DCS.len());
    for state in snapshot.access_points.iter() {
        assert_eq!(state.health, Health::Up);
        assert_eq!(state.slot.take_seen().mute, []);
    }
}
