#![no_main]

#[path = "../checks/dc_options.rs"]
mod dc_options;

libfuzzer_sys::fuzz_target!(|input: &[u8]| dc_options::check(input));
