use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use enchufe_proto::engine::{Dialect, FRAME_OVERHEAD, Frame, Session, Transport};
use enchufe_proto::websocket::{Opcode, encode_frame};
use http::HeaderMap;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};

use super::super::driver::{DriverHandle, Slot};
use super::super::flush::Returned;
use super::super::shared::{Delivery, FEW};
use super::super::stream::{Incoming, Io, Stream};
use super::{AT_HAND, Connection, Cork, Due, FRESH, SOME, SPARE, WIDE, end_round, keep};
use crate::Data;
use crate::config::Config;
use crate::core::{Core, Layer};
use crate::frames::Frames;
use crate::handshake::{Handshake, RequestDraft};
use crate::id::SocketId;
use crate::namespace::{Namespace, Namespaces};
use crate::origin::OriginCheck;
use crate::server::Server;
use crate::testing::a_runtime;

/// The memory of each cork that this thread keeps.
fn kept() -> Vec<usize> {
    AT_HAND.with_borrow(|corks| {
        let all = corks.slim.corks.iter().chain(&corks.wide.corks);
        all.map(|cork| cork.capacity()).collect()
    })
}

/// A connection whose client has a WebSocket, which no driver has.
fn connection() -> Arc<Connection> {
    let (namespaces, _) = Namespaces::new(Vec::new(), Arc::default(), false, None).unwrap();
    let core = Core::new(Config::default(), Layer::SocketIo, OriginCheck::Off, namespaces);
    let request = RequestDraft::of(&"/socket.io/".parse().unwrap(), &HeaderMap::new(), false);
    let session = Session::server(0, Transport::WebSocket, Frame::text("0{}"), 1, &core.session);
    let handshake = Handshake::new(request.finish());
    let connection = Connection::new(
        core,
        DriverHandle::new(a_runtime()),
        SocketId::random(),
        handshake,
        Dialect::default(),
        session,
    );
    // OPEN has left, and its turn is over.
    connection.inner.lock().session.outbox().take_all();
    connection.flags.store(0, Ordering::Relaxed);
    connection
}

#[test]
fn whoever_writes_behind_another_outside_of_a_turn_has_the_driver_told_as_well() {
    let connection = connection();
    let mut inner = connection.inner.lock();
    let frames = [Frame::text("42[\"m\"]")];
    keep([Cork::fresh()]);
    assert_eq!(inner.cork_frames(&frames, &connection), Some(Due::Flush));
    // The first may not have come to it.
    assert_eq!(inner.cork_frames(&frames, &connection), Some(Due::Flush));
    assert_eq!(inner.cork_written(b"\x81\x0142", Default::default(), &connection), Some(Due::Flush));
    inner.cork.as_mut().unwrap().at_work = true;
    assert_eq!(inner.cork_frames(&frames, &connection), Some(Due::Nothing));
    // What is held back is not flushed when the turn is over.
    inner.hold = 1;
    drop(inner);
    let mut slot = Slot::new(connection.clone());
    slot.flush(&mut Vec::new(), &mut Returned::new());
    let mut inner = connection.inner.lock();
    inner.hold = 0;
    assert_eq!(inner.cork_frames(&frames, &connection), Some(Due::Flush));
}

#[test]
fn a_packet_of_many_is_kept_as_it_is_until_another_follows_it() {
    let (connection, other) = (connection(), connection());
    let frames = Frames::from_buf([Frame::text("42[\"m\"]")]);
    let mut delivery = Delivery::new(&frames);
    for _ in 0..FEW {
        self::connection().send_shared(&mut delivery, || true);
    }
    connection.send_shared(&mut delivery, || true);
    other.send_shared(&mut delivery, || true);
    assert!(connection.inner.lock().cork.is_none() && other.inner.lock().cork.is_none());
    assert_eq!((connection.queued_packets(), connection.queued_bytes()), (1, 2 + 7 + FRAME_OVERHEAD));
    keep([Cork::fresh()]);
    connection.send_shared(&mut delivery, || true);
    assert_eq!(connection.inner.lock().cork.as_ref().unwrap().frames.len(), 2);
    assert_eq!((connection.queued_packets(), connection.queued_bytes()), (2, 2 * (2 + 7 + FRAME_OVERHEAD)));
    // There is no cork for this one.
    other.send_shared(&mut delivery, || true);
    assert_eq!((other.queued_packets(), other.queued_bytes()), (2, 2 * (2 + 7 + FRAME_OVERHEAD)));
    assert_eq!(other.inner.lock().session.outbox().len(), 2);
    drop(delivery);
    assert_eq!(connection.driver.unsent(), 1, "its driver is told once");
    let mut slot = Slot::new(connection.clone());
    assert!(slot.flush_unsent(&mut Vec::new(), &mut Returned::new()).is_some());
    let again = slot.flush_unsent(&mut Vec::new(), &mut Returned::new());
    assert!(again.is_none(), "nothing was queued since");
    connection.send([Frame::text("42[\"n\"]")]);
    assert_eq!(connection.driver.unsent(), 2);
}

#[test]
fn a_driver_has_a_connection_on_its_list_once() {
    let connection = connection();
    let mut slot = Slot::new(connection.clone());
    for _ in 0..10 {
        connection.send([Frame::text("42[\"m\"]")]);
        // As at the end of its turn.
        slot.flush(&mut Vec::new(), &mut Returned::new());
    }
    assert_eq!(connection.driver.unsent(), 1);
    let unsent = slot.flush_unsent(&mut Vec::new(), &mut Returned::new());
    assert!(unsent.is_none(), "its turn saw to all of them");
    connection.send([Frame::text("42[\"m\"]")]);
    assert_eq!(connection.driver.unsent(), 2);
}

#[test]
fn drivers_are_told_of_all_connections_of_a_delivery_also_of_many() {
    let connections: Vec<_> = (0..200).map(|_| connection()).collect();
    let frames = Frames::from_buf([Frame::text("42[\"m\"]")]);
    let mut delivery = Delivery::new(&frames);
    // Each has a driver of its own.
    for connection in &connections {
        connection.send_shared(&mut delivery, || true);
        (connection.inner.lock().unsent, connection.inner.lock().listed) = (false, false);
        connection.send_shared(&mut delivery, || true);
    }
    drop(delivery);
    assert!(connections.iter().all(|connection| connection.driver.unsent() == 2));
}

#[test]
fn a_cork_is_provided_for_a_packet_that_missed_one_and_in_its_round() {
    let connection = connection();
    let frames = [Frame::text("42[\"m\"]")];
    super::provide();
    assert_eq!(kept().len(), 0, "nothing was missed");
    assert_eq!(connection.inner.lock().cork_frames(&frames, &connection), None);
    super::provide();
    super::provide();
    assert_eq!(kept().len(), 1, "one was missed");
    assert_eq!(connection.inner.lock().cork_frames(&frames, &connection), Some(Due::Flush));
    connection.inner.lock().uncork();
    connection.inner.lock().session.outbox().take_all();
    connection.inner.lock().cork = None;
    assert_eq!(connection.inner.lock().cork_frames(&frames, &connection), None);
    end_round();
    super::provide();
    assert_eq!(kept().len(), 0, "it was flushed elsewhere");
}

#[test]
fn wide_corks_take_no_room_from_slim_ones() {
    let of = |capacity: usize| {
        Box::new(Cork { bytes: Vec::with_capacity(capacity), frames: Vec::new(), at_work: true })
    };
    keep((0..100).map(|_| of(2 * WIDE)));
    assert_eq!(kept().len(), SOME);
    keep((0..1000).map(|_| of(WIDE / 2)));
    let wide = kept();
    assert!(wide.iter().sum::<usize>() <= super::SPARE_WIDE);
    assert!(wide.len() > 200);
    keep((0..30_000).map(|_| Cork::fresh()));
    let slim = kept().len() - wide.len();
    assert!((20_000..25_000).contains(&slim), "{slim}");
    assert!(kept().iter().sum::<usize>() <= SPARE + super::SPARE_WIDE);
    assert!(AT_HAND.with_borrow_mut(|corks| corks.slim.take()).unwrap().bytes.capacity() >= FRESH);
}

/// A transport that is full finds out in its first write, after the usual flush has begun.
#[tokio::test]
async fn what_was_given_up_is_told_of_by_a_transport_that_is_full_too() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (client, accepted) =
        tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    let (client, stream) = (client.unwrap(), accepted.unwrap().0);
    stream.writable().await.unwrap();
    while stream.try_write(&[0; 64 << 10]).is_ok() {}

    let connection = connection();
    let mut slot = Slot::new(connection.clone());
    let dialect = Dialect::default();
    let (held, early, runtime) = (Vec::new(), Bytes::new(), a_runtime().id());
    slot.main = Some(Io::new(Incoming { stream: Stream::Tcp(stream), held, early, dialect, runtime }));
    keep([Cork::fresh()]);
    let mut inner = connection.inner.lock();
    assert_eq!(inner.cork_frames(&[Frame::text("42[\"m\"]")], &connection), Some(Due::Flush));
    inner.dropped = 3;
    drop(inner);
    let standing = slot.flush(&mut Vec::new(), &mut Returned::new());
    assert_eq!((standing.dropped, standing.waiting), (3, 2 + 7));
    drop(client);
}

/// The other end of a connection.
struct Client<S> {
    stream: S,
    received: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn joined(stream: S) -> Self {
        let mut client = Self { stream, received: Vec::new() };
        let upgrade = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n\
            Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        client.stream.write_all(upgrade.as_bytes()).await.unwrap();
        client.receive(b"maxPayload").await;
        client.send("40").await;
        client.receive(b"40{").await;
        client
    }

    async fn send(&mut self, text: &str) {
        let mut frame = Vec::new();
        encode_frame(&mut frame, Opcode::Text, text.as_bytes(), Some([1, 2, 3, 4]));
        self.stream.write_all(&frame).await.unwrap();
    }

    /// Reads up to these bytes, and whatever has come with them.
    async fn receive(&mut self, wanted: &[u8]) {
        while !self.received.windows(wanted.len()).any(|received| received == wanted) {
            assert_ne!(self.stream.read_buf(&mut self.received).await.unwrap(), 0, "the end");
        }
        self.received.clear();
    }
}

async fn in_memory(io: &Server) -> Client<DuplexStream> {
    let (near, far) = tokio::io::duplex(1 << 16);
    let service = TowerToHyperService::new(io.service());
    let serving = http1::Builder::new().serve_connection(TokioIo::new(far), service).with_upgrades();
    tokio::spawn(async move { serving.await.unwrap() });
    Client::joined(near).await
}

#[tokio::test(start_paused = true)]
async fn clients_that_come_and_are_pinged_leave_no_corks_and_broadcasts_together_leave_their_own() {
    let io = Server::builder().namespace(Namespace::new("/")).build().unwrap();
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(in_memory(&io).await);
    }
    // Time passes when nobody has anything to do.
    for _ in 0..2 {
        for client in &mut clients {
            client.receive(b"\x81\x012").await;
        }
        for client in &mut clients {
            client.send("3").await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    assert!(kept().len() <= 1, "one for all turns, not {:?}", kept());
    for _ in 0..2 {
        io.of("/").emit("m", 1).unwrap();
        for client in &mut clients {
            client.receive(b"42[\"m\",1]").await;
        }
    }
    assert!(kept().len() <= FEW + 1, "a packet alone is sent from where it lies for all");
    for _ in 0..2 {
        io.of("/").emit("m", 1).unwrap();
        io.of("/").emit("m", 2).unwrap();
        for client in &mut clients {
            client.receive(b"42[\"m\",2]").await;
        }
    }
    assert_eq!(kept().len(), clients.len());
}

#[tokio::test]
async fn large_answers_of_one_round_take_one_cork() {
    let namespace = Namespace::new("/").on("echo", async |Data(text): Data<String>| text);
    let io = Server::builder().namespace(namespace).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = io.clone();
    tokio::spawn(async move { serving.serve(listener).await.unwrap() });
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(Client::joined(TcpStream::connect(address).await.unwrap()).await);
    }
    let question = format!("421[\"echo\",\"{}\"]", "x".repeat(40_000));
    for _ in 0..3 {
        for client in &mut clients {
            client.send(&question).await;
        }
        for client in &mut clients {
            client.receive(b"x\"]").await;
        }
    }
    let wide: Vec<usize> = kept().into_iter().filter(|capacity| *capacity > WIDE).collect();
    assert_eq!(wide.len(), 1, "{wide:?}");
}
