//! What the application gives to the server for its handlers: one value for each type, found by `State<T>`.
//! A handler that asks for a type that was not given fails the build of the server, not the event.

use crate::extract::{Context, FromContext, Kind, Nothing, OptionalFromContext, Rejection};
use foldhash::fast::FixedState;
use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;

/// A clone of what was given to the server as its state of type `T`.
///
/// Large things are given as an `Arc` or as handles that are cheap to clone, as database pools are. A server
/// that registers a handler with `State<T>` but has no `T` is not built: the error names the type.
///
/// ```
/// use enchufe::{Namespace, State};
/// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
///
/// #[derive(Clone, Default)]
/// struct Visits(Arc<AtomicU64>);
///
/// Namespace::new("/").on("visit", async |State(visits): State<Visits>| {
///     visits.0.fetch_add(1, Ordering::Relaxed) + 1
/// });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State<T>(pub T);

impl<K: Kind, T: Clone + Send + Sync + 'static> FromContext<K> for State<T> {
    type Uses = Nothing;

    fn from_context(cx: &Context<'_, K>) -> Result<Self, Rejection> {
        match cx.state::<T>() {
            Some(state) => Ok(Self(state.clone())),
            // Only where a hand-written extractor did not name it in its requirements.
            None => Err(Rejection::new("internal error")),
        }
    }

    fn requirements(needs: &mut Requirements) {
        needs.state::<T>();
    }
}

/// `None` where the server has no such state; the server is built without it.
impl<K: Kind, T: Clone + Send + Sync + 'static> OptionalFromContext<K> for State<T> {
    fn optional_from_context(cx: &Context<'_, K>) -> Result<Option<Self>, Rejection> {
        Ok(cx.state::<T>().cloned().map(Self))
    }
}

/// All state of a server, one value for each type.
#[derive(Default)]
pub(crate) struct States {
    by_type: HashMap<TypeId, Box<dyn Any + Send + Sync>, FixedState>,
}

impl States {
    /// Takes a value. A later one of the same type replaces the earlier.
    pub(crate) fn insert<T: Clone + Send + Sync + 'static>(&mut self, state: T) {
        self.by_type.insert(TypeId::of::<T>(), Box::new(state));
    }

    pub(crate) fn get<T: 'static>(&self) -> Option<&T> {
        self.by_type.get(&TypeId::of::<T>())?.downcast_ref()
    }

    /// The first type that is needed and missing.
    pub(crate) fn missing(&self, needed: &Requirements) -> Option<&'static str> {
        let missing = needed.states.iter().find(|(id, _)| !self.by_type.contains_key(id));
        missing.map(|(_, name)| *name)
    }
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("States").field("types", &self.by_type.len()).finish()
    }
}

/// The state that the handlers of a namespace look for, collected when they are registered.
#[derive(Debug, Default)]
pub struct Requirements {
    states: Vec<(TypeId, &'static str)>,
}

impl Requirements {
    /// Notes that a state of type `T` is needed.
    pub fn state<T: Clone + Send + Sync + 'static>(&mut self) {
        let needed = (TypeId::of::<T>(), type_name::<T>());
        if !self.states.contains(&needed) {
            self.states.push(needed);
        }
    }
}
