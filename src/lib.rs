//! nearpoint: a layer-4 edge router.

pub mod geoip;
pub mod routing;
