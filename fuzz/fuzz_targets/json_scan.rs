//! See `enchufe_fuzz::json_scan`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| enchufe_fuzz::json_scan(data));
