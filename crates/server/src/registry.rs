//! The sessions of a server by their secret id: what polling requests and upgrades look up.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use parking_lot::Mutex;

use crate::connection::Connection;
use crate::id::IdText;

/// So many locks that requests on different sessions rarely meet.
const SHARDS: usize = 16;

/// The ids themselves are the connections'.
type Shard = Mutex<HashTable<Arc<Connection>>>;

#[derive(Default)]
pub(crate) struct Registry {
    shards: [Shard; SHARDS],
    hasher: RandomState,
    count: AtomicUsize,
}

impl Registry {
    fn hash(&self, sid: &str) -> u64 {
        self.hasher.hash_one(IdText::new(sid))
    }

    fn shard(&self, hash: u64) -> &Shard {
        // The index is below the length of the array. A table uses a hash's lowest bits and its highest.
        &self.shards[(hash >> 32) as usize % SHARDS]
    }

    /// Adds a session. `false` where there is one with this id already, which stays.
    #[must_use]
    pub(crate) fn insert(&self, connection: &Arc<Connection>) -> bool {
        let hash = self.hash(connection.sid.as_str());
        let mut shard = self.shard(hash).lock();
        let same = |other: &Arc<Connection>| other.sid == connection.sid;
        let Entry::Vacant(place) = shard.entry(hash, same, |other| self.hash(other.sid.as_str())) else {
            return false;
        };
        place.insert(connection.clone());
        self.count.fetch_add(1, Ordering::Relaxed);
        true
    }

    pub(crate) fn get(&self, sid: &str) -> Option<Arc<Connection>> {
        let hash = self.hash(sid);
        self.shard(hash).lock().find(hash, |connection| connection.sid.is(sid)).cloned()
    }

    /// Removes this session, and no other that came to have its id.
    pub(crate) fn remove(&self, connection: &Connection) {
        let hash = self.hash(connection.sid.as_str());
        let removed = {
            let mut shard = self.shard(hash).lock();
            let this = |other: &Arc<Connection>| std::ptr::eq(&raw const **other, connection);
            shard.find_entry(hash, this).ok().map(|place| place.remove().0)
        };
        if removed.is_some() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The number of sessions.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub(crate) fn all(&self) -> Vec<Arc<Connection>> {
        self.shards.iter().flat_map(|shard| shard.lock().iter().cloned().collect::<Vec<_>>()).collect()
    }
}
