//! Questions of UDP, counted: answers, silence, and how long a move took.
//!
//! A datagram that is lost is no failure, whoever sent it asks again; a client that is not answered any
//! more, by anybody, is one.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::routing::DcId;

/// So many questions in a row without an answer are more than a move costs.
const FORSAKEN: u32 = 10;

/// A simulated client of UDP, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::demo) struct FlowId(pub(in crate::demo) usize);

/// A client has asked.
#[derive(Clone, Copy, Debug)]
pub(in crate::demo) struct Asked {
    /// Which one.
    pub(in crate::demo) flow: FlowId,
    /// When it had the answer, or no longer waited for one.
    pub(in crate::demo) at: Duration,
    /// The DC that answered.
    pub(in crate::demo) dc: Option<DcId>,
}

/// What became of the questions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::demo) struct FlowFigures {
    /// How many clients ask.
    pub(in crate::demo) clients: usize,
    /// Questions that were answered.
    pub(in crate::demo) answered: u64,
    /// Questions that were not, and that another one followed.
    pub(in crate::demo) unanswered: u64,
    /// Times that another DC answered a client whose DC had lost its power.
    pub(in crate::demo) moved: u64,
    /// The longest time from a power loss until then.
    pub(in crate::demo) slowest: Option<Duration>,
    /// Clients that nobody answers any more.
    pub(in crate::demo) forsaken: usize,
}

/// The counts so far.
pub(in crate::demo) struct Flows {
    clients: Vec<Client>,
    figures: FlowFigures,
    outage: Option<Outage>,
}

/// The last power loss.
struct Outage {
    dc: DcId,
    began: Duration,
    /// Whether the power is back.
    over: bool,
    /// Who has lost its DC and not been answered since.
    displaced: BTreeSet<FlowId>,
}

impl Outage {
    /// How long a client that `dc` has answered was without its own DC, if it has been moved.
    fn on_answered(&mut self, flow: FlowId, dc: DcId, at: Duration) -> Option<Duration> {
        if dc == self.dc && !self.over {
            // Still under way when the power went: its client belongs here too.
            self.displaced.insert(flow);
            return None;
        }
        let was_displaced = self.displaced.remove(&flow);
        (was_displaced && dc != self.dc).then(|| at.saturating_sub(self.began))
    }
}

#[derive(Clone, Copy, Default)]
struct Client {
    /// The DC that answered last.
    dc: Option<DcId>,
    /// Questions since then.
    silent: u32,
}

impl Flows {
    /// Nothing yet, of so many clients.
    pub(in crate::demo) fn new(clients: usize) -> Self {
        Self {
            clients: vec![Client::default(); clients],
            figures: FlowFigures { clients, ..FlowFigures::default() },
            outage: None,
        }
    }

    /// A client has asked.
    pub(in crate::demo) fn on_asked(&mut self, Asked { flow, at, dc }: Asked) {
        let Some(client) = self.clients.get_mut(flow.0) else { return };
        let Some(dc) = dc else {
            client.silent = client.silent.saturating_add(1);
            self.figures.unanswered += 1;
            return;
        };
        *client = Client { dc: Some(dc), silent: 0 };
        self.figures.answered += 1;
        let outage = self.outage.as_mut();
        if let Some(after) = outage.and_then(|outage| outage.on_answered(flow, dc, at)) {
            self.figures.moved += 1;
            self.figures.slowest = self.figures.slowest.max(Some(after));
        }
    }

    /// The power of a DC went.
    pub(in crate::demo) fn on_power_lost(&mut self, dc: DcId, began: Duration) {
        let there = self.clients.iter().enumerate().filter(|(_, client)| client.dc == Some(dc));
        let displaced = there.map(|(number, _)| FlowId(number)).collect();
        self.outage = Some(Outage { dc, began, over: false, displaced });
    }

    /// The power is back.
    pub(in crate::demo) fn on_power_back(&mut self) {
        if let Some(outage) = &mut self.outage {
            outage.over = true;
        }
    }

    /// All of it together.
    pub(in crate::demo) fn figures(&self) -> FlowFigures {
        let forsaken = self.clients.iter().filter(|client| client.silent >= FORSAKEN).count();
        FlowFigures { forsaken, ..self.figures }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AMS: DcId = DcId(2);

    fn ask(flows: &mut Flows, flow: usize, at: u64, dc: Option<DcId>) {
        flows.on_asked(Asked { flow: FlowId(flow), at: Duration::from_millis(at), dc });
    }

    fn cut_power(flows: &mut Flows) {
        flows.on_power_lost(AMS, Duration::from_millis(150));
    }

    #[test]
    fn a_move_takes_from_the_power_loss_until_another_dc_answers() {
        let mut flows = Flows::new(2);
        ask(&mut flows, 0, 100, Some(AMS));
        ask(&mut flows, 1, 100, Some(DcId(3)));
        cut_power(&mut flows);
        ask(&mut flows, 0, 500, None);
        ask(&mut flows, 0, 510, Some(DcId(1)));
        ask(&mut flows, 0, 710, Some(DcId(1)));
        ask(&mut flows, 1, 710, Some(DcId(3)));
        let expected = FlowFigures {
            clients: 2,
            answered: 5,
            unanswered: 1,
            moved: 1,
            slowest: Some(Duration::from_millis(360)),
            forsaken: 0,
        };
        assert_eq!(flows.figures(), expected);
    }

    #[test]
    fn whom_the_dc_answers_after_its_return_has_not_moved() {
        let mut flows = Flows::new(1);
        ask(&mut flows, 0, 100, Some(AMS));
        cut_power(&mut flows);
        flows.on_power_back();
        ask(&mut flows, 0, 500, Some(AMS));
        ask(&mut flows, 0, 700, Some(DcId(1)));
        assert_eq!(flows.figures().moved, 0);
    }

    #[test]
    fn an_answer_on_its_way_while_the_power_goes_is_no_return() {
        let mut flows = Flows::new(2);
        ask(&mut flows, 0, 100, Some(AMS));
        cut_power(&mut flows);
        for flow in [0, 1] {
            ask(&mut flows, flow, 151, Some(AMS));
            ask(&mut flows, flow, 350, Some(DcId(1)));
        }
        let figures = flows.figures();
        assert_eq!((figures.moved, figures.slowest), (2, Some(Duration::from_millis(200))));
    }

    #[test]
    fn only_silence_that_lasts_forsakes_a_client() {
        let mut flows = Flows::new(1);
        for at in 1..u64::from(FORSAKEN) {
            ask(&mut flows, 0, at, None);
        }
        assert_eq!(flows.figures().forsaken, 0);
        ask(&mut flows, 0, 100, None);
        assert_eq!(flows.figures().forsaken, 1, "also whom nobody has ever answered");
        ask(&mut flows, 0, 200, Some(AMS));
        assert_eq!(flows.figures().forsaken, 0);
    }
}
