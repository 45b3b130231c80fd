//! Tests that need what a machine or a user may not have.

use crate::held::loadtest;
use crate::skip::skip;
use libtest_mimic::{Completion, Failed};
use std::sync::OnceLock;

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
