//! What must hold in every storm. Each rule is a function that panics when it is broken, and says
//! what it saw; the storm says when, and with which seed.

pub(crate) mod alarms;
pub(crate) mod closing;
pub(crate) mod dials;
pub(crate) mod health;
pub(crate) mod isolation;
pub(crate) mod probing;
pub(crate) mod publishing;
pub(crate) mod unasked;
