//! What an [`Outbox`](super::Outbox) knows of the frames between its ends: where its gaps are, where there is nothing to be given up, and
//! where the packets with a key are.
//!
//! A frame has a number that stays when others leave the queue's front, and that changes only when gaps are closed.

use std::collections::{HashMap, VecDeque};

use super::Shed;
use crate::engine::frame::Frame;

#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Frames that have left the front since these marks were made: the number of the first that is there.
    gone: u64,
    /// Frames that are gaps.
    pub(super) gaps: usize,
    /// The numbers before which there is nothing volatile, and nothing that may be given up at all.
    seen: [u64; 2],
    /// The number of the first frame of each key's packet; where that has left or is a gap, it means nothing.
    places: HashMap<u64, u64>,
    /// Frames that were looked at or moved.
    #[cfg(test)]
    pub(super) work: usize,
}

impl Marks {
    /// The first frame of which is not known whether `shed` takes it.
    pub(super) fn unseen(&self, shed: Shed) -> usize {
        self.at(self.seen[Self::which(shed)]).unwrap_or(0)
    }

    /// Before `at` is nothing any more that `shed` takes.
    pub(super) fn see(&mut self, shed: Shed, at: usize) {
        self.seen[Self::which(shed)] = self.number(at);
    }

    /// There are two.
    const fn which(shed: Shed) -> usize {
        matches!(shed, Shed::Oldest) as usize
    }

    /// A frame has left the front.
    pub(super) const fn left(&mut self, gap: bool) {
        self.gone += 1;
        if gap {
            self.gaps -= 1;
        }
    }

    /// The packet of this key begins at `at`; so many frames there are in all.
    pub(super) fn keep(&mut self, key: u64, at: usize, frames: usize) {
        if self.places.len() > 2 * frames + 16 {
            // Many have left without being replaced.
            let gone = self.gone;
            self.places.retain(|_, place| *place >= gone);
        }
        self.places.insert(key, self.number(at));
    }

    /// Where the packet of this key began.
    pub(super) fn take(&mut self, key: u64) -> Option<usize> {
        let place = self.places.remove(&key)?;
        self.at(place)
    }

    /// Takes the gaps out.
    pub(super) fn close_gaps(&mut self, frames: &mut VecDeque<Frame>) {
        self.count_work(frames.len());
        let mut kept = 0;
        // Where each will be, and whether it will.
        let moved: Vec<(usize, bool)> = frames
            .iter()
            .map(|frame| {
                let stays = !frame.is_gap();
                let at = kept;
                kept += usize::from(stays);
                (at, stays)
            })
            .collect();
        let gone = self.gone;
        let to = |number: u64| moved.get(usize::try_from(number.checked_sub(gone)?).ok()?).copied();
        self.places.retain(|_, place| match to(*place) {
            Some((at, true)) => {
                *place = gone + at as u64;
                true
            }
            _ => false,
        });
        for seen in &mut self.seen {
            let at = if *seen < gone { 0 } else { to(*seen).map_or(kept, |(at, _)| at) };
            *seen = gone + at as u64;
        }
        frames.retain(|frame| !frame.is_gap());
        self.gaps = 0;
    }

    fn at(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.gone)?).ok()
    }

    const fn number(&self, at: usize) -> u64 {
        self.gone + at as u64
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> usize {
        self.places.len()
    }

    #[cfg(test)]
    pub(super) const fn count_work(&mut self, frames: usize) {
        self.work += frames;
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, clippy::needless_pass_by_ref_mut, reason = "it is counted in tests")]
    pub(super) const fn count_work(&mut self, _: usize) {}
}
