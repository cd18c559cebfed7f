//! One Engine.IO connection, as those see it who look below Socket.IO.

use std::net::SocketAddr;
use std::sync::Arc;

use enchufe_proto::engine::{CloseReason, State, Transport};

use super::Message;
use crate::connection::Connection;
use crate::handshake::Handshake;

/// One Engine.IO connection: what carries the sockets of a client, or with an [`EngineHandler`](super::EngineHandler)
/// all there is. Cheap to clone.
///
/// The official `socket.conn`.
#[derive(Clone)]
pub struct EngineSocket(pub(crate) Arc<Connection>);

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadyState {
    /// Messages flow.
    Open,
    /// What was sent still goes out; nothing that comes in matters any more.
    Closing,
    /// Over.
    Closed,
}

impl EngineSocket {
    // ---- who it is -------------------------------------------------------------------------------

    /// The session's id. It is a secret: whoever knows it can speak for the client.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.sid.as_str()
    }

    /// The revision of Engine.IO that it speaks: 4, or 3 where that is
    /// [allowed](crate::ServerBuilder::allow_eio3).
    #[must_use]
    pub fn protocol(&self) -> u8 {
        self.0.revision().number()
    }

    /// The name of what carries it at the moment: `polling` or `websocket`.
    #[must_use]
    pub fn transport(&self) -> &'static str {
        self.0.transport().name()
    }

    /// Whether it came from polling to what carries it now.
    #[must_use]
    pub fn upgraded(&self) -> bool {
        let first = self.handshake().query("transport");
        self.0.transport() != Transport::Polling && first.as_deref() == Some(Transport::Polling.name())
    }

    /// The request that opened the connection.
    #[must_use]
    pub fn handshake(&self) -> Handshake {
        self.0.handshake.clone()
    }

    /// The address of the peer, or of the last proxy; `None` where the host server does not tell it.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.handshake().address()
    }

    /// How far it is.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        match self.0.state() {
            State::Closing(_) => ReadyState::Closing,
            State::Closed(_) => ReadyState::Closed,
            _ => ReadyState::Open,
        }
    }

    /// Whether a second transport is being tried.
    #[must_use]
    pub fn upgrading(&self) -> bool {
        self.0.state() == State::Upgrading
    }

    // ---- sending ---------------------------------------------------------------------------------

    /// Queues a message. After the connection has closed it is forgotten.
    pub fn send(&self, message: Message) {
        self.0.send([message.into_frame()]);
    }

    /// As [`send`](Self::send), for what need not be compressed on its way because it is dense already.
    pub fn send_uncompressed(&self, message: Message) {
        self.0.send([message.into_frame().uncompressed()]);
    }

    /// Packets that wait for the transport: the length of the official `writeBuffer`.
    #[must_use]
    pub fn queued_packets(&self) -> usize {
        self.0.queued_packets()
    }

    /// Bytes that wait for the transport, with a small overhead for each packet.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.0.queued_bytes()
    }

    /// Waits until everything that was queued has been handed to the transport, or the connection is over.
    ///
    /// Cancel safe.
    pub async fn drained(&self) {
        self.0.drained().await;
    }

    // ---- the end ---------------------------------------------------------------------------------

    /// Closes the connection when what was sent has gone out.
    pub fn close(&self) {
        self.0.close(CloseReason::ForcedClose);
    }

    /// Closes the connection at once; what waits is lost.
    pub fn discard(&self) {
        self.0.abort(CloseReason::ForcedClose);
    }
}

impl PartialEq for EngineSocket {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for EngineSocket {}

impl std::fmt::Debug for EngineSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The session's id is a secret.
        f.debug_struct("EngineSocket")
            .field("transport", &self.transport())
            .field("state", &self.ready_state())
            .finish_non_exhaustive()
    }
}
