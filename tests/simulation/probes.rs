//! Probes on their way: what the prober of the daemon would see.

use std::time::{Duration, Instant};

use nearpoint::routing::control::{
    Event, ProbeAnswer, ProbeOutcome, ProbeReport, ProbeRequest, ProbeTimes, Remark,
};
use nearpoint::routing::topology::Conversation;
use nearpoint::routing::{AccessPointId, ConnectFailure, Foreign, ProbeFailure};

use crate::network::{Dialler, Reply, Syn};
use crate::storm::{Happening, Storm};

/// A first packet that nobody answers is sent again after this, then after twice as long, and so on
/// (RFC 6298; Linux).
pub(crate) const SYN_TIMEOUT: Duration = Duration::from_secs(1);

/// A probe that has not been reported.
pub(crate) struct PendingProbe {
    request: ProbeRequest,
    began: Instant,
    deadline: Instant,
    /// From the start to the connection.
    connect: Duration,
}

/// What happens to a probe.
pub(crate) enum ProbeStep {
    /// Its first packet is sent again, after this pause.
    Syn(Duration),
    /// It is connected.
    Connected,
    /// It has ended.
    Ended(ProbeOutcome),
}

/// What is wrong about an answer, of each access point something else.
fn wrong(asked: &Conversation, id: AccessPointId, times: ProbeTimes) -> ProbeOutcome {
    let seen = || Remark::OtherFingerprints([u64::from(id.address.socket.port())].into());
    match (asked, id.address.socket.port() % 4) {
        (Conversation::Connect | Conversation::Http(_) | Conversation::Datagram(_), _) => {
            Err(ProbeFailure::WrongAnswer)
        }
        (Conversation::Mtproto(..), 0) => Err(ProbeFailure::Foreign(Foreign::Bytes)),
        (Conversation::Mtproto(..), 1) => Err(ProbeFailure::NoBackEnd),
        (Conversation::Mtproto(..), 2) => Err(ProbeFailure::WrongDc),
        (Conversation::Mtproto(..), _) => Ok(ProbeAnswer { times, remark: Some(seen()) }),
    }
}

impl Storm {
    /// A probe starts.
    pub(crate) fn begin_probe(&mut self, request: ProbeRequest) {
        let id = request.access_point;
        self.journal.detail(self.now, || format!("probe {} of {id}", request.number));
        let deadline = self.now + request.connect_timeout;
        let connect = Duration::ZERO;
        let asks_at_once = matches!(request.conversation, Conversation::Datagram(_));
        self.probes.insert(id, PendingProbe { request, began: self.now, deadline, connect });
        match asks_at_once {
            true => self.send_question(id),
            false => self.send_probe(id, SYN_TIMEOUT),
        }
    }

    /// Something happens to a probe.
    pub(crate) fn on_probe_step(&mut self, id: AccessPointId, step: ProbeStep) {
        match step {
            ProbeStep::Syn(pause) => self.send_probe(id, 2 * pause),
            ProbeStep::Connected => self.on_probe_connected(id),
            ProbeStep::Ended(outcome) => {
                let Some(pending) = self.probes.remove(&id) else { return };
                let number = pending.request.number;
                self.journal.detail(self.now, || format!("probe {number} of {id}: {outcome:?}"));
                let report = ProbeReport { access_point: id, number, outcome };
                self.tell(Event::Probed(report));
            }
        }
    }

    fn send_probe(&mut self, id: AccessPointId, pause: Duration) {
        let silent = Err(ConnectFailure::Timeout.into());
        match self.network.send_syn(id, Dialler::Probe, self.now, &mut self.random) {
            Syn::Accepted(after) => self.after(id, after, ProbeStep::Connected, silent),
            Syn::Failed(failure, after) => {
                self.after(id, after, ProbeStep::Ended(Err(failure.into())), silent);
            }
            Syn::Lost => self.after(id, pause, ProbeStep::Syn(pause), silent),
        }
    }

    fn send_question(&mut self, id: AccessPointId) {
        let silent = || Err(ConnectFailure::Timeout.into());
        let sent = self.network.send_datagram(id, Dialler::Probe, self.now, &mut self.random);
        match sent {
            Ok(Reply::Right(answer)) => {
                let outcome = Ok(ProbeTimes::Echoed { answer }.into());
                self.after(id, answer, ProbeStep::Ended(outcome), silent());
            }
            // A right one may follow: it is wrong when the time is over.
            Ok(Reply::Wrong(after)) => {
                let is_late = self.probes.get(&id).is_some_and(|it| self.now + after > it.deadline);
                let wrong = Err(ProbeFailure::WrongAnswer);
                let outcome = if is_late { silent() } else { wrong };
                self.after(id, Duration::MAX, ProbeStep::Ended(silent()), outcome);
            }
            Ok(Reply::Broken(after)) => {
                let outcome = Err(ConnectFailure::Refused.into());
                self.after(id, after, ProbeStep::Ended(outcome), silent());
            }
            Ok(Reply::None) => {
                self.after(id, Duration::MAX, ProbeStep::Ended(silent()), silent());
            }
            Err((failure, after)) => {
                self.after(id, after, ProbeStep::Ended(Err(failure.into())), silent());
            }
        }
    }

    fn on_probe_connected(&mut self, id: AccessPointId) {
        let Some(pending) = self.probes.get_mut(&id) else { return };
        pending.connect = self.now - pending.began;
        pending.deadline = pending.began + pending.request.timeout;
        let connect = pending.connect;
        match pending.request.conversation {
            Conversation::Connect => {
                let outcome = Ok(ProbeTimes::Connected { connect }.into());
                self.on_probe_step(id, ProbeStep::Ended(outcome));
            }
            Conversation::Datagram(_) => unreachable!("a datagram needs no connection"),
            ref asking @ (Conversation::Http(_) | Conversation::Mtproto(..)) => {
                let asking = asking.clone();
                let silent = || Err(ProbeFailure::Silent);
                let (after, outcome) = match self.network.ask(id, self.now, &mut self.random) {
                    Reply::Right(after) => {
                        (after, Ok(ProbeTimes::Asked { connect, answer: after }.into()))
                    }
                    Reply::Wrong(after) => {
                        let times = ProbeTimes::Asked { connect, answer: after };
                        (after, wrong(&asking, id, times))
                    }
                    Reply::Broken(after) => (after, Err(ProbeFailure::Closed)),
                    Reply::None => (Duration::MAX, silent()),
                };
                self.after(id, after, ProbeStep::Ended(outcome), silent());
            }
        }
    }

    /// The next step of a probe, or its end for want of time.
    fn after(&mut self, id: AccessPointId, after: Duration, step: ProbeStep, late: ProbeOutcome) {
        let Some(pending) = self.probes.get(&id) else { return };
        let in_time = self.now.checked_add(after).filter(|at| *at <= pending.deadline);
        let (at, step) = match in_time {
            Some(at) => (at, step),
            None => (pending.deadline, ProbeStep::Ended(late)),
        };
        self.agenda.enter(at, Happening::Probe(id, step));
    }
}
