//! The woken connections that have not had their turn, first come first served.
//!
//! A broadcast wakes as many as there are, of which a round takes a few. Promise: taking them costs the same however many
//! wait behind; with a million, moving the rest up after every round cost a hundred times what the turns did.

/// Keys of connections.
#[derive(Debug, Default)]
pub(super) struct Ready {
    keys: Vec<u32>,
    /// So many at the front have had their turn.
    taken: usize,
}

impl Ready {
    pub(super) fn push(&mut self, key: u32) {
        self.keys.push(key);
    }

    /// Adds all of these, which are gone from there.
    pub(super) fn append(&mut self, woken: &mut Vec<u32>) {
        if self.is_empty() {
            self.keys.clear();
            self.taken = 0;
            std::mem::swap(&mut self.keys, woken);
            return;
        }
        // No more are moved than have been taken since the last time.
        if self.taken > self.keys.len() / 2 {
            self.keys.drain(..self.taken);
            self.taken = 0;
        }
        self.keys.append(woken);
    }

    /// Those that have not had their turn.
    pub(super) fn waiting(&self) -> &[u32] {
        self.keys.get(self.taken..).unwrap_or_default()
    }

    pub(super) fn next(&mut self) -> Option<u32> {
        let key = self.keys.get(self.taken).copied();
        self.taken += usize::from(key.is_some());
        key
    }

    pub(super) fn is_empty(&self) -> bool {
        self.taken == self.keys.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_have_their_turn_in_the_order_in_which_they_were_woken() {
        let mut ready = Ready::default();
        let (mut woken, mut expected, mut number) = (Vec::new(), 0, 0);
        // More come than are taken, then fewer, then none.
        for (come, go) in [(10, 3), (7, 7), (0, 5), (1, 9), (20, 1), (0, 30), (0, 0), (5, 5)] {
            woken.extend(number..number + come);
            number += come;
            ready.append(&mut woken);
            assert!(woken.is_empty());
            for _ in 0..go {
                let Some(key) = ready.next() else { break };
                assert_eq!(key, expected);
                expected += 1;
            }
            assert_eq!(ready.is_empty(), expected == number);
        }
        assert_eq!((expected, ready.next()), (number, None));
    }

    #[test]
    fn the_rest_is_moved_up_no_more_often_than_as_many_were_taken() {
        const ALL: u32 = 100_000;
        const ROUND: u32 = 100;
        let mut ready = Ready::default();
        ready.append(&mut (0..ALL).collect());
        let mut moved = 0;
        for _ in 0..ALL / ROUND {
            let (taken, rest) = (ready.taken, ready.keys.len() - ready.taken);
            ready.append(&mut Vec::new());
            moved += if ready.taken < taken { rest } else { 0 };
            for _ in 0..ROUND {
                assert!(ready.next().is_some());
            }
        }
        assert!(ready.is_empty() && moved <= ALL as usize, "{moved} keys were moved");
    }
}
