//! See `enchufe_fuzz::engine_payload_v3`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| enchufe_fuzz::engine_payload_v3(data));
