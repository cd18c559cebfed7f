//! Random numbers from a seed that is printed, so that what failed can be run again.

/// A small generator (xorshift64*); not for secrets.
pub(crate) struct Random(u64);

impl Random {
    /// From `ENCHUFE_SEED`, or else a new seed each time.
    pub(crate) fn seeded(what: &str) -> Self {
        let given = std::env::var("ENCHUFE_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.map_or(1, |time| time.subsec_nanos().into())
        });
        println!("{what}: ENCHUFE_SEED={seed}");
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end
    }

    /// One that goes on by itself.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next() | 1)
    }
}
