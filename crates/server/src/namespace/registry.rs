//! The namespaces of a server: those that were defined, and those that clients called into being.

use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use parking_lot::RwLock;

use super::{Definition, Name, NamespaceCore, Routes};
use crate::error::BuildError;
use crate::state::States;

/// Namespaces that clients may call into being, over all patterns. Each stays until the server ends, and
/// clients choose the names: without a bound they could fill the memory.
const MAX_DYNAMIC: usize = 100_000;

/// A longer name is nobody's.
const MAX_NAME_BYTES: usize = 1_024;

pub(crate) struct Namespaces {
    by_name: RwLock<HashMap<Arc<str>, Arc<NamespaceCore>, RandomState>>,
    matching: Vec<(Name, Arc<Routes>)>,
    states: Arc<States>,
}

impl Namespaces {
    pub(crate) fn new(definitions: Vec<Definition>, states: Arc<States>) -> Result<Self, BuildError> {
        let mut by_name: HashMap<Arc<str>, Arc<NamespaceCore>, RandomState> = HashMap::default();
        let mut matching = Vec::new();
        for definition in definitions {
            match definition.name {
                Name::Exact(name) => {
                    let name: Arc<str> = name.into();
                    let core = NamespaceCore::new(name.clone(), definition.routes, states.clone());
                    if by_name.insert(name.clone(), Arc::new(core)).is_some() {
                        return Err(BuildError::DuplicateNamespace(name.to_string()));
                    }
                }
                name => matching.push((name, definition.routes)),
            }
        }
        Ok(Self { by_name: RwLock::new(by_name), matching, states })
    }

    /// The namespace of this name, called into being where a pattern allows it.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<NamespaceCore>> {
        if let Some(found) = self.get(name) {
            return Some(found);
        }
        if name.len() > MAX_NAME_BYTES {
            return None;
        }
        let (_, routes) = self.matching.iter().find(|(pattern, _)| pattern.matches(name))?;
        let mut by_name = self.by_name.write();
        if by_name.len() >= MAX_DYNAMIC {
            tracing::warn!(limit = MAX_DYNAMIC, "too many dynamic namespaces: refused");
            return None;
        }
        let name: Arc<str> = name.into();
        // Another client may have asked for it at the same time.
        let namespace = by_name
            .entry(name.clone())
            .or_insert_with(|| Arc::new(NamespaceCore::new(name, routes.clone(), self.states.clone())));
        Some(namespace.clone())
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<NamespaceCore>> {
        self.by_name.read().get(name).cloned()
    }

    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        self.by_name.read().keys().cloned().collect()
    }
}
