//! What operators want of DCs and access points, for a time and for a reason.

use serde_json::{Value, json};

use super::{KEPT, end};
use crate::places::ip;
use crate::support::client::who_answers;
use crate::support::doors::{Doors, Told};
use crate::support::eventually;
use crate::support::lab::{AMSTERDAM, Lab, MIAMI};

const NEAREST_AND_BOUND: &str = "[{name: clients, bind: ['127.0.0.1:0'], sticky: none, \
     proxy_protocol: {accept_from: [127.0.0.0/8]}}, \
     {name: pinned, bind: ['127.0.0.1:0'], route: {dc: 2}}]";

async fn want(doors: &Doors, path: &str, order: Value) -> Told {
    doors.send(("PUT", &format!("/v1/dcs/{path}/state")), &[], &order.to_string()).await
}

#[tokio::test]
async fn a_drain_holds_over_a_restart_with_its_time_and_reason_and_ends_by_itself() {
    let lab = Lab::new(1);
    lab.configure(&[("edge", KEPT)]);
    let edge = lab.start().await;
    let dutch = ip("145.97.1.1");
    assert_eq!(who_answers(edge.clients(), dutch).await.expect("a session").dc, AMSTERDAM);
    let order = json!({"state": "drain", "for_seconds": 3600, "reason": "new disks"});
    let told = want(&edge.doors, "2", order).await;
    assert_eq!((told.status, &told.json()["reason"]), (200, &"new disks".into()), "{told:?}");
    assert_ne!(who_answers(edge.clients(), dutch).await.expect("a session").dc, AMSTERDAM);
    end(edge).await;

    let edge = lab.start().await;
    assert_ne!(who_answers(edge.clients(), dutch).await.expect("a session").dc, AMSTERDAM);
    let status = edge.doors.json("/v1/status").await;
    let intent = &status["intents"][0];
    assert_eq!((&intent["dc"], &intent["state"]), (&AMSTERDAM.into(), &"drain".into()), "{status}");
    assert!(intent["until"].is_string() && intent["reason"] == "new disks", "{intent}");
    let explained = edge.doors.explain(dutch).await.to_string();
    assert!(
        explained.contains("draining for another ") && explained.contains("(tester: new disks)"),
        "{explained}"
    );
    let labels = [("dc", "2"), ("state", "drain")];
    assert_eq!(edge.doors.scrape().await.value("dc_admin_state", &labels), 1.0);
    let told = want(&edge.doors, "2", json!({"state": "drain", "for_seconds": 1})).await;
    assert_eq!(told.status, 200, "{told:?}");
    edge.until("its time is over", |snapshot| snapshot.intents.is_empty()).await;
    assert_eq!(who_answers(edge.clients(), dutch).await.expect("a session").dc, AMSTERDAM);
    eventually("the end is an event", async || {
        let events = edge.doors.json("/v1/events").await.to_string();
        events.contains("the time of drain of DC 2 ams is over").then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_would_refuse_bound_clients_has_to_be_forced_and_says_how_many() {
    let lab = Lab::new(2);
    lab.configure(&[("listeners", NEAREST_AND_BOUND)]);
    let edge = lab.start().await;
    let drain = json!({"state": "drain"});
    let mut open = Vec::new();
    for _ in 0..3 {
        let stream = tokio::net::TcpStream::connect(edge.listener("pinned")).await;
        open.push(stream.expect("a session"));
    }
    eventually("they are open", async || {
        let labels = [("listener", "pinned"), ("dc", "2")];
        (edge.doors.scrape().await.sum("sessions_active", &labels) >= 3.0).then_some(())
    })
    .await;
    let told = want(&edge.doors, "2", drain.clone()).await;
    assert_eq!(told.status, 409, "{told:?}");
    assert!(told.body.contains("listener pinned would refuse"), "{told:?}");
    assert!(told.body.contains("3 sessions and flows now"), "{told:?}");
    assert_eq!(want(&edge.doors, "1", drain.clone()).await.status, 200, "nobody is bound to it");
    let members: Vec<String> =
        lab.dc(AMSTERDAM).local_addrs().iter().map(|at| format!("2/access_points/{at}")).collect();
    assert_eq!(want(&edge.doors, &members[0], drain.clone()).await.status, 200, "one is left");
    assert_eq!(want(&edge.doors, &members[1], drain.clone()).await.status, 409, "none would be");
    let forced = want(&edge.doors, "2", json!({"state": "maint", "force": true})).await;
    assert_eq!(forced.status, 200, "{forced:?}");
    let last = want(&edge.doors, "5", drain).await;
    assert_eq!(last.status, 409, "{last:?}");
    assert!(last.body.contains("nothing would be left for listener clients"), "{last:?}");
    let ready = want(&edge.doors, &MIAMI.to_string(), json!({"state": "ready"})).await;
    assert_eq!(ready.status, 200, "{ready:?}");
    for (path, order, status) in [
        ("7", json!({"state": "drain"}), 404),
        ("2/access_points/192.0.2.1:1", json!({"state": "drain"}), 404),
        ("2", json!({"state": "gone"}), 400),
        ("1", json!({"state": "drain", "for_seconds": 0}), 422),
        ("1", json!({"state": "drain", "for_seconds": 40_000_000}), 422),
        ("1", json!({"state": "drain", "reason": "x".repeat(1001)}), 422),
    ] {
        let told = want(&edge.doors, path, order).await;
        assert_eq!(told.status, status, "{path}: {told:?}");
    }
}
