//! Options for what is done under load, and at the end.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::ServerBuilder;
use crate::http::RequestHead;
use crate::overload::OutboxPolicy;

/// Options for overload and the end.
impl ServerBuilder {
    /// What is done with a client that does not take what it is sent: see [`OutboxPolicy`]. Default
    /// [`OutboxPolicy::Close`]. One socket's connection can have another one:
    /// [`Socket::set_outbox_policy`](crate::Socket::set_outbox_policy).
    pub const fn outbox_policy(mut self, policy: OutboxPolicy) -> Self {
        self.config.outbox_policy = policy;
        self
    }

    /// Which address a client has, for
    /// [`Limits::max_connections_per_address`](crate::Limits::max_connections_per_address). Default that of its TCP
    /// connection: behind a proxy, read it from a header that the proxy sets and clients can't. `None` is not counted.
    ///
    /// ```
    /// use enchufe::{Limits, RequestHead, Server};
    ///
    /// let io = Server::builder()
    ///     .limits(Limits { max_connections_per_address: 50, ..Limits::default() })
    ///     .address_of(|request: &RequestHead| request.header("x-real-ip")?.parse().ok())
    ///     .build()?;
    /// # Ok::<_, enchufe::BuildError>(())
    /// ```
    pub fn address_of(
        mut self,
        address_of: impl Fn(&RequestHead) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.config.hooks.address = Some(Arc::new(address_of));
        self
    }

    /// Over how long [`Server::close`](crate::Server::close) spreads the disconnections, before the shutdown time-out
    /// begins. Default none: all at once. As a rule, the number of clients divided by how many the other servers can
    /// take in a second.
    pub const fn drain_window(mut self, window: Duration) -> Self {
        self.config.drain_window = window;
        self
    }
}
