//! nearpoint: a layer-4 edge router.

pub mod routing;
pub mod stub;
