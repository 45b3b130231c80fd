//! The databases that a locator asks.

use std::sync::Arc;

use super::database::{Database, DatabaseKind};

/// One file that tells both may be both.
#[derive(Clone, Debug)]
pub struct Databases {
    /// Where clients are.
    pub country: Arc<Database>,
    /// Who announces their addresses; with `None` nobody's autonomous system is known.
    ///
    /// Never taken from `country`, though its records may tell: rules that match autonomous systems
    /// must not depend on which vendor's file locates clients this month. A file that is named for
    /// them is refused when it has none; one that is merely known to have some would fail in silence.
    pub asn: Option<Arc<Database>>,
}

impl Databases {
    /// What each kind of question is put to.
    #[must_use]
    pub fn by_kind(&self) -> [(DatabaseKind, Option<&Arc<Database>>); 2] {
        [(DatabaseKind::Country, Some(&self.country)), (DatabaseKind::Asn, self.asn.as_ref())]
    }

    /// Whether a kind of question is put to the very database that `other` puts it to.
    #[must_use]
    pub fn is_same(&self, other: &Self, kind: DatabaseKind) -> bool {
        match kind {
            DatabaseKind::Country => Arc::ptr_eq(&self.country, &other.country),
            DatabaseKind::Asn => match (&self.asn, &other.asn) {
                (None, None) => true,
                (Some(one), Some(other)) => Arc::ptr_eq(one, other),
                (Some(_), None) | (None, Some(_)) => false,
            },
        }
    }

    /// Whether these are the very databases of `other`, not merely equal ones.
    #[must_use]
    pub fn are_same(&self, other: &Self) -> bool {
        DatabaseKind::ALL.into_iter().all(|kind| self.is_same(other, kind))
    }
}
