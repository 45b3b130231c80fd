//! The lab, started the way people start it: it is what it says, and nothing is left of it.

mod lab_support;

use lab_support::{Lab, namespaces, loadtest, run};
use libtest_mimic::Failed;
use serde_json::Value;
use std::process::ExitCode;

fn main() -> ExitCode {
    run(vec![
        ("a_lab_is_what_it_says_and_nothing_is_left_of_it", a_lab_is_what_it_says),
        ("what_a_killed_lab_leaves_behind_is_swept_by_the_next", a_killed_lab_is_swept),
        ("two_labs_at_once_do_not_disturb_each_other", two_labs_at_once),
        ("a_program_dies_with_the_lab_that_started_it", a_program_dies_with_its_lab),
    ])
}
