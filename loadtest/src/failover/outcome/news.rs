//! What nearpoint said of the fault.

use crate::failover::record::{Mark, Recording};
use crate::failover::time::Time;
use serde::Serialize;

/// By nearpoint's own word.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct News {
    /// DCs that were taken out of use since the fault began, each once, in the order of time.
    pub(crate) out_of_use: Vec<Change>,
    /// DCs that were taken out of use before that.
    pub(crate) out_of_use_before: Vec<u16>,
    /// The edge was cut off, since the fault began.
    pub(crate) isolated: Option<Time>,
}

/// A DC that was taken out of use.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Change {
    pub(crate) dc: u16,
    /// Since the begin of the fault; the first time.
    pub(crate) after: Time,
    /// While the fault lasted.
    pub(crate) during_the_fault: bool,
    /// Since the end of the fault, zero if it was before that: the time from which it was in use
    /// until the end of the run. `None` if it was not in use then.
    pub(crate) used_again: Option<Time>,
}

impl News {
    pub(super) fn of(recording: &Recording) -> News {
        let Recording { fault_began, fault_ended, marks, .. } = recording;
        let mut news = News::default();
        for Mark { at, dc_in_use, isolated, .. } in marks {
            if *isolated == Some(true) && at >= fault_began && news.isolated.is_none() {
                news.isolated = Some(Time(*at - *fault_began));
            }
            let Some((dc, in_use)) = *dc_in_use else { continue };
            let known = news.out_of_use.iter_mut().find(|change| change.dc == dc);
            match (in_use, known) {
                (true, Some(change)) => {
                    change.used_again = Some(Time(at.saturating_sub(*fault_ended)));
                }
                (false, Some(change)) => change.used_again = None,
                (true, None) => {}
                (false, None) if at < fault_began => news.out_of_use_before.push(dc),
                (false, None) => news.out_of_use.push(Change {
                    dc,
                    after: Time(*at - *fault_began),
                    during_the_fault: at <= fault_ended,
                    used_again: None,
                }),
            }
        }
        news
    }

    /// When the last of them was taken out of use, since the begin of the fault.
    pub(crate) fn all_out_of_use(&self) -> Option<Time> {
        self.out_of_use.iter().map(|change| change.after).max()
    }

    /// When the last of them was in use again, since the end of the fault; `None` if one is not, or none
    /// was ever out of use.
    pub(crate) fn all_used_again(&self) -> Option<Time> {
        let times: Option<Vec<Time>> =
            self.out_of_use.iter().map(|change| change.used_again).collect();
        times?.into_iter().max()
    }
}
