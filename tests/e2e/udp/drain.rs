//! The drain of a whole daemon, as flows see it.

use rustix::process::Signal;

use super::lab;
use crate::support::datagram::{UdpClient, client_of};
use crate::support::eventually;
use crate::support::lab::{AMSTERDAM, DCS};
use crate::support::process::Process;

#[tokio::test]
async fn flows_are_answered_until_the_deadline_and_nobody_new_is() {
    let lab = lab(1);
    lab.configure_udp(&[("shutdown", "{grace: 1s, deadline: 6s}")]);
    let mut daemon = Process::start(&lab).await;
    let mut flows = Vec::new();
    for dc in DCS {
        let mut client = UdpClient::new(client_of(dc, 1), daemon.clients).await;
        flows.push((client.ask_until_answered().await, client));
    }
    daemon.signal(Signal::TERM);
    eventually("readiness is gone", async || {
        (daemon.doors.get("/readyz").await.0 == 503).then_some(())
    })
    .await;
    let mut number = 1;
    eventually("newcomers find nobody", async || {
        number += 1;
        let mut newcomer = UdpClient::new(client_of(AMSTERDAM, number), daemon.clients).await;
        newcomer.ask_once().await.is_none().then_some(())
    })
    .await;
    for (before, client) in &mut flows {
        for _ in 0..3 {
            assert_eq!(client.ask().await.peer, before.peer, "the flow is served to the end");
        }
    }
    assert_eq!(daemon.exit_code().await, 0);
}
