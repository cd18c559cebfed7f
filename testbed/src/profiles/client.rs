//! `client`: what a client library's own suite expects of its server.

use std::time::Duration;

use enchufe::{
    Ack, BuildError, Bytes, Data, EmitError, HandlerError, Handshake, Namespace, RawArgs, Recovery, Refusal,
    RequestHead, Server, Socket, SocketId, Value,
};
use serde::{Deserialize, Serialize};

/// How long a handshake waits until it is allowed.
const HANDSHAKE_DELAY: Duration = Duration::from_millis(10);

const TEXTS: [&str; 5] = ["てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "utf8 — string", "utf8 — string"];

pub(crate) fn server() -> Result<Server, BuildError> {
    let main = dates(binary(main()));
    let foo_namespace = Namespace::new("/foo").on("getId", get_id);
    let abc = Namespace::new("/abc")
        .on_connect(async |socket: Socket, handshake: Handshake| socket.emit("handshake", handshake));
    let no = Namespace::new("/no")
        .middleware(async || Err::<(), _>(Refusal::new("Auth failed (custom namespace)")));
    Server::builder()
        .ping_interval(Duration::from_millis(2_000))
        .connection_state_recovery(Recovery::default())
        .allow_request(async |_: RequestHead| {
            tokio::time::sleep(HANDSHAKE_DELAY).await;
            Ok::<_, String>(())
        })
        .namespace(main)
        .namespace(foo_namespace)
        .namespace(abc)
        .namespace(no)
        .namespace(Namespace::new("/timeout_socket"))
        .namespace(Namespace::new("/valid"))
        .namespace(Namespace::new("/asd"))
        .build()
}

fn main() -> Namespace {
    Namespace::new("/")
        .middleware(async |handshake: Handshake| match handshake.query("fail") {
            Some(_) => Err(Refusal::new("Auth failed (main namespace)")),
            None => Ok(()),
        })
        .on("hi", async |socket: Socket| socket.emit("hi", ()))
        .on("echo", async |args: RawArgs, ack: Ack| -> Result<(), EmitError> {
            match args.split_first() {
                Some((first, _)) => ack.send(&first),
                None => ack.send(&()),
            }
        })
        .on("ack", async |socket: Socket| {
            let answer = socket.emit_with_ack::<(i64, serde_json::Value)>("ack", ()).await;
            if answer.is_ok_and(|(number, object)| number == 5 && object == serde_json::json!({"test": true}))
            {
                let _ = socket.emit("got it", ());
            }
        })
        .on("false", async |socket: Socket| socket.emit("false", false))
        .on("getUtf8", async |socket: Socket| -> Result<(), HandlerError> {
            for text in TEXTS {
                socket.emit("takeUtf8", text)?;
            }
            Ok(())
        })
        .on("getHandshake", async |handshake: Handshake| handshake)
        .on("getId", get_id)
}

async fn get_id(socket: Socket) -> SocketId {
    socket.id()
}

fn dates(namespace: Namespace) -> Namespace {
    #[derive(Serialize)]
    struct DateObject {
        date: String,
    }
    namespace
        .on("getAckDate", async || now())
        .on("getDate", async |socket: Socket| socket.emit("takeDate", now()))
        .on("getDateObj", async |socket: Socket| socket.emit("takeDateObj", DateObject { date: now() }))
}

/// The time as JavaScript writes it in JSON.
fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

/// What the suite sends with bytes in it.
#[derive(Deserialize)]
struct Mixed {
    hello: String,
    #[serde(rename = "message")]
    _message: Bytes,
    goodbye: String,
}

impl Mixed {
    fn is_expected(&self) -> bool {
        self.hello == "lol" && self.goodbye == "gotcha"
    }
}

/// Which of a series of events have come, in order.
#[derive(Clone, Copy, Default)]
struct Blobs(u8);

#[derive(Clone, Copy)]
struct FirstBuffer;

fn binary(namespace: Namespace) -> Namespace {
    namespace
        .on("doge", async |socket: Socket| socket.emit("doge", Bytes::from_static(b"asdfasdf")))
        .on("getbin", async |socket: Socket, Data(data): Data<Bytes>| socket.emit("takebin", data))
        .on("buffa", async |socket: Socket, Data(_): Data<Bytes>| socket.emit("buffack", ()))
        .on("blob", async |socket: Socket, Data(_): Data<Bytes>| socket.emit("back", ()))
        .on("jsonbuff", async |socket: Socket, Data(mixed): Data<Mixed>| {
            if mixed.is_expected() {
                let _ = socket.emit("jsonbuff-ack", ());
            }
        })
        .on("jsonblob", async |socket: Socket, Data(mixed): Data<Mixed>| {
            if mixed.is_expected() {
                let _ = socket.emit("jsonblob-ack", ());
            }
        })
        .on("abuff1", async |socket: Socket, Data(_): Data<Bytes>| {
            socket.data().insert(FirstBuffer);
        })
        .on("abuff2", async |socket: Socket| {
            if socket.data().local::<FirstBuffer>().is_some() {
                let _ = socket.emit("abuff2-ack", ());
            }
        })
        .on("blob1", async |socket: Socket, Data(_): Data<Bytes>| advance(&socket, 0))
        .on("blob2", async |socket: Socket, Data(text): Data<Value>| {
            if text.as_str() == Some("second") {
                advance(&socket, 1);
            }
        })
        .on("blob3", async |socket: Socket, Data(_): Data<Bytes>| {
            if advance(&socket, 2) {
                let _ = socket.emit("blob3-ack", ());
            }
        })
}

fn advance(socket: &Socket, from: u8) -> bool {
    let expected = socket.data().local::<Blobs>().unwrap_or_default().0 == from;
    if expected {
        socket.data().insert(Blobs(from + 1));
    }
    expected
}
