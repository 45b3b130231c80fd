//! nearpoint: a layer-4 edge router.

pub mod config;
pub mod control;
pub mod geoip;
pub mod metrics;
pub mod net;
pub mod routing;
