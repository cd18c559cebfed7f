//! The memory of handlers that finished at their first poll, kept for the next call.
//!
//! A future may not move once it was polled, so it lies in a box from the beginning, whether it will have to wait or not.
//! Most don't: their box comes back empty, and each thread keeps a few of them. Promises: no allocation for a handler that
//! finishes at once, but for its first call on a thread; nothing of the application's is in a box that is kept; what a thread
//! keeps is bounded.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::pin::Pin;

/// How many types of boxes a thread keeps, one of each.
const PLACES: usize = 64;
/// Where a type may lie: in its own place, or behind it where others came first. Of more types than that around one place,
/// the last are not kept.
const TRIES: usize = 8;
/// Larger ones are given back: few handlers are, and they have other costs.
const LARGEST: usize = 2 << 10;

thread_local! {
    static SPARE: RefCell<[Option<Box<dyn Any>>; PLACES]> = const { RefCell::new([const { None }; PLACES]) };
}

/// A box that is not used just now.
struct Spare<T>(Option<Pin<Box<T>>>);

/// A box of this type, if there is one.
#[inline]
pub(super) fn take<T: 'static>() -> Option<Pin<Box<T>>> {
    if size_of::<T>() > LARGEST {
        return None;
    }
    // The thread may be ending.
    SPARE
        .try_with(|spare| {
            let mut spare = spare.borrow_mut();
            for at in places::<T>() {
                if let Some(spare) = spare.get_mut(at)?.as_mut()?.downcast_mut::<Spare<T>>() {
                    return spare.0.take();
                }
            }
            None
        })
        .ok()?
}

/// Keeps a box for the next [`take`].
#[inline]
pub(super) fn keep<T: 'static>(empty: Pin<Box<T>>) {
    if size_of::<T>() > LARGEST {
        return;
    }
    let mut empty = Some(empty);
    // What is not kept is dropped when nothing is borrowed any more.
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        for at in places::<T>() {
            let Some(kept) = spare.get_mut(at) else { return };
            let kept = kept.get_or_insert_with(|| Box::new(Spare::<T>(None)));
            if let Some(kept) = kept.downcast_mut::<Spare<T>>() {
                std::mem::swap(&mut kept.0, &mut empty);
                return;
            }
        }
    });
}

/// The compiler knows it: a type's id is a hash already.
#[inline]
fn places<T: 'static>() -> impl Iterator<Item = usize> {
    let first = BuildHasherDefault::<Low>::default().hash_one(TypeId::of::<T>()) as usize;
    (0..TRIES).map(move |further| first.wrapping_add(further) % PLACES)
}

#[derive(Default)]
struct Low(u64);

impl Hasher for Low {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, part: u64) {
        self.0 ^= part;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_kept_for_its_type() {
        assert!(take::<[u8; 77]>().is_none());
        let kept = Box::pin([7_u8; 77]);
        let address = &raw const *kept;
        keep(kept);
        assert!(take::<[i8; 77]>().is_none());
        let taken = take::<[u8; 77]>().expect("it was kept");
        assert!(std::ptr::eq(address, &raw const *taken));
        assert!(take::<[u8; 77]>().is_none());
    }

    #[test]
    fn types_that_have_the_same_place_are_all_kept() {
        // Half of the places, so that some of them meet.
        macro_rules! each {
            ($do:ident: $($size:literal)*) => { [$($do::<$size>()),*] };
        }
        fn fill<const SIZE: usize>() {
            keep(Box::pin([0_u32; SIZE]));
        }
        fn found<const SIZE: usize>() -> bool {
            take::<[u32; SIZE]>().is_some()
        }
        each!(fill: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
        let found = each!(found: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
        // Which place a type has is the compiler's choice; that more than eight meet is next to impossible, one is allowed.
        assert!(found.iter().filter(|found| **found).count() >= 31, "{found:?}");
    }

    #[test]
    fn one_of_each_is_kept_and_none_that_is_large() {
        keep(Box::pin([1_u16; 5]));
        keep(Box::pin([2_u16; 5]));
        assert!(take::<[u16; 5]>().is_some());
        assert!(take::<[u16; 5]>().is_none());
        keep(Box::pin([0_u8; LARGEST + 1]));
        assert!(take::<[u8; LARGEST + 1]>().is_none());
    }
}
