//! The members of one room, in ascending order.
//!
//! Most rooms are small: a few keys in place, then a sorted vector. Beyond [`MANY`] a vector gets slow to insert
//! into, and a compressed bitmap takes over, which is also what makes unions of large rooms cheap.

use roaring::RoaringBitmap;
use smallvec::SmallVec;

use super::SocketKey;

/// More members than this are a bitmap: inserting moves half a kilobyte at most until then.
pub(super) const MANY: usize = 128;

/// Fewer members than this are a vector again: far enough below [`MANY`] that a room at the border does not
/// change to and fro.
const FEW: usize = 64;

#[derive(Debug)]
pub(super) enum Members {
    Few(SmallVec<[SocketKey; 4]>),
    Many(Box<RoaringBitmap>),
}

impl Default for Members {
    fn default() -> Self {
        Self::Few(SmallVec::new())
    }
}

impl Members {
    /// `false` if it was there.
    pub(super) fn insert(&mut self, key: SocketKey) -> bool {
        match self {
            Self::Few(keys) => {
                let Err(position) = keys.binary_search(&key) else { return false };
                keys.insert(position, key);
                if keys.len() > MANY {
                    *self = Self::Many(Box::new(keys.iter().copied().collect()));
                }
                true
            }
            Self::Many(keys) => keys.insert(key),
        }
    }

    /// `false` if it was not there.
    pub(super) fn remove(&mut self, key: SocketKey) -> bool {
        match self {
            Self::Few(keys) => {
                let Ok(position) = keys.binary_search(&key) else { return false };
                keys.remove(position);
                true
            }
            Self::Many(keys) => {
                let removed = keys.remove(key);
                if removed && keys.len() < FEW as u64 {
                    *self = Self::Few(keys.iter().collect());
                }
                removed
            }
        }
    }

    pub(super) fn contains(&self, key: SocketKey) -> bool {
        match self {
            Self::Few(keys) => keys.binary_search(&key).is_ok(),
            Self::Many(keys) => keys.contains(key),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Few(keys) => keys.len(),
            // A bitmap of 32-bit keys counts 2^32 at most.
            Self::Many(keys) => usize::try_from(keys.len()).unwrap_or(usize::MAX),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Few(keys) => keys.is_empty(),
            Self::Many(keys) => keys.is_empty(),
        }
    }

    /// Ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = SocketKey> {
        let (few, many) = match self {
            Self::Few(keys) => (Some(keys), None),
            Self::Many(keys) => (None, Some(keys)),
        };
        few.into_iter().flatten().copied().chain(many.into_iter().flat_map(|keys| keys.iter()))
    }
}
