//! Takes series out of vectors: those of DCs and access points that are gone.

use std::collections::HashMap;

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};

/// The labels of one series: names and values.
pub(super) type Labels<'a> = [(&'a str, &'a str)];

/// A vector of series of which some can be taken out.
pub(super) trait Removable {
    /// Takes out every series whose labels `gone` says belong to nobody.
    fn remove(&self, gone: &dyn Fn(&Labels<'_>) -> bool);
}

impl<B: MetricVecBuilder> Removable for MetricVec<B> {
    fn remove(&self, gone: &dyn Fn(&Labels<'_>) -> bool) {
        for family in self.collect() {
            for metric in family.get_metric() {
                let labels: Vec<(&str, &str)> =
                    metric.get_label().iter().map(|it| (it.name(), it.value())).collect();
                if gone(&labels) {
                    let labels: HashMap<&str, &str> = labels.into_iter().collect();
                    // Only a series that is already gone cannot be removed.
                    let _ = MetricVec::remove(self, &labels);
                }
            }
        }
    }
}
