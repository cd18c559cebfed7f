//! The sessions of a server by their secret id: what polling requests and upgrades look up.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use parking_lot::Mutex;

use crate::connection::Connection;
use crate::id::SocketId;

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
    fn shard(&self, sid: &SocketId) -> &Shard {
        let hash = self.hasher.hash_one(sid) as usize;
        // The index is below the length of the array.
        &self.shards[hash % SHARDS]
    }

    pub(crate) fn insert(&self, connection: Arc<Connection>) {
        let sid = connection.sid.clone();
        let shard = self.shard(&sid);
        if shard.lock().insert(sid, connection).is_none() {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn get(&self, sid: &SocketId) -> Option<Arc<Connection>> {
        self.shard(sid).lock().get(sid).cloned()
    }

    pub(crate) fn remove(&self, sid: &SocketId) {
        if self.shard(sid).lock().remove(sid).is_some() {
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
