//! The namespaces of a server that runs: found, added, removed, and those of a dynamic definition at once.

use std::sync::Arc;

use super::{Server, ServerBuilder};
use crate::core::Core;
use crate::error::BuildError;
use crate::handler::guarded;
use crate::namespace::{Children, Made, Namespace, NamespaceCore};
use crate::operators::Broadcast;
use crate::socket::Socket;

/// Namespaces that come and go.
impl Server {
    /// The namespaces that a dynamic definition has brought into being, all at once. The definition is named by its
    /// [label](Namespace::label), which is its pattern where it was given no other.
    ///
    /// ```
    /// use enchufe::{Namespace, Server};
    ///
    /// let io = Server::builder().namespace(Namespace::pattern("/tenant-*")).build()?;
    /// io.children("/tenant-*").emit("maintenance", "in five minutes")?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// Where there is no such definition: a mistake in the program.
    pub fn children(&self, label: &str) -> Children {
        match self.0.namespaces.children(label) {
            Some(children) => Children::new(children.into_iter().map(Broadcast::new).collect()),
            None => panic!("no dynamic namespaces have the label {label}"),
        }
    }

    /// Adds a namespace while the server runs, be it one or a dynamic definition of several. Clients that were told
    /// "Invalid namespace" before may ask again.
    ///
    /// # Errors
    /// As [`ServerBuilder::build`]: where its handlers take state that was not given, a handler is for a reserved event,
    /// or a namespace of this name exists.
    pub fn add_namespace(&self, namespace: Namespace) -> Result<(), BuildError> {
        let namespaces = &self.0.namespaces;
        let namespace = namespace.parser_or(self.0.config.parser).recovered_by(namespaces.recovery.clone());
        let namespace = namespace.in_cluster(self.0.cluster.get());
        let definition = namespace.define(&namespaces.states)?;
        if let Some(made) = namespaces.define(definition)? {
            Self::announce(&self.0, made);
        }
        Ok(())
    }

    /// Removes the namespace of this name, or the dynamic definitions of this [label](Namespace::label) with all that they
    /// have brought into being. Who is in it is disconnected from it, as by [`Socket::disconnect`]; who asks for it from
    /// now on is told "Invalid namespace". `false` where there is none.
    ///
    /// A single namespace of a dynamic definition comes back when somebody asks for it.
    ///
    /// [`Socket::disconnect`]: crate::Socket::disconnect
    pub fn remove_namespace(&self, name: &str) -> bool {
        let Some(sockets) = self.0.namespaces.remove(name) else { return false };
        sockets.iter().for_each(Socket::turn_out);
        true
    }

    /// Tells the application of a namespace that was made.
    pub(crate) fn announce(core: &Arc<Core>, made: Made) -> Arc<NamespaceCore> {
        if made.new
            && made.namespace.name() != "/"
            && let Some(hook) = &core.config.hooks.new_namespace
        {
            guarded("on_new_namespace", || hook(&Self(core.clone()), made.namespace.name()));
        }
        made.namespace
    }
}

/// Namespaces that come and go.
impl ServerBuilder {
    /// Calls `hook` with the name of every namespace that comes into being, but for `/`: those of the builder when the
    /// server is built, those that are added later, and each that a client or [`Server::of`] calls into being for a
    /// dynamic definition. It is the event `new_namespace` of the official server.
    ///
    /// It is called before the client that brought it into being is in it; one that asks for it on another thread at that
    /// moment may be quicker. It must be quick and must not block: a client waits for it.
    ///
    /// ```
    /// use enchufe::{Namespace, Server};
    ///
    /// let io = Server::builder()
    ///     .namespace(Namespace::pattern("/tenant-*"))
    ///     .on_new_namespace(|_io: &Server, name: &str| println!("{name} exists from now on"))
    ///     .build()?;
    /// # Ok::<_, enchufe::BuildError>(())
    /// ```
    pub fn on_new_namespace(mut self, hook: impl Fn(&Server, &str) + Send + Sync + 'static) -> Self {
        self.config.hooks.new_namespace = Some(Arc::new(hook));
        self
    }

    /// Whether a namespace of a dynamic definition goes with its last socket, to come into being anew when it is asked
    /// for again. Default no, as in the official server: one that nobody is in or holds then goes by and by, and so does
    /// one that a client may come back to with [connection state recovery](Self::connection_state_recovery).
    pub const fn cleanup_empty_child_namespaces(mut self, cleanup: bool) -> Self {
        self.config.cleanup_empty_child_namespaces = cleanup;
        self
    }
}
