//! The sessions of a server by their secret id: what polling requests and upgrades look up.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use parking_lot::Mutex;

use crate::connection::Connection;
use crate::id::{IdText, SocketId};

/// So many locks that requests on different sessions rarely meet.
const SHARDS: usize = 16;

type Shard = Mutex<HashMap<SocketId, Arc<Connection>, RandomState>>;

#[derive(Default)]
pub(crate) struct Registry {
    shards: [Shard; SHARDS],
    hasher: RandomState,
    count: AtomicUsize,
}

impl Registry {
    fn shard(&self, sid: &IdText<'_>) -> &Shard {
        let hash = self.hasher.hash_one(sid) as usize;
        // The index is below the length of the array.
        &self.shards[hash % SHARDS]
    }

    /// Adds a session. `false` where there is one with this id already, which stays.
    #[must_use]
    pub(crate) fn insert(&self, connection: &Arc<Connection>) -> bool {
        let sid = connection.sid.clone();
        let mut shard = self.shard(&IdText::new(sid.as_str())).lock();
        let Entry::Vacant(place) = shard.entry(sid) else { return false };
        place.insert(connection.clone());
        self.count.fetch_add(1, Ordering::Relaxed);
        true
    }

    pub(crate) fn get(&self, sid: &str) -> Option<Arc<Connection>> {
        let sid = IdText::new(sid);
        self.shard(&sid).lock().get(&sid).cloned()
    }

    /// Removes this session, and no other that came to have its id.
    pub(crate) fn remove(&self, connection: &Connection) {
        let mut shard = self.shard(&IdText::new(connection.sid.as_str())).lock();
        let Entry::Occupied(place) = shard.entry(connection.sid.clone()) else { return };
        if std::ptr::eq(&raw const **place.get(), connection) {
            place.remove();
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The number of sessions.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub(crate) fn all(&self) -> Vec<Arc<Connection>> {
        self.shards.iter().flat_map(|shard| shard.lock().values().cloned().collect::<Vec<_>>()).collect()
    }
}
