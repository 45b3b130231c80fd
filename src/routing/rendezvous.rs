//! Weighted rendezvous hashing: every client has its own fixed order of the members of a group, and
//! a member that comes or goes moves only its own clients.
//!
//! The hash is ours and part of the contract: every edge of a fleet, in every version, must decide
//! alike. Test vectors pin it.

use std::net::IpAddr;

use super::client::ClientAddr;
use super::ids::{AccessPointId, DcId};

/// The key of a DC.
#[must_use]
pub fn dc_key(dc: DcId) -> u64 {
    mix(u64::from(dc.0))
}

/// The key of an access point; a v4-mapped address is the IPv4 address it maps.
#[must_use]
pub fn access_point_key(id: AccessPointId) -> u64 {
    let ip = match id.address.socket.ip().to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    let port = u64::from(id.address.socket.port());
    [(ip >> 64) as u64, ip as u64, port]
        .iter()
        .fold(dc_key(id.dc), |key, part| mix(key ^ mix(*part)))
}

/// How the members of a group are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scoring {
    /// By hash and weight.
    #[default]
    Weighted,
    /// By the hash alone: where all weigh the same the order is that of [`Scoring::Weighted`], since a
    /// logarithm keeps it, and costs a tenth.
    Alike,
}

impl Scoring {
    /// What members of these weights are compared by.
    #[must_use]
    pub fn of(weights: impl IntoIterator<Item = u32>) -> Self {
        let mut weights = weights.into_iter();
        let first = weights.next().filter(|weight| *weight > 0);
        match first.is_some_and(|first| weights.all(|weight| weight == first)) {
            true => Self::Alike,
            false => Self::Weighted,
        }
    }

    /// How much `client` wants the member with this key; the highest score goes first. Over many
    /// clients each member wins in proportion to its weight (the logarithmic method of Schindelhauer
    /// and Schomaker, 2005). A weight of 0 scores 0, below every other.
    #[must_use]
    pub fn score(self, client: ClientAddr, key: u64, weight: u32) -> f64 {
        let hash = mix(mix(client.prefix()) ^ key);
        // 53 bits, moved off both ends: strictly between 0 and 1.
        let uniform = ((hash >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        match self {
            Self::Weighted => f64::from(weight) / minus_ln(uniform),
            Self::Alike => uniform,
        }
    }
}

/// A number of 0 to 2^64 that looks random and is the same wherever it is computed: for jitter.
#[must_use]
pub fn scatter(key: u64, number: u64) -> u64 {
    mix(key ^ mix(number))
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood, 2014): a bijection of 64 bits in which every
/// input bit flips every output bit with probability 1/2.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// 1, 1/3, 1/5 and so on: divided once, since a session start takes many logarithms.
const ODD_RECIPROCALS: [f64; 13] = {
    let mut reciprocals = [1.0; 13];
    let mut k = 1;
    while k < reciprocals.len() {
        reciprocals[k] = 1.0 / (2 * k + 1) as f64;
        k += 1;
    }
    reciprocals
};

/// -ln(x) for 0 < x < 1, from additions, products and quotients alone: IEEE 754 fixes those to the
/// last bit, while the C library's logarithm differs between machines.
fn minus_ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let exponent = ((bits >> 52) as i32) - 1023;
    let mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    // ln m = 2 artanh((m - 1) / (m + 1)) for m in 1..2; 13 terms leave less than 1e-13.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let s2 = s * s;
    let series = ODD_RECIPROCALS.iter().rev().fold(0.0, |sum, reciprocal| sum * s2 + reciprocal);
    -(f64::from(exponent) * std::f64::consts::LN_2 + 2.0 * s * series)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn score(client: ClientAddr, key: u64, weight: u32) -> f64 {
        Scoring::Weighted.score(client, key, weight)
    }

    fn client(ip: &str) -> ClientAddr {
        ClientAddr::new(ip.parse().expect("an address of the test"))
    }

    #[test]
    fn vectors_are_fixed() {
        assert_eq!(dc_key(DcId(2)), 0x9758_35de_1c97_56ce);
        let id = |address: &str| AccessPointId {
            dc: DcId(2),
            address: address.parse().expect("an address of the test"),
        };
        assert_eq!(access_point_key(id("149.154.167.51:443")), VECTOR_V4);
        assert_eq!(access_point_key(id("[2001:67c:4e8:f002::a]:443")), VECTOR_V6);
        let scores = [
            (score(client("203.0.113.7"), dc_key(DcId(2)), 100), SCORES[0]),
            (score(client("203.0.113.7"), dc_key(DcId(4)), 100), SCORES[1]),
            (score(client("2001:db8:1:2::3"), dc_key(DcId(2)), 50), SCORES[2]),
        ];
        for (now, fixed) in scores {
            assert_eq!(now.to_bits(), fixed, "{now}");
        }
    }

    const VECTOR_V4: u64 = 0x544e_3c04_3b2d_7a06;
    const VECTOR_V6: u64 = 0x6ac1_cc7b_a47e_e293;
    const SCORES: [u64; 3] = [0x4097_deda_ba1c_3928, 0x4072_8f24_fc6c_0eb3, 0x4058_3e6c_417b_1e09];

    #[test]
    fn weights_decide_where_they_differ_or_are_nothing() {
        for (weights, scoring) in [
            (vec![100, 100, 100], Scoring::Alike),
            (vec![7], Scoring::Alike),
            (vec![100, 100, 99], Scoring::Weighted),
            (vec![0, 0], Scoring::Weighted),
            (vec![], Scoring::Weighted),
        ] {
            assert_eq!(Scoring::of(weights.clone()), scoring, "{weights:?}");
        }
    }

    #[test]
    fn weights_are_shares() {
        let wins = |weights: [u32; 3]| {
            let mut wins = [0u32; 3];
            for n in 0..30_000u32 {
                let client = ClientAddr::new(IpAddr::V4(n.wrapping_mul(0x9e37_79b9).into()));
                let scores = (1..).zip(weights).map(|(dc, w)| score(client, dc_key(DcId(dc)), w));
                let best = scores.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
                wins[best.expect("three members").0] += 1;
            }
            wins
        };
        for share in wins([100, 100, 100]) {
            assert!((9_700..10_300).contains(&share), "{share}");
        }
        let [small, large, none] = wins([100, 200, 0]);
        assert!((9_700..10_300).contains(&small) && (19_700..20_300).contains(&large));
        assert_eq!(none, 0);
    }

    proptest! {
        #[test]
        fn logarithm_agrees_with_the_library(hash in any::<u64>()) {
            let x = ((hash >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
            prop_assert!((minus_ln(x) + x.ln()).abs() <= 1e-12 * (1.0 - x.ln()));
        }

        /// What an edge decides does not hang on how it computes it.
        #[test]
        fn members_that_weigh_the_same_are_in_the_same_order_by_their_hash(
            prefix in any::<u32>(), keys in prop::collection::vec(any::<u64>(), 2..10), weight in 1u32..1_000_000,
        ) {
            let client = ClientAddr::new(IpAddr::V4(prefix.into()));
            let order = |scoring: Scoring| {
                let mut keys = keys.clone();
                let score = |key: &u64| scoring.score(client, *key, weight);
                keys.sort_by(|a, b| score(a).total_cmp(&score(b)));
                keys
            };
            prop_assert_eq!(order(Scoring::Alike), order(Scoring::Weighted));
        }

        #[test]
        fn scores_are_finite_and_not_negative(prefix in any::<u32>(), dc in 1u16.., weight in 0u32..1_000_000) {
            let score = score(ClientAddr::new(IpAddr::V4(prefix.into())), dc_key(DcId(dc)), weight);
            prop_assert!(score.is_finite() && score >= 0.0);
        }
    }
}
