//! Rooms: 100 rooms of 10. Every client emits to its room, and again as soon as its own message
//! is back. Each client checks that each of its room mates' messages comes once and in order,
//! and at the end that none is missing. Counts deliveries.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use futures_util::future::try_join_all;
use tokio::task::JoinSet;

use super::echo::strip;
use crate::connection::{Connection, Headers, Message};
use crate::error::{Error, Result};
use crate::run::{Outcome, Payload, Plan, Run, Target, open_all, tag};

const ROOMS: usize = 100;
const MEMBERS: usize = 10;
/// Bytes of the text that is emitted.
const TEXT_BYTES: usize = 128;
/// Below this bit of a payload's number counts the message, above it stands the sender.
const SENDER_SHIFT: u32 = 40;

/// What the members of one room share.
struct Room {
    name: String,
    payload: Payload,
    /// Messages that each member has sent.
    sent: [Cell<u64>; MEMBERS],
}

pub(crate) async fn run(target: Target, plan: Plan) -> Result<Outcome> {
    let run = Run::new();
    let mut connections = open_all(target, ROOMS * MEMBERS, Headers::Few).await?;
    let mut joined = Vec::with_capacity(ROOMS);
    for number in 0..ROOMS {
        let room = Rc::new(Room {
            name: format!("room-{number}"),
            payload: Payload::text(TEXT_BYTES),
            sent: Default::default(),
        });
        let members = connections.split_off(connections.len() - MEMBERS);
        joined.push((
            Rc::clone(&room),
            try_join_all(members.into_iter().map(|member| join(member, &room.name))).await?,
        ));
    }
    let mut clients = JoinSet::new();
    for (room, members) in joined {
        for (index, connection) in members.into_iter().enumerate() {
            let member = Member { room: Rc::clone(&room), index, received: [0; MEMBERS] };
            clients.spawn_local(member.talk(connection, Rc::clone(&run)));
        }
    }
    run.measure(target, plan, clients).await
}

async fn join(mut connection: Connection, room: &str) -> Result<Connection> {
    connection.queue_packet(&[b"20[\"join\",\"", room.as_bytes(), b"\"]"]);
    connection.flush().await?;
    connection.expect(b"30[").await?;
    Ok(connection)
}

struct Member {
    room: Rc<Room>,
    index: usize,
    /// Messages that came of each member of the room.
    received: [u64; MEMBERS],
}

impl Member {
    async fn talk(mut self, mut connection: Connection, run: Rc<Run>) -> Result<Connection> {
        self.emit(&mut connection);
        let mut emitted = Instant::now();
        connection.flush().await?;
        // Whoever emits while the window closes still gets its own message back, so everybody
        // wakes at least once more, and the last to come lets them see that all is there.
        while run.sending() || !self.complete() {
            connection.fill().await?;
            let now = Instant::now();
            let mut deliveries = 0;
            let mut own = false;
            while let Some(message) = connection.next()? {
                own |= self.accept(message)? == self.index;
                deliveries += 1;
            }
            run.count(deliveries);
            if own {
                run.note_latency(now.duration_since(emitted));
                if run.sending() {
                    self.emit(&mut connection);
                    emitted = now;
                }
            }
            connection.flush().await?;
        }
        connection.finish().await
    }

    fn emit(&self, connection: &mut Connection) {
        let Some(sent) = self.room.sent.get(self.index) else { return };
        let number = tag((self.index as u64) << SENDER_SHIFT | sent.get());
        sent.set(sent.get() + 1);
        let [head, tail] = self.room.payload.parts(&number);
        connection.queue_packet(&[b"2[\"room\",\"", self.room.name.as_bytes(), b"\",\"", head, tail, b"\"]"]);
    }

    /// Whose message it is, when it is the next one of that member.
    fn accept(&mut self, message: Message<'_>) -> Result<usize> {
        let (Message::Text(bytes) | Message::Binary(bytes)) = message;
        let payload = strip(bytes, b"2[\"msg\",\"", b"\"]");
        let number = payload.and_then(|payload| self.room.payload.number(payload));
        let number = number.ok_or_else(|| Error::unexpected("expected a message of the room", bytes))?;
        let sender = (number >> SENDER_SHIFT) as usize;
        let received = self.received.get_mut(sender);
        let received = received.ok_or_else(|| Error::unexpected("a message of nobody", bytes))?;
        let count = number & ((1 << SENDER_SHIFT) - 1);
        if count != *received {
            return Err(Error::Wrong(format!(
                "of member {sender} message {count} came where {received} was due"
            )));
        }
        *received += 1;
        Ok(sender)
    }

    fn complete(&self) -> bool {
        self.received.iter().zip(&self.room.sent).all(|(received, sent)| *received == sent.get())
    }
}
