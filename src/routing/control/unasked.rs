//! Access points that nobody probes: of a service of UDP nobody knows what it would answer but who
//! configures it.
//!
//! Such a one follows its DC: it is as well as the access points that take TCP at the same IP address, or,
//! where there are none, as all of its DC that do. So when a site loses its power the flows leave it, though
//! nobody could ask them. Where the DC takes no TCP at all it is taken to be Up. What the operator wants of
//! those that it follows does not matter, and neither do those that this edge has no way to, while there are
//! others.
//!
//! What flows find comes on top of that. Complaints make it Suspect, and many make it Down, as they do
//! with everybody else; but no probe shows that it is back. So a Suspect is Up when the complaints are over,
//! and one that flows made Down is held so for a while, and then has another chance.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cell::{AccessPointCell, Turn};
use super::measured::Measured;
use super::{Cause, ControlState, Effect};
use crate::routing::health::Health;
use crate::routing::ids::{DcIndex, Protocol};
use crate::routing::isolation::Contact;
use crate::routing::passive::{Opinion, WINDOW};
use crate::routing::topology::{HealthSettings, HoldDown};

/// What others make of one that is not probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lead {
    /// Up, Unknown or Down.
    health: Health,
    /// This edge has no way to any of them.
    unreachable: bool,
}

/// What is known of an access point of the DC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Member {
    ip: IpAddr,
    protocol: Protocol,
    health: Health,
    unreachable: bool,
}

impl Lead {
    /// Of a DC that takes no TCP.
    const ALONE: Self = Self { health: Health::Up, unreachable: false };

    /// Of those among `members` that take TCP, if there are any.
    fn of(members: &[Member]) -> Option<Self> {
        let leaders = || members.iter().filter(|it| it.protocol == Protocol::Tcp);
        leaders().next()?;
        let health = Health::of_members(leaders().map(|it| (it.health, it.unreachable)));
        Some(Self { health, unreachable: leaders().all(|it| it.unreachable) })
    }
}

impl Default for Lead {
    /// Of who has not looked yet.
    fn default() -> Self {
        Self { health: Health::Unknown, unreachable: false }
    }
}

/// What each of the members of a DC would follow, in their order, which is that of their addresses.
fn leads(members: &[Member]) -> impl Iterator<Item = Lead> {
    let of_dc = Lead::of(members).unwrap_or(Lead::ALONE);
    let neighbours = members.chunk_by(|one, next| one.ip == next.ip);
    neighbours.flat_map(move |here| {
        let lead = Lead::of(here).unwrap_or(of_dc);
        here.iter().map(move |_| lead)
    })
}

impl ControlState {
    /// Brings those that nobody probes in line with those that they follow, and lets go of complaints
    /// whose time is over.
    pub(super) fn follow(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.unasked == 0 {
            return;
        }
        let topology = Arc::clone(&self.effective);
        let mut cells = self.access_points.iter_mut();
        let (mut members, mut turns) = (Vec::new(), Vec::new());
        for dc in (0..).map(DcIndex).take(topology.dcs().len()) {
            let count = topology.access_points_of(dc).count();
            // Both are in the order of the identities, and hold the same ones.
            let mut of_dc: Vec<_> = cells.by_ref().take(count).collect();
            if of_dc.iter().all(|(_, cell)| cell.is_probed()) {
                continue;
            }
            members.clear();
            members.extend(of_dc.iter().map(|(id, cell)| Member {
                ip: id.address.socket.ip(),
                protocol: id.address.protocol,
                health: cell.health(),
                unreachable: cell.is_unreachable(),
            }));
            for ((id, cell), lead) in of_dc.iter_mut().zip(leads(&members)) {
                turns.extend(cell.follow(lead, now).map(|turn| (**id, turn)));
            }
        }
        for (id, turn) in turns {
            self.change(id, Some(turn), now, effects);
        }
    }
}

impl AccessPointCell {
    /// Whether it is probed.
    pub(super) fn is_probed(&self) -> bool {
        self.lead.is_none()
    }

    /// Probes of it begin. One may be under way that says nothing of it.
    pub(super) fn begin_asking(&mut self, probe_is_void: bool) {
        self.lead = None;
        self.probed = false;
        self.in_step = true;
        self.probe_is_void = probe_is_void;
    }

    /// Nobody probes it from now on: what probes have shown is of the past.
    pub(super) fn stop_asking(&mut self) {
        self.lead = Some(Lead::default());
        self.contact = Contact::default();
        self.measured = Measured::default();
    }

    /// How long one that keeps changing is held Down. Who is not probed is held in any case, for as long as
    /// complaints count: nothing else would keep it Down.
    pub(super) fn hold_down(&self, settings: &HealthSettings) -> HoldDown {
        let HoldDown { first, max } = settings.hold_down;
        match self.is_probed() {
            true => settings.hold_down,
            false => HoldDown { first: first.max(WINDOW), max: max.max(WINDOW) },
        }
    }

    /// It is what those that it follows are, unless its own flows say worse.
    fn follow(&mut self, lead: Lead, now: Instant) -> Option<Turn> {
        let before = self.lead?;
        self.lead = Some(lead);
        let own = match self.health() {
            _ if self.damping.held_until(now).is_some() => Health::Down,
            Health::Suspect if self.sessions.opinion(now) != Opinion::Well => Health::Suspect,
            Health::Up | Health::Unknown | Health::Suspect | Health::Down => Health::Up,
        };
        let to = match lead.health {
            Health::Up | Health::Suspect => own,
            Health::Unknown if own == Health::Down => own,
            Health::Unknown | Health::Down => lead.health,
        };
        let transition = self.tracker.follow(to, lead.unreachable)?;
        let cause = match transition.from {
            Health::Suspect if to == Health::Up => Cause::NoComplaints,
            Health::Down if to == Health::Up && before.health == Health::Up => {
                self.damping.on_back(now);
                Cause::HoldDownOver
            }
            Health::Up | Health::Unknown | Health::Suspect | Health::Down => Cause::TcpOfDc,
        };
        if to != Health::Suspect {
            self.sessions.clear();
        }
        Some(Turn { transition, cause, held_for: Duration::ZERO })
    }

    /// The edge was cut off since `silence` began: what flows made of it since says nothing. What it
    /// follows has its own way back.
    pub(super) fn exonerate_unasked(
        &mut self,
        silence: Option<Instant>,
        now: Instant,
    ) -> Option<Turn> {
        self.dismiss_complaints();
        if self.damping.held_until(now).is_none() || self.down_since <= silence {
            return None;
        }
        self.damping.forgive();
        let is_led_up = self.lead.is_some_and(|lead| lead.health == Health::Up);
        let transition = is_led_up.then(|| self.tracker.follow(Health::Up, false)).flatten()?;
        Some(Turn { transition, cause: Cause::Isolated, held_for: Duration::ZERO })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Health::{Down, Suspect, Unknown, Up};

    fn member(ip: [u8; 4], protocol: Protocol, health: Health, unreachable: bool) -> Member {
        Member { ip: ip.into(), protocol, health, unreachable }
    }

    /// What the last of these follows, which are in the order of their addresses.
    fn followed(members: &[Member]) -> (Health, bool) {
        let lead = leads(members).last().expect("there is one");
        (lead.health, lead.unreachable)
    }

    fn tcp(last: u8, health: Health) -> Member {
        member([192, 0, 2, last], Protocol::Tcp, health, false)
    }

    fn udp(last: u8) -> Member {
        member([192, 0, 2, last], Protocol::Udp, Unknown, false)
    }

    #[test]
    fn the_neighbours_at_its_address_are_followed_before_the_rest_of_the_dc() {
        for (members, followed_health) in [
            (vec![udp(1)], Up),
            (vec![udp(1), udp(2)], Up),
            (vec![tcp(1, Down), udp(1)], Down),
            (vec![tcp(1, Down), tcp(1, Suspect), udp(1)], Up),
            (vec![tcp(1, Up), tcp(2, Down), udp(2)], Down),
            (vec![tcp(1, Down), tcp(2, Up), udp(2)], Up),
            (vec![tcp(1, Down), tcp(2, Up), udp(2), udp(3)], Up),
            (vec![tcp(1, Down), tcp(2, Down), udp(3)], Down),
            (vec![tcp(1, Down), tcp(2, Unknown), udp(3)], Unknown),
        ] {
            assert_eq!(followed(&members), (followed_health, false), "{members:?}");
        }
    }

    #[test]
    fn those_out_of_reach_are_followed_only_when_there_are_no_others() {
        let lost = |last| member([192, 0, 2, last], Protocol::Tcp, Unknown, true);
        assert_eq!(followed(&[lost(1), tcp(2, Down), udp(3)]), (Down, false));
        assert_eq!(followed(&[lost(1), tcp(2, Up), udp(3)]), (Up, false));
        assert_eq!(followed(&[tcp(1, Up), lost(3), udp(3)]), (Unknown, true));
    }
}
