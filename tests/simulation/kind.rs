//! The kinds of storms: most are chaos, the others inject one clean fault into a healthy network and
//! ask how soon it is found.

mod chaos;
mod clean;
mod detection;

use crate::journal::Journal;
use crate::network::Network;
use crate::random::Random;
use crate::storm::Storm;
use nearpoint::routing::topology::Probe;

use crate::layout::{Layout, http};

/// What kind of storm it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Everything at random.
    Chaos,
    /// A DC is blackholed and nobody dials.
    SilentBlackhole,
    /// A DC refuses under traffic.
    RefusingDc,
    /// A DC is blackholed under traffic.
    BlackholedDc,
    /// A DC accepts and is mute, and probes ask.
    MuteToProbes,
    /// The same, and probes only connect.
    MuteToSessions,
    /// An access point comes and goes.
    Flapping,
    /// Clients connect and leave, a thousand in a second.
    Scanners,
    /// Clients of one place get no byte anywhere.
    Garbage,
    /// The edge has no descriptors, or no route.
    LocalErrors,
    /// The site of most DCs goes dark.
    SiteDeath,
    /// The edge is cut off.
    EdgeCut,
}

impl Kind {
    const CLEAN: [Self; 11] = [
        Self::SilentBlackhole,
        Self::RefusingDc,
        Self::BlackholedDc,
        Self::MuteToProbes,
        Self::MuteToSessions,
        Self::Flapping,
        Self::Scanners,
        Self::Garbage,
        Self::LocalErrors,
        Self::SiteDeath,
        Self::EdgeCut,
    ];

    /// Of the storm with this seed: of ten, nine are chaos.
    pub(crate) fn of(seed: u64) -> Self {
        match seed % 10 {
            0 => Self::CLEAN[(seed / 10) as usize % Self::CLEAN.len()],
            _ => Self::Chaos,
        }
    }

    /// A storm of this kind that has just begun.
    pub(crate) fn begin(self, mut random: Random, journal: Journal) -> Storm {
        let mut network = Network::default();
        let probe = if random.percent(50) { http() } else { Probe::Tcp };
        let dcs = random.number(3..=5) as usize;
        let mut plain = |probe| Layout::plain(dcs, probe, &mut network, &mut random);
        let layout = match self {
            Self::Chaos => Layout::any(&mut network, &mut random),
            Self::MuteToProbes => plain(http()),
            Self::MuteToSessions => plain(Probe::Tcp),
            Self::SiteDeath => Layout::one_big_site(dcs, probe, &mut network, &mut random),
            Self::SilentBlackhole
            | Self::RefusingDc
            | Self::BlackholedDc
            | Self::Flapping
            | Self::Scanners
            | Self::Garbage
            | Self::LocalErrors
            | Self::EdgeCut => plain(probe),
        };
        Storm::new(layout, network, random, journal)
    }

    /// Lets it happen.
    pub(crate) fn rage(self, storm: &mut Storm) {
        match self {
            Self::Chaos => storm.chaos(),
            Self::SilentBlackhole => storm.a_silent_blackhole_is_found(),
            Self::RefusingDc => storm.a_refusing_dc_costs_no_session(),
            Self::MuteToProbes => storm.a_dc_that_is_mute_to_probes_is_found(),
            Self::Scanners => storm.scanners_make_nothing_down(),
            Self::Garbage => storm.one_place_makes_nothing_down(),
            Self::LocalErrors => storm.failures_of_this_edge_change_nothing(),
            Self::SiteDeath => storm.the_end_of_a_site_is_no_isolation(),
            Self::BlackholedDc => storm.a_blackholed_dc_costs_no_session(),
            Self::MuteToSessions => storm.a_dc_that_is_mute_to_sessions_is_found(),
            Self::Flapping => storm.flapping_is_damped(),
            Self::EdgeCut => storm.an_edge_that_is_cut_off_knows_it(),
        }
    }
}
