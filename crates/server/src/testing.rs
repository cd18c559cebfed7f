//! What the tests of handlers and extractors share: events that no connection brought, and a log to read.

use crate::config::Config;
use crate::connection::Connection;
use crate::connection::driver::DriverHandle;
use crate::core::{Core, Layer};
use crate::extract::{Context, Kind as Occasion, OnEvent};
use crate::handler::{Begun, BoxHandler, CallError, Handler, HandlerFuture};
use crate::handshake::{Handshake, RequestDraft};
use crate::id::SocketId;
use crate::namespace::{NamespaceCore, Namespaces};
use crate::origin::OriginCheck;
use crate::socket::Socket;
use crate::state::States;
use ::http::HeaderMap;
use enchufe_proto::engine::{Dialect, Frame, Session, Transport};
use enchufe_proto::socket::{Args, Kind, Limits, Packet};
use std::cell::RefCell;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Once};
use tokio::runtime::{Builder, Handle};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// The id that every ack in these tests has.
pub(crate) const ACK: u64 = 7;

/// Calls `run` with the arguments that these would be, had they come in an event.
pub(crate) fn with_args<R>(args: &str, run: impl FnOnce(&Args<'_>) -> R) -> R {
    let list = args.strip_prefix('[').expect("a list");
    let comma = if list == "]" { "" } else { "," };
    let text = format!("2[\"test\"{comma}{list}");
    let packet = Packet::decode(&text, &Limits::default()).expect("a packet");
    run(&packet.event(&[]).expect("no placeholders").expect("a name").args)
}

/// A handler in its erased form, under the name `test`.
pub(crate) fn erased<K: Occasion, A, M>(handler: impl Handler<K, A, M>) -> BoxHandler<K> {
    handler.erase("test".into()).0
}

/// One event, its socket, and the state there is.
pub(crate) struct Call {
    pub(crate) socket: Socket,
    pub(crate) states: States,
    pub(crate) ack: Option<u64>,
}

impl Call {
    /// An event whose sender waits for an answer.
    pub(crate) fn new() -> Self {
        Self { socket: Socket::unconnected("{}"), states: States::default(), ack: Some(ACK) }
    }

    /// An event whose sender doesn't wait.
    pub(crate) fn without_ack() -> Self {
        Self { ack: None, ..Self::new() }
    }

    /// Starts a handler of the event `test` with these arguments.
    pub(crate) fn start<A, M>(
        &self,
        args: &str,
        handler: impl Handler<OnEvent, A, M>,
    ) -> Result<HandlerFuture<OnEvent>, CallError> {
        with_args(args, |args| {
            erased(handler).call(&Context::event_of(&self.socket, &self.states, "test", args, self.ack))
        })
    }

    /// As [`start`](Self::start), of a handler that is there already, polled once.
    pub(crate) fn begin(
        &self,
        args: &str,
        handler: &BoxHandler<OnEvent>,
    ) -> Result<Begun<OnEvent>, CallError> {
        with_args(args, |args| {
            handler.begin(&Context::event_of(&self.socket, &self.states, "test", args, self.ack))
        })
    }

    /// What was answered, if anything was: the arguments as a JSON array.
    pub(crate) fn answered(&self) -> Option<String> {
        let mut acks = self.socket.sent_acks();
        assert!(acks.len() <= 1, "answered more than once: {acks:?}");
        let (id, args) = acks.pop()?;
        assert_eq!(id, ACK);
        Some(args)
    }
}

thread_local! {
    /// What this thread logs, while somebody wants to know it.
    static LOG: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// What `run` logged on this thread, at all levels: a line for each event, its level and its fields.
pub(crate) fn logged(run: impl FnOnce()) -> String {
    // One subscriber for all threads: one for each test would come and go while other tests log for the first time, and
    // might find their events turned off for good.
    static LOGGING: Once = Once::new();
    LOGGING.call_once(|| {
        tracing::subscriber::set_global_default(ThreadLog).expect("nobody else sets one");
        // An event that another thread logs for the first time just before is turned off too.
        tracing::callsite::rebuild_interest_cache();
    });
    LOG.set(Some(String::new()));
    run();
    LOG.take().unwrap_or_default()
}

/// This thread's runtime, or one that has ended.
pub(crate) fn a_runtime() -> Handle {
    let ended = || Builder::new_current_thread().build().expect("a runtime").handle().clone();
    Handle::try_current().unwrap_or_else(|_| ended())
}

impl Socket {
    /// A socket without a transport that has been let in, whose client sent this auth.
    pub(crate) fn unconnected(auth: &str) -> Self {
        let (namespaces, _) =
            Namespaces::new(Vec::new(), Arc::default(), false, None).expect("nothing is defined twice");
        let core = Core::new(Config::default(), Layer::SocketIo, OriginCheck::Off, namespaces);
        let request = RequestDraft::of(&"/socket.io/".parse().expect("a path"), &HeaderMap::new(), false);
        let open = Frame::text("0{}");
        let session = Session::server(0, Transport::Polling, open, 1, &core.session);
        let connection = Connection::new(
            core,
            DriverHandle::new(a_runtime()),
            SocketId::random(),
            Handshake::new(request.finish()),
            Dialect::default(),
            session,
        );
        let namespace = NamespaceCore::new("/".into(), Arc::default(), Arc::default(), None);
        let socket = Self::enter(&connection, &Arc::new(namespace), Some(auth.into()));
        assert!(socket.accept());
        socket
    }

    /// What was answered, as the id of the ack and its arguments as a JSON array.
    pub(crate) fn sent_acks(&self) -> Vec<(u64, String)> {
        let acks = self.connection().queued_texts().into_iter().filter_map(|text| {
            let packet = Packet::decode(text.strip_prefix('4')?, &Limits::default()).ok()?;
            (packet.kind == Kind::Ack).then(|| (packet.id.expect("an id"), packet.data.to_owned()))
        });
        acks.collect()
    }
}

struct ThreadLog;

impl Subscriber for ThreadLog {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        // What is recorded may log itself.
        let Some(mut lines) = LOG.take() else { return };
        lines.push_str(event.metadata().level().as_str());
        event.record(&mut Fields(&mut lines));
        lines.push('\n');
        LOG.set(Some(lines));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).expect("written");
    }
}
