//! Tells the log what descriptors could be needed and are not there.

use tracing::{info, warn};

use crate::forward::DescriptorNeed;

/// Warns once of a need that the limit does not cover, and adds its terms, a line for each.
pub fn warn_of_need(need: &DescriptorNeed) {
    if need.suffices {
        return;
    }
    let DescriptorNeed { limit, needed, most_sessions, .. } = need;
    warn!(limit, needed, most_sessions, "descriptors: {}", need.says());
    need.terms.iter().for_each(|term| info!("descriptors: {term}"));
}
