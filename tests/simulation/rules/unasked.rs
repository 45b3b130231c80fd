//! Rules about access points that nobody probes: they are as their DC is by TCP, but for what flows say.

use nearpoint::routing::control::{Cause, HealthChange, ProbeRequest};
use nearpoint::routing::{AccessPointId, AccessPointIndex, Health, Protocol, Snapshot, Topology};

/// Whether probes look at it, be it about to leave; `None` if its DC is gone.
pub(crate) fn is_asked(configured: &Topology, id: AccessPointId) -> Option<bool> {
    let dc = configured.find_dc(id.dc)?;
    Some(match id.address.protocol {
        Protocol::Tcp => true,
        Protocol::Udp => configured.dc(dc).health.udp_probe.is_some(),
    })
}

/// Whoever cannot be asked is not asked.
pub(crate) fn nobody_asks_them(configured: &Topology, request: &ProbeRequest) {
    let id = request.access_point;
    let is_asked = is_asked(configured, id).expect("a DC of the configuration");
    assert!(is_asked, "{id} is probed, and there is no question");
}

/// Nobody else changes because others do, or because nothing happens.
pub(crate) fn they_alone_follow(configured: &Topology, change: &HealthChange) {
    let follows = match change.cause {
        Cause::TcpOfDc | Cause::HoldDownOver | Cause::NoComplaints => true,
        Cause::ProbeAnswered
        | Cause::ProbeFailed(_)
        | Cause::FailedConnects
        | Cause::Overtaken
        | Cause::Mute
        | Cause::Isolated => false,
    };
    let id = change.access_point;
    let is_asked = is_asked(configured, id).expect("a DC of the configuration");
    assert!(!(follows && is_asked), "{id} is probed, and turns by {}", change.cause);
    let is_probes = matches!(change.cause, Cause::ProbeAnswered | Cause::ProbeFailed(_));
    assert!(!is_probes || is_asked, "{id} is not probed, and turns by {}", change.cause);
}

/// Down while all are Down that take TCP at the same address, or else in the DC, and only then or while it
/// is held. Frozen while the edge is cut off.
pub(crate) fn they_follow_their_dc(snapshot: &Snapshot) {
    if snapshot.isolated {
        return;
    }
    let topology = &snapshot.topology;
    for (index, access_point) in (0..).map(AccessPointIndex).zip(topology.access_points()) {
        // The first snapshot is of nobody.
        if topology.is_probed(access_point) || snapshot.generation <= 1 {
            continue;
        }
        let id = access_point.id;
        let of_dc = || {
            let members = topology.access_points_of(access_point.dc);
            members.filter(|(_, it)| it.id.address.protocol == Protocol::Tcp)
        };
        let here = id.address.socket.ip();
        let neighbours: Vec<_> =
            of_dc().filter(|(_, it)| it.id.address.socket.ip() == here).collect();
        let leaders = if neighbours.is_empty() { of_dc().collect() } else { neighbours };
        let states = leaders.iter().map(|(index, _)| snapshot.access_point(*index));
        let led = match leaders.is_empty() {
            true => Health::Up,
            false => Health::of_members(states.map(|it| (it.health, it.unreachable))),
        };
        let state = snapshot.access_point(index);
        let is_held = state.health == Health::Down && state.held_until.is_some();
        let agrees = match led {
            Health::Up | Health::Suspect => state.health.is_usable() || is_held,
            Health::Unknown => state.health == Health::Unknown || is_held,
            Health::Down => state.health == Health::Down,
        };
        assert!(agrees, "{id} is {:?}, and what it follows is {led:?}", state.health);
    }
}
