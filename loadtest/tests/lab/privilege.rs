//! Tests that need what a machine or a user may not have.

use crate::held::loadtest;
use libtest_mimic::{Completion, Failed};
use std::env;
use std::sync::OnceLock;

/// With any value but the empty one, a test that cannot run is a failure: for machines that are
/// there to run it.
const FAIL_ON_SKIP: &str = "NEARPOINT_FAIL_ON_SKIP";

/// EX_NOPERM of sysexits(3), as `loadtest lab` uses it.
const NO_PERMISSION: i32 = 77;

/// What a test says if nothing panics.
pub(crate) type Test = fn() -> Result<(), Failed>;

/// The test, or why it was skipped.
pub(crate) fn needed_by(
    test: impl FnOnce() -> Result<(), Failed>,
) -> impl FnOnce() -> Result<Completion, Failed> {
    move || match missing() {
        None => test().map(|()| Completion::Completed),
        Some(why) => skip(why),
    }
}

/// A test that cannot run, for this reason.
pub(crate) fn skip(why: &str) -> Result<Completion, Failed> {
    let skipped = format!("skipped: {why}");
    if env::var_os(FAIL_ON_SKIP).is_some_and(|value| !value.is_empty()) {
        return Err(skipped.into());
    }
    Ok(Completion::ignored_with(skipped))
}

/// Why there can be no lab here, as the program itself says.
fn missing() -> Option<&'static str> {
    static MISSING: OnceLock<Option<String>> = OnceLock::new();
    let look = || {
        let output = loadtest().args(["lab", "sweep"]).output().expect("the program is built");
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        // What else can go wrong is told by the tests.
        (output.status.code() == Some(NO_PERMISSION)).then_some(said)
    };
    MISSING.get_or_init(look).as_deref()
}
