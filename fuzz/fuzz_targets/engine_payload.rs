//! See `enchufe_fuzz::engine_payload`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| enchufe_fuzz::engine_payload(data));
