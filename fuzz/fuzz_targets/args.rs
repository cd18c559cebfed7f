//! See `enchufe_fuzz::args`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| enchufe_fuzz::args(data));
