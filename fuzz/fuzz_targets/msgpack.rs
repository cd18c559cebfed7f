//! See `enchufe_fuzz::msgpack`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| enchufe_fuzz::msgpack(data));
