//! The events of the profile `app`.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use enchufe::{
    Ack, BroadcastAckError, Data, EmitError, Emitted, Event, HandlerError, Handshake, Namespace, RawArgs,
    Server, ServerSideAckError, Socket, SocketId, Value,
};
use serde::{Deserialize, Deserializer, Serialize};

/// The longest string that is made on request.
const MAX_STRING: u64 = 16 << 20;
/// A flood waits for its client from here on.
const MUCH: usize = 1 << 20;

/// How long other nodes may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Volatile ticks in one go, before the others have their turn.
const TURN: u64 = 1_000;

static NODE: LazyLock<String> = LazyLock::new(|| {
    let started = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{}-{:x}", std::process::id(), started.as_nanos())
});
static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

type Emit = Result<Emitted, EmitError>;

pub(super) fn register(namespace: Namespace) -> Namespace {
    LazyLock::force(&STARTED);
    about(many(rooms(messages(namespace))))
        .on("panic", async || -> () { panic!("as asked for") })
        .on_fallback(async |socket: Socket, Event(name): Event, args: RawArgs| {
            socket.emit("unknown", (name, args.len()))
        })
}

/// A count or size: negative and fractional numbers are 0.
#[derive(Clone, Copy)]
struct Count(u64);

impl<'de> Deserialize<'de> for Count {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the number was found to be a whole one that is not negative, and `as` saturates"
    )]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        let whole = number >= 0.0 && number.fract() == 0.0;
        Ok(Self(if whole { number as u64 } else { 0 }))
    }
}

impl Count {
    fn string(self) -> String {
        "x".repeat(usize::try_from(self.0.min(MAX_STRING)).unwrap_or_default())
    }

    fn millis(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

/// A room or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum RoomNames {
    One(String),
    Several(Vec<String>),
}

impl RoomNames {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(room) => vec![room],
            Self::Several(rooms) => rooms,
        }
    }
}

fn messages(namespace: Namespace) -> Namespace {
    namespace
        .on("echo", async |args: RawArgs, ack: Ack| -> Result<(), EmitError> {
            if ack.is_requested() { ack.send(&args) } else { ack.socket().emit("echo", args).map(drop) }
        })
        .on("sleep", async |Data((time, value)): Data<(Count, Option<Value>)>| {
            tokio::time::sleep(time.millis()).await;
            value
        })
        .on("volatile", async |socket: Socket, Data((count, size)): Data<(Count, Count)>| -> Emit {
            let text = size.string();
            for i in 0..count.0 {
                if i % TURN == 0 {
                    tokio::task::yield_now().await;
                }
                socket.volatile().emit("tick", (i, &text))?;
            }
            socket.emit("ticked", count.0)
        })
        .on("flood", async |socket: Socket, Data((count, size)): Data<(Count, Count)>| -> Emit {
            let text = size.string();
            for i in 0..count.0 {
                if socket.outbox_bytes() > MUCH {
                    socket.drained().await;
                }
                if !socket.connected() {
                    break;
                }
                socket.emit("tick", (i, &text))?;
            }
            socket.emit("ticked", count.0)
        })
        .on("ask-me", async |socket: Socket, Data(question): Data<Value>| -> Result<(), HandlerError> {
            if let Ok(answer) = socket.emit_with_ack::<Option<Value>>("question", question).await {
                socket.emit("answer", (answer,))?;
            }
            Ok(())
        })
}

fn rooms(namespace: Namespace) -> Namespace {
    namespace
        .on("join", async |socket: Socket, Data(rooms): Data<RoomNames>| socket.join(rooms.into_vec()))
        .on("leave", async |socket: Socket, Data(rooms): Data<RoomNames>| socket.leave(rooms.into_vec()))
        .on("rooms", async |socket: Socket| {
            let mut rooms = socket.rooms();
            rooms.sort_unstable();
            rooms
        })
        .on("room", async |socket: Socket, args: RawArgs| to_room(&args, |room| socket.namespace().to(room)))
        .on("others", async |socket: Socket, args: RawArgs| to_room(&args, |room| socket.to(room)))
        .on("except", async |socket: Socket, args: RawArgs| {
            to_room(&args, |room| socket.namespace().except(room))
        })
        .on("broadcast", async |socket: Socket, args: RawArgs| socket.namespace().emit("msg", args))
        .on("broadcast-others", async |socket: Socket, args: RawArgs| socket.broadcast().emit("msg", args))
        .on("local", async |socket: Socket, args: RawArgs| socket.namespace().local().emit("msg", args))
}

/// Emits `msg` with all arguments but the first, which names a room.
fn to_room(args: &RawArgs, select: impl FnOnce(String) -> enchufe::Broadcast) -> Result<(), HandlerError> {
    let named = args.split_first().and_then(|(room, rest)| Some((room.args().deserialize().ok()?, rest)));
    let Some((room, rest)) = named else {
        return Err(HandlerError::new("the first argument is a room's name"));
    };
    select(room).emit("msg", rest)?;
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    timed_out: bool,
    responses: Vec<Option<Value>>,
}

fn many(namespace: Namespace) -> Namespace {
    namespace
        .on(
            "ask-all",
            async |socket: Socket,
                   Data((question, time)): Data<(Value, Count)>|
                   -> Result<Asked, HandlerError> {
                let asking = socket.namespace().timeout(time.millis());
                let answered = asking.emit_with_ack::<Option<Value>>("question", question).await;
                let (timed_out, answers) = match answered {
                    Ok(answers) => (false, answers.answers),
                    Err(BroadcastAckError::Timeout(partial)) => (true, partial.answers),
                    Err(error) => return Err(error.into()),
                };
                let responses = answers.into_iter().filter_map(|answer| answer.value.ok()).collect();
                Ok(Asked { timed_out, responses })
            },
        )
        .on("fetch-sockets", async |socket: Socket, Data(room): Data<Option<String>>| {
            let everybody = socket.namespace();
            let selected = match room {
                Some(room) => everybody.to(room),
                None => everybody,
            };
            // `{error: message}` where a node has not answered.
            selected
                .timeout(PATIENCE)
                .fetch_sockets()
                .await
                .map_err(|error| HandlerError::new(error.to_string()))
        })
        .on(
            "set-data",
            async |socket: Socket,
                   Data(data): Data<serde_json::Map<String, serde_json::Value>>|
                   -> Result<(), HandlerError> {
                socket.data().set(&data)?;
                Ok(())
            },
        )
        .on("sockets-join", async |socket: Socket, Data((room, target)): Data<(String, RoomNames)>| {
            socket.namespace().to(room).sockets_join(target.into_vec()).await;
        })
        .on("sockets-leave", async |socket: Socket, Data((room, target)): Data<(String, RoomNames)>| {
            socket.namespace().to(room).sockets_leave(target.into_vec()).await;
        })
        .on(
            "disconnect-sockets",
            async |socket: Socket, Data((room, close)): Data<(String, Option<bool>)>| {
                socket.namespace().to(room).disconnect_sockets(close.unwrap_or(false));
            },
        )
        .on("server-side", async |socket: Socket, args: RawArgs| -> Result<Vec<String>, HandlerError> {
            let asking = socket.namespace().timeout(PATIENCE);
            let answers = match asking.server_side_emit_with_ack("hello", args).await {
                Ok(answers) => answers,
                Err(ServerSideAckError::Timeout(incomplete)) => incomplete.received,
                Err(error) => return Err(error.into()),
            };
            Ok(answers.into_iter().filter_map(|answer| answer.value.ok()).collect())
        })
        .on_server_side("hello", async |_| NODE.as_str())
        .on("kick", async |socket: Socket, Data(close): Data<Option<bool>>| {
            socket.disconnect(close.unwrap_or(false));
        })
}

#[derive(Serialize)]
struct WhoAmI {
    id: SocketId,
    nsp: String,
    transport: &'static str,
    protocol: u8,
    recovered: bool,
    node: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    clients: usize,
    namespaces: usize,
    rooms: usize,
    uptime_ms: u128,
}

fn about(namespace: Namespace) -> Namespace {
    namespace
        .on("handshake", async |handshake: Handshake| handshake)
        .on("whoami", async |socket: Socket| WhoAmI {
            id: socket.id(),
            nsp: socket.namespace_name().to_owned(),
            transport: socket.transport(),
            protocol: socket.protocol(),
            recovered: socket.recovered(),
            node: &NODE,
        })
        .on("stats", async |socket: Socket, server: Server| Stats {
            clients: server.connections(),
            namespaces: server.namespaces().len(),
            rooms: socket.namespace().room_count(),
            uptime_ms: STARTED.elapsed().as_millis(),
        })
}
