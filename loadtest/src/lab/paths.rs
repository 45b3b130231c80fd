//! Faults of the path: rules of nftables in the router, where a packet vanishes and nobody is told.
//!
//! In the edge's own namespace the same rules would be errors of its own sockets, at once.

use super::error::LabError;
use super::layout::{AccessPoint, Dc};
use super::namespace::Namespace;
use super::share::Share;
use super::tool;
use super::topology::EDGE_DEVICE;
use serde::Deserialize;
use std::fmt::{self, Write};
use std::num::NonZeroU32;

/// What is wrong with the way to somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PathFault {
    pub(crate) place: Where,
    pub(crate) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    /// All networks of a DC.
    Dc(Dc),
    /// Its IPv6 only.
    V6(Dc),
    AccessPoint(AccessPoint),
    AllDcs,
    /// Everything to and from the edge, of clients and of DCs.
    Uplink,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Nothing passes, and nobody is told.
    Blackhole,
    /// Nothing passes in this direction.
    OneWay(Direction),
    /// Each packet, in both directions, is lost with this probability.
    Loss(Share),
    /// TCP segments towards the place are answered by a reset instead, each with this probability:
    /// with 1 connects are refused and sessions end with the next byte, with less they end by chance.
    Reset(Share),
    /// Packets towards the place are answered by ICMP: host unreachable. The router answers as
    /// seldom as kernels do (`net.ipv4.icmp_ratelimit`: after a few, once a second for each
    /// sender); the rest vanishes.
    Unreachable,
    /// The same with ICMP: administratively prohibited.
    Prohibited,
    /// In each direction so many packets a second pass, after a burst of a tenth of them.
    Police(NonZeroU32),
}

/// Of a place, as seen from the other side of the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum Direction {
    /// Towards the place.
    #[serde(rename = "to-dc")]
    To,
    /// Away from it.
    #[serde(rename = "from-dc")]
    From,
}

/// The faults of a lab's router, which are set all together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paths<'a> {
    pub(super) router: &'a Namespace,
}

impl Paths<'_> {
    /// Replaces all faults by these, at one moment. Where several fit a packet, the first that does
    /// away with it decides. What policing has counted begins anew.
    pub(crate) fn set(&self, faults: &[PathFault]) -> Result<(), LabError> {
        let mut nft = self.router.command("nft");
        nft.args(["-f", "-"]);
        tool::run(nft, "nft", &ruleset(faults))
    }
}

/// All rules, as one transaction of `nft -f` (nft(8)): a table of our own, which is forgotten with
/// all it had (declared first, since what does not exist cannot be deleted) and made again.
fn ruleset(faults: &[PathFault]) -> String {
    let mut text = "table inet lab\ndelete table inet lab\ntable inet lab {\n\
        \x20 chain forward {\n\
        \x20   type filter hook forward priority filter; policy accept;\n"
        .to_owned();
    for fault in faults {
        for rule in fault.rules() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "    {rule}");
        }
    }
    text + "  }\n}\n"
}

impl PathFault {
    fn rules(&self) -> Vec<String> {
        let rule =
            |direction, verdict: &str| format!("{} {verdict}", self.place.packets(direction));
        let both = |verdict: &str| [Direction::To, Direction::From].map(|way| rule(way, verdict));
        match self.what {
            What::Blackhole => both("drop").into(),
            What::OneWay(direction) => vec![rule(direction, "drop")],
            What::Loss(share) => both(&format!("{}drop", by_chance(share))).into(),
            What::Reset(share) => {
                let verdict = format!("meta l4proto tcp {}reject with tcp reset", by_chance(share));
                vec![rule(Direction::To, &verdict)]
            }
            What::Unreachable => {
                vec![rule(Direction::To, "reject with icmpx type host-unreachable")]
            }
            What::Prohibited => {
                vec![rule(Direction::To, "reject with icmpx type admin-prohibited")]
            }
            What::Police(rate) => {
                let burst = rate.get().div_ceil(10);
                both(&format!("limit rate over {rate}/second burst {burst} packets drop")).into()
            }
        }
    }
}

impl Where {
    /// Whom a rule is for. The router's devices are called as what is behind them.
    fn packets(self, direction: Direction) -> String {
        let (device, address) = match direction {
            Direction::To => ("oifname", "daddr"),
            Direction::From => ("iifname", "saddr"),
        };
        match self {
            Where::Dc(dc) => format!("{device} \"{dc}\""),
            Where::V6(dc) => format!("meta nfproto ipv6 {device} \"{dc}\""),
            Where::AccessPoint(access_point) => {
                let ip = access_point.address().ip();
                format!("{} {address} {ip}", if ip.is_ipv4() { "ip" } else { "ip6" })
            }
            Where::AllDcs => {
                let dcs = Dc::ALL.map(|dc| format!("\"{dc}\""));
                format!("{device} {{ {} }}", dcs.join(", "))
            }
            Where::Uplink => format!("{device} \"{EDGE_DEVICE}\""),
        }
    }
}

/// The condition of nftables that holds with this probability, with a space behind it; nothing if it
/// always does.
fn by_chance(share: Share) -> String {
    match share {
        Share::ALL => String::new(),
        share => format!("numgen random mod {} < {} ", Share::ALL.millionths(), share.millionths()),
    }
}

/// As `dc1: loss of 5%`.
impl fmt::Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Where::Dc(dc) => write!(f, "{dc}: "),
            Where::V6(dc) => write!(f, "IPv6 of {dc}: "),
            Where::AccessPoint(access_point) => write!(f, "{access_point}: "),
            Where::AllDcs => f.write_str("all DCs: "),
            Where::Uplink => f.write_str("the edge's uplink: "),
        }?;
        self.what.fmt(f)
    }
}

/// As `loss of 5%`, without the place.
impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Blackhole => f.write_str("blackhole"),
            What::OneWay(Direction::To) => f.write_str("nothing gets there"),
            What::OneWay(Direction::From) => f.write_str("nothing comes back"),
            What::Loss(share) => write!(f, "loss of {share}"),
            What::Reset(Share::ALL) => f.write_str("resets"),
            What::Reset(share) => write!(f, "resets of {share}"),
            What::Unreachable => f.write_str("host unreachable"),
            What::Prohibited => f.write_str("prohibited"),
            What::Police(rate) => write!(f, "at most {rate} packets/s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::layout::Door;

    fn rules(place: Where, what: What) -> Vec<String> {
        PathFault { place, what }.rules()
    }

    fn share(share: f64) -> Share {
        Share::new(share).unwrap()
    }

    #[test]
    fn a_set_of_faults_replaces_the_whole_table() {
        let blackhole = PathFault { place: Where::Dc(Dc::Dc1), what: What::Blackhole };
        let lost = PathFault { place: Where::Uplink, what: What::Loss(share(0.05)) };
        assert_eq!(
            ruleset(&[blackhole, lost]),
            r#"table inet lab
delete table inet lab
table inet lab {
  chain forward {
    type filter hook forward priority filter; policy accept;
    oifname "dc1" drop
    iifname "dc1" drop
    oifname "edge" numgen random mod 1000000 < 50000 drop
    iifname "edge" numgen random mod 1000000 < 50000 drop
  }
}
"#
        );
        assert!(ruleset(&[]).ends_with("policy accept;\n  }\n}\n"), "{}", ruleset(&[]));
    }

    #[test]
    fn every_place_has_its_packets() {
        let to = |place: Where| place.packets(Direction::To);
        let from = |place: Where| place.packets(Direction::From);
        let door = |door| Where::AccessPoint(AccessPoint { dc: Dc::Dc2, door });
        assert_eq!(to(Where::Dc(Dc::Dc3)), r#"oifname "dc3""#);
        assert_eq!(from(Where::V6(Dc::Dc3)), r#"meta nfproto ipv6 iifname "dc3""#);
        assert_eq!(to(door(Door::B)), "ip daddr 198.19.2.11");
        assert_eq!(from(door(Door::V6)), "ip6 saddr 2001:2:0:2::10");
        assert_eq!(to(Where::AllDcs), r#"oifname { "dc1", "dc2", "dc3" }"#);
        assert_eq!(from(Where::Uplink), r#"iifname "edge""#);
    }

    #[test]
    fn faults_of_one_direction_leave_the_other_alone() {
        let place = Where::Dc(Dc::Dc1);
        assert_eq!(rules(place, What::OneWay(Direction::To)), [r#"oifname "dc1" drop"#]);
        assert_eq!(rules(place, What::OneWay(Direction::From)), [r#"iifname "dc1" drop"#]);
        let reset = r#"oifname "dc1" meta l4proto tcp reject with tcp reset"#;
        assert_eq!(rules(place, What::Reset(Share::ALL)), [reset]);
        let some = "oifname \"dc1\" meta l4proto tcp numgen random mod 1000000 < 2000 \
                    reject with tcp reset";
        assert_eq!(rules(place, What::Reset(share(0.002))), [some]);
        let unreachable = r#"oifname "dc1" reject with icmpx type host-unreachable"#;
        assert_eq!(rules(place, What::Unreachable), [unreachable]);
        let prohibited = r#"oifname "dc1" reject with icmpx type admin-prohibited"#;
        assert_eq!(rules(place, What::Prohibited), [prohibited]);
    }

    #[test]
    fn policing_lets_a_tenth_of_a_second_through_at_once() {
        let police = |rate| rules(Where::Dc(Dc::Dc1), What::Police(NonZeroU32::new(rate).unwrap()));
        let limit = "limit rate over 1005/second burst 101 packets drop";
        assert_eq!(
            police(1_005),
            [format!("oifname \"dc1\" {limit}"), format!("iifname \"dc1\" {limit}")]
        );
        assert!(police(1)[0].contains("burst 1 packets"), "a burst of none is no rule");
    }

    #[test]
    fn chance_is_counted_in_millionths_and_what_always_happens_is_not_left_to_it() {
        assert_eq!(by_chance(share(0.000_001)), "numgen random mod 1000000 < 1 ");
        assert_eq!(by_chance(share(0.0)), "numgen random mod 1000000 < 0 ");
        assert_eq!(by_chance(Share::ALL), "");
    }

    #[test]
    fn faults_are_told_in_words() {
        let told = |place, what| PathFault { place, what }.to_string();
        assert_eq!(told(Where::Dc(Dc::Dc1), What::Loss(share(0.05))), "dc1: loss of 5%");
        assert_eq!(told(Where::AllDcs, What::Reset(share(0.002))), "all DCs: resets of 0.2%");
        let one_way = What::OneWay(Direction::From);
        assert_eq!(told(Where::V6(Dc::Dc2), one_way), "IPv6 of dc2: nothing comes back");
    }
}
