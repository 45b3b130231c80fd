//! Whether nearpoint did what a scenario asks of it.
//!
//! Outcomes are asserted, everywhere and always. Bars are times: they are met or missed, a report says
//! by how much, and no test fails for it.

use super::outcome::{BackToNormal, Held, Outcome, Sessions};
use super::phase::ByPhase;
use super::scenario::expect::{Bars, DrillExpect, Expect, UdpExpect};
use super::time::Time;
use crate::lab::layout::Dc;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// One thing that was asked, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Verdict {
    pub(crate) asked: String,
    pub(crate) holds: bool,
    pub(crate) seen: String,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { asked, seen, .. } = self;
        write!(f, "{asked} (seen: {seen})")
    }
}

/// Every outcome that is asked for.
pub(crate) fn outcomes(expect: &Expect, outcome: &Outcome) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let mut verdict = |asked: String, holds: bool, seen: String| {
        verdicts.push(Verdict { asked, holds, seen });
    };
    let Expect {
        failed,
        out_of_use,
        used_again,
        served_by,
        held_interrupted,
        held_interrupted_from,
        isolated,
        udp,
        crowd,
        drill,
    } = expect;
    let UdpExpect { failed: flows_failed, served_by: flows_served_by, held_lost } = udp;
    let none = ByPhase::default();
    let flows = outcome.flows.as_ref().map_or(&none, |flows| &flows.new);
    let of_crowd = outcome.crowd.as_ref().unwrap_or(&none);
    for (what, new, failed, served_by) in [
        ("sessions", &outcome.new, failed, served_by),
        ("flows", flows, flows_failed, flows_served_by),
        ("sessions of the crowd", of_crowd, &crowd.failed, &crowd.served_by),
    ] {
        for (phase, bound) in failed.each() {
            let Some(bound) = bound else { continue };
            let Sessions { tried, failed, caught, .. } = new[phase];
            verdict(
                format!("new {what} that fail in the phase {phase}: {bound}"),
                // Nothing has failed where nothing was tried, and nothing was shown either.
                tried > 0 && bound.allows(failed, tried - caught),
                format!("{failed} of {tried}"),
            );
        }
        for (phase, dcs) in served_by.each() {
            let Some(dcs) = dcs else { continue };
            let served: BTreeSet<u16> = new[phase].settled_by_dc.keys().copied().collect();
            let asked = named(&ids(dcs));
            verdict(
                format!("{what} served by no other than {asked} in the phase {phase}"),
                // Whoever may serve has shown nothing where nobody was served.
                served.is_subset(&ids(dcs)) && (dcs.is_empty() || !served.is_empty()),
                named(&served),
            );
        }
    }
    if let Some(bound) = held_lost {
        let held = outcome.flows.as_ref().map(|flows| &flows.held);
        verdict(
            format!("held flows that are not answered any more: {bound}"),
            held.is_some_and(|held| bound.allows(held.never_back, held.sessions)),
            held.map_or("none".to_owned(), |it| format!("{} of {}", it.never_back, it.sessions)),
        );
    }
    let news = &outcome.news;
    if let Some(dcs) = out_of_use {
        let during = news.out_of_use.iter().filter(|change| change.during_the_fault);
        let during: BTreeSet<u16> = during.map(|change| change.dc).collect();
        let mut ever: BTreeSet<u16> = news.out_of_use.iter().map(|change| change.dc).collect();
        ever.extend(&news.out_of_use_before);
        verdict(
            format!("out of use during the fault: {}, and never another one", named(&ids(dcs))),
            during == ids(dcs) && ever == during && news.out_of_use_before.is_empty(),
            named(&ever),
        );
    }
    if let Some(asked) = used_again {
        let again = news.out_of_use.iter().filter(|change| change.used_again.is_some());
        let again: BTreeSet<u16> = again.map(|change| change.dc).collect();
        let wanted = if *asked { news.out_of_use.len() } else { 0 };
        verdict(
            format!("{} in use again at the end", if *asked { "all are" } else { "none is" }),
            again.len() == wanted,
            named(&again),
        );
    }
    let held = &outcome.held;
    if let Some(bound) = held_interrupted {
        verdict(
            format!("held sessions that are interrupted: {bound}"),
            bound.allows(held.interrupted, held.sessions),
            format!("{} of {}", held.interrupted, held.sessions),
        );
    }
    if let Some(dcs) = held_interrupted_from {
        let from: BTreeSet<u16> = held.interrupted_by_dc.keys().copied().collect();
        verdict(
            format!("held sessions are interrupted with {} only", named(&ids(dcs))),
            from.is_subset(&ids(dcs)),
            named(&from),
        );
    }
    if let Some(asked) = isolated {
        let seen = news.isolated.map_or("no".to_owned(), |after| format!("after {after}"));
        let asked_for = if *asked { "the edge says" } else { "the edge does not say" };
        verdict(format!("{asked_for} that it is cut off"), news.isolated.is_some() == *asked, seen);
    }
    if let Some(DrillExpect { state, moved_to }) = drill {
        let told = outcome.drill.as_ref();
        verdict(
            format!("the drill is {state}"),
            told.is_some_and(|told| told.state == *state),
            told.map_or("none".to_owned(), |told| match &told.why {
                None => told.state.clone(),
                Some(why) => format!("{}: {why}", told.state),
            }),
        );
        let moved = told.map(|told| told.moved.iter().map(|it| it.to).collect::<BTreeSet<u16>>());
        let moved = moved.unwrap_or_default();
        verdict(
            format!("its report has clients moved to no other than {}", named(&ids(moved_to))),
            !moved.is_empty() && moved.is_subset(&ids(moved_to)),
            named(&moved),
        );
        let back = told.and_then(|told| told.back_after_seconds);
        verdict(
            "its report has nobody refused, and the DC used again".to_owned(),
            back.is_some() && told.is_some_and(|it| it.refused + it.refused_for_room == 0),
            back.map_or("not used again".to_owned(), |after| format!("used again after {after} s")),
        );
    }
    verdicts
}

/// Every time that there is a bar for.
pub(crate) fn bars(bars: &Bars, outcome: &Outcome) -> Vec<Verdict> {
    let Bars {
        p99_at_first,
        p99_during,
        back_to_normal_within,
        out_of_use_within,
        used_again_within,
        held_outage,
        udp,
    } = bars;
    let longest = |held: &Held| match held.never_back {
        0 => held.longest_outage.or(Some(Time(Duration::ZERO))),
        _ => None,
    };
    let flows = outcome.flows.as_ref();
    let flows_p99 = flows.and_then(|flows| flows.new.fault.p99);
    let flows_outage = flows.and_then(|flows| longest(&flows.held));
    let back_to_normal = match outcome.back_to_normal {
        BackToNormal::Undisturbed => Some(Time(Duration::ZERO)),
        BackToNormal::After(time) => Some(time),
        BackToNormal::NotWithinTheFault => None,
    };
    let times = [
        ("p99 of the first 5 s of the fault", p99_at_first, outcome.at_first.p99, "failed"),
        ("p99 during the fault", p99_during, outcome.new.fault.p99, "failed"),
        ("back to normal", back_to_normal_within, back_to_normal, "not within the fault"),
        ("out of use", out_of_use_within, outcome.news.all_out_of_use(), "never"),
        ("used again", used_again_within, outcome.news.all_used_again(), "never"),
        ("longest outage of a held session", held_outage, longest(&outcome.held), "never back"),
        ("p99 of new flows during the fault", &udp.p99_during, flows_p99, "failed"),
        ("longest outage of a held flow", &udp.held_outage, flows_outage, "never back"),
    ];
    times
        .into_iter()
        .filter_map(|(what, bar, seen, otherwise)| {
            let bar = (*bar)?;
            Some(Verdict {
                asked: format!("{what} <= {}", Time(bar)),
                holds: seen.is_some_and(|Time(seen)| seen <= bar),
                seen: seen.map_or(otherwise.to_owned(), |seen| seen.to_string()),
            })
        })
        .collect()
}

fn ids(dcs: &BTreeSet<Dc>) -> BTreeSet<u16> {
    dcs.iter().map(|dc| dc.id()).collect()
}

fn named(dcs: &BTreeSet<u16>) -> String {
    if dcs.is_empty() {
        return "none".to_owned();
    }
    dcs.iter().map(|dc| format!("dc{dc}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
