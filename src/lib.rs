//! nearpoint: a layer-4 edge router.

pub mod admin;
pub mod cli;
pub mod control;
pub mod metrics;
pub mod routing;
