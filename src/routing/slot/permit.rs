//! Room in a DC: a session or flow takes its place before it dials, and gives it back at its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{AccessPointSlot, DcSlot};

/// Where there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The DC has as many sessions as it may have, or as many connects in flight.
    Dc,
    /// Only this access point of it has as many sessions as it may have.
    AccessPoint,
}

/// The most places there may be; `None` without a bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// In the DC.
    pub dc: Option<u32>,
    /// In the access point.
    pub access_point: Option<u32>,
}

/// One session or flow of a DC and of one of its access points, from before its dial to its end. Given up
/// when dropped, however that comes about.
#[derive(Debug)]
pub struct SlotPermit {
    dc: Arc<DcSlot>,
    access_point: Arc<AccessPointSlot>,
    is_connected: bool,
}

impl SlotPermit {
    /// Takes a place. Reserves first and checks then, because workers race.
    ///
    /// # Errors
    /// When there is none; nothing is left behind then.
    pub fn reserve(
        dc: &Arc<DcSlot>,
        access_point: &Arc<AccessPointSlot>,
        most: Capacity,
    ) -> Result<Self, Full> {
        let permit = Self {
            dc: Arc::clone(dc),
            access_point: Arc::clone(access_point),
            is_connected: false,
        };
        let count = |places: &AtomicU32, most: Option<u32>| {
            let before = places.fetch_add(1, Ordering::Relaxed);
            most.is_none_or(|most| before < most)
        };
        // Both are counted before either is asked: the permit gives both back.
        let in_dc = count(&dc.placed, most.dc);
        let in_access_point = count(&access_point.placed, most.access_point);
        match (in_dc, in_access_point) {
            (true, true) => Ok(permit),
            (false, _) => Err(Full::Dc),
            (true, false) => Err(Full::AccessPoint),
        }
    }

    /// Does this as if the place were not taken: who looks for another one is not in his own way. After that
    /// it is taken again, whether or not there is room.
    pub fn suspended<T>(&self, act: impl FnOnce() -> T) -> T {
        for places in [&self.dc.placed, &self.access_point.placed] {
            places.fetch_sub(1, Ordering::Relaxed);
        }
        let done = act();
        for places in [&self.dc.placed, &self.access_point.placed] {
            places.fetch_add(1, Ordering::Relaxed);
        }
        done
    }

    /// The session is connected: it counts among the active ones too.
    pub fn connected(&mut self) {
        if !std::mem::replace(&mut self.is_connected, true) {
            self.dc.session_opened();
            self.access_point.session_opened();
        }
    }

    /// The counters of the DC.
    #[must_use]
    pub fn dc(&self) -> &Arc<DcSlot> {
        &self.dc
    }

    /// The counters of the access point.
    #[must_use]
    pub fn access_point(&self) -> &Arc<AccessPointSlot> {
        &self.access_point
    }
}

impl Drop for SlotPermit {
    fn drop(&mut self) {
        if self.is_connected {
            self.dc.session_closed();
            self.access_point.session_closed();
        }
        self.dc.placed.fetch_sub(1, Ordering::Relaxed);
        self.access_point.placed.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_given_back_and_count_as_active_once_connected() {
        let dc = Arc::new(DcSlot::default());
        let [a, b] = [(); 2].map(|()| Arc::new(AccessPointSlot::default()));
        let most = Capacity { dc: Some(3), access_point: Some(2) };
        let mut held = vec![SlotPermit::reserve(&dc, &a, most).expect("room")];
        held.push(SlotPermit::reserve(&dc, &a, most).expect("room"));
        assert_eq!(SlotPermit::reserve(&dc, &a, most).err(), Some(Full::AccessPoint));
        assert_eq!((dc.placed(), a.placed()), (2, 2), "who is turned away leaves nothing behind");
        held.push(SlotPermit::reserve(&dc, &b, most).expect("room elsewhere"));
        assert_eq!(SlotPermit::reserve(&dc, &b, most).err(), Some(Full::Dc));
        assert_eq!((dc.active(), b.active()), (0, 0));
        held.iter_mut().for_each(SlotPermit::connected);
        held[0].connected();
        assert_eq!((dc.active(), a.active(), b.active()), (3, 2, 1));
        assert!(SlotPermit::reserve(&dc, &a, Capacity::default()).is_ok(), "without a bound");
        drop(held);
        assert_eq!((dc.active(), dc.placed(), a.placed(), b.placed()), (0, 0, 0, 0));
    }

    #[test]
    fn who_moves_within_a_full_dc_is_not_in_his_own_way() {
        let dc = Arc::new(DcSlot::default());
        let [a, b] = [(); 2].map(|()| Arc::new(AccessPointSlot::default()));
        let most = Capacity { dc: Some(1), access_point: Some(1) };
        let before = SlotPermit::reserve(&dc, &a, most).expect("room");
        assert_eq!(SlotPermit::reserve(&dc, &b, most).err(), Some(Full::Dc));
        let after = before.suspended(|| SlotPermit::reserve(&dc, &b, most)).expect("its own place");
        assert_eq!((dc.placed(), a.placed(), b.placed()), (2, 1, 1));
        drop(before);
        assert_eq!((dc.placed(), a.placed(), b.placed()), (1, 0, 1));
        drop(after);
        assert_eq!(dc.placed(), 0);
    }

    #[test]
    fn workers_that_race_never_have_more_than_there_are() {
        let (dc, member) = (Arc::new(DcSlot::default()), Arc::new(AccessPointSlot::default()));
        let most = Capacity { dc: Some(10), access_point: None };
        let admitted = std::thread::scope(|scope| {
            let take = || {
                let places = (0..100).filter_map(|_| SlotPermit::reserve(&dc, &member, most).ok());
                places.collect::<Vec<_>>()
            };
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            let held = workers.into_iter().map(|it| it.join().expect("no panic"));
            held.flatten().collect::<Vec<_>>()
        });
        assert!((1..=10).contains(&admitted.len()), "{}", admitted.len());
        assert_eq!(dc.placed() as usize, admitted.len());
        let left = (0..100).filter_map(|_| SlotPermit::reserve(&dc, &member, most).ok());
        assert_eq!(left.collect::<Vec<_>>().len(), 10 - admitted.len(), "all places can be had");
    }
}
