#![no_main]

#[path = "../checks/sniff.rs"]
mod sniff;

libfuzzer_sys::fuzz_target!(|input: &[u8]| sniff::check(input));
