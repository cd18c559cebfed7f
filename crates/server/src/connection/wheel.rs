//! A coarse timing wheel: one entry a connection, no timer object, nothing to do while nothing is due.
//!
//! A deadline that moves later leaves its entry where it is; when the entry comes up the driver looks at
//! the real deadline and enters it again. A pong therefore costs nothing here.

use enchufe_proto::engine::Millis;

/// Milliseconds per slot: how late a deadline may be noticed.
const TICK: Millis = 8;
/// Slots: 8,192 × 8 ms is a turn of 65 s, longer than a heartbeat.
const SLOTS: usize = 8192;

#[derive(Debug)]
pub(crate) struct Wheel {
    slots: Box<[Vec<u32>]>,
    /// One bit a slot, so that the next entry is found without looking at each.
    filled: Box<[u64]>,
    /// The tick up to which everything has been expired.
    done: u64,
    /// The tick of the first entry; `MAX` where there is none. It is asked for in every round, and changes in few.
    first: u64,
    len: usize,
}

impl Wheel {
    pub(crate) fn new(now: Millis) -> Self {
        Self {
            slots: vec![Vec::new(); SLOTS].into_boxed_slice(),
            filled: vec![0; SLOTS / 64].into_boxed_slice(),
            done: now / TICK,
            first: u64::MAX,
            len: 0,
        }
    }

    /// Enters `key` for `at`. Further than one turn away it comes up early; the caller enters it again then.
    pub(crate) fn insert(&mut self, key: u32, at: Millis) {
        let tick = (at.div_ceil(TICK)).clamp(self.done + 1, self.done + SLOTS as u64 - 1);
        let slot = (tick % SLOTS as u64) as usize;
        if let (Some(keys), Some(word)) = (self.slots.get_mut(slot), self.filled.get_mut(slot / 64)) {
            keys.push(key);
            *word |= 1 << (slot % 64);
            self.len += 1;
            self.first = self.first.min(tick);
        }
    }

    /// Moves every key that is due into `due`.
    pub(crate) fn expire(&mut self, now: Millis, due: &mut Vec<u32>) {
        let target = now / TICK;
        if self.first > target {
            // Nothing is due, and what was looked at for that is not looked at again.
            self.done = self.done.max(target);
            return;
        }
        while self.done < target {
            if self.len == 0 {
                self.done = target;
                break;
            }
            self.done += 1;
            let slot = (self.done % SLOTS as u64) as usize;
            let (keys, word) = (self.slots.get_mut(slot), self.filled.get_mut(slot / 64));
            if let (Some(keys), Some(word)) = (keys, word)
                && *word & (1 << (slot % 64)) != 0
            {
                self.len -= keys.len();
                due.append(keys);
                // A slot that was crowded once gives its memory back.
                keys.shrink_to(64);
                *word &= !(1 << (slot % 64));
            }
        }
        self.first = self.find_first().unwrap_or(u64::MAX);
    }

    /// When [`Wheel::expire`] next has something to do.
    pub(crate) const fn next(&self) -> Option<Millis> {
        if self.len == 0 { None } else { Some(self.first * TICK) }
    }

    /// The tick of the first entry.
    fn find_first(&self) -> Option<u64> {
        if self.len == 0 {
            return None;
        }
        let start = ((self.done + 1) % SLOTS as u64) as usize;
        let words = self.filled.len();
        // The first word from its middle, then the others, then the first word's beginning.
        (0..=words).find_map(|step| {
            let index = (start / 64 + step) % words;
            let mut word = *self.filled.get(index)?;
            if step == 0 {
                word &= u64::MAX << (start % 64);
            }
            if word == 0 {
                return None;
            }
            let slot = index * 64 + word.trailing_zeros() as usize;
            let ahead = (slot + SLOTS - start) % SLOTS;
            Some(self.done + 1 + ahead as u64)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expired(wheel: &mut Wheel, now: Millis) -> Vec<u32> {
        let mut due = Vec::new();
        wheel.expire(now, &mut due);
        due.sort_unstable();
        due
    }

    #[test]
    fn nothing_is_due_early_and_everything_within_a_tick() {
        for start in [0, 7, 1_000_003] {
            for after in [1, 8, 9, 300, 1_000, 25_000, 60_000] {
                let mut wheel = Wheel::new(start);
                let due = start + after;
                wheel.insert(9, due);
                let next = wheel.next().unwrap();
                assert!(next >= due && next < due + 2 * TICK, "{next} for {due}");
                assert!(expired(&mut wheel, due - 1).is_empty());
                assert_eq!(expired(&mut wheel, next), [9]);
                assert_eq!(wheel.next(), None);
            }
        }
    }

    #[test]
    fn a_deadline_beyond_one_turn_comes_up_early_and_not_at_once() {
        let mut wheel = Wheel::new(0);
        wheel.insert(1, 10_000_000);
        assert!(expired(&mut wheel, 60_000).is_empty());
        assert_eq!(expired(&mut wheel, 66_000), [1]);
    }

    #[test]
    fn a_long_sleep_expires_everything() {
        let mut wheel = Wheel::new(0);
        (0..1_000).for_each(|key| wheel.insert(key, u64::from(key) * 50));
        assert_eq!(expired(&mut wheel, 1_000_000_000).len(), 1_000);
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn the_first_is_known_whatever_comes_and_goes() {
        let mut wheel = Wheel::new(0);
        let mut expected = Vec::<(u64, u32)>::new();
        let mut now = 0;
        for step in 0..2_000_u32 {
            // Some far, some near, some before others, in no order.
            let at = now + u64::from(step.wrapping_mul(2_654_435_761) >> 16) % 60_000;
            wheel.insert(step, at);
            expected.push((at.div_ceil(TICK).max(now / TICK + 1) * TICK, step));
            now += u64::from(step % 7) * 13;
            let (come, rest): (Vec<_>, Vec<_>) = expected.iter().partition(|(at, _)| *at <= now);
            expected = rest;
            let mut come: Vec<u32> = come.into_iter().map(|(_, key)| key).collect();
            come.sort_unstable();
            assert_eq!(expired(&mut wheel, now), come);
            assert_eq!(wheel.next(), expected.iter().map(|(at, _)| *at).min());
        }
    }

    #[test]
    fn a_deadline_in_the_past_is_due_at_the_next_tick() {
        let mut wheel = Wheel::new(10_000);
        wheel.insert(3, 5);
        assert_eq!(wheel.next(), Some(10_008));
        assert_eq!(expired(&mut wheel, 10_008), [3]);
    }
}
