//! Emitting to one socket.

use std::future::{Future, IntoFuture};
use std::hash::Hash;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use enchufe_cluster::bus::BusError;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Socket;
use super::acks::AckFuture;
use crate::connection::Delivery;
use crate::error::EmitError;
use crate::frames::{self, Draft, Frames};
use crate::overload::conflation_key;

/// Something that was done on this node. It may be awaited, which in a cluster waits until what carries it to the other
/// nodes has taken it; dropped, it changes nothing.
#[derive(Debug)]
pub struct Emitted(EmittedFuture);

impl Emitted {
    pub(crate) const fn locally() -> Self {
        Self(EmittedFuture(None))
    }

    pub(crate) fn published(published: Published) -> Self {
        Self(EmittedFuture(Some(published)))
    }
}

type Published = Pin<Box<dyn Future<Output = Result<(), BusError>> + Send>>;

impl IntoFuture for Emitted {
    type Output = ();
    type IntoFuture = EmittedFuture;

    fn into_future(self) -> EmittedFuture {
        self.0
    }
}

/// The future of an [`Emitted`]. A bus that fails is logged: on this node it was done all the same.
pub struct EmittedFuture(Option<Published>);

impl Future for EmittedFuture {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(published) = &mut self.0 {
            let result = ready!(published.as_mut().poll(cx));
            self.0 = None;
            if let Err(error) = result {
                tracing::warn!(%error, "what was done here was not told to the other nodes");
            }
        }
        Poll::Ready(())
    }
}

impl std::fmt::Debug for EmittedFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmittedFuture").finish_non_exhaustive()
    }
}

impl Socket {
    /// Emits an event to this client. A tuple is several arguments, `()` none, anything else one; bytes
    /// anywhere in them travel as binary attachments.
    ///
    /// Queued before this returns, in order with all other emits to the client. To a client that has gone it
    /// goes nowhere, without an error, unless that may be
    /// [recovered](crate::ServerBuilder::connection_state_recovery): then it is kept for it.
    ///
    /// # Errors
    /// Where the arguments cannot be encoded, or the name is reserved.
    pub fn emit<T: Serialize>(&self, event: &str, args: T) -> Result<Emitted, EmitError> {
        self.emitter().emit(event, args)
    }

    /// Emits the event `message`, as `send` does in the official API.
    ///
    /// # Errors
    /// Where the arguments cannot be encoded.
    pub fn send<T: Serialize>(&self, args: T) -> Result<Emitted, EmitError> {
        self.emit("message", args)
    }

    /// Emits an event and waits for the client's answer: a tuple for several arguments, `()` for none,
    /// anything else for the first.
    ///
    /// The event is queued before this returns. Without [`Socket::timeout`] the future waits until the client answers
    /// or leaves; what went wrong, the emit included, is its [`AckError`](crate::AckError).
    ///
    /// ```
    /// # use enchufe::{AckError, Socket};
    /// # use std::time::Duration;
    /// async fn name_of(socket: &Socket) -> Result<String, AckError> {
    ///     socket.timeout(Duration::from_secs(5)).emit_with_ack("who are you?", ()).await
    /// }
    /// ```
    pub fn emit_with_ack<R: DeserializeOwned>(&self, event: &str, args: impl Serialize) -> AckFuture<R> {
        self.emitter().emit_with_ack(event, args)
    }

    /// How long the answer to the next emit may take, from then on; default for ever. Without an answer in time it
    /// is [`AckError::Timeout`](crate::AckError::Timeout).
    pub fn timeout(&self, timeout: Duration) -> SocketEmitter<'_> {
        self.emitter().timeout(timeout)
    }

    /// The next emit may be lost: it is sent only where the client can take it at once, with nothing else waiting.
    pub fn volatile(&self) -> SocketEmitter<'_> {
        self.emitter().volatile()
    }

    /// Whether the next emit may be compressed on its way; default yes. `false` is for what is dense already, such as
    /// images. See [`ServerBuilder::http_compression`](crate::ServerBuilder::http_compression).
    pub fn compress(&self, compress: bool) -> SocketEmitter<'_> {
        self.emitter().compress(compress)
    }

    /// The next emit takes the place of an earlier one with the same key that the client has not been sent yet: for
    /// what only matters in its latest state, such as a position or a price. A client that reads too slowly then gets
    /// fewer of them, and none that is out of date. The newer one stands where it would without the older: it overtakes
    /// nothing.
    ///
    /// Keys are those of this socket, and the same for what [`Broadcast::conflate`](crate::Broadcast::conflate) emits to it;
    /// other sockets' are apart. With connection state recovery a client that comes back is sent all of those that it
    /// missed, older ones too.
    ///
    /// ```
    /// # fn example(socket: &enchufe::Socket) -> Result<(), enchufe::EmitError> {
    /// socket.conflate(("price", "ACME")).emit("price", ("ACME", 12.5))?;
    /// # Ok(()) }
    /// ```
    pub fn conflate(&self, key: impl Hash) -> SocketEmitter<'_> {
        self.emitter().conflate(key)
    }

    fn emitter(&self) -> SocketEmitter<'_> {
        SocketEmitter { socket: self, timeout: None, volatile: false, compress: true, key: None }
    }

    pub(crate) fn send_ack<T: Serialize + ?Sized>(
        &self,
        id: u64,
        value: &T,
        returned: bool,
    ) -> Result<(), EmitError> {
        let wire = self.wire();
        let draft = if returned { frames::answer(wire, id, value)? } else { frames::ack(wire, id, value)? };
        self.0.connection.send_draft(draft, || self.connected())
    }

    /// Queues what was encoded for it, unless it has gone or was not let in. That is looked at under the connection's lock, here and
    /// below: nothing stands behind the packet that ends the socket.
    #[inline]
    pub(crate) fn deliver(&self, delivery: &mut Delivery<'_>, volatile: bool) -> bool {
        if volatile {
            self.0.connection.send_volatile(frames::shared(delivery.frames()), || self.connected())
        } else {
            self.0.connection.send_shared(delivery, || self.connected())
        }
    }

    /// As [`deliver`](Self::deliver), in the place of what still waits with the same key.
    pub(crate) fn deliver_latest(&self, frames: &Frames, key: u64) -> bool {
        self.0.connection.send_conflated(frames::shared(frames), key, || self.connected())
    }

    pub(crate) fn transmit(&self, frames: Frames, volatile: bool) {
        if volatile {
            self.0.connection.send_volatile(frames, || self.may_emit());
        } else {
            self.0.connection.send_while(frames, || self.may_emit());
        }
    }
}

/// An emit to one socket with options.
#[derive(Debug, Clone, Copy)]
#[must_use = "nothing is emitted until `emit` or `emit_with_ack` is called"]
pub struct SocketEmitter<'a> {
    socket: &'a Socket,
    timeout: Option<Duration>,
    volatile: bool,
    compress: bool,
    /// The number of its key.
    key: Option<u64>,
}

impl SocketEmitter<'_> {
    /// How long the answer may take.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The event may be lost: it is sent only where the client can take it at once.
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// Whether it may be compressed on its way; default yes.
    pub fn compress(mut self, compress: bool) -> Self {
        self.compress = compress;
        self
    }

    /// As [`Socket::conflate`]. Without effect together with `volatile`, or for an emit whose answer is waited for.
    pub fn conflate(mut self, key: impl Hash) -> Self {
        self.key = Some(conflation_key(self.socket.namespace_name(), key));
        self
    }

    /// As [`Socket::emit`].
    ///
    /// # Errors
    /// As [`Socket::emit`].
    pub fn emit<T: Serialize>(self, event: &str, args: T) -> Result<Emitted, EmitError> {
        let namespace = self.socket.namespace_core();
        if !self.volatile
            && let Some((recovery, session)) = namespace.recovery().zip(self.socket.session())
        {
            let packet = frames::recoverable_event(self.socket.wire(), recovery.placeholder(), event, &args)?;
            let packet = packet.compressible(self.compress);
            namespace.emit_recoverable(recovery, self.socket, session, packet, self.key);
            return Ok(Emitted::locally());
        }
        if let Some(key) = self.key.filter(|_| !self.volatile) {
            let frames = frames::event(self.socket.wire(), None, event, &args)?;
            if self.socket.may_emit() {
                let frames = frames::compressible(frames, self.compress);
                self.socket.connection().send_conflated(frames.clone(), key, || self.socket.may_emit());
                if self.socket.is_watched() {
                    self.socket.show_outgoing(&frames);
                }
            }
            return Ok(Emitted::locally());
        }
        self.transmit(frames::event_draft(self.socket.wire(), None, event, &args)?)?;
        Ok(Emitted::locally())
    }

    /// As [`Socket::emit_with_ack`].
    pub fn emit_with_ack<R: DeserializeOwned>(self, event: &str, args: impl Serialize) -> AckFuture<R> {
        let id = self.socket.namespace_core().next_ack_id();
        let pending = frames::event_draft(self.socket.wire(), Some(id), event, &args).and_then(|draft| {
            let pending = self.socket.expect_answer(id)?;
            self.transmit(draft)?;
            Ok(pending)
        });
        AckFuture::new(pending, self.timeout)
    }

    /// Queues what is emitted to this socket alone, and shows it to those who want to see it.
    fn transmit(&self, draft: Draft<'_>) -> Result<(), EmitError> {
        let socket = self.socket;
        if !socket.may_emit() {
            return Ok(());
        }
        let watched = socket.is_watched();
        if !watched && !self.volatile && self.compress {
            return socket.connection().send_draft(draft, || socket.may_emit());
        }
        let frames = frames::compressible(draft.finish()?, self.compress);
        if watched {
            socket.transmit(frames::shared(&frames), self.volatile);
            socket.show_outgoing(&frames);
        } else {
            socket.transmit(frames, self.volatile);
        }
        Ok(())
    }
}
