//! Tests that cannot run here are reported as ignored, with the reason, and never as passed.

use libtest_mimic::{Completion, Failed};
use std::env;

/// With any value but the empty one, a test that cannot run is a failure: for machines that are
/// there to run it.
const FAIL_ON_SKIP: &str = "NEARPOINT_FAIL_ON_SKIP";

/// A test that cannot run, for this reason.
pub(crate) fn skip(why: &str) -> Result<Completion, Failed> {
    if env::var_os(FAIL_ON_SKIP).is_some_and(|value| !value.is_empty()) {
        return Err(skipped(why).into());
    }
    Ok(Completion::ignored_with(skipped(why)))
}

pub(crate) fn skipped(why: &str) -> String {
    format!("skipped: {why}")
}
