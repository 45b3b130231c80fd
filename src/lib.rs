//! nearpoint: a layer-4 edge router.

pub mod admin;
pub mod app;
pub mod cli;
pub mod config;
pub mod control;
pub mod demo;
pub mod drain;
pub mod forward;
pub mod geoip;
pub mod metrics;
pub mod net;
pub mod probe;
pub mod reload;
pub mod routing;
pub mod sessions;
pub mod signal;
pub mod stub;
pub mod telemetry;
