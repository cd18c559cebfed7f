//! See `enchufe_fuzz::session`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| enchufe_fuzz::session(data));
