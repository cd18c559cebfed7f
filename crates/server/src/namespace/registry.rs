//! The namespaces of a server: those that were defined, and those that clients called into being.
//!
//! There is never more than one of a name, whoever asks for it at the same time: they are made and let go under one
//! lock. One that was let go while somebody still holds it (a `Broadcast`, a client on its way in) is the one that
//! comes back when the name is asked for again. No user code runs under the lock.
//!
//! Lock order: this, then a namespace's members.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use parking_lot::RwLock;

use super::name::{Dynamic, rooted};
use super::{Definition, Name, NamespaceCore, Routes};
use crate::error::BuildError;
use crate::parser::Parser;
use crate::recovery::Plan;
use crate::socket::Socket;
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
    parents: RwLock<Vec<Arc<Parent>>>,
    pub(crate) states: Arc<States>,
    /// What is kept of clients that may come back.
    pub(crate) recovery: Option<Arc<Plan>>,
    /// Dynamic ones go with their last socket.
    cleanup: bool,
    /// Some namespace's packets are msgpack, or were.
    speak_msgpack: AtomicBool,
}

struct ByName {
    cores: HashMap<Arc<str>, Arc<NamespaceCore>, RandomState>,
    /// Those that were let go and that somebody may still hold.
    retired: HashMap<Arc<str>, Weak<NamespaceCore>, RandomState>,
    /// How many more may be asked for before it is looked which are unused: as many as there are, so that they
    /// have paid for the look.
    until_sweep: usize,
}

/// What the namespaces of one dynamic definition have in common.
#[derive(Debug)]
pub(crate) struct Parent {
    pub(crate) dynamic: Dynamic,
    routes: Arc<Routes>,
    /// It makes no more. Changes under the lock of `by_name`.
    removed: AtomicBool,
}

/// A namespace that was found or made.
pub(crate) struct Made {
    pub(crate) namespace: Arc<NamespaceCore>,
    /// It was not there before.
    pub(crate) new: bool,
}

/// What is known of a name.
pub(crate) enum Found {
    Namespace(Made),
    /// These are to be asked, in this order.
    Ask(Vec<Arc<Parent>>),
    Nobody,
}

impl Namespaces {
    /// Those of these definitions, and which of them were made.
    pub(crate) fn new(
        definitions: Vec<Definition>,
        states: Arc<States>,
        cleanup: bool,
        recovery: Option<Arc<Plan>>,
    ) -> Result<(Self, Vec<Made>), BuildError> {
        let by_name =
            ByName { cores: HashMap::default(), retired: HashMap::default(), until_sweep: SWEEP_EVERY };
        let namespaces = Self {
            by_name: RwLock::new(by_name),
            parents: RwLock::default(),
            states,
            cleanup,
            recovery,
            speak_msgpack: AtomicBool::new(false),
        };
        let mut made = Vec::new();
        for definition in definitions {
            made.extend(namespaces.define(definition)?);
        }
        Ok((namespaces, made))
    }

    /// Adds a namespace, or a way to make them.
    pub(crate) fn define(&self, definition: Definition) -> Result<Option<Made>, BuildError> {
        let Definition { name, routes } = definition;
        if routes.parser == Some(Parser::Msgpack) {
            self.speak_msgpack.store(true, Ordering::Relaxed);
        }
        match name {
            Name::Exact(name) => {
                let name: Arc<str> = name.into();
                let mut by_name = self.by_name.write();
                if by_name.cores.contains_key(&name) {
                    return Err(BuildError::DuplicateNamespace(name.to_string()));
                }
                let before = by_name.retired.remove(&name).and_then(|held| held.upgrade());
                let namespace = NamespaceCore::new(name, routes, self.states.clone(), None);
                let made = by_name.list(Arc::new(namespace));
                drop(by_name);
                // Who was on the way into a dynamic one of this name, let go before, asks again.
                before.iter().flat_map(|before| before.close()).for_each(|socket| socket.turn_out());
                Ok(Some(made))
            }
            Name::Dynamic(dynamic) => {
                let parent = Parent { dynamic, routes, removed: AtomicBool::new(false) };
                self.parents.write().push(Arc::new(parent));
                Ok(None)
            }
        }
    }

    /// Whether some namespace's packets may be msgpack.
    pub(crate) fn speak_msgpack(&self) -> bool {
        self.speak_msgpack.load(Ordering::Relaxed)
    }

    /// The namespace of this name, called into being where a pattern allows it.
    pub(crate) fn find(&self, name: &str) -> Found {
        if let Some(namespace) = self.get(name) {
            return Found::Namespace(Made { namespace, new: false });
        }
        if name.len() > MAX_NAME_BYTES {
            return Found::Nobody;
        }
        let parents = self.parents();
        for (at, parent) in parents.iter().enumerate() {
            match parent.dynamic.matches(name) {
                Some(true) => return self.make(name, parent).map_or(Found::Nobody, Found::Namespace),
                Some(false) => {}
                None => return Found::Ask(parents.get(at..).unwrap_or_default().to_vec()),
            }
        }
        Found::Nobody
    }

    /// As [`Namespaces::find`], passing over those that would have to be asked.
    pub(crate) fn find_at_once(&self, name: &str) -> Option<Made> {
        match self.find(name) {
            Found::Namespace(made) => Some(made),
            Found::Ask(parents) => {
                let parent = parents.iter().find(|parent| parent.dynamic.matches(name) == Some(true))?;
                self.make(name, parent)
            }
            Found::Nobody => None,
        }
    }

    /// The namespace of this name, made for this parent where nobody was faster. `None` where there are too many.
    pub(crate) fn make(&self, name: &str, parent: &Arc<Parent>) -> Option<Made> {
        let mut by_name = self.by_name.write();
        if let Some(namespace) = by_name.cores.get(name).cloned() {
            return Some(Made { namespace, new: false });
        }
        if parent.removed.load(Ordering::Relaxed) {
            return None;
        }
        if let Some(namespace) = by_name.retired.remove(name).and_then(|held| held.upgrade()) {
            return Some(by_name.list(namespace));
        }
        let unused = if by_name.until_sweep == 0 { by_name.sweep() } else { Vec::new() };
        by_name.until_sweep -= 1;
        let made = (by_name.cores.len() < MAX_NAMESPACES).then(|| {
            let routes = parent.routes.clone();
            let namespace =
                NamespaceCore::new(name.into(), routes, self.states.clone(), Some(parent.clone()));
            by_name.list(Arc::new(namespace))
        });
        drop(by_name);
        // They may hold what is the application's: not under the lock.
        drop(unused);
        if made.is_none() {
            tracing::warn!(limit = MAX_NAMESPACES, "too many namespaces are in use: refused");
        }
        made
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<NamespaceCore>> {
        self.by_name.read().cores.get(name).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<NamespaceCore>> {
        self.by_name.read().cores.values().cloned().collect()
    }

    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        self.by_name.read().cores.keys().cloned().collect()
    }

    /// The ways to make namespaces, in the order in which they are asked.
    fn parents(&self) -> Vec<Arc<Parent>> {
        self.parents.read().clone()
    }

    /// What was made for the dynamic definitions of this label; `None` where there is no such definition.
    pub(crate) fn children(&self, label: &str) -> Option<Vec<Arc<NamespaceCore>>> {
        if !self.parents.read().iter().any(|parent| parent.dynamic.is_called(label)) {
            return None;
        }
        let by_name = self.by_name.read();
        let children = by_name
            .cores
            .values()
            .filter(|namespace| namespace.parent().is_some_and(|parent| parent.dynamic.is_called(label)));
        Some(children.cloned().collect())
    }

    /// How many names are kept of namespaces that were let go.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        self.by_name.read().retired.len()
    }

    // ---- letting go ------------------------------------------------------------------------------

    /// A socket has left this namespace: a dynamic one that is empty now goes, where that was asked for and no client may
    /// come back to what it had there.
    pub(crate) fn left(&self, namespace: &Arc<NamespaceCore>) {
        if !self.cleanup || namespace.parent().is_none() || !namespace.is_empty() {
            return;
        }
        let mut by_name = self.by_name.write();
        // Somebody may have come in meanwhile; or another one have seen that it is empty.
        if namespace.is_empty() && !namespace.is_awaiting() && by_name.lists(namespace) {
            by_name.retire(namespace);
        }
    }

    /// A socket is in this namespace: had it been let go while the socket was on its way, it is there again. `true`
    /// where it had.
    pub(crate) fn entered(&self, namespace: &Arc<NamespaceCore>) -> bool {
        if !self.cleanup || namespace.is_listed() {
            return false;
        }
        let mut by_name = self.by_name.write();
        let removed = namespace.parent().is_some_and(|parent| parent.removed.load(Ordering::Relaxed));
        if removed || namespace.is_closed() || by_name.cores.contains_key(namespace.name()) {
            return false;
        }
        by_name.retired.remove(namespace.name());
        by_name.list(namespace.clone());
        true
    }

    /// Lets go of the namespace of this name, or of the dynamic definitions of this label and all that they made.
    /// `None` where there is none; else those who are in them.
    pub(crate) fn remove(&self, name: &str) -> Option<Vec<Socket>> {
        let mut parents = self.parents.write();
        let mut by_name = self.by_name.write();
        let gone: Vec<_> = parents.extract_if(.., |parent| parent.dynamic.is_called(name)).collect();
        // A label without a slash is not the name of another namespace.
        let name = if gone.is_empty() { rooted(name) } else { name.into() };
        let mut removed: Vec<Arc<NamespaceCore>> = by_name.cores.remove(&*name).into_iter().collect();
        // What is held besides might be let go of by the others this moment: not under the lock.
        let held = by_name.held(&gone);
        for parent in &gone {
            parent.removed.store(true, Ordering::Relaxed);
            removed.extend(by_name.take_children(parent, &held));
        }
        drop(by_name);
        drop(parents);
        drop(held);
        let found = !removed.is_empty() || !gone.is_empty();
        // Under their members' locks: who comes in later sees that it is closed.
        found.then(|| removed.iter().flat_map(|namespace| namespace.close()).collect())
    }
}

impl ByName {
    fn list(&mut self, namespace: Arc<NamespaceCore>) -> Made {
        namespace.set_listed(true);
        self.cores.insert(namespace.shared_name(), namespace.clone());
        Made { namespace, new: true }
    }

    fn lists(&self, namespace: &Arc<NamespaceCore>) -> bool {
        self.cores.get(namespace.name()).is_some_and(|listed| Arc::ptr_eq(listed, namespace))
    }

    fn retire(&mut self, namespace: &Arc<NamespaceCore>) {
        self.cores.remove(namespace.name());
        namespace.set_listed(false);
        if self.retired.len() >= self.cores.len().max(SWEEP_EVERY) {
            self.retired.retain(|_, held| held.strong_count() > 0);
        }
        self.retired.insert(namespace.shared_name(), Arc::downgrade(namespace));
    }

    /// Those that were let go and are held still, where any of these may have made them.
    fn held(&self, parents: &[Arc<Parent>]) -> Vec<Arc<NamespaceCore>> {
        if parents.is_empty() {
            Vec::new()
        } else {
            self.retired.values().filter_map(Weak::upgrade).collect()
        }
    }

    /// What a definition has made; of what was let go, what is among `held`: clients may be on their way into it.
    fn take_children(
        &mut self,
        parent: &Arc<Parent>,
        held: &[Arc<NamespaceCore>],
    ) -> Vec<Arc<NamespaceCore>> {
        let is_child =
            |namespace: &NamespaceCore| namespace.parent().is_some_and(|own| Arc::ptr_eq(own, parent));
        let listed = self.cores.extract_if(|_, namespace| is_child(namespace)).map(|(_, child)| child);
        let mut children: Vec<_> = listed.collect();
        for child in held.iter().filter(|held| is_child(held)) {
            self.retired.remove(child.name());
            children.push(child.clone());
        }
        children
    }

    /// Takes out what was made and is not used: by no socket, no `Broadcast`, no wait for answers, no client that may come
    /// back. It is under the lock through which alone anybody could come to use it now.
    fn sweep(&mut self) -> Vec<Arc<NamespaceCore>> {
        let unused = |_: &Arc<str>, namespace: &mut Arc<NamespaceCore>| {
            namespace.parent().is_some() && Arc::strong_count(namespace) == 1 && !namespace.is_awaiting()
        };
        let swept = self.cores.extract_if(unused).map(|(_, namespace)| namespace).collect();
        self.until_sweep = self.cores.len().max(SWEEP_EVERY);
        swept
    }
}
