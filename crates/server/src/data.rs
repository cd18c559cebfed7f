//! What an application keeps for a socket.

use std::any::{Any, TypeId};
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::handler::let_go;

/// What an application keeps for a socket: one value that can be sent to other nodes of a cluster, as
/// `socket.data` in the official API, and any number of values that cannot, one of each type.
///
/// ```
/// # use enchufe::*;
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Profile { nickname: String }
///
/// Namespace::new("/").on("nickname", async |socket: Socket, Data(nickname): Data<String>| -> Result<(), HandlerError> {
///     socket.data().set(&Profile { nickname })?;
///     Ok(())
/// });
/// ```
#[derive(Default)]
pub struct SocketData(Mutex<Option<Arc<Mutex<Kept>>>>);

#[derive(Default)]
struct Kept {
    value: Option<Arc<RawValue>>,
    local: HashMap<TypeId, Arc<dyn Any + Send + Sync>, RandomState>,
}

/// Whoever lets the socket go last drops what was kept for it: a driver with other connections, as a rule.
impl Drop for Kept {
    fn drop(&mut self) {
        for (_, value) in self.local.drain() {
            let_go("the destructor of socket.data", value);
        }
    }
}

impl SocketData {
    /// Replaces the value that other nodes can see.
    ///
    /// # Errors
    /// Where it cannot be written as JSON; the old one then stays.
    pub fn set<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), serde_json::Error> {
        let value = serde_json::value::to_raw_value(value)?;
        self.kept_or_new().lock().value = Some(value.into());
        Ok(())
    }

    /// The value that other nodes can see; `None` where there is none, or where it is not a `T`.
    pub fn get<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.value()?.get()).ok()
    }

    /// The value, so that nothing is done with it under the lock.
    fn value(&self) -> Option<Arc<RawValue>> {
        self.kept()?.lock().value.clone()
    }

    /// The JSON text of the value; `{}` where there is none.
    #[must_use]
    pub fn json(&self) -> String {
        self.value().map_or_else(|| "{}".into(), |value| value.get().to_owned())
    }

    /// Keeps a value on this node; gives back the one of this type that it replaces.
    pub fn insert<T: Send + Sync + 'static>(&self, value: T) -> Option<Arc<T>> {
        let value = Arc::new(value);
        let old = self.kept_or_new().lock().local.insert(TypeId::of::<T>(), value);
        old?.downcast().ok()
    }

    /// A clone of the value of this type that was kept on this node; `None` where there is none. No lock is held while
    /// it is made.
    #[must_use]
    pub fn local<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.shared().map(|value: Arc<T>| T::clone(&value))
    }

    /// The value of this type that was kept on this node itself, shared.
    #[must_use]
    pub fn shared<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let value = self.kept()?.lock().local.get(&TypeId::of::<T>())?.clone();
        value.downcast().ok()
    }

    /// Takes the value of this type that was kept on this node. Others may hold it still, for this moment or by
    /// [`shared`](Self::shared).
    pub fn remove<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let taken = self.kept()?.lock().local.remove(&TypeId::of::<T>())?;
        taken.downcast().ok()
    }

    /// The same data once more, for the socket that goes on with this one's session.
    pub(crate) fn share(&self) -> Self {
        Self(Mutex::new(Some(self.kept_or_new())))
    }

    fn kept(&self) -> Option<Arc<Mutex<Kept>>> {
        self.0.lock().clone()
    }

    fn kept_or_new(&self) -> Arc<Mutex<Kept>> {
        self.0.lock().get_or_insert_default().clone()
    }
}

impl std::fmt::Debug for SocketData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SocketData").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_shared_value_and_one_of_each_local_type() {
        let data = SocketData::default();
        assert_eq!(data.json(), "{}");
        data.set(&("a", 1)).unwrap();
        assert_eq!(data.get(), Some(("a".to_owned(), 1)));
        assert_eq!(data.get::<bool>(), None);
        assert_eq!(data.insert(1u8), None);
        assert_eq!(data.insert(2u8).as_deref(), Some(&1));
        assert_eq!(data.local::<u8>(), Some(2));
        assert_eq!(data.remove::<u8>().as_deref(), Some(&2));
        assert_eq!(data.local::<u8>(), None);
        assert_eq!(data.json(), r#"["a",1]"#);
    }

    #[test]
    fn shared_data_is_one() {
        let old = SocketData::default();
        let new = old.share();
        old.insert(1u8);
        new.set(&2).unwrap();
        assert_eq!((new.local::<u8>(), old.get::<i32>()), (Some(1), Some(2)));
    }

    #[test]
    fn a_value_may_look_at_the_data_while_it_is_cloned() {
        struct Curious(Arc<SocketData>);

        impl Clone for Curious {
            fn clone(&self) -> Self {
                self.0.insert("seen");
                Self(self.0.clone())
            }
        }

        let data = Arc::new(SocketData::default());
        data.insert(Curious(data.clone()));
        assert!(data.local::<Curious>().is_some());
        assert_eq!(data.local(), Some("seen"));
        data.remove::<Curious>();
    }
}
