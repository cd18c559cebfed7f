//! The namespaces of a server: those that were defined, and those that clients called into being.

use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use parking_lot::RwLock;

use super::{Definition, Name, NamespaceCore, Routes};
use crate::error::BuildError;
use crate::parser::Parser;
use crate::state::States;

/// Namespaces that may be in use at once. Clients choose the names of dynamic ones: without a bound they could
/// fill the memory.
const MAX_NAMESPACES: usize = 100_000;

/// So many may at least be asked for until it is looked again which of them nobody uses any more.
const SWEEP_EVERY: usize = 1_000;

/// A longer name is nobody's.
const MAX_NAME_BYTES: usize = 1_024;

pub(crate) struct Namespaces {
    by_name: RwLock<ByName>,
    matching: Vec<(Name, Arc<Routes>)>,
    states: Arc<States>,
    /// Some namespace's packets are msgpack.
    pub(crate) speak_msgpack: bool,
}

struct ByName {
    cores: HashMap<Arc<str>, Arc<NamespaceCore>, RandomState>,
    /// Those that were defined are used by this, if by nobody else.
    _defined: Vec<Arc<NamespaceCore>>,
    /// How many more may be asked for before it is looked which are unused: as many as there are, so that they
    /// have paid for the look.
    until_sweep: usize,
}

impl Namespaces {
    pub(crate) fn new(definitions: Vec<Definition>, states: Arc<States>) -> Result<Self, BuildError> {
        let mut by_name: HashMap<Arc<str>, Arc<NamespaceCore>, RandomState> = HashMap::default();
        let mut matching = Vec::new();
        let speak_msgpack =
            definitions.iter().any(|definition| definition.routes.parser == Some(Parser::Msgpack));
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
        let defined = by_name.values().cloned().collect();
        let by_name = ByName { cores: by_name, _defined: defined, until_sweep: SWEEP_EVERY };
        Ok(Self { by_name: RwLock::new(by_name), matching, states, speak_msgpack })
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
        let mut unused = Vec::new();
        let found = self.by_name.write().find_or_make(name, routes, &self.states, &mut unused);
        // They may hold what is the application's: not under the lock.
        drop(unused);
        if found.is_none() {
            tracing::warn!(limit = MAX_NAMESPACES, "too many namespaces are in use: refused");
        }
        found
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<NamespaceCore>> {
        self.by_name.read().cores.get(name).cloned()
    }

    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        self.by_name.read().cores.keys().cloned().collect()
    }
}

impl ByName {
    /// `None` where there are too many.
    fn find_or_make(
        &mut self,
        name: &str,
        routes: &Arc<Routes>,
        states: &Arc<States>,
        unused: &mut Vec<Arc<NamespaceCore>>,
    ) -> Option<Arc<NamespaceCore>> {
        if let Some(found) = self.cores.get(name) {
            // Another client asked for it at the same time.
            return Some(found.clone());
        }
        if self.until_sweep == 0 {
            unused.extend(self.sweep());
        }
        self.until_sweep -= 1;
        if self.cores.len() >= MAX_NAMESPACES {
            return None;
        }
        let name: Arc<str> = name.into();
        let namespace = Arc::new(NamespaceCore::new(name.clone(), routes.clone(), states.clone()));
        self.cores.insert(name, namespace.clone());
        Some(namespace)
    }

    /// Takes out what is not used: by no socket, no `Broadcast`, no wait for answers, no client that may come back. It is
    /// under the lock through which alone anybody could come to use it now.
    fn sweep(&mut self) -> Vec<Arc<NamespaceCore>> {
        let unused = |_: &Arc<str>, namespace: &mut Arc<NamespaceCore>| {
            Arc::strong_count(namespace) == 1 && !namespace.is_awaiting()
        };
        let swept = self.cores.extract_if(unused).map(|(_, namespace)| namespace).collect();
        self.until_sweep = self.cores.len().max(SWEEP_EVERY);
        swept
    }
}
