//! Cuts a stream of bytes as a network might.

/// The pieces of a stream, of lengths that `seed` determines: often short, sometimes long.
pub(crate) struct Chunks<'a> {
    rest: &'a [u8],
    state: u32,
}

pub(crate) fn chunks(stream: &[u8], seed: u8) -> Chunks<'_> {
    Chunks { rest: stream, state: u32::from(seed).wrapping_mul(2_654_435_761) | 1 }
}

impl Chunks<'_> {
    /// A number that looks random.
    pub(crate) fn number(&mut self) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        let bits = self.state % 13;
        (self.state >> 8) as usize % (1 << bits)
    }

    /// Up to `most` bytes of the stream; none when it is over, or by chance.
    pub(crate) fn take(&mut self, most: usize) -> &[u8] {
        let len = self.number().min(most).min(self.rest.len());
        let (now, later) = self.rest.split_at(len);
        self.rest = later;
        now
    }

    pub(crate) fn is_over(&self) -> bool {
        self.rest.is_empty()
    }
}
