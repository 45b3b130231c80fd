//! nearpoint: a layer-4 edge router.

pub mod config;
pub mod routing;
