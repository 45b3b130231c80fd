//! What is resolved once for each DC that a listener uses.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Weak};

use crate::routing::{DcId, Topology};

/// Something of each DC, for one topology: a DC that leaves takes its series along.
pub(super) struct PerDc<T>(RefCell<Option<Cache<T>>>);

/// Weak: a listener that has few clients must not keep an old topology alive.
type Cache<T> = (Weak<Topology>, BTreeMap<DcId, Rc<T>>);

impl<T> Default for PerDc<T> {
    fn default() -> Self {
        Self(RefCell::new(None))
    }
}

impl<T> PerDc<T> {
    /// Does this with what there is of each DC.
    pub(super) fn each(&self, act: impl Fn(&T)) {
        if let Some((_, dcs)) = &*self.0.borrow() {
            dcs.values().for_each(|it| act(it));
        }
    }

    /// What is there of this DC, or is made at its first client.
    pub(super) fn resolve(
        &self,
        topology: &Arc<Topology>,
        dc: DcId,
        make: impl FnOnce() -> T,
    ) -> Rc<T> {
        let mut cache = self.0.borrow_mut();
        let known = cache.take().filter(|(known, _)| known.as_ptr() == Arc::as_ptr(topology));
        let (_, dcs) =
            cache.insert(known.unwrap_or_else(|| (Arc::downgrade(topology), BTreeMap::new())));
        Rc::clone(dcs.entry(dc).or_insert_with(|| Rc::new(make())))
    }
}
